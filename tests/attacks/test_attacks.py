"""No attack on asserts, standard input or test classes passes or stays unscored, and a right program after each passes.

Some are tried, by TOOLKIT_SEED; with TOOLKIT_ALL_SAMPLES all of them, in one box, on every engine.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox import ENGINES, DockerEngine, Engine, Limits, Sandbox
from sandbox.wire.environment import variable
from tests.attacks import (
    APART_TASKS,
    CALL_TASKS,
    CALLED,
    PRINT_TASKS,
    PRINTED,
    SHARED_TASKS,
    WITHIN_REACH,
    Attack,
    calls,
    prints,
    shared_calls,
)
from tests.conftest import opened
from tests.tamper import SEED
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.oracle import Oracle, unittests
from toolkit.records import Result, Sample, Task, Verdict, label

ALL = bool(variable("ALL_SAMPLES"))
LIMITS = Limits(memory_bytes=512 << 20, disk_bytes=32 << 20)
MARK = "def check(candidate)"
"""What a thief looks for."""
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))
SHARED = "test classes, shared"
KINDS = {
    "asserts": (CALL_TASKS, calls, CALLED, 3), "standard input": (PRINT_TASKS, prints, PRINTED, 3),
    "test classes": (APART_TASKS, calls, CALLED, 33), SHARED: (SHARED_TASKS, shared_calls, CALLED, 33),
}  # fmt: skip
"""Of each kind of tests: tasks, attacks, a right program, and every which attack is tried at each landing."""
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(autouse=True)
def as_quick_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test classes may take longer than other tests, for what they import and draw; these do neither."""
    monkeypatch.setattr(unittests, "LOAD_S", 2.0)
    monkeypatch.setattr(unittests, "SLOW", 1.0)


def judged(engine: Engine, tasks: dict[str, Task], attacks: list[Attack], right: str, n_boxes: int) -> list[str]:
    """Judge attacks, each before a right program; say what was judged otherwise than it must be."""
    samples: list[Sample] = []
    wanted: list[tuple[str, bool]] = []
    names = list(tasks)
    for n, attack in enumerate(attacks):
        task_id = names[(n + SEED) % len(names)]
        for time, (about, source, passes) in enumerate([(attack.about, attack.source, attack.passes)] * (1 + attack.is_twice) + [(f"right, after {attack.about}", right, True)]):
            samples.append(Sample(task_id=task_id, sample_id=len(samples), solution=f"{source}\n# {n} {time}"))
            wanted.append((about, passes))
    results: dict[int, Result] = {}
    with Sandbox(engine, n_boxes, LIMITS) as pool:
        oracle = Oracle(pool, OWN, tasks, "attacks-1", timeout_s=1)
        for _ in range(4):  # a machine with much else to do leaves a program that needs all of its second unscored
            left = [sample for sample in samples if sample.sample_id not in results]
            results |= {sample.sample_id: result for sample, result, _ in oracle.judge_many(left) if "too busy" not in (result.error or "")}
    assert not oracle.defects, oracle.defects[0]
    return [
        f"TOOLKIT_SEED={SEED}: {sample.task_id}: {about}: {results.get(sample.sample_id)}"
        for sample, (about, passes) in zip(samples, wanted, strict=True)
        if not (result := results.get(sample.sample_id)) or result.verdict is None or (result.verdict is Verdict.PASSED) != passes
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_enough_attacks(kind: str) -> None:
    attacks = KINDS[kind][1]()
    assert len({attack.about for attack in attacks}) == len({attack.source for attack in attacks}) == len(attacks)
    assert sum(not attack.passes for attack in attacks) >= 60


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != SHARED])
def test_what_is_within_reach_is_found(kind: str, engine: DockerEngine) -> None:
    """Thieves win where the answers are in their process: that they find nothing elsewhere means something."""
    tasks, made, *_ = KINDS[kind]
    (task,) = [replace(task, tests=replace(task.tests, before=f"{task.tests.before}\n_near = [{MARK!r}]\n")) for task in list(tasks.values())[:1]]
    thieves = [attack for attack in made() if attack.about.startswith(("steals: frames", "steals: all objects", "steals: its own memory"))]
    samples = [Sample(task_id=task.task_id, sample_id=n, solution=attack.source) for n, attack in enumerate(thieves)]
    with Sandbox(engine, 1, LIMITS) as pool:
        found = [result for _, result, _ in Oracle(pool, OWN, {task.task_id: task}, "attacks-1", timeout_s=2).judge_many(samples)]
    assert [result.verdict for result in found] == [Verdict.PASSED] * 3, found


def test_what_a_thief_finds_in_a_shared_process_is_marked(engine: DockerEngine) -> None:
    thieves = [attack for attack in calls() if attack.about.startswith(WITHIN_REACH)]
    samples = [Sample(task_id="Methods", sample_id=n, solution=attack.source) for n, attack in enumerate(thieves)]
    with Sandbox(engine, 1, LIMITS) as pool:
        found = [result for _, result, _ in Oracle(pool, OWN, SHARED_TASKS, "attacks-1", timeout_s=2).judge_many(samples)]
    assert [(result.verdict, result.shared, label(result.verdict, result.shared, False)) for result in found] == [(Verdict.PASSED, True, None)], found


@pytest.mark.skipif(ALL, reason="all of them are tried, on every engine")
@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_passes(kind: str, engine: DockerEngine) -> None:
    tasks, made, right, every = KINDS[kind]
    found = judged(engine, tasks, made()[SEED % every :: every], right, 2)
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    with opened("attached", n_run=2, memory="1g", disk="32m") as engine:
        yield engine


@pytest.mark.boxes
@pytest.mark.skipif(ALL, reason="all of them are tried, on every engine")
@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_passes_in_boxes_that_others_have_used(kind: str, running: Engine) -> None:
    """A few of them, and of the other kinds in the same two boxes before: whoever starts boxes may keep them for days."""
    tasks, made, right, every = KINDS[kind]
    few = 8 * every if every < 10 else 3 * every
    found = judged(running, tasks, made()[SEED % few :: few], right, 1)
    assert not found, "\n".join(found)


@pytest.fixture(scope="module", params=sorted(ENGINES))
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with opened(request.param, n_run=2, memory="1g", disk="32m") as engine:
        yield engine


@pytest.mark.boxes
@pytest.mark.skipif(not ALL, reason="every attack on every engine: make check-long")
@pytest.mark.parametrize("kind", KINDS)
def test_no_attack_passes_on_any_engine(kind: str, own: Engine) -> None:
    tasks, made, right, _ = KINDS[kind]
    attacks = made(whole=True)
    found = judged(own, tasks, attacks, right, 1)
    print(f"{kind}: {len(attacks)} attacks, each followed by a right program: {len(found)} judged otherwise than they must be")
    assert not found, "\n".join(found)
