"""No frame can be forged where a test calls the program through the host: all tasks of HumanEval."""

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from tests.tamper import FORGED, UNTOUCHED
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.records import Sample, Verdict

LAST = {"a frame more at the end", "two frames in the last write", "a frame less", "bytes of a frame behind the last"}
"""How many calls a test makes is known to no program: these cannot be made here."""


@pytest.mark.timeout(300)
def test_no_pass_is_forged(engine: DockerEngine) -> None:
    loaded = BENCHMARKS["humaneval"].load(Options())
    names = [name for name in FORGED if name not in LAST]
    samples, passes = [], {}
    for at, task in enumerate(loaded.tasks.values()):
        right = task.prompt + task.canonical_solution
        wrong = f"def {task.entry_point}(*_):\n    return '\\x00 no answer'\n"
        makers = [FORGED[names[(2 * at + i) % len(names)]] for i in range(2)] + [UNTOUCHED["encoded by itself"]] * (at % 8 == 0)
        sources = [(maker(solution, task.entry_point, 99), maker in UNTOUCHED.values() and solution == right)
                   for solution in (right, wrong) for maker in makers]  # fmt: skip
        for number, (source, may) in enumerate(sources):
            samples.append(Sample(task_id=task.task_id, sample_id=number, solution=source))
            passes[task.task_id, number] = may
    with Sandbox(engine, 2, Limits(memory_bytes=1 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS["humaneval"], loaded.tasks, loaded.data_hash, timeout_s=2)
        found = {(s.task_id, s.sample_id): result for s, result, _ in oracle.judge_many(samples)}
    assert not oracle.defects, oracle.defects[0]
    wrong_ones = [(key, r) for key, r in found.items() if r.verdict is None or (r.verdict is Verdict.PASSED) != passes[key]]
    assert len(found) == len(samples) >= 656
    assert not wrong_ones, wrong_ones[:5]
