"""The interface of gates: outside the model, a gate accepts or refuses one program and says why."""

import math
import re
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from sandbox import BadValue, Box, BoxDestroyed, Execution, InfrastructureError, Sandbox, Status, UsageError
from sandbox.conversation import text_of
from sandbox.wire import codec

R = TypeVar("R")
MAX_TEXT = 1 << 20
"""Longest text of a solution that is judged, in bytes of UTF-8."""
MAX_BATCH = 1 << 18
"""Characters of all programs of a batch together, unless a single one has more."""
MAX_MESSAGE, MAX_SYMBOL = 1000, 100
"""Characters of a finding's message; of its symbol or a version."""
MAX_FINDINGS = 1000
"""Findings in a report."""
DESTROYED, DEFECT = "box-destroyed", "our-defect"
"""Symbols for a program that no box survives, and for one that our code fails on; such reports are never kept."""
MORE = "more-findings"
"""Symbol of the note that says how many findings were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A program to judge, and what came with it.

    Attributes:
        code: the whole program.
        completion: what the model wrote, if `code` is more than that; None if it wrote all of `code`.
        prompt: the text that the completion continues, where known.
        chat: whether a chat template wrote the prompt, so that its special tokens are meant as such.
        n_tokens: tokens of the completion by the model's own tokenizer, where known.
        test: source of the tests that came with the program: asserts, or a `check(candidate)`.
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
        line: from 1; None if the finding is about the whole program.
        column: from 0, as pylint counts.
        severity: `error`, `warning` or `note`.
        decisive: whether this alone refuses the program.
    """

    symbol: str
    message: str
    line: int | None = None
    column: int | None = None
    severity: str = "warning"
    decisive: bool = False

    def __post_init__(self) -> None:
        """Cut long texts. Raises TypeError if a text is not a string, or a line or column is not a possible one."""
        object.__setattr__(self, "symbol", cut(self.symbol))
        object.__setattr__(self, "message", cut(self.message, MAX_MESSAGE))
        if any(at is not None and (type(at) is not int or abs(at) > 1 << 31) for at in (self.line, self.column)):
            raise TypeError("line and column must be whole numbers that a text may have")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one gate says about one program.

    Attributes:
        gate: its name.
        passed: the decision: no finding is decisive.
        score: the number behind the decision, in the gate's own unit (see its module), or None.
        findings: everything seen; beyond `MAX_FINDINGS`, decisive ones are kept first and a note counts the rest.
        seconds: wall time spent on this program, or its share of a batch's.
        versions: of the tools that were used, by name.
        values: further numbers, by name.
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
        """Return the report that `to_row` wrote. Raises TypeError or LookupError for any other row."""
        return cls(**{**row, "findings": tuple(Finding(**each) for each in row["findings"])})


