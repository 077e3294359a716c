"""A base benchmark beside its self-invoking one: tables for terminal, CSV and Markdown, and the figure."""

import io
from collections.abc import Mapping
from typing import Any

from toolkit.analysis.pairs import CELLS, ERRORS
from toolkit.report.figures import COLOURS
from toolkit.report.table import Column, Section, csv, leaves, markdown
from toolkit.report.words import p_value

_SOLVED = {"both": "both", "base_only": "base only", "pro_only": "Pro only", "neither": "neither"}


def _number(value: Any) -> str:
    """Return a number of tasks or samples: expected ones have a decimal."""
    return "" if value is None else f"{value:g}" if value == round(value) else f"{value:.1f}"


def _of(scale: float, digits: int, sign: str = "") -> Any:
    """Return the form of a number with its interval, where it has one."""

    def form(it: Any) -> str:
        if it is None:
            return "none"
        value, *ends = (f"{scale * it[at]:{sign}.{digits}f}" for at in ("value", "low", "high") if it[at] is not None)
        return f"{value} ({' to '.join(ends)})" if ends else value

    return form


_SHARE, _POINTS, _RATIO = _of(100, 1), _of(100, 1, "+"), _of(1, 3)


def _column(*path: str, name: str = "", form: Any = None) -> Column:
    return Column(path, name or path[-1], "number", form) if form else Column(path, name or path[-1])


def sections(found: Mapping[str, Any]) -> list[Section]:
    """Return the tables of what `commands.pairs.pairs` returned; those without a row are left out."""
    run, tests = _column("run"), _column("tests", name="base tests")
    unscored = sum(row["n_unscored"] for row in found["runs"])
    shared = "On the tasks that both runs have." + (f" {unscored:,} unscored samples are left out." if unscored else "")
    asked = [{"run": row["run"], "samples": of, **row[of]} for row in found["invocation"] for of in ("all", "passed")]
    of = [_column("samples"), _column("n", form=_number)]
    made = [
        Section("pass@1, %, with 95 % intervals", [
            run, tests, _column("n_tasks", name="tasks", form=_number), _column("base", form=_SHARE),
            _column("pro", name="Pro", form=_SHARE),
        ], found["pairs"], shared),
        Section("Pro against base", [
            run, tests, _column("ratio", form=_RATIO), _column("difference", name="points", form=_POINTS),
            _column("p_value", name="p", form=p_value),
        ], found["pairs"], "Ratio: Pro over base, paired bootstrap over tasks. p: McNemar's exact test, or sign flips."),
        Section("Confusion matrix: tasks by what is solved", [
            run, tests, *(_column("matrix", cell, name=name, form=_number) for cell, name in _SOLVED.items()),
        ], found["pairs"]),
        Section("Failed samples by error class", [
            run, *(_column(name, name=name.removesuffix("Error"), form=_number) for name in ERRORS),
            _column("n_failed", name="failed", form=_number), _column("n_samples", name="samples", form=_number),
        ], found["errors"]),
        Section("Calls of the base function, as the text says", [
            run, *of, *(_column("static", name, form=_number) for name in asked[0]["static"]),
        ] if asked else [], asked),
        Section("Calls of the base function, when the tests were run", [
            run, *of, *(_column("traced", name, form=_number) for name in ("yes", "no", "unknown")),
        ], asked, "unknown: not loaded, not defined, or ended by a limit before the first call."),
        Section("Runs of one benchmark against the first", [
            run, _column("against"), _column("tests"), _column("n_tasks", name="tasks", form=_number),
            _column("difference", name="points", form=_POINTS), _column("p_value", name="p", form=p_value),
        ], found["deltas"], "Paired by task; the p-values are not adjusted for being several."),
    ]  # fmt: skip
    if ladder := found["ladder"]:
        levels = list(ladder["rows"][0]["levels"])
        made += [
            Section(f"Ladder: pass@1, %, on the {ladder['n_tasks']} tasks that all have", [
                _column("model"), *(_column("levels", level, name=level, form=_SHARE) for level in levels)
            ], ladder["rows"]),
            Section("Do models rank alike?", [
                _column("levels"), _column("n_models", name="models", form=_number),
                *(_column(name, form=lambda it: "none" if it is None else f"{it:+.3f}") for name in ("kendall", "spearman")),
            ], ladder["agreement"], "Kendall's tau-b and Spearman's rho; none where all have the same score."),
        ]  # fmt: skip
    made += [
        Section("Size of programs, mean", [
            run, _column("measure"), _column("n", name="samples", form=_number), _column("base", form="{:.1f}".format),
            _column("pro", name="Pro", form="{:.1f}".format), _column("ratio", form=_RATIO),
        ], found["complexity"]),
        Section("Share of the base solution that is in the Pro solution", [
            run, _column("measure"), _column("n", name="samples", form=_number),
            *(_column(name, form="{:.2f}".format) for name in ("mean", "q25", "median", "q75")),
        ], found["overlap"]),
    ]  # fmt: skip
    return [section for section in made if section.rows]


def page(found: Mapping[str, Any]) -> str:
    """Return all tables as one Markdown text."""
    parts = [f"# {found['benchmark']} and its base benchmark\n"]
    for section in sections(found):
        parts.append(f"\n## {section.title}\n\n{markdown(section.columns, section.rows)}")
        parts.append(f"\n{section.says}\n" if section.says else "")
    return "".join(parts)


def samples(found: Mapping[str, Any]) -> str:
    """Return a row a sample as CSV."""
    return csv(leaves(found["samples"]), found["samples"])


def figure(found: Mapping[str, Any]) -> str:
    """Return the confusion matrices as an SVG file: a bar of four parts for each run, with the number of tasks in each."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from toolkit.report.text import visible

    rows = found["pairs"][::-1]
    colours = dict(zip(CELLS, (COLOURS[2], COLOURS[4], COLOURS[0], "#b9b9b9"), strict=True))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 10, "text.parse_math": False}):
        canvas = Figure(figsize=(8, 1.4 + 0.45 * len(rows)), layout="constrained")
        axes = canvas.add_subplot()
        left = [0.0] * len(rows)
        for cell in CELLS:
            widths = [row["matrix"][cell] for row in rows]
            bars = axes.barh(range(len(rows)), widths, left=left, color=colours[cell], label=_SOLVED[cell])
            axes.bar_label(bars, [_number(width) if width else "" for width in widths], label_type="center", color="white")
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(rows)), [visible(f"{row['run']} over {row['tests']}") for row in rows])
        axes.set_xlabel("tasks")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        canvas.legend(loc="outside upper center", ncols=len(CELLS), frameon=False, title="solved")
        file = io.StringIO()
        FigureCanvasSVG(canvas).print_svg(file, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return file.getvalue()
