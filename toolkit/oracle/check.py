"""Checks: a benchmark's test in one box calls the program in another, through the host."""

from dataclasses import replace

from sandbox import Box, BoxOutOfMemory, Limits, Sandbox, Status, converse
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, of_end, of_ending
from toolkit.records import Task, Verdict

TEST_S = 10.0
"""Seconds that a test may take beyond the program's own limit; what it waits for the program is not counted."""


def judge_by_check(
    task: Task, solution: str, box: Box, pool: Sandbox, limits: Limits, timeout_s: float, facts: Facts
) -> Finding:
    """Run `check(candidate)` in a box of the role `test`. `timeout_s` bounds the whole program. Raises as `converse`."""
    ours = replace(limits, charged_s=timeout_s, cpu_s=2 * timeout_s)
    tests = replace(limits, charged_s=timeout_s + TEST_S, cpu_s=timeout_s + TEST_S)
    try:
        with (
            pool.box("run", "test") as other,
            box.calls(solution, task.entry_point, limits=ours) as candidate,
            other.check(task.prompt + task.canonical_solution, task.test, task.entry_point, limits=tests) as test,
        ):
            ending = converse(candidate, test)
            facts.add(end := candidate.end())
            return of_end(end, "beside its answers") if end.status is Status.VIOLATED else of_ending(ending)
    except BoxOutOfMemory:
        return Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX)
