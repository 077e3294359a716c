"""No frame can be forged on any table task of HumanEval+ and MBPP+: right solutions and wrong ones, with a tampered channel.

All tamperings are made on four tasks; on each of the others, a few. Most of these keep a few of their calls, one in twelve all,
and with TOOLKIT_ALL_SAMPLES each of them; TOOLKIT_SEED chooses.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from sandbox.wire.environment import variable
from tests.tamper import ALL, CHANGES, FORGED, SEED, SLOW, Tampered, is_right, surprises, tampered, wrongs
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.records import Table, Task

pytestmark = pytest.mark.timeout(1800)
DATA = {"humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz"}
WHOLE = {"Mbpp/255", "Mbpp/252", "Mbpp/261", "HumanEval/21"}
"""Passes were forged here once: an answer known by its digest alone, and arrays of no elements."""
CUT: dict[str, tuple[int, ...]] = {"Mbpp/255": (0, 1, 2, 3, 99)}
"""Calls that are left of a task whose solution takes half a minute, the last of them with an answer too long to keep."""
EACH = 3
SHARE = 1 if variable("ALL_SAMPLES") else 12
"""Of the other tasks, one in so many keeps all its calls."""
FEW = 6
"""Calls that are left of the rest."""


def cut(task: Task, rng: random.Random) -> Task:
    calls = task.tests_as(Table).calls
    kept = CUT.get(task.task_id, ())
    if task.task_id not in WHOLE and rng.random() >= 1 / SHARE:
        kept = tuple(sorted(rng.sample(range(len(calls)), min(FEW, len(calls)))))
    few = [calls[at] for at in kept]
    return replace(task, tests=replace(task.tests_as(Table), base=few[:3], plus=few[3:])) if few else task


def programs(oracle: Oracle, rng: random.Random) -> Iterator[Tampered]:
    others = [name for name in ALL if name not in SLOW]
    left = [name for name in oracle.tasks if name not in WHOLE]
    for name in [*sorted(WHOLE & oracle.tasks.keys()), *left]:
        task = oracle.tasks[name]
        n_calls, names = len(task.tests_as(Table).calls), list(ALL) if name in WHOLE else rng.sample(others, EACH)
        with oracle.pool.box() as box:
            unkept = [chunk.first + chunk.n_calls for chunk in oracle.rules.answers.of(task, box).chunks if not chunk.n_bytes]
            assert name not in CUT or unkept == [n_calls]
            is_same = bool(unkept) or n_calls == 1 or is_right(oracle.rules, task, box, "the frame before")
            swapped = {one: None if is_right(oracle.rules, task, box, one) else False for one in CHANGES if one in names}
            at = unkept[0] if unkept else rng.choice([n_calls, rng.randint(1, n_calls)])
            kinds = ["right", *wrongs(oracle.rules, task, box, at)]
        yield from tampered(task, task.entry_point, names, at, kinds=kinds, is_same=is_same, swapped=swapped)


@pytest.mark.parametrize("name", DATA)
def test_no_pass_is_forged(name: str, engine: DockerEngine, shared: Path) -> None:
    loaded = BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name]))
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        rng = random.Random(SEED)
        tasks = {key: cut(task, rng) for key, task in loaded.tasks.items()}
        oracle = Oracle(pool, BENCHMARKS[name], tasks, f"{loaded.data_hash} {CUT} {SHARE} {SEED}", timeout_s=2)
        tried = list(programs(oracle, rng))
        found = surprises(oracle, tried)
    n_tasks = len({one.task_id for one in tried})
    print(f"TOOLKIT_SEED={SEED}: {len(tried)} programs of {n_tasks} tasks of {name}, {len(found)} judged otherwise than they must be")
    assert n_tasks == len(tasks)
    assert len({one.about for one in tried}) > len(FORGED)
    assert not found, "\n".join(found[:5])
