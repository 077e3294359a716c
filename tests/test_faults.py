"""Faults, planted and real: each costs at most the sample that it hits, and no thread, box or descriptor is left behind."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sandbox.engine
import sandbox.sandbox
from sandbox import Box, BoxLost, DockerEngine, EngineUnavailable, Limits, Sandbox, codec, frames
from sandbox.box import Session
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.cache import VerdictCache
from toolkit.oracle import Oracle, expected, table
from toolkit.types import DEFECT, Result, Sample, Task, Verdict

SMALL = Limits(memory_bytes=256 << 20, disk_bytes=8 << 20)
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))
TABLE = Task(
    task_id="",
    prompt="def pairs(xs):\n",
    entry_point="pairs",
    canonical_solution="    return [(x, x * x) for x in xs]\n",
    base_inputs=([[1, 2, 3]], [[]]),
    plus_inputs=([[4]],),
)
CHECK = replace(
    TABLE, base_inputs=(), plus_inputs=(), test="def check(candidate):\n    assert candidate([1, 2]) == [(1, 1), (2, 4)]\n"
)
LONG = replace(TABLE, base_inputs=([list(range(8000))],))
TASKS = {f"Own/{n}": replace({3: LONG, 8: CHECK, 9: CHECK}.get(n, TABLE), task_id=f"Own/{n}") for n in range(10)}
HIT = {"table": "Own/3", "check": "Own/8"}
"""Whose samples faults are planted in. The table's are right, but not to the byte, and long: they are fetched and compared."""
RIGHT = TABLE.prompt + TABLE.canonical_solution
SOLUTIONS = dict.fromkeys(TASKS, RIGHT) | {
    "Own/1": "def pairs(xs):\n    return xs\n",
    "Own/2": "def pairs(xs):\n    raise SystemExit(0)\n",
    "Own/3": "def pairs(xs):\n    return [(x, float(x * x)) for x in xs]\n",
    "Own/4": "def pairs(xs:\n",
    "Own/5": "import os\ndef pairs(xs):\n    os._exit(0)\n",
    "Own/9": "def pairs(xs):\n    return xs\n",
}
VERDICTS = dict.fromkeys(TASKS, Verdict.PASSED) | {
    "Own/1": Verdict.WRONG_ANSWER,
    "Own/2": Verdict.RUNTIME_ERROR,
    "Own/4": Verdict.COMPILE_ERROR,
    "Own/5": Verdict.RUNTIME_ERROR,
    "Own/9": Verdict.WRONG_ANSWER,
}
ERRORS: list[type[Exception]] = [
    RuntimeError, StopIteration, MemoryError, KeyError, OSError, frames.ProtocolError, BoxLost, EngineUnavailable,
]  # fmt: skip
here = threading.local()
"""What each thread judges."""


def own_boxes(engine: DockerEngine) -> list[str]:
    """The containers of this process that there are, dead or alive."""
    found = engine.client.api.containers(all=True, filters={"label": "exogate.box"})
    return [one["Id"] for one in found if one["Labels"]["exogate.owner"].split("/")[1] == str(os.getpid())]


@contextlib.contextmanager
def nothing_left(engine: DockerEngine, n_boxes: int = 0, within_s: float = 20.0) -> Iterator[None]:
    """Fail where threads or more than `n_boxes` boxes are there that were not before, or where it took too long."""
    threads, there, begun = set(threading.enumerate()), set(own_boxes(engine)), time.monotonic()
    yield
    assert time.monotonic() - begun < within_s
    assert set(threading.enumerate()) <= threads
    assert len(set(own_boxes(engine)) - there) <= n_boxes


