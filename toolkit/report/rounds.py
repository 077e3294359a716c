"""Runs of rounds as one HTML file, of one model or of several, and what their tests say in lines for a terminal."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.analysis import pooled
from toolkit.report import figures, outcome, round_figures, round_tables
from toolkit.report.figures import Figure
from toolkit.report.page import figures_of
from toolkit.report.round_tables import p_value, points
from toolkit.report.table import Column, Section
from toolkit.report.templates import fill

Summary = Mapping[str, Any]
DOCS = "docs/rounds.md#acceptance-probability"
"""Where the one definition of acceptance probability stands, in a checkout."""
DEFINITION = (
    "The acceptance probability r(x, c), from 0 to 1, is the chance that a gate accepts a completion c of a prompt x: 0 or "
    "1, but for gates with noise. The acceptance mass of a round is its mean over the candidates that the round's model "
    "wrote: accepted candidates over all candidates, of every chunk, those cut off at the token limit included."
)
"""As docs/rounds.md has it, word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A folder of rounds.

    Attributes:
        summary: what its `summary.json` holds.
        verdicts: rows of its `verdicts.jsonl`; none where the run was made before they were kept.
        analysis: what `toolkit analyze` left there.
        name: of the model.
    """

    summary: Summary
    verdicts: Sequence[Mapping[str, Any]] = field(default_factory=list)
    analysis: Summary | None = None
    folder: str = ""
    name: str = ""


def named(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with names, no two alike: the model, and the folder where that is not enough."""
    models = [run.summary["settings"].get("model") or "smollm2 (the default model)" for run in runs]
    return [
        replace(run, name=model if models.count(model) == 1 else f"{model} ({run.folder})")
        for run, model in zip(runs, models, strict=True)
    ]


def sections(runs: Sequence[Run]) -> dict[str, Section]:
    """Return the tables of the page by the names of their files, rows of all runs together; see `round_tables.sections`."""
    found: dict[str, Section] = {}
    for run in runs:
        for name, section in round_tables.sections(run.name, run.summary, run.verdicts, run.analysis).items():
            before = found.get(name)
            columns = list(dict.fromkeys([*(before.columns if before else []), *section.columns]))
            rows = [*(before.rows if before else []), *section.rows]
            found[name] = Section(section.title, columns, rows, section.says)
    if len(runs) > 1:
        model = Column(("model",), "Model")
        found = {name: replace(section, columns=[model, *section.columns]) for name, section in found.items()}
    heat = heat_map(found["trajectories"].rows, len(runs) > 1) if "trajectories" in found else None
    return {"heat": heat, **found} if heat else found


def heat_map(rows: Sequence[Mapping[str, Any]], with_models: bool) -> Section:
    """Return pass@1 over rounds as a table of colours, a row for each model, regime and benchmark."""
    cells: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        cells.setdefault((row["model"], row["regime"], row["benchmark"]), {})[str(row["round"])] = row["value"]
    numbers = sorted({row["round"] for row in rows})
    made = [
        {"model": model, "regime": regime, "benchmark": at, "rounds": values}
        for (model, regime, at), values in cells.items()
    ]
    model = [Column(("model",), "Model")] if with_models else []
    top = max(row["value"] for row in rows) or 1.0
    at = [Column(("rounds", str(n)), f"Round {n}", "heat", round_tables.percent, top=top) for n in numbers]
    columns = [*model, Column(("regime",), "Regime"), Column(("benchmark",), "Benchmark"), *at]
    return Section("pass@1 over rounds", columns, made, round_tables.SAYS["heat"])


def drawn(runs: Sequence[Run]) -> dict[str, Figure]:
    """Return the figures of the page by the names of their files; needs matplotlib."""
    made: dict[str, Figure] = {}
    rows: list[dict[str, Any]] = []
    for i, run in enumerate(runs):
        mark = f"{i + 1}-" if len(runs) > 1 else ""
        made |= round_figures.drawn(run.name, run.summary, run.verdicts, mark)
        made |= round_figures.spectra(run.name, run.analysis, mark)
        rows += [{"model": run.name, **row} for row in pooled.trajectories(run.summary["rows"], run.verdicts)]
    if rows:
        heat = heat_map(rows, True)
        names = [" · ".join([row["model"]] * (len(runs) > 1) + [row["regime"], row["benchmark"]]) for row in heat.rows]
        numbers = [column.path[1] for column in heat.columns[3:]]
        values = [[row["rounds"].get(number) for number in numbers] for row in heat.rows]
        caption = f"{heat.title}, percent; columns are rounds"
        made["heat"] = figures.heat(caption, names, numbers, values, heat.columns[-1].top)
    return made


