"""What a gate is: something outside the model that says yes or no to one program, and why."""

import math
import re
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from sandbox import BoxDestroyed, Execution, Sandbox, SandboxError, Status
from sandbox.conversation import text_of
from sandbox.wire import codec

R = TypeVar("R")
MAX_TEXT = 1 << 20
"""The longest text of a solution that is judged, in bytes of UTF-8."""
MAX_BATCH = 1 << 18
"""Characters of the programs of a batch, unless one alone has more."""
MAX_MESSAGE, MAX_SYMBOL = 1000, 100
"""Characters of a finding's message; of its symbol, and of a version."""
MAX_FINDINGS = 1000
"""Findings in a report."""
DESTROYED, DEFECT = "box-destroyed", "our-defect"
"""Symbols of a program that no box survives, and of one at which this code fails: no report that has them is kept."""
MORE = "more-findings"
"""Symbol of the note that stands for those that are too many."""


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
        symbol: short name, the tool's own where it has one (`unused-import`, `SyntaxError`); cut at `MAX_SYMBOL`.
        message: for a person; cut at `MAX_MESSAGE`.
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

    def __post_init__(self) -> None:
        """Raise TypeError for what is no text, or no place in one."""
        object.__setattr__(self, "symbol", cut(self.symbol))
        object.__setattr__(self, "message", cut(self.message, MAX_MESSAGE))
        if any(at is not None and (type(at) is not int or abs(at) > 1 << 31) for at in (self.line, self.column)):
            raise TypeError("line and column must be whole numbers that a text may have")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one gate says of one program.

    Attributes:
        gate: its name.
        passed: the decision: no finding is decisive.
        score: the number behind it, in the gate's own unit (see its module); None where there is none.
        findings: all that was seen; of more than `MAX_FINDINGS` the decisive ones first, and a note of how many are left.
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

    def __post_init__(self) -> None:
        found = self.findings
        if len(found) > MAX_FINDINGS:
            first = sorted(range(len(found)), key=lambda i: not (found[i].decisive or found[i].symbol == MORE))
            kept = [found[i] for i in sorted(first[: MAX_FINDINGS - 1])]
            object.__setattr__(self, "findings", (*kept, *more(len(found) - len(kept))))

    def to_row(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Report":
        """Return what `to_row` was called on. Raises TypeError or LookupError where that is no such row."""
        return cls(**{**row, "findings": tuple(Finding(**each) for each in row["findings"])})


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """A gate: a frozen dataclass whose fields are its thresholds.

    Attributes:
        name: as in `--kind`.
        cost: those of lower cost are asked first.
        image: of the boxes it needs; None when it needs none.
        worst: score of what is refused without a look; None where that has none.
        version: raised whenever a report could come out otherwise than before.
    """

    name: ClassVar[str]
    cost: ClassVar[float]
    image: ClassVar[str | None] = None
    worst: ClassVar[float | None] = None
    version: ClassVar[int] = 1

    @abstractmethod
    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Give one report a solution, in order; solutions are taken as they are needed.

        A program's misbehaviour is a report. Raises `SandboxError` for a failure of ours. What `All` gives has text that
        is text, and not too much of it (`unfit`).
        """

    @property
    def compares(self) -> bool:
        """Whether a decision depends on the other programs of the call as well: then no report is kept between runs."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return what the gate decides by, as plain data: thresholds and other scalars, and a text for anything else."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: it if isinstance(it, str | int | float | None) else repr(it) for name, it in found.items()}

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return the parts of a solution that determine its report."""
        return [solution.code]

    def report(self, findings: Iterable[Finding], score: float | None = None, **more: Any) -> Report:
        """Return this gate's report: passed unless a finding is decisive."""
        found = tuple(findings)
        return Report(
            gate=self.name, passed=not any(one.decisive for one in found), score=score, findings=found, **more
        )

    def told(self, said: Any, build: Callable[[Any], Report]) -> Report:
        """Return the report that `build` makes of what a tool said, or the one in its place: see `from_tool`."""
        found = from_tool(said, build)
        return self.unseen(found) if isinstance(found, Finding) else found

    def unseen(self, finding: Finding) -> Report:
        """Return the report on a program that is refused without a look."""
        return self.report([finding], self.worst)

    def failed(self, solution: Solution, error: Exception) -> Report:
        """Return the report on a program that no box survives, or at which this code has a defect; raise any other error."""
        if isinstance(error, BoxDestroyed):
            return self.unseen(refused(DESTROYED, "its box did not survive it, twice"))
        if isinstance(error, SandboxError | OSError):
            raise error
        said = "".join(traceback.format_exception(error))
        return self.unseen(refused(DEFECT, f"{type(error).__name__}: {said[-MAX_MESSAGE // 2 :]}"))


