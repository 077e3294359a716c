"""The counts that a gate run's summary is made of, and the summary on a terminal."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gates import All, Report
from gates.base import DEFECT
from toolkit.analysis import stats
from toolkit.samples.rows import Program
from toolkit.samples.truth import Truth
from toolkit.store.gate_folder import SUMMARY

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_SHOWN = 10
"""Reasons in the table; the summary has more of them."""
MAX_REASONS = 1000
"""Reasons that are counted by themselves, the first that come; a symbol may be a program's choice."""
OTHER = "other"
"""Symbol under which a gate's other reasons are counted."""
MAX_MESSAGE = 200
"""Characters of an example's message."""


class Tally:
    """Counts, of which a summary is made."""

    def __init__(self, gates: All, truth: Truth) -> None:
        self.n = self.n_accepted = self.n_defects = 0
        self.versions: dict[str, str] = {}
        self._asked = {one.name: [0, 0] for one in gates.gates}
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], dict[str, str]] = {}
        self._truth = {key: deque(known) for key, known in truth.items()}
        self._tasks: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._n_unknown = self._n_unscored = 0

    def add(self, program: Program, reports: Sequence[Report]) -> bool:
        """Count a program; return whether it is accepted."""
        passed = all(report.passed for report in reports)
        self.n += 1
        self.n_accepted += passed
        seen = set()
        for report in reports:
            self._asked[report.gate][0] += 1
            self._asked[report.gate][1] += not report.passed
            self.versions.update(report.versions)
            for found in report.findings:
                if found.decisive:
                    self.n_defects += found.symbol == DEFECT
                    reason = report.gate, found.symbol
                    if reason not in self._examples and len(self._examples) >= MAX_REASONS:
                        reason = report.gate, OTHER
                    seen.add(reason)
                    if reason not in self._examples:
                        line = program.number or found.line
                        place = f"{program.file}:{line}" if line else program.file
                        self._examples[reason] = {"example": found.message[:MAX_MESSAGE], "place": place}
        self._reasons.update(seen)
        known = self._truth.get(program.key) if program.key else None
        if not known:
            self._n_unknown += 1
        elif (truth := known.popleft()) is None:
            self._n_unscored += 1
        elif program.key:
            self._tasks[program.key[0]][2 * (not passed) + (not truth)] += 1
        return passed

    def summary(self) -> dict[str, Any]:
        """Return the counts; a reason is counted once for a program. Of more than `MAX_REASONS`, the rest is `OTHER`."""
        low, high = stats.wilson(self.n, self.n_accepted)
        return {
            "n": self.n,
            "n_accepted": self.n_accepted,
            "n_rejected": self.n - self.n_accepted,
            "acceptance": {"value": self.n_accepted / self.n, "low": low, "high": high},
            "gates": {
                name: {"asked": asked, "refused": refused, "share": refused / asked if asked else 0.0}
                for name, (asked, refused) in self._asked.items()
            },
            "reasons": [
                {"gate": reason[0], "symbol": reason[1], "count": count, **self._examples[reason]}
                for reason, count in sorted(self._reasons.items(), key=lambda item: (-item[1], item[0]))
            ],
        }

    def agreement(self) -> dict[str, Any]:
        """Return how the decisions agree with the truth: passing when executed is what should be accepted."""
        tasks = [(a, b, c, d) for a, b, c, d in self._tasks.values()]
        cells = ("accepted_passed", "accepted_failed", "rejected_passed", "rejected_failed")
        confusion = {name: sum(task[i] for task in tasks) for i, name in enumerate(cells)}
        return {
            "n": sum(confusion.values()),
            "n_tasks": len(tasks),
            "n_unknown": self._n_unknown,
            "n_unscored": self._n_unscored,
            "confusion": confusion,
            **stats.agreement(tasks),
        }


def render(summary: Mapping[str, Any]) -> "RenderableType":
    """Return the summary for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from toolkit.report.text import visible

    def table(*names: str) -> Table:
        made = Table(box=None, pad_edge=False, header_style="dim", expand="example" in names)
        for name in names:
            ratio = 1 if name == "example" else None
            is_text = ratio or name in ("", "gate", "reason")
            made.add_column(name, justify="left" if is_text else "right", no_wrap=True, ratio=ratio)
        return made

    share, skipped = summary["acceptance"], summary["n_skipped"]
    left_out = f" · {skipped:,} bad lines left out" if skipped else ""
    low, high = 100 * share["low"], 100 * share["high"]
    parts: list[RenderableType] = [
        Text(f"{summary['kind']} · {summary['n']:,} programs{left_out}", style="bold"),
        Text(f"accepted {summary['n_accepted']:,}, rejected {summary['n_rejected']:,}: "
             f"{100 * share['value']:.1f} % accepted (95 % interval {low:.1f} to {high:.1f})"),
    ]  # fmt: skip
    asked = table("gate", "asked", "refused", "share")
    for name, it in summary["gates"].items():
        asked.add_row(name, f"{it['asked']:,}", f"{it['refused']:,}", f"{100 * it['share']:.1f} %")
    parts += [Text(""), asked]
    reasons = table("reason", "gate", "programs", "example")
    for it in summary["reasons"][:MAX_SHOWN]:
        example = Text(visible(it["example"]).replace("\n", " "))
        reasons.add_row(Text(visible(it["symbol"]), style="red"), it["gate"], f"{it['count']:,}", example)
    if reasons.row_count:
        parts += [Text(""), reasons]
    n_more = len(summary["reasons"]) - MAX_SHOWN
    parts += [Text(f"and {n_more} more reasons, in {SUMMARY}", style="dim")] if n_more > 0 else []
    if it := summary.get("against"):
        parts += _beside_truth(it, table)
    if names := ", ".join(line.partition(":")[0] for line in summary["left_out"]):
        parts.append(Text(f"not compared with {names}: left_out in {SUMMARY} says why", style="yellow"))
    cost = f"{summary['seconds']:.1f} s · {summary['programs_per_s']:.1f} programs/s · {summary['parallel']} at a time"
    known = f"{summary['n_known']:,} reports known without a run"
    return Group(*parts, Text(""), Text(f"{cost} · {known}", style="dim"), Text(summary["folder"], style="dim"))


def _beside_truth(it: Mapping[str, Any], table: Callable[..., Any]) -> list["RenderableType"]:
    from rich.text import Text

    cells = it["confusion"]
    matrix = table("", "passed", "failed")
    for name in ("accepted", "rejected"):
        matrix.add_row(name, f"{cells[name + '_passed']:,}", f"{cells[name + '_failed']:,}")
    numbers = table("", "value", "95 % interval")
    for name in ("base_rate", "precision", "recall", "lift", "mcc"):
        number = it[name]
        if number is not None:
            low, high = number["low"], number["high"]
            between = "" if low is None else f"{low:.3f} to {high:.3f}"
            numbers.add_row(name.replace("_", " "), f"{number['value']:.3f}", between)
    beside = f"beside execution: {it['n']:,} samples of {it['n_tasks']:,} tasks"
    beside += f", {it['n_unknown']:,} without a verdict" if it["n_unknown"] else ""
    beside += f", {it['n_unscored']:,} unscored" if it["n_unscored"] else ""
    return [Text(""), Text(beside, style="bold"), matrix, numbers]
