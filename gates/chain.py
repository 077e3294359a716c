"""Several gates as one: ask the cheapest first, and never twice for a known report."""

import contextlib
import hashlib
import json
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from gates.base import DEFECT, DESTROYED, Finding, Gate, Report, Solution, ends_all, unfit
from sandbox import BoxDestroyed, Sandbox

MAX_DEFECTS = 10
"""Tracebacks that are kept."""


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
        all_findings: ask every gate instead of stopping at the first refusal.
        memo: keeps reports between runs. An error in it, or in making its keys, changes no report.
        defects: the first `MAX_DEFECTS` defects of our own: tracebacks, or what a report says about one.
    """

    gates: Sequence[Gate]
    all_findings: bool = False
    memo: Memo | None = None
    defects: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def needs_boxes(self) -> bool:
        """Whether any gate runs in boxes."""
        return any(gate.image for gate in self.gates)

    def check_many(self, solutions: Iterable[Solution | str], sandbox: Sandbox | None) -> Iterator[list[Report]]:
        """Yield the reports of each solution, in order: of all gates, or up to the first that refuses.

        A program is accepted if all its reports passed. A plain string is a whole program. Solutions are consumed
        lazily, so any number may be streamed through. A text that cannot be a program (a NUL byte, a lone surrogate)
        or has more than `MAX_TEXT` bytes is refused in the name of each gate, unseen. `sandbox` may be None unless
        `needs_boxes`.

        An exception in a gate costs one program: the gate is asked again about each program of that call alone, and those
        for which it raises again are refused as `our-defect`. Raises errors that end everything (`gates.base.ends_all`),
        ValueError if boxes are needed and `sandbox` is None, and whatever a gate raises that compares programs or
        miscounts its reports.
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
        is_input_broken = False

        def unknown() -> Iterator[Solution]:
            nonlocal is_input_broken
            yield waiting[0][0].solution
            try:
                for row in rows:
                    asked = row.alive and not self._recall(gate, row, sandbox)
                    waiting.append((row, asked))
                    if asked:
                        yield row.solution
            except Exception:
                is_input_broken = True
                raise

        for first in rows:  # until the gate has to be asked, no row has to wait
            if not first.alive or self._recall(gate, first, sandbox):
                yield first
                continue
            waiting.append((first, True))
            is_miscounted = False
            try:
                for report in gate.check_many(unknown(), sandbox):
                    while waiting and not waiting[0][1]:
                        yield waiting.popleft()[0]
                    if not waiting:
                        is_miscounted = True
                        break
                    self._take(gate, waiting[0][0], report)
                    yield waiting.popleft()[0]
                else:
                    is_miscounted = any(asked for _, asked in waiting)
            except Exception as error:
                if is_input_broken or gate.compares or ends_all(error):
                    raise
                if not isinstance(error, BoxDestroyed):
                    self._defect(error)
            assert not is_miscounted, f"the gate {gate.name} gave too few reports, or too many"
            while waiting:
                row, asked = waiting.popleft()
                if asked:
                    self._take(gate, row, self._alone(gate, row.solution, sandbox))
                yield row

    def _take(self, gate: Gate, row: _Row, report: Report) -> None:
        """Add the gate's report to a row, and store it. Raises TypeError for anything but a report."""
        row.add(_report(gate, report), go_on=self.all_findings)
        for found in report.findings:
            if found.symbol in (DESTROYED, DEFECT):
                if found.symbol == DEFECT:
                    self._defect(found.message)
                return
        if self.memo is not None and row.key is not None:
            with self._unharmed():
                self.memo.put(row.key, report.to_row())

    def _alone(self, gate: Gate, solution: Solution, sandbox: Sandbox) -> Report:
        """Return the gate's report on one program, or one that says that the gate failed. Raises what ends everything."""
        try:
            (report,) = gate.check_many([solution], sandbox)
            return _report(gate, report)
        except Exception as error:
            return gate.failed(solution, error)

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
        with self._unharmed():
            boxes = [sandbox.engine.image_digest(gate.image), repr(sandbox.limits)] if gate.image else []
            key = [gate.name, gate.version, gate.settings(), *boxes, *gate.depends(row.solution)]
            row.key = "gate " + hashlib.sha256(json.dumps(key).encode()).hexdigest()
            stored = self.memo.get(row.key)
            if stored is not None:
                with contextlib.suppress(TypeError, LookupError):
                    row.add(Report.from_row(stored), go_on=self.all_findings)
                    return True
        return False

    @contextlib.contextmanager
    def _unharmed(self) -> Iterator[None]:
        """Go on without the memo, whatever it raises: no report depends on it."""
        try:
            yield
        except Exception as error:
            if not ends_all(error):
                self._defect(error)

    def _defect(self, what: Exception | str) -> None:
        if len(self.defects) < MAX_DEFECTS:
            self.defects.append(what if isinstance(what, str) else "".join(traceback.format_exception(what)))


def _report(gate: Gate, given: object) -> Report:
    if not isinstance(given, Report):
        raise TypeError(f"the gate {gate.name} gave {type(given).__name__} for a report")
    return given
