"""The interface of judges, and their common input. One file per kind of tests, one line in `toolkit.oracle.judge.JUDGES`."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox import Box, Limits, Sandbox
from toolkit.benchmarks.base import Benchmark
from toolkit.oracle.expected import Answers
from toolkit.oracle.findings import Facts, Finding
from toolkit.records import Task, TaskTests

Findings = tuple[Finding, Finding | None]
"""Findings of a task's base and plus tests; the second is None if no plus tests are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is the same for all programs of one benchmark.

    Attributes:
        benchmark: its rules of comparison.
        answers: the canonical solutions' answers.
        pool: lends boxes of other roles than the program's.
        limits: of memory, files and output; each judge sets the times.
        timeout_s: of one call in tables, of the whole program elsewhere.
        total_timeout_s: of all calls of a table together.
        base_only: leave the plus tests out.
        fail_fast: skip the plus tests of a program that has failed a base test.
    """

    benchmark: Benchmark
    answers: Answers
    pool: Sandbox
    limits: Limits
    timeout_s: float
    total_timeout_s: float
    base_only: bool = False
    fail_fast: bool = False

    def has_plus(self, task: Task) -> bool:
        """Return whether the plus tests of a task are judged."""
        return task.tests.has_plus and not self.base_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """How one kind of tests is judged.

    Attributes:
        findings: judges one program, which runs in the box. Raises `SandboxError` or OSError for a failure of ours,
            and nothing for what the program does.
        canary: tests of this kind that `def double(x): return 2 * x` passes and the canary's other programs fail.
        others: more of them, where a kind is judged in more than one way.
        roles: roles of the boxes needed besides the program's own.
        cost_s: estimates the seconds that a correct program takes; 0 while unknown.
    """

    findings: Callable[[Task, str, Box, Rules, Facts], Findings]
    canary: TaskTests
    others: tuple[TaskTests, ...] = ()
    roles: tuple[str, ...] = ()
    cost_s: Callable[[Task, Rules], float] = lambda *_: 0.0
