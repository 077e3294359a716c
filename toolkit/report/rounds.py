"""A run of rounds as one HTML file: figures, what each cell shows, every round, and the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.report import figures
from toolkit.report.table import Column
from toolkit.report.templates import fill


def _numbers(**names: str) -> list[Column]:
    """Return columns of numbers by their paths, with `__` between the parts."""
    return [Column(tuple(path.split("__")), name, "number") for path, name in names.items()]


CELLS = [
    Column(("regime",), "regime"), *_numbers(seed="seed"), Column(("benchmark",), "benchmark"),
    *_numbers(rounds="rounds", first="first pass@1", last="last pass@1", retention="retention", area="retention area",
              below_half_from="below half, from round", acceptance_trend="tau of acceptance", acceptance_p="p",
              score_trend="tau of pass@1", score_p="p"),
    Column(("rubber_stamp",), "rubber stamp"),
]  # fmt: skip
"""Of the rows that `ledger.cells` returns."""
_LEDGER = _numbers(
    candidates="candidates", accepted="accepted", acceptance_mass="acceptance mass", trained_on="trained on",
    raw__strict="candidates that run", accepted_runs__strict="accepted that run",
    trained_runs__strict="training rows that run", held_out__tv="held-out TV", texts__distinct_3="distinct-3", auc="AUC",
)  # fmt: skip


def columns(benchmarks: Sequence[str]) -> list[Column]:
    """Return the columns that a page shows of a ledger's rows; CSV has everything."""
    scores = [Column(("scores", name), f"pass@1 on {name}", "number") for name in benchmarks]
    which = [Column(("regime",), "regime"), *_numbers(seed="seed", round="round")]
    return [*which, *scores, *_LEDGER, Column(("stopped",), "stopped")]


def html(summary: Mapping[str, Any]) -> str:
    """Return the page of a run, given what its `summary.json` holds; without matplotlib it says so instead of figures."""
    from markupsafe import Markup

    drawn = figures.figures(summary) if figures.available() else []
    settings = summary["settings"]
    return fill(
        "rounds.html", output=settings["output"], waiting=summary["waiting"],
        missing="" if figures.available() else figures.MISSING, figures=[(figure, Markup(figure.svg)) for figure in drawn],
        cells=summary["cells"], cell_columns=CELLS, rows=summary["rows"], columns=columns(settings["benchmarks"]),
        settings=[(name, ", ".join(map(str, it)) if isinstance(it, list) else it) for name, it in settings.items()],
    )  # fmt: skip