def batched(solutions: Iterable[Solution], n: int) -> Iterator[tuple[Solution, ...]]:
    """Give the solutions `n` at a time; fewer where they come to `MAX_BATCH` characters, and at the end."""
    batch: list[Solution] = []
    size = 0
    for solution in solutions:
        batch.append(solution)
        size += len(solution.code)
        if len(batch) == n or size >= MAX_BATCH:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)


def apart(
    batch: tuple[Solution, ...],
    look: Callable[[tuple[Solution, ...]], list[R]],
    failed: Callable[[Solution, Exception], R],
    error: Exception,
) -> list[R]:
    """Return what `look` says of each solution of a batch to which `error` happened, asked of one at a time.

    `failed` says it of one to which something happens alone, or raises.
    """
    if len(batch) == 1:
        return [failed(batch[0], error)]
    found: list[R] = []
    for one in batch:
        try:
            found += look((one,))
        except Exception as alone:
            found.append(failed(one, alone))
    return found


def more(n: Any) -> list[Finding]:
    """Return the note that stands for `n` findings that are left out; none where that is 0."""
    return [Finding(symbol=MORE, message=f"and {n:,} more findings", severity="note")] if n else []


def cut(text: str, most: int = MAX_SYMBOL) -> str:
    """Return a text; of one longer than `most` characters the first, and an ellipsis. Raises TypeError where it is none."""
    if not isinstance(text, str):
        raise TypeError(f"not a text but {type(text).__name__}")
    return text if len(text) <= most else text[: most - 1] + "…"


def unfit(solution: Solution) -> Finding | None:
    """Return why no gate is asked about a solution, if so: one of its texts is no text of a program, or too long."""
    for name in ("code", "completion", "prompt", "test", "entry_point"):
        text = getattr(solution, name)
        if text is None:
            continue
        if len(text) > MAX_TEXT or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
            return refused("too-long", f"{name} has more than {MAX_TEXT:,} bytes")
        if "\0" in text:
            return refused("not-text", f"{name} has a NUL byte")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return refused("not-text", f"{name} has a lone surrogate at character {error.start}")
    return None


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
        Status.VIOLATED: ("crash", "what the program wrote as its answers is none, or too many"),
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


def from_tool(said: Any, build: Callable[[Any], R]) -> R | Finding:
    """Return what `build` makes of what a tool said of a text (`Box.examine`), or the decisive finding in its place.

    It is said by a process that the text may have taken over. So `build` may be given anything, and whatever it raises then
    is a fact about that text.
    """
    if isinstance(said, Execution):
        return of_end(said)
    if isinstance(said, str):
        return refused("crash", said)
    try:
        return build(said)
    except Exception as error:
        return refused("crash", f"what a tool said of it makes no sense ({type(error).__name__})")


def said_finding(said: Any, severity: str = "warning", *, decisive: bool = False) -> Finding:
    """Return the finding that a tool gave. Raises what `from_tool` takes for nonsense."""
    values = {name: said[name] for name in ("symbol", "message", "line", "column")}
    return Finding(**values, severity=severity, decisive=decisive)


def number(value: Any) -> Any:
    """Return a finite number or None as it is. Raises what `from_tool` takes for nonsense where it is something else."""
    if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
        raise TypeError("not a finite number")
    return value
