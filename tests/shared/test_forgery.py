"""No frame can be forged: every table task of HumanEval+ and MBPP+, its right solution and a wrong one, with a tampered channel."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from tests.tamper import FORGED, UNTOUCHED
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.records import Sample, Table, Task, Verdict

pytestmark = pytest.mark.timeout(1800)
DATA = {"humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz"}
EACH = 3
"""Tamperings of each task's right solution, and of the wrong one; every sixteenth task's are left as they are."""


def programs(tasks: list[Task]) -> Iterator[tuple[Sample, bool | None]]:
    """Give samples, and whether each must pass; None where a right solution that nobody touched is slow."""
    names, free = cycle(FORGED), cycle(UNTOUCHED)
    for at, task in enumerate(tasks):
        right = task.prompt + task.canonical_solution
        wrong = f"def {task.entry_point}(*_):\n    return '\\x00 no answer'\n"
        n_calls = len(task.tests_as(Table).calls)
        number = 0
        for solution in (right, wrong):
            for _ in range(EACH):
                source = FORGED[next(names)](solution, task.entry_point, n_calls)
                yield Sample(task_id=task.task_id, sample_id=number, solution=source), False
                number += 1
            if at % 16 == 0:
                source = UNTOUCHED[next(free)](solution, task.entry_point, n_calls)
                yield Sample(task_id=task.task_id, sample_id=number, solution=source), solution == right
                number += 1
    for at, task in enumerate(tasks):
        if at % 16 == 1:  # in the boxes that all of those have left
            yield Sample(task_id=task.task_id, sample_id=99, solution=task.prompt + task.canonical_solution), True


@pytest.mark.parametrize("name", DATA)
def test_no_pass_is_forged(name: str, engine: DockerEngine, shared: Path) -> None:
    loaded = BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name]))
    expected = {(sample.task_id, sample.sample_id): (sample, passes) for sample, passes in programs(list(loaded.tasks.values()))}
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS[name], loaded.tasks, loaded.data_hash, timeout_s=2)
        found = {(s.task_id, s.sample_id): result for s, result, _ in oracle.judge_many(s for s, _ in expected.values())}
    assert not oracle.defects, oracle.defects[0]
    assert found.keys() == expected.keys()
    wrong = []
    for key, result in found.items():
        _, passes = expected[key]
        is_well = result.verdict is not None and result.base is not None and result.plus is not None
        if not is_well or (result.verdict is Verdict.PASSED) != passes:
            wrong.append((key, result))
    print(f"{len(found)} programs of {name}, {len(wrong)} judged otherwise than they must be")
    assert not wrong, wrong[:5]
