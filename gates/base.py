"""What a gate is: something outside the model that says yes or no to one program, and why."""

import contextlib
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, ClassVar, Protocol, TypeVar

from sandbox import Box, BoxDestroyed, Execution, Sandbox, Status, codec
from sandbox.conversation import text_of

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A program to be judged, and what came with it.

    Attributes:
        code: the whole program.
        completion: the text that the model wrote, where `code` is more than that; else None, and `code` stands for it.
        prompt: the text that the completion continues, where known.
        chat: whether the prompt is as a chat template wrote it, so that its special tokens are meant.
        n_tokens: tokens of the completion as the model's own tokenizer counts them, where known.
        test: source of tests that came with the program: asserts, or a `check(candidate)`.
        entry_point: the function that the tests are about, where known.
    """

    code: str
    completion: str | None = None
    prompt: str | None = None
    chat: bool = False
    n_tokens: int | None = None
    test: str | None = None
    entry_point: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a gate saw.

    Attributes:
        symbol: short name, the tool's own where it has one (`unused-import`, `SyntaxError`).
        message: for a person.
        line: from 1; None where it is about the whole program.
        column: from 0, as pylint counts.
        severity: `error`, `warning` or `note`.
        decisive: whether this alone is why the program is refused.
    """

    symbol: str
    message: str
    line: int | None = None
    column: int | None = None
    severity: str = "warning"
    decisive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one gate says of one program.

    Attributes:
        gate: its name.
        passed: the decision: no finding is decisive.
        score: the number behind it, in the gate's own unit (see its module); None where there is none.
        findings: all that was seen.
        seconds: on the wall, spent on this program; of a batch, its share.
        versions: of the tools that were asked.
        values: more numbers, by name.
    """

    gate: str
    passed: bool
    score: float | None = None
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Report":
        """Return what `to_row` was called on. Raises TypeError or LookupError where that is no such row."""
        return cls(**{**row, "findings": tuple(Finding(**each) for each in row["findings"])})


class Memo(Protocol):
    """Where reports are kept between runs; may forget."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under `key`, or None."""

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep `value`."""


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """A gate: a frozen dataclass whose fields are its thresholds.

    Attributes:
        name: as in `--kind`.
        cost: those of lower cost are asked first.
        kind: of the boxes it needs; None when it needs none.
        version: raised whenever a report could come out otherwise than before.
    """

    name: ClassVar[str]
    cost: ClassVar[float]
    kind: ClassVar[str | None] = None
    version: ClassVar[int] = 1

    @abstractmethod
    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Give one report a solution, in order; solutions are taken as they are needed.

        A program's misbehaviour is a report. Raises `SandboxError` for a failure of ours.
        """

    def depends(self, solution: Solution) -> Sequence[str | None] | None:
        """Return all of a solution that its report depends on; None where it depends on more, and is never kept."""
        return [solution.code]

    def report(self, findings: Iterable[Finding], score: float | None = None, **more: Any) -> Report:
        """Return this gate's report: passed unless a finding is decisive."""
        found = tuple(findings)
        return Report(
            gate=self.name, passed=not any(one.decisive for one in found), score=score, findings=found, **more
        )


    def failed(self, _: Solution, error: Exception) -> Report:
        """Return the report on a program that its box did not survive, twice; raise whatever else it was."""
        if not isinstance(error, BoxDestroyed):
            raise error
        return self.report([refused("crash", "its box did not survive it, twice")], 0.0)


def one_by_one(
    act: Callable[[Box, tuple[Solution, ...]], list[R]], alone: Callable[[Solution, Exception], R], sandbox: Sandbox
) -> Callable[[tuple[Solution, ...], Exception], list[R]]:
    """Return the `failed` of `Sandbox.map` for batches: of one that a box did not survive, each is looked at alone."""

    def failed(batch: tuple[Solution, ...], error: Exception) -> list[R]:
        if len(batch) == 1 or not isinstance(error, BoxDestroyed):
            return [alone(batch[0], error)]
        return [found for solution in batch for found in again((solution,))]

    def again(batch: tuple[Solution, ...]) -> list[R]:
        try:
            return sandbox.attempt(lambda box: act(box, batch))
        except Exception as error:
            return failed(batch, error)

    return failed


