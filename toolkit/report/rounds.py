"""A run of rounds as one HTML file: figures, what each cell shows, every round, and the settings."""

from collections.abc import Mapping
from typing import Any

from toolkit.report import figures
from toolkit.report.table import Column
from toolkit.report.templates import fill

CELLS = (
    Column(("regime",), "regime"),
    Column(("seed",), "seed", "number"),
    Column(("benchmark",), "benchmark"),
    Column(("rounds",), "rounds", "number"),
    Column(("first",), "first pass@1", "number"),
    Column(("last",), "last pass@1", "number"),
    Column(("retention",), "retention", "number"),
    Column(("area",), "retention area", "number"),
    Column(("below_half_from",), "below half, from round", "number"),
    Column(("acceptance_trend",), "tau of acceptance", "number"),
    Column(("acceptance_p",), "p", "number"),
    Column(("score_trend",), "tau of pass@1", "number"),
    Column(("score_p",), "p", "number"),
    Column(("rubber_stamp",), "rubber stamp"),
)
"""Of the rows that `ledger.cells` returns."""
_WHICH = (Column(("regime",), "regime"), Column(("seed",), "seed", "number"), Column(("round",), "round", "number"))
_LEDGER = (
    Column(("candidates",), "candidates", "number"),
    Column(("accepted",), "accepted", "number"),
    Column(("acceptance_mass",), "acceptance mass", "number"),
    Column(("trained_on",), "trained on", "number"),
    Column(("raw", "strict"), "candidates that run", "number"),
    Column(("accepted_runs", "strict"), "accepted that run", "number"),
    Column(("trained_runs", "strict"), "training rows that run", "number"),
    Column(("held_out", "tv"), "held-out TV", "number"),
    Column(("texts", "distinct_3"), "distinct-3", "number"),
    Column(("auc",), "AUC", "number"),
    Column(("stopped",), "stopped"),
)


def columns(benchmarks: list[str]) -> tuple[Column, ...]:
    """Return the columns that a page shows of a ledger's rows; CSV has everything."""
    return (*_WHICH, *(Column(("scores", name), f"pass@1 on {name}", "number") for name in benchmarks), *_LEDGER)


def html(summary: Mapping[str, Any]) -> str:
    """Return the page of a run, given what its `summary.json` holds; without matplotlib it says so instead of figures."""
    from markupsafe import Markup

    drawn = figures.figures(summary) if figures.available() else []
    settings = summary["settings"]
    return fill(
        "rounds.html", output=settings["output"], waiting=summary["waiting"],
        missing="" if figures.available() else figures.MISSING, figures=[(figure, Markup(figure.svg)) for figure in drawn],
        cells=summary["cells"], cell_columns=CELLS, rows=summary["rows"], columns=columns(settings["benchmarks"]),
        settings=[(name, Column((name,)).text(settings)) for name in settings],
    )  # fmt: skip
