"""The nouns of an evaluation: task, sample, result, verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T", bound="TaskTests")
DEFECT = "defect: "
"""The `error` of a sample begins so if a defect of this toolkit kept it from being judged."""


class Verdict(StrEnum):
    """What the oracle says about one sample."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


SHARED = "its tests shared a process with the program, so that the pass may be forged"
"""Why a pass is no label."""


def label(verdict: str | None, shared: bool, allow_shared: bool) -> bool | None:
    """Say whether a program is right to what learns from it, by a reward or as training data. Nothing else says so.

    Args:
        shared: the tests ran in the program's own process.
        allow_shared: let such a pass count.

    Returns:
        None where there is no verdict, or a pass that does not count.
    """
    if verdict is None or (verdict == Verdict.PASSED and shared and not allow_shared):
        return None
    return verdict == Verdict.PASSED


@dataclass(frozen=True, slots=True)
class TaskTests:
    """The tests of a task. This base class has none; each kind is a subclass, and has a judge in `toolkit.oracle.judge`."""

    @property
    def has_plus(self) -> bool:
        """Whether the benchmark's extra tests are judged as a part of their own."""
        return False

    @property
    def text(self) -> str:
        """Source that no training data may contain; empty for tests that are data."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(TaskTests):
    """Calls of the entry point, whose values are compared with those of the canonical solution.

    Attributes:
        base, plus: the arguments of each call. `plus` is None if the benchmark has no extra tests, and empty if only
            this task has none: its plus verdict is then its base verdict.
        atol: absolute tolerance of the benchmark's own comparison.
    """

    base: Sequence[Sequence[Any]] = ()
    plus: Sequence[Sequence[Any]] | None = None
    atol: float = 0.0

    @property
    def has_plus(self) -> bool:
        """Whether the benchmark has extra tests."""
        return self.plus is not None

    @property
    def calls(self) -> list[Sequence[Any]]:
        """The arguments of all calls, base before plus."""
        return [*self.base, *(self.plus or ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(TaskTests):
    """Source that calls the program's function, and raises if the program is wrong.

    It runs in a box of its own, after the task's prompt and canonical solution.

    Attributes:
        source: statements that call the entry point by name, or that define `check(candidate)`.
        before, after: source around the program, in the program's own process.
        called: the function that the test calls, if it is not the entry point but one that `after` defines.
        raises: whether the test sees what the program raises, and may catch it; otherwise that ends the test.
        n_calls: how many calls it makes at most, each of which may take the time of a program; all do together if 1.
        is_alone: it runs without prompt and canonical solution before it.
    """

    source: str
    before: str = ""
    after: str = ""
    called: str = ""
    raises: bool = False
    n_calls: int = 1
    is_alone: bool = False

    @property
    def text(self) -> str:
        """The source."""
        return self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Stdin(TaskTests):
    """Standard input for a whole program, and what it has to print.

    Attributes:
        cases: (input, output) of each case.
        before, after: source around the program.
    """

    cases: Sequence[tuple[str, str]]
    before: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """Nothing: inputs and outputs are data."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTests(TaskTests):
    """Test classes of `unittest`, which import, patch and compare what they like.

    Attributes:
        source: of the classes.
        before: the benchmark's own text before a program; its imports are the test's too.
        classes: names of the classes whose tests count.
        shared: they run in the program's own process, which could forge a pass: see docs/judging.md.
    """

    source: str
    before: str = ""
    classes: tuple[str, ...]
    shared: bool = False

    @property
    def text(self) -> str:
        """The source."""
        return self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One problem of a benchmark.

    Attributes:
        task_id: the benchmark's own name, such as `HumanEval/0`.
        prompt: text that a completion continues.
        entry_point: name of the function under test.
        canonical_solution: text that makes a correct program when appended to `prompt`.
        tests: what decides whether a program is right.
        is_file: a program is a whole file: of an answer, the last fenced block, as it is.
        date: when the task was published, as 2024-05-31; empty if unknown.
        difficulty: the benchmark's own word for it, such as `easy`; empty if it has none.
        question: what a chat is asked, whole, where the benchmark has words of its own; else it is asked for `prompt`.
        invokes: the function of a base problem that the entry point should call; empty if there is none.
        public: those of its tests that are public, if not all of them are.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    tests: TaskTests = TaskTests()
    question: str = ""
    invokes: str = ""
    is_file: bool = False
    date: str = ""
    difficulty: str = ""
    public: TaskTests | None = None

    def tests_as(self, kind: type[T]) -> T:
        """Return the tests, which have to be of `kind`. Raises TypeError if they are not."""
        if not isinstance(self.tests, kind):
            raise TypeError(f"the tests of {self.task_id} are {type(self.tests).__name__}, not {kind.__name__}")
        return self.tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One completion of one task.

    Attributes:
        task_id: the task it answers.
        sample_id: 0, 1, 2... within the task, in the order of the file.
        solution: the whole program that is judged.
        raw: the text as it was given, if `solution` was extracted from it; else None.
        n_tokens: how many tokens the model wrote for it; None if nobody says.
    """

    task_id: str
    sample_id: int
    solution: str
    raw: str | None = None
    n_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """The first call of a part of the tests that was not answered as it should be, for people to read.

    Attributes:
        call: which one; in a table base calls are counted before plus calls. Of a program that ended, or ran out of time,
            the first call whose answer had not left it: a fast one or two before the culprit at times.
        input, expected, got: one printable line of at most 200 characters each. `expected` is None where the benchmark's
            own code decides; `got` is None where nothing came, and a line about the exception where one did.
    """

    call: int
    input: str
    expected: str | None = None
    got: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of judging one sample.

    Attributes:
        verdict: None if and only if `error` is set: the sample is unscored.
        error: our own failure, in words; None if there is a verdict.
        base, plus: verdicts of the benchmark's original and extra tests; `plus` is None if there are none, or if they were
            left out (`fail_fast`).
        detail: one line for a person: the first failing test, or the exception; the same in every run.
        base_call, plus_call: the call of a table at which each part failed, base calls counted before plus calls; None
            where it passed, or failed at no call.
        failed: what `detail` is about, if that is a call and the tests are shown.
        shared: the tests ran in the program's own process: see `label`.
    """

    task_id: str
    sample_id: int
    verdict: Verdict | None
    error: str | None = None
    base: Verdict | None = None
    plus: Verdict | None = None
    detail: str = ""
    base_call: int | None = None
    plus_call: int | None = None
    failed: FailedCall | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        if (self.verdict is None) != (self.error is not None):
            raise ValueError("a result has either a verdict or an error")