def batched(solutions: Iterable[Solution], n: int) -> Iterator[tuple[Solution, ...]]:
    """Give the solutions `n` at a time; the last batch may be shorter."""
    left = iter(solutions)
    while batch := tuple(islice(left, n)):
        yield batch


def refused(symbol: str, message: str) -> Finding:
    """Return a decisive finding about the whole program."""
    return Finding(symbol=symbol, message=message, severity="error", decisive=True)


def of_end(execution: Execution, where: str = "") -> Finding:
    """Return the decisive finding for a program that did not let itself be examined, or was ended."""
    code = execution.exit_code or 0
    symbol, message = {
        Status.TIMED_OUT: ("time-limit", "took longer than the time limit"),
        Status.MEMORY_EXCEEDED: ("memory-limit", "needed more than the memory limit"),
        Status.OUTPUT_EXCEEDED: ("output-limit", "wrote more than the output limit"),
        Status.EXITED: ("exit", f"ended with exit code {code}"),
    }.get(execution.status, ("crash", f"ended with signal {-code}"))
    return refused(symbol, f"{where}: {message}" if where else message)


def of_frame(kind: bytes, body: bytes, where: str = "") -> Finding:
    """Return the decisive finding for a program that answered with something other than a value.

    Its symbol is the class of the exception, which is the program's choice, but for some that every reader looks for.
    """
    text = text_of(body)
    name = text.partition(":")[0]
    symbol = {
        "MemoryError": "memory-limit",
        "SystemExit": "exit",
        "ImportError": "import-missing",
        "ModuleNotFoundError": "import-missing",
    }.get(name, name if re.fullmatch(r"[A-Za-z_]\w{0,99}", name) else "crash")
    symbol = "no-plain-data" if kind == codec.UNENCODABLE else symbol
    return refused(symbol, f"{where}: {text}" if where else text)


@dataclass(slots=True)
class _Row:
    solution: Solution
    reports: list[Report]
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
        memo: reports given before; a program's report is then taken from there.
    """

    gates: Sequence[Gate]
    all_findings: bool = False
    memo: Memo | None = None

    def check_many(self, solutions: Iterable[Solution | str], sandbox: Sandbox) -> Iterator[list[Report]]:
        """Give the reports of each solution, in order: of all gates, or up to the first that refused.

        A program is accepted when all of its reports passed. A plain string is taken for the whole program. Solutions
        are taken as they are needed, so any number of them may be streamed through. Raises `SandboxError`.
        """
        rows: Iterator[_Row] = (_Row(Solution(code=s) if isinstance(s, str) else s, []) for s in solutions)
        for gate in self.gates:
            rows = self._ask(gate, rows, sandbox)
        return (row.reports for row in rows)

    def _ask(self, gate: Gate, rows: Iterator[_Row], sandbox: Sandbox) -> Iterator[_Row]:
        """Pass rows on in order, those that are alive with the gate's report added."""
        waiting: deque[tuple[_Row, bool]] = deque()
        for first in rows:  # as long as nothing has to be asked, nothing has to wait
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
            if self.memo is not None and row.key is not None:
                self.memo.put(row.key, report.to_row())
            yield row
        for row, asked in waiting:
            assert not asked, f"the gate {gate.name} gave too few reports"
            yield row

    def _recall(self, gate: Gate, row: _Row, sandbox: Sandbox) -> bool:
        """Whether the gate's report on a row is known; it is added then."""
        row.key = None
        parts = gate.depends(row.solution)
        if self.memo is None or parts is None:
            return False
        image = sandbox.engine.image_digest(gate.kind) if gate.kind else ""
        key = [gate.name, gate.version, repr(gate), image, repr(sandbox.limits), *parts]
        row.key = "gate " + hashlib.sha256(json.dumps(key).encode()).hexdigest()
        stored = self.memo.get(row.key)
        if stored is None:
            return False
        with contextlib.suppress(TypeError, LookupError):
            row.add(Report.from_row(stored), go_on=self.all_findings)
            return True
        return False