@pytest.fixture(scope="module")
def pool(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two boxes of each role, and the right answers known."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    with nothing_left(engine, within_s=1000), Sandbox(engine, 2, SMALL) as pool:
        assert {result.task_id: result.verdict for result in judged(oracle(pool))} == VERDICTS
        yield pool
    patch.undo()


@pytest.fixture(autouse=True)
def known_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads know what they judge; an engine that has gone is not waited for long."""
    here.sample = None
    real = Oracle.judge

    def judge(self: Oracle, sample: Sample, box: Any) -> Any:
        here.sample = sample
        return real(self, sample, box)

    monkeypatch.setattr(Oracle, "judge", judge)
    monkeypatch.setattr(sandbox.sandbox, "ENGINE_WAIT_S", 0.5)


def oracle(pool: Sandbox, **more: Any) -> Oracle:
    return Oracle(pool, OWN, TASKS, "faults-1", timeout_s=2, **more)


def samples(n: int = 1) -> list[Sample]:
    """Ten samples, `n` times; no two are equal."""
    return [Sample(task_id=t, sample_id=i, solution=f"{source}\n# {i}") for i in range(n) for t, source in SOLUTIONS.items()]


def judged(by: Oracle, n: int = 1) -> list[Result]:
    return [result for _, result, _ in by.judge_many(samples(n))]


# -- one sample of ten -------------------------------------------------------------------------------------------------


class Plant:
    """Raises, in ten samples each, another exception at one place while one of the ten is judged.

    Args:
        hit: the task whose samples are hit.
        n: how often each of them is.
        after: so many times nothing is raised first.
    """

    def __init__(self, patch: pytest.MonkeyPatch, hit: str, n: int = 1, after: int = 0) -> None:
        self.patch, self.hit, self.after = patch, hit, dict.fromkeys(range(len(ERRORS)), after)
        self.left = dict.fromkeys(range(len(ERRORS)), n)

    def strike(self, sample: Sample | None) -> None:
        if sample is None or sample.task_id != self.hit or not self.left[sample.sample_id]:
            return
        self.after[sample.sample_id] -= 1
        if self.after[sample.sample_id] < 0:
            self.left[sample.sample_id] -= 1
            raise ERRORS[sample.sample_id]("planted")

    def at(self, owner: Any, name: str, whose: Callable[..., Sample | None] = lambda *_: here.sample) -> None:
        real = getattr(owner, name)

        def struck(*given: Any, **more: Any) -> Any:
            self.strike(whose(*given))
            return real(*given, **more)

        self.patch.setattr(owner, name, struck)


def start(plant: Plant) -> None:
    judge = Oracle.judge

    def closed_first(self: Oracle, sample: Sample, box: Any) -> Any:
        if sample.task_id == plant.hit:
            box.close()
        return judge(self, sample, box)

    plant.patch.setattr(Oracle, "judge", closed_first)
    plant.at(DockerEngine, "start")


def hear_in_part(plant: Plant) -> None:
    plant.after = dict.fromkeys(plant.after, 1)
    plant.at(sandbox.engine.DockerConnection, "receive")


def cache_get(plant: Plant) -> None:
    asked = iter(samples(len(ERRORS)))
    plant.at(VerdictCache, "get", lambda *_: next(asked))


PLACES: dict[str, Callable[[Plant], None]] = {
    "start": start,
    "send": lambda plant: plant.at(sandbox.engine.SocketConnection, "send"),
    "hear": lambda plant: plant.at(sandbox.engine.DockerConnection, "receive"),
    "hear in part": hear_in_part,
    "fetch": lambda plant: plant.at(Session, "fetch"),
    "decode": lambda plant: plant.at(codec, "split_frames"),
    "compare": lambda plant: plant.at(table, "matches"),
    "right answers": lambda plant: plant.at(expected.Expected, "frames"),
    "cache get": cache_get,
    "cache put": lambda plant: plant.at(VerdictCache, "put"),
}


def means(error: type[Exception], place: str) -> str:
    """What it should mean for a sample that `error` was raised once."""
    if error in (BoxLost, EngineUnavailable):
        return "not judged: planted" if place == "cache get" else "verdict"
    if error is frames.ProtocolError and place in ("send", "hear", "hear in part", "cache get"):
        return "verdict"
    if place.startswith("cache") and error in (OSError, KeyError) and (place, error) != ("cache put", KeyError):
        return "verdict"
    return "not judged: planted" if error is OSError else DEFECT


@pytest.mark.parametrize(
    ("place", "kind"), [*((place, "table") for place in PLACES), ("start", "check"), ("send", "check"), ("hear", "check")]
)
def test_what_is_raised_for_one_sample_costs_no_other(
    place: str, kind: str, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = VerdictCache(tmp_path) if place.startswith("cache") else None
    plant = Plant(monkeypatch, HIT[kind])
    PLACES[place](plant)
    own = oracle(pool, cache=cache)
    with nothing_left(engine, 4):
        found = judged(own, len(ERRORS))
    if cache:
        cache.close()
    assert not any(plant.left.values()), "it was never raised"
    assert len(found) == 10 * len(ERRORS)
    n_defects = 0
    for result in found:
        if result.task_id != plant.hit:
            assert result.verdict is VERDICTS[result.task_id], result
            continue
        meaning = means(ERRORS[result.sample_id], place)
        n_defects += meaning == DEFECT
        assert (result.error or "verdict").startswith(meaning), (meaning, result)
        assert result.error or result.verdict is Verdict.PASSED
    assert len(own.defects) == n_defects
    assert all("planted" in trace and "Traceback" in trace for trace in own.defects)


@pytest.mark.parametrize("error", ERRORS)
def test_right_answers_that_cannot_be_read_cost_their_task_alone(
    error: type[Exception], pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = expected.key_of(TASKS["Own/3"], "faults-1", engine.image_digest())
    real, n_raised = expected.load, 0

    def load(asked: str) -> Any:
        nonlocal n_raised
        if asked == key and n_raised < 2:  # when the order is made, and when it is judged
            n_raised += 1
            raise error("planted")
        return real(asked)

    monkeypatch.setattr(expected, "load", load)
    with nothing_left(engine, 4):
        found = {result.task_id: result for result in judged(oracle(pool))}
    hit = found.pop("Own/3")
    assert n_raised == 2
    assert {result.verdict or result.task_id for result in found.values()} == {*VERDICTS.values()}
    if error in (BoxLost, EngineUnavailable):
        assert hit.verdict is Verdict.PASSED
    else:
        assert (hit.error or "").startswith("not judged: planted" if error is OSError else DEFECT)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("how", ["run", "examine"])
def test_no_program_is_given_what_another_one_did(
    how: str, error: type[Exception], engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation that breaks off leaves answers in the box, and the next program must not get them."""
    real, n_left = sandbox.engine.DockerConnection.receive, 1

    def receive(self: Any, n: int, deadline: float) -> bytes:
        nonlocal n_left
        if getattr(here, "item", None) == 3 and n_left:
            n_left -= 1
            raise error("planted")
        return real(self, n, deadline)

    def act(box: Box, item: int) -> str:
        here.item = item
        if how == "run":
            return box.run(f"print({item})").stdout
        return str(box.examine("compile", [f"def f(a{item}, a{item}): pass"])[0]["error"]["message"])

    def failed(item: int, error: Exception) -> str:
        return f"{type(error).__name__} of {item}"

    monkeypatch.setattr(sandbox.engine.DockerConnection, "receive", receive)
    with nothing_left(engine), Sandbox(engine, 1, SMALL) as pool:
        found = list(pool.map(act, range(10), failed=failed))
    assert n_left == 0
    is_retried = error in (frames.ProtocolError, BoxLost, EngineUnavailable)
    assert found[:3] + found[4:] == [found[0].replace("0", str(n)) for n in range(10) if n != 3]
    assert found[3] == (found[0].replace("0", "3") if is_retried else f"{error.__name__} of 3")