def html(
    runs: Sequence[Run],
    tables: Mapping[str, Section] | None = None,
    pictures: Mapping[str, Figure] | None = None,
    docs: str = "",
) -> str:
    """Return the page of one run, or of several models; without matplotlib it says so instead of figures.

    Of runs made before gates were told apart, it leaves out what their ledgers do not have.

    Args:
        runs: those that `named` returned.
        tables, pictures: what `sections` and `drawn` returned, if they are there already.
        docs: where the page links to for the definition of acceptance probability, or nothing.
    """
    tables = sections(runs) if tables is None else tables
    if pictures is None:
        pictures = drawn(runs) if figures.available() else {}
    abouts = [
        {"name": run.name, "date": str(run.summary.get("date", ""))[:10] or "date not recorded", "says": _about(run.summary),
         "waiting": run.summary.get("waiting", [])} for run in runs
    ]  # fmt: skip
    seeds = {seed for run in runs for seed in run.summary["settings"]["seeds"]}
    first = ("heat", "rubber-stamps", "rises", "comparisons", "trajectories", "cells")
    return fill(
        "rounds.html", title=" · ".join(f"{run.name}" for run in runs), abouts=abouts, one_seed=len(seeds) == 1,
        missing="" if figures.available() else figures.MISSING, figures=figures_of(pictures.values()),
        answers=answers(runs), first=[tables[name] for name in first if name in tables],
        rest=[section for name, section in tables.items() if name not in first],
        settings=[(run.name, _settings(run.summary)) for run in runs], definition=DEFINITION, docs=docs, docs_name=DOCS,
    )  # fmt: skip


def answers(runs: Sequence[Run]) -> list[outcome.Answer]:
    """Return what the page begins with; see `outcome.answers`."""
    return outcome.answers((run.name if len(runs) > 1 else "", run.summary) for run in runs)


def link(folder: Path) -> str:
    """Return the link from a page in a folder to the definition, if the folder lies in the checkout that this code is of."""
    root = Path(__file__).parents[2]
    if not (root / "docs" / "rounds.md").exists() or not folder.resolve().is_relative_to(root):
        return ""
    return os.path.relpath(root, folder.resolve()).replace(os.sep, "/") + "/" + DOCS


def _about(summary: Summary) -> list[str]:
    settings = summary["settings"]
    return [f"{settings['rounds']} rounds of {settings['steps']} steps", f"seeds {', '.join(map(str, settings['seeds']))}",
            f"pool {settings['pool']}", settings["output"]]  # fmt: skip


def _settings(summary: Summary) -> list[tuple[str, Any]]:
    return [
        (name.replace("_", " "), ", ".join(map(str, it)) if isinstance(it, list) else it)
        for name, it in summary["settings"].items() if it not in ("", [], None)
    ]  # fmt: skip


def as_text(summary: Summary, margin: float) -> str:
    """Return what the tests of a run say, for a terminal."""
    lines = []
    for row in summary["comparisons"]:
        lines.append(
            f"{row['benchmark']}, {row['a']} in round {row['round']} against {row['b']}: {points(row['difference'])} points"
            f" [{points(row['low'])}, {points(row['high'])}] over {row['tasks']} tasks, p {p_value(row['p_tasks'])} "
            f"(Holm {p_value(row['p_tasks_holm'])}), no worse than {100 * margin:g} points: "
            f"p {p_value(row['no_worse_tasks'])}"
        )
        if row["p_seeds"] is None:
            alike = ", which do not differ" * (row["seeds"] > 1)
            lines.append(f"  over seeds: nothing can be said with {row['seeds']}{alike}")
        else:
            lines.append(
                f"  over {row['seeds']} seeds (sd {100 * row['seed_sd']:.1f} points): p {p_value(row['p_seeds'])} (Holm "
                f"{p_value(row['p_seeds_holm'])}), below: p {p_value(row['p_seeds_below'])}, "
                f"no worse: p {p_value(row['no_worse_seeds'])}; "
                f"power for a fall of 30 %: {row['power']:.2f}"
            )
    for row in summary.get("rises", []):
        above = "" if row["p_above"] is None else (
            f" [{points(row['low'])}, {points(row['high'])}] over {row['seeds']} seeds (sd {100 * row['sd']:.1f} points), "
            f"above 0: p {p_value(row['p_above'])} (Holm {p_value(row['p_above_holm'])})"
        )  # fmt: skip
        which = f"under {row['regime']}" + (f" further than under {row['against']}" if row["against"] else "")
        lines.append(f"acceptance rises {which}: {points(row['rise'])} points{above}")
    for row in summary["rubber_stamps"]:
        tested = "" if row["p"] is None else (
            f": acceptance {points(row['rise'])} points (p {p_value(row['p_up'])}), pass@1 {points(row['fall'])} points "
            f"(p {p_value(row['p_down'])}), both after Holm p {p_value(row['p_holm'])}, power {row['power']:.2f}"
        )  # fmt: skip
        lines.append(f"rubber stamp, {row['regime']} on {row['benchmark']}: {row['says']}{tested}")
    return "\n".join(lines)
