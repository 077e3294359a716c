"""Several runs as one HTML file: scores side by side, tasks won and lost, what differs, and every sample of all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.analysis import crossed, stats
from toolkit.errors import UsageError
from toolkit.report import figures, words
from toolkit.report.page import Judged, figures_of, markup
from toolkit.report.samples import Shown, embed
from toolkit.report.summary import counts
from toolkit.report.table import Column, Section
from toolkit.report.templates import fill

if TYPE_CHECKING:
    from toolkit.report.figures import Figure

_OWN = "Each over all tasks of its run; the intervals are over tasks."
_SAME = ("benchmark", "timeout_s", "total_timeout_s", "base_only", "mini", "noextreme", "oracle_version")
"""Settings that should be alike in runs that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Runs of the same tasks.

    Attributes:
        names: of each run.
        runs: in the same order.
        variant: which part of the tests decides: `plus` where all runs have extra tests, else `base`.
        counts: (samples scored, samples passed) by task, of each run.
        pairs, matrix: as `crossed` returns them.
        warnings: what weakens the comparison.
    """

    names: Sequence[str]
    runs: Sequence[Judged]
    variant: str
    counts: Sequence[crossed.Counts]
    pairs: Sequence[Mapping[str, Any]]
    matrix: Sequence[Mapping[str, Any]]
    warnings: Sequence[str]

    @classmethod
    def of(cls, names: Sequence[str], runs: Sequence[Judged]) -> "Compared":
        """Compare runs on the tests that all of them have. Raises UsageError if no two of them share a task."""
        variant = "plus" if all("plus" in run.summary["pass_at_k"] for run in runs) else "base"
        tallies = [counts(run.results, variant) for run in runs]
        pairs = crossed.pairs(tallies)
        if not pairs:
            raise UsageError(f"no task was scored in two of the runs {', '.join(names)}: compare runs of one benchmark")
        return cls(
            names=names, runs=runs, variant=variant, counts=tallies, pairs=pairs, matrix=crossed.matrix(tallies),
            warnings=_warnings(names, runs),
        )  # fmt: skip


def named(runs: Sequence[Judged], folders: Sequence[Path]) -> list[str]:
    """Return a name for each run, no two alike: what wrote the samples, with the folder where that is not enough."""
    subjects = [run.subject for run in runs]
    return [
        subject if subjects.count(subject) == 1 else f"{subject} ({folder})"
        for subject, folder in zip(subjects, folders, strict=True)
    ]


def _warnings(names: Sequence[str], runs: Sequence[Judged]) -> list[str]:
    found = []
    for setting in _SAME:
        values = [run.run.get("settings", {}).get(setting, "not recorded") for run in runs]
        if len(set(map(str, values))) > 1:
            found.append(
                f"{setting} differs: " + ", ".join(f"{value} in {name}" for name, value in zip(names, values, strict=True))
            )
    data = [run.run.get("data", {}).get(str(run.summary["benchmark"])) for run in runs]
    if len({each for each in data if each}) > 1:
        found.append("The runs were judged with different data of the benchmark.")
    for name, run in zip(names, runs, strict=True):
        if run.summary["refused"]:
            found.append(f"{name} has no score of its own: {run.summary['refused']}")
        if run.summary["n_unscored"]:
            found.append(f"{words.number(run.summary['n_unscored'], 'sample')} of {name} are unscored, and left out here")
    return found


def sections(compared: Compared) -> dict[str, Section]:
    """Return the tables of the page by the names of their files."""
    names, tests = compared.names, "base + extra tests" if compared.variant == "plus" else "the base tests"
    scores = []
    for name, run, tally in zip(names, compared.runs, compared.counts, strict=True):
        known = list(tally.values())
        if known:
            scores.append({
                "run": name, "date": run.date, "tasks": len(known), "samples": sum(n for n, _ in known), "style": "plus",
                **stats.estimate(known),
            })  # fmt: skip
    pairs = [{**pair, "a": names[pair["a"]], "b": names[pair["b"]]} for pair in compared.pairs]
    solved = [
        {
            "task": row["task"],
            "mean": row["mean"],
            "differs": row["differs"],
            "shares": dict(zip(names, row["shares"], strict=True)),
        }
        for row in sorted(compared.matrix, key=lambda row: not row["differs"])
    ]
    return {
        "scores": Section(f"pass@1, by {tests}", _SCORES, scores, _OWN),
        "pairs": Section("Which differ", _PAIRS, pairs, (
            "Each on the tasks that both have: won is where more of the first run's samples pass. Points are the difference "
            "of pass@1 with its 95 % interval over tasks; p is the paired sign-flip test, Holm over all pairs here. “Not "
            "told apart” does not mean “equal”: the last column is the difference that 80 % of such comparisons would find."
        )),
        "matrix": Section(f"Tasks ({len(solved):,}), those that differ first: share of samples that pass", [
            Column(("task",), "task"), *(Column(("shares", name), name, "heat", _share) for name in names),
        ], solved),
    }  # fmt: skip


def _share(value: Any) -> str:
    return "" if value is None else f"{100 * value:.0f}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}" if abs(value) >= 0.0005 else "0.0"


_SCORES = (
    Column(("run",), "run"), Column(("date",), "date"), Column(("tasks",), "tasks", "number"),
    Column(("samples",), "samples", "number", "{:,}".format), Column(("value",), "pass@1", "number", words.percent),
    Column(("low",), "from", "number", words.percent), Column(("high",), "to", "number", words.percent),
    Column(("value",), "", "bar", width=24),
)  # fmt: skip
_PAIRS = (
    Column(("a",), "run"), Column(("b",), "against"), Column(("n_tasks",), "tasks", "number"),
    Column(("won",), "won", "number"), Column(("lost",), "lost", "number"), Column(("tied",), "alike", "number"),
    Column(("difference",), "points", "number", _points), Column(("low",), "from", "number", _points),
    Column(("high",), "to", "number", _points), Column(("p_value",), "p", "number", words.p_value),
    Column(("p_holm",), "p, Holm", "number", words.p_value), Column(("says",), "the first is"),
    Column(("detectable",), "80 % would find, points", "number", words.tenths),
)  # fmt: skip


def pair_lines(compared: Compared) -> list[str]:
    """Return what the pairs show, a line each."""
    names = compared.names
    return [
        f"{names[row['a']]} against {names[row['b']]}: {_points(row['difference'])} points "
        f"[{_points(row['low'])}, {_points(row['high'])}], won {row['won']}, lost {row['lost']} of "
        f"{words.number(row['n_tasks'], 'task')}, p {words.p_value(row['p_value'])} "
        f"(Holm {words.p_value(row['p_holm'])}): {row['says']}; 80 % would find {words.tenths(row['detectable'])} points"
        for row in compared.pairs
    ]


def drawn(compared: Compared) -> "dict[str, Figure]":
    """Return the figures of the page by the names of their files."""
    rows = [row for row in compared.matrix if row["differs"]][:200]
    shares = [[row["shares"][i] for row in rows] for i in range(len(compared.names))]
    turned = [list(each) for each in zip(*shares, strict=True)]
    made = {
        "pass-at-1": figures.intervals(
            f"pass@1, {compared.variant} tests, with 95 % intervals over tasks", [
                (name, it["value"], it["low"], it["high"])
                for name, tally in zip(compared.names, compared.counts, strict=True) if tally
                for it in [stats.estimate(list(tally.values()))]
            ], "Intervals of single runs may overlap where runs differ: the table of pairs is paired by task.",
        ),
    }  # fmt: skip
    if rows:
        caption = f"Share of samples that pass, of {len(rows)} tasks that differ"
        made["matrix"] = figures.heat(caption, [row["task"] for row in rows], list(compared.names), turned)
    return made


def html(compared: Compared, tables: Mapping[str, Section], pictures: "Iterable[Figure]" = (), missing: str = "") -> str:
    """Return the page.

    Args:
        tables: what `sections` returned.
        pictures: what `drawn` returned.
        missing: why there is none, or nothing.
    """
    runs = compared.runs
    prompts: dict[str, str] = {}
    for run in runs:
        prompts |= run.prompts or {}
    n = sum(len(run.results) for run in runs)
    samples = embed(_shown(runs), n, compared.names, prompts)
    subjects = [
        f"{name}: {run.summary['benchmark']}, {words.extent(run.summary)}"
        for name, run in zip(compared.names, runs, strict=True)
    ]
    return fill(
        "comparison.html", script="samples.js", names=compared.names, subjects=subjects, warnings=compared.warnings,
        left_out=list(dict.fromkeys(note for run in runs for note in run.notes)), tables=tables, missing=missing,
        figures=figures_of(pictures), samples=markup(samples),
    )  # fmt: skip


def _shown(runs: Sequence[Judged]) -> Iterator[Shown]:
    for place, run in enumerate(runs):
        yield from run.shown(place)
