"""The nouns of an evaluation: task, sample, result, verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DEFECT = "defect: "
"""How the `error` of a sample begins that a defect of this toolkit kept from being judged."""


class Verdict(StrEnum):
    """What the oracle says of one sample."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One problem of a benchmark.

    Attributes:
        task_id: the benchmark's own name, such as `HumanEval/0`.
        prompt: text that a completion continues.
        entry_point: the function that is called.
        canonical_solution: text that, after `prompt`, is a right program.
        base_inputs, plus_inputs: argument lists, one per call (table benchmarks; empty elsewhere).
        atol: absolute tolerance of the benchmark's own comparison.
        test: source that defines `check(candidate)` (check benchmarks; empty elsewhere).
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    base_inputs: Sequence[Sequence[Any]] = ()
    plus_inputs: Sequence[Sequence[Any]] = ()
    atol: float = 0.0
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One completion of one task.

    Attributes:
        task_id: the task it answers.
        sample_id: 0, 1, 2... within the task, in the order of the file.
        solution: the whole program that is judged.
        raw: the text as it came, where `solution` was made out of it; else None.
    """

    task_id: str
    sample_id: int
    solution: str
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found out about one sample.

    Attributes:
        verdict: None exactly when `error` is set: the sample is unscored.
        error: our own failure, in words; None when there is a verdict.
        base, plus: verdicts of the benchmark's original and extra tests, where it has both.
        detail: one line for a person: the first failing test, or the exception; stable from run to run.
    """

    task_id: str
    sample_id: int
    verdict: Verdict | None
    error: str | None = None
    base: Verdict | None = None
    plus: Verdict | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.verdict is None) != (self.error is not None):
            raise ValueError("a result has either a verdict or an error")
