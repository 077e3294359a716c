"""Did correctness fall, and is a gate a rubber stamp: the answer in a few lines, which a page of rounds begins with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.analysis import collapse
from toolkit.report.round_tables import points

_STYLES = {"fell": "fell", "rose": "passed", "no change shown": "unscored", "stopped": "time_limit",
           "not tested": "unscored"}  # fmt: skip
"""Kinds in the order in which they are shown, and how their chips are coloured."""


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of outcome, and the regimes that it is true of."""

    kind: str
    style: str
    says: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with its answers.

    Attributes:
        note: what the answers rest on, and what they do not say.
    """

    title: str
    lines: Sequence[Line]
    note: str


def answers(runs: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Answer]:
    """Answer both questions for runs of rounds: one answer a benchmark on correctness, then one on rubber stamps.

    Args:
        runs: name of the model, "" where there is one, and what `summary.json` holds.
    """
    falls: list[dict[str, Any]] = []
    stamps: list[dict[str, Any]] = []
    for model, summary in runs:
        mark = f"{model} · " if model else ""
        falls += [row | {"name": f"{mark}{row['regime']}"}
                  for row in collapse.falls(summary["rows"], summary.get("comparisons", []))]  # fmt: skip
        stamps += [row | {"name": f"{mark}{row['regime']}"} for row in summary.get("rubber_stamps", [])]
    found = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in falls):
        mine = [row for row in falls if row["benchmark"] == benchmark]
        lines = [Line(kind, style, says) for kind, style in _STYLES.items()
                 if (says := [_change(row) for row in mine if row["kind"] == kind])]  # fmt: skip
        found.append(Answer(f"Did correctness fall? pass@1 on {benchmark}", lines, _note(mine)))
    return found + ([_stamped(stamps)] if any(row["p"] is not None for row in stamps) else [])


def told(found: Sequence[Answer]) -> list[str]:
    """Return answers as lines for a terminal."""
    return [f"{each.title}: {line.kind}: {'; '.join(line.says)}" for each in found for line in each.lines]


def _change(row: Mapping[str, Any]) -> str:
    ends = f"{100 * row['value_b']:.1f} → {100 * row['value_a']:.1f} %" if "value_a" in row else ""
    if "difference" not in row:
        return f"{row['name']} {ends}".strip() + (f": {row['stopped']}" if row["stopped"] else "")
    also = ", over seeds too" if row["over_seeds"] else ""
    return f"{row['name']} {ends} ({points(row['difference'])} points [{points(row['low'])}, {points(row['high'])}]{also})"


def _note(rows: Sequence[Mapping[str, Any]]) -> str:
    tested = [row for row in rows if "difference" in row]
    if not tested:
        return "Without verdicts by task nothing can be tested: differences here may all be chance."
    text = (
        "From the first model to the last round, in points with the 95 % interval over tasks, for these trainings; at 5 %, "
        "after Holm over all comparisons."
    )
    seen = {row["over_seeds"] for row in tested if row["kind"] in ("fell", "rose")}
    if True in seen:
        text += " “Over seeds too”: other trainings would say so as well (Student's t)."
    elif False in seen:
        text += " Over seeds (Student's t) nothing is shown: other trainings may say otherwise."
    open_ = [100 * row["detectable"] for row in tested if row["kind"] == "no change shown"]
    if open_:
        text += f" “No change shown” is not “no change”: 80 % of such runs would show one of {_range(open_)} points."
    return text


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


def _stamped(rows: Sequence[Mapping[str, Any]]) -> Answer:
    several = len({row["benchmark"] for row in rows}) > 1
    found: dict[str, list[str]] = {"shown": [], "not shown": [], "not tested": []}
    for row in rows:
        name = row["name"] + (f" on {row['benchmark']}" if several else "")
        by = f" (acceptance {points(row['rise'])}, pass@1 {points(row['fall'])})" if row["shown"] else ""
        found["not tested" if row["p"] is None else "shown" if row["shown"] else "not shown"].append(name + by)
    lines = [Line(kind, "fell" if kind == "shown" else "unscored", says) for kind, says in found.items() if says]
    powers = [100 * row["power"] for row in rows if row["p"] is not None and not row["shown"]]
    text = "Shown where acceptance rises and pass@1 falls, each at 5 % after Holm."
    if powers:
        text += (f" “Not shown” is not “is none”: of runs like these, {_range(powers)} % would show a rise of 20 points "
                 "with a fall of 30 %.")  # fmt: skip
    return Answer("Did a gate become a rubber stamp?", lines, text)
