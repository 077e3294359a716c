"""Programs whose verdict is known: the oracle is believed only while it tells them apart."""

from dataclasses import replace

from sandbox import Box, Sandbox
from toolkit.benchmarks.base import Benchmark
from toolkit.oracle.findings import Facts
from toolkit.oracle.judge import Oracle
from toolkit.records import Task, Verdict

_TABLE = Task(
    task_id="canary/table",
    prompt="def double(x):\n",
    entry_point="double",
    canonical_solution="    return 2 * x\n",
    base_inputs=([1], [2.5]),
    plus_inputs=(["ab"],),
)
_CHECK = replace(
    _TABLE,
    task_id="canary/check",
    base_inputs=(),
    plus_inputs=(),
    test="def check(candidate):\n    assert candidate(1) == 2\n    assert candidate('ab') == 'abab'\n",
)
PROGRAMS = {
    Verdict.PASSED: _TABLE.prompt + _TABLE.canonical_solution,
    Verdict.WRONG_ANSWER: "def double(x):\n    return x\n",
    Verdict.RUNTIME_ERROR: "def double(x):\n    raise ValueError(x)\n",
    Verdict.COMPILE_ERROR: "def double(x:\n",
    Verdict.TIME_LIMIT: "def double(x):\n    while True:\n        pass\n",
}
ENDLESS_S = 0.2
"""Seconds that the endless one is given."""


class Refused(Exception):
    """The oracle does not trust itself: a program whose verdict is known was judged otherwise."""


def canary(oracle: Oracle) -> None:
    """Judge a right, a wrong, a raising, a broken and an endless program by each kind of test that the oracle's tasks have.

    They run in boxes of the oracle's pool. Nothing of the oracle is changed.

    Raises:
        Refused: one of them was judged otherwise than it is known to be.
        SandboxError: they could not be run.
    """
    kinds = {bool(task.test) for task in oracle.tasks.values()}
    for task in [_CHECK] * (True in kinds) + [_TABLE] * (False in kinds):
        own = Oracle(oracle.pool, Benchmark(name="canary", load=oracle.benchmark.load), {task.task_id: task}, "canary")
        own.timeout_s, own.limits = oracle.timeout_s, oracle.limits
        _ask(own, task, oracle.pool)


def _ask(oracle: Oracle, task: Task, pool: Sandbox) -> None:
    def judged(box: Box, wanted: Verdict) -> tuple[Verdict, Verdict, str]:
        timeout_s = min(ENDLESS_S, oracle.timeout_s) if wanted is Verdict.TIME_LIMIT else oracle.timeout_s
        found, _ = oracle.findings(task, PROGRAMS[wanted], box, Facts(), timeout_s)
        return wanted, found.verdict, found.detail

    for wanted, verdict, detail in pool.map(judged, PROGRAMS):
        if verdict != wanted:
            raise Refused(f"{task.task_id}: a program known to be {wanted} was judged {verdict} ({detail})")
