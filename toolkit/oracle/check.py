"""Checks: a benchmark's test runs in one box and calls the program in another, through the host."""

import math
from dataclasses import replace

from sandbox import Box, BoxOutOfMemory, Ending, Status, converse
from toolkit.oracle.base import Findings, Judge, Rules
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, at_call, of_end, of_ending
from toolkit.records import Check, Task, Verdict

TEST_S = 10.0
"""Seconds that a test may take beyond the program's own limit, not counting the time it waits for the program."""
MAX_CALLS = 20_000
"""Most calls of a test that came with a row: what the host does for each is charged to neither of the two."""
ROLE = "test"
"""Role of the box in which the test runs."""
_APART = "\n0\n"
"""Separates a program from what follows it, so that a bracket or string it leaves open is not closed there."""


def judge(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> Findings:
    """Run the test in a box of the role `test`. Raises as `converse`."""
    test = task.tests_as(Check)
    called = test.called or task.entry_point
    program = "\n".join(filter(None, (test.before, solution, test.after and _APART + test.after)))
    prelude = "" if test.is_alone else task.prompt + task.canonical_solution
    total_s = rules.timeout_s * test.n_calls
    ours = replace(rules.limits, charged_s=total_s, cpu_s=2 * total_s)
    tests = replace(rules.limits, charged_s=total_s + TEST_S, cpu_s=total_s + TEST_S)
    try:
        with (
            rules.pool.box(rules.benchmark.image, ROLE) as other,
            box.calls(program, called, limits=ours, call_s=rules.timeout_s) as candidate,
            other.check(prelude, test.source, called, limits=tests) as checking,
        ):
            most = max(MAX_CALLS, test.n_calls) if test.is_alone else math.inf
            ending = converse(candidate, checking, raises=test.raises, most=most)
            facts.add(end := candidate.end())
            return of_end(end, "beside its answers") if end.status is Status.VIOLATED else _found(ending), None
    except BoxOutOfMemory:
        return Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX), None


def _found(ending: Ending) -> Finding:
    """Return the finding of an ending, with the last call; only the test's own code knows the expected value."""
    found = of_ending(ending)
    if found.verdict is Verdict.PASSED or not ending.loaded:
        return found
    answer = ending.answer if ending.by_test and ending.n_answered else None
    said = ending.body if ending.kind and not ending.by_test else None
    return at_call(found, ending.n_calls - 1, lambda: ending.call, lambda: None, answer, said=said)


JUDGE = Judge(
    findings=judge,
    canary=Check(source="def check(candidate):\n    assert candidate(1) == 2\n    assert candidate('ab') == 'abab'\n"),
    roles=(ROLE,),
)
