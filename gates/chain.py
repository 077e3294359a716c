"""Several gates as one: ask the cheapest first, and never twice for a known report."""

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from gates.base import DEFECT, DESTROYED, Finding, Gate, Report, Solution, unfit
from sandbox import Sandbox


class Memo(Protocol):
    """Keeps reports between runs; may forget."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under `key`, or None."""

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep `value`."""


@dataclass(slots=True)
class _Row:
    solution: Solution
    reports: list[Report]
    unfit: Finding | None
    alive: bool = True
    key: str | None = None

    def add(self, report: Report, *, go_on: bool) -> None:
        self.reports.append(report)
        self.alive = self.alive and (report.passed or go_on)


@dataclass(frozen=True, kw_only=True)
class All:
    """Several gates: a program passes when all of them pass it. They are asked cheapest first.

    Attributes:
        gates: in the order in which they are asked.
        all_findings: ask all gates, and do not stop at the first refusal.
        memo: keeps reports between runs.
    """

    gates: Sequence[Gate]
    all_findings: bool = False
    memo: Memo | None = None

    @property
    def needs_boxes(self) -> bool:
        """Whether any gate runs in boxes."""
        return any(gate.image for gate in self.gates)

    def check_many(self, solutions: Iterable[Solution | str], sandbox: Sandbox | None) -> Iterator[list[Report]]:
        """Yield the reports of each solution, in order: of all gates, or up to the first that refuses.

        A program is accepted if all its reports passed. A plain string is a whole program. Solutions are taken as they
        are needed, so any number may be streamed through. A text that cannot be a program (a NUL byte, a lone surrogate)
        or has more than `MAX_TEXT` bytes is refused in the name of each gate, unseen. `sandbox` may be None unless
        `needs_boxes`. Raises `SandboxError`, and ValueError for boxes that are needed and not there.
        """
        boxes = cast(Sandbox, sandbox)  # gates without an image never look at it
        given = (Solution(code=s) if isinstance(s, str) else s for s in solutions)
        rows: Iterator[_Row] = (_Row(solution, [], unfit(solution)) for solution in given)
        for gate in self.gates:
            rows = self._ask(gate, rows, boxes)
        return (row.reports for row in rows)

    def _ask(self, gate: Gate, rows: Iterator[_Row], sandbox: Sandbox) -> Iterator[_Row]:
        """Pass rows on in order; add the gate's report to those still alive."""
        waiting: deque[tuple[_Row, bool]] = deque()
        for first in rows:  # until the gate has to be asked, no row has to wait
            if first.alive and not self._recall(gate, first, sandbox):
                break
            yield first
        else:
            return

        def unknown() -> Iterator[Solution]:
            waiting.append((first, True))
            yield first.solution
            for row in rows:
                asked = row.alive and not self._recall(gate, row, sandbox)
                waiting.append((row, asked))
                if asked:
                    yield row.solution

        for report in gate.check_many(unknown(), sandbox):
            while not waiting[0][1]:
                yield waiting.popleft()[0]
            row, _ = waiting.popleft()
            row.add(report, go_on=self.all_findings)
            is_lasting = not any(found.symbol in (DESTROYED, DEFECT) for found in report.findings)
            if self.memo is not None and row.key is not None and is_lasting:
                self.memo.put(row.key, report.to_row())
            yield row
        for row, asked in waiting:
            assert not asked, f"the gate {gate.name} gave too few reports"
            yield row

    def _recall(self, gate: Gate, row: _Row, sandbox: Sandbox) -> bool:
        """Add the gate's report on a row if it is known without asking; return whether it is."""
        row.key = None
        if row.unfit is not None:
            row.add(gate.unseen(row.unfit), go_on=self.all_findings)
            return True
        if gate.image and sandbox is None:
            raise ValueError(f"the gate {gate.name} needs boxes")
        if self.memo is None or gate.compares:
            return False
        boxes = [sandbox.engine.image_digest(gate.image), repr(sandbox.limits)] if gate.image else []
        key = [gate.name, gate.version, gate.settings(), *boxes, *gate.depends(row.solution)]
        row.key = "gate " + hashlib.sha256(json.dumps(key).encode()).hexdigest()
        stored = self.memo.get(row.key)
        if stored is None:
            return False
        with contextlib.suppress(TypeError, LookupError):
            row.add(Report.from_row(stored), go_on=self.all_findings)
            return True
        return False
