"""No frame can be forged where a test calls the program through the host: all tasks of HumanEval, a few tamperings each."""

import random

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from tests.tamper import ALL, CHANGES, SEED, SLOW, SWAPPED, Tampered, surprises, tampered
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.records import Check

EACH = 2


@pytest.mark.timeout(300)
def test_no_pass_is_forged(engine: DockerEngine) -> None:
    loaded = BENCHMARKS["humaneval"].load(Options())
    rng, programs = random.Random(SEED), list[Tampered]()
    names = [name for name in ALL if name not in SLOW]
    for task in loaded.tasks.values():
        lines = task.tests_as(Check).source.splitlines()
        n_calls = sum("candidate(" in line.partition("#")[0] for line in lines)  # in a loop, there are more
        may = dict.fromkeys(SWAPPED, None) if n_calls == 1 else {change: None if "before" in change else True for change in CHANGES}
        at = rng.choice([n_calls, rng.randint(1, n_calls)])
        kinds = ("right", "wrong")  # a single assert may take any true value
        programs += tampered(task, task.entry_point, rng.sample(names, EACH), at, kinds=kinds, is_same=n_calls == 1, swapped=may)
    with Sandbox(engine, 2, Limits(memory_bytes=1 << 30)) as pool:
        found = surprises(Oracle(pool, BENCHMARKS["humaneval"], loaded.tasks, loaded.data_hash, timeout_s=2), programs)
    assert len(programs) == 2 * EACH * len(loaded.tasks)
    assert not found, "\n".join(found[:5])
