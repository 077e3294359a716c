"""Programs with known verdicts: the oracle is trusted only while it judges them correctly."""

from sandbox import Box
from toolkit.benchmarks.base import Benchmark
from toolkit.errors import InfrastructureError
from toolkit.oracle.findings import Facts
from toolkit.oracle.judge import JUDGES, Oracle
from toolkit.records import Task, Verdict

_PROMPT, _BODY = "def double(x):\n", "    return 2 * x\n"
PROGRAMS = {
    Verdict.PASSED: _PROMPT + _BODY,
    Verdict.WRONG_ANSWER: "def double(x):\n    return x\n",
    Verdict.RUNTIME_ERROR: "def double(x):\n    raise ValueError(x)\n",
    Verdict.COMPILE_ERROR: "def double(x:\n",
    Verdict.TIME_LIMIT: "def double(x):\n    while True:\n        pass\n",
}
ENDLESS_S = 0.2
"""Timeout of the endless program, in seconds."""


class Refused(InfrastructureError):
    """The oracle cannot be trusted: a program with a known verdict got another one."""


def canary(oracle: Oracle) -> None:
    """Judge a correct, a wrong, a raising, a broken and an endless program by every kind of tests that the tasks have.

    They run in boxes of the oracle's pool; the oracle itself is left as it was.

    Raises:
        Refused: one of them got a verdict other than the known one.
        SandboxError: they could not be run.
    """
    kinds = {type(task.tests) for task in oracle.tasks.values()}
    for kind, judge in JUDGES.items():
        if kind in kinds:
            name = f"canary/{kind.__name__.lower()}"
            for tests in (judge.canary, *judge.others):
                task = Task(task_id=name, prompt=_PROMPT, entry_point="double", canonical_solution=_BODY, tests=tests)
                _ask(oracle, task)


def _ask(oracle: Oracle, task: Task) -> None:
    image = oracle.rules.benchmark.image
    benchmark = Benchmark(name="canary", load=oracle.rules.benchmark.load, image=image)
    timeout_s = oracle.rules.timeout_s
    own = Oracle(oracle.pool, benchmark, {task.task_id: task}, "canary", timeout_s=timeout_s)

    def judged(box: Box, wanted: Verdict) -> tuple[Verdict, Verdict, str]:
        within_s = min(ENDLESS_S, timeout_s) if wanted is Verdict.TIME_LIMIT else timeout_s
        found, _ = own.findings(task, PROGRAMS[wanted], box, Facts(), within_s)
        return wanted, found.verdict, found.detail

    for wanted, verdict, detail in oracle.pool.map(judged, PROGRAMS, image):
        if verdict != wanted:
            raise Refused(f"{task.task_id}: a program known to be {wanted} was judged {verdict} ({detail})")
