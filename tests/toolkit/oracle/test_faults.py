"""Planted faults: each costs at most the sample that it hits, and no thread, box or descriptor is left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import BoxLost, Engine, EngineUnavailable, Sandbox
from sandbox.box import Session
from sandbox.wire import codec, frames
from tests.faults import ERRORS, HIT, TASKS, VERDICTS, classes, here, judged, nothing_left, oracle, samples
from toolkit.oracle import Oracle, expected, table
from toolkit.records import DEFECT, Sample, Verdict
from toolkit.store.cache import VerdictCache

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.fixture(scope="module")
def engine(either: Engine) -> Engine:
    return either


class Plant:
    """Raises, in ten samples each, another exception at one place while one of the ten is judged.

    Args:
        engine: whose classes are meant where boxes are started, told and heard.
        hit: the task whose samples are hit.
        n: how often each of them is.
        after: so many times nothing is raised first.
    """

    def __init__(self, patch: pytest.MonkeyPatch, engine: Engine, hit: str, n: int = 1, after: int = 0) -> None:
        self.engine, self.connection = classes(engine)
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
    plant.at(plant.engine, "start")


def hear_in_part(plant: Plant) -> None:
    plant.after = dict.fromkeys(plant.after, 1)
    plant.at(plant.connection, "receive")


def cache_get(plant: Plant) -> None:
    asked = iter(samples(len(ERRORS)))
    plant.at(VerdictCache, "get", lambda *_: next(asked))


PLACES: dict[str, Callable[[Plant], None]] = {
    "start": start,
    "send": lambda plant: plant.at(plant.connection, "send"),
    "hear": lambda plant: plant.at(plant.connection, "receive"),
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
    place: str, kind: str, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = VerdictCache(tmp_path) if place.startswith("cache") else None
    plant = Plant(monkeypatch, engine, HIT[kind])
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
    error: type[Exception], pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
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