def within(default: float, low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Any:
    """Return the field of a threshold that must be at least `low` (or above it) and at most `high`."""
    return field(default=default, metadata={"within": (low, high, above)})


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """A gate: a frozen dataclass whose fields are its thresholds. Raises `BadValue` for one out of its range (`within`).

    Attributes:
        name: as in `--kind`.
        cost: cheaper gates are asked first.
        image: image of the boxes that the gate needs, or None.
        worst: score of a program that is refused unseen, or None.
        lowest: whether lower scores are better.
        version: increment it whenever reports may change; stored reports of other versions are not used.
    """

    name: ClassVar[str]
    cost: ClassVar[float]
    image: ClassVar[str | None] = None
    worst: ClassVar[float | None] = None
    lowest: ClassVar[bool] = False
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for each in fields(self):
            if "within" in each.metadata:
                (low, high, above), value = each.metadata["within"], getattr(self, each.name)
                if not low <= value <= high or (above and value == low):
                    least = [f"{'above' if above else 'at least'} {low:g}"] if low > -math.inf else []
                    allowed = " and ".join(least + [f"at most {high:g}"] * (high < math.inf))
                    raise BadValue(f"{each.name} of the gate {self.name!r} must be {allowed}, not {value:g}")

    @abstractmethod
    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Yield one report per solution, in order; consume solutions lazily.

        A program's misbehaviour is a report; our own failure raises `SandboxError`. `All` filters unusable texts out
        first (`unfit`).
        """

    @property
    def compares(self) -> bool:
        """Whether decisions also depend on the call's other programs; such reports are not kept between runs."""
        return False

    def settings(self) -> dict[str, Any]:
        """Return what the gate decides by, as plain data: scalars as they are, the `repr` of anything else."""
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
        """Return the report that `build` makes from a tool's answer, or the refusal in its place (see `from_tool`)."""
        found = from_tool(said, build)
        return self.unseen(found) if isinstance(found, Finding) else found

    def unseen(self, finding: Finding) -> Report:
        """Return the report on a program that is refused without asking the gate, or that our code fails on."""
        return Report(gate=self.name, passed=False, score=self.worst, findings=(finding,))

    def failed(self, solution: Solution, error: Exception) -> Report:
        """Return the report on a program that no box survives, or on which our code fails; raise any other error."""
        if isinstance(error, BoxDestroyed):
            return self.unseen(refused(DESTROYED, "its box did not survive it, twice"))
        if ends_all(error):
            raise error
        said = "".join(traceback.format_exception(error))
        return self.unseen(refused(DEFECT, f"{type(error).__name__}: {said[-MAX_MESSAGE // 2 :]}"))


def ends_all(error: Exception) -> bool:
    """Return whether an error says nothing about this program and would strike all others too."""
    return isinstance(error, InfrastructureError | UsageError | OSError) and not isinstance(error, BoxDestroyed)


def batched(solutions: Iterable[Solution], n: int) -> Iterator[tuple[Solution, ...]]:
    """Yield the solutions `n` at a time; fewer once a batch reaches `MAX_BATCH` characters, and at the end."""
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


def in_batches(
    look: Callable[[Box, tuple[Solution, ...]], list[R]],
    solutions: Iterable[Solution],
    n: int,
    sandbox: Sandbox,
    failed: Callable[[Solution, Exception], R],
) -> Iterator[R]:
    """Look at solutions `n` at a time and yield one result each, in order; retry a failing batch one by one.

    Args:
        look: returns one result per solution of a batch.
        failed: returns the result of a solution that fails alone, or raises.
    """

    def one_by_one(batch: tuple[Solution, ...], error: Exception) -> list[R]:
        if len(batch) == 1:
            return [failed(batch[0], error)]
        found: list[R] = []
        for one in batch:
            try:
                found += sandbox.attempt(lambda box, one=one: look(box, (one,)))  # type: ignore[misc]
            except Exception as alone:
                found.append(failed(one, alone))
        return found

    for found in sandbox.map(look, batched(solutions, n), failed=one_by_one):
        yield from found


def more(n: Any) -> list[Finding]:
    """Return a note that `n` findings are left out; nothing if `n` is 0."""
    return [Finding(symbol=MORE, message=f"and {n:,} more findings", severity="note")] if n else []


def cut(text: str, most: int = MAX_SYMBOL) -> str:
    """Return `text`, cut to `most` characters with an ellipsis. Raises TypeError for anything but a string."""
    if not isinstance(text, str):
        raise TypeError(f"not a text but {type(text).__name__}")
    return text if len(text) <= most else text[: most - 1] + "…"


def unfit(solution: Solution) -> Finding | None:
    """Return the finding if no gate can be asked about a solution (a text is unusable, or too long), else None."""
    for name in ("code", "completion", "prompt", "test", "entry_point"):
        text = getattr(solution, name)
        if text is None and name != "code":
            continue
        if not isinstance(text, str):
            return refused("not-text", f"{name} is {type(text).__name__} and no text")
        if len(text) > MAX_TEXT or len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT:
            return refused("too-long", f"{name} has more than {MAX_TEXT:,} bytes")
        if "\0" in text:
            return refused("not-text", f"{name} has a NUL byte")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return refused("not-text", f"{name} has a lone surrogate at character {error.start}")
    return None


def refused(symbol: str, message: str, line: int | None = None) -> Finding:
    """Return a decisive finding about a line, or about the whole program."""
    return Finding(symbol=symbol, message=message, line=line, severity="error", decisive=True)


def of_end(execution: Execution, where: str = "") -> Finding:
    """Return the decisive finding for a program whose process ended or was ended."""
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

    Its symbol is the exception's class, which is the program's choice, except for a few that readers look for.
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
    """Return what `build` makes of a tool's answer (`Box.examine`), or the decisive finding in its place.

    The text may have taken over the process that answers. So `build` may be given anything, and whatever it raises is a
    fact about that text.
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
    """Return the finding in a tool's answer. Raises for nonsense, which `from_tool` catches."""
    values = {name: said[name] for name in ("symbol", "message", "line", "column")}
    return Finding(**values, severity=severity, decisive=decisive)


def number(value: Any) -> Any:
    """Return a finite number or None unchanged. Raises for anything else, which `from_tool` catches."""
    if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
        raise TypeError("not a finite number")
    return value
