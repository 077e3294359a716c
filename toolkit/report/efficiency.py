"""What `toolkit efficiency` found, for a terminal and as CSV."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.analysis.efficiency import FEW
from toolkit.report import words
from toolkit.report.table import Column, csv, leaves
from toolkit.report.terminal import table
from toolkit.report.text import visible

if TYPE_CHECKING:
    from rich.console import RenderableType


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


_LEGEND = "range: of PER with one other model left out; fixed: with fixed anchors; *: no other is as good on all four"
_COLUMNS = (
    Column(("best",)),
    Column(("model",), "model", form=lambda it: str(it)[-30:]),
    Column(("n_parameters",), "size", "number", lambda it: "-" if it is None else f"{it / 1e9:.3g}B"),
    Column(("accuracy",), "pass@1", "number", lambda it: "-" if it is None else words.percent(it)),
    Column(("tokens_per_s",), "tok/s", "number", _short),
    Column(("ms_per_token",), "ms/tok", "number", _short),
    Column(("memory_mb",), "MB", "number", _short),
    Column(("per",), "PER", "number", _ratio),
    Column(("range",), "range"),
    Column(("per_fixed",), "fixed", "number", _ratio),
)


def render(found: Mapping[str, Any]) -> "RenderableType":
    """Return the comparison for a terminal, the best ratio first."""
    from rich.console import Group
    from rich.text import Text

    order = sorted(found["models"], key=lambda row: (row["per"] is None, -(row["per"] or 0), -(row["per_fixed"] or 0)))
    rows = [
        {**row, "best": "*" if row["pareto"] else "",
         "range": "" if row["per_low"] is None else f"{row['per_low']:.2f}-{row['per_high']:.2f}"} for row in order
    ]  # fmt: skip
    parts: list[RenderableType] = [Text(f"{order[0]['benchmark']} · {words.number(len(order), 'model')}", style="bold")]
    parts += [table(_COLUMNS, rows), Text(_LEGEND, style="dim")]
    parts += [Text(visible(f"{row['model']}: {line}")) for row in order for line in words.budget(row)]
    parts += [Text(scaling(found["scaling"]))]
    return Group(*parts, *(Text(visible(f"warning: {warning}"), style="yellow") for warning in found["warnings"]))


def scaling(fit: Mapping[str, Any] | None) -> str:
    """Say how accuracy goes with size."""
    if fit is None:
        return "no fit over size: it wants two models of known and different sizes"
    between = "" if fit["low"] is None else f" (95 % interval {100 * fit['low']:+.1f} to {100 * fit['high']:+.1f})"
    few = f"fewer than {FEW} models" if fit["n_models"] < FEW else "the interval has slopes of both signs"
    weak = f"; underpowered: {few}" if fit["underpowered"] else ""
    return f"{100 * fit['slope']:+.1f} points for ten times the parameters{between}, {fit['n_models']} models{weak}"


def as_csv(found: Mapping[str, Any]) -> str:
    """Return a model a row; `toolkit efficiency` reads it again."""
    return csv(leaves(found["models"]), found["models"])
