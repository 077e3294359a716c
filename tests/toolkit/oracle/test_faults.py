"""Planted faults: each costs at most the sample that it hits, and no thread, box or descriptor is left behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sandbox.box
import sandbox.engines.base
import sandbox.engines.docker
import sandbox.pool
from sandbox import BoxLost, DockerEngine, EngineUnavailable, Sandbox
from sandbox.box import Session
from sandbox.wire import codec, frames
from tests.faults import ERRORS, HIT, TASKS, VERDICTS, here, judged, nothing_left, oracle, samples
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.cli import main as cli
from toolkit.oracle import Oracle, expected, table
from toolkit.records import DEFECT, Result, Sample, Verdict
from toolkit.store import run_folder as runs
from toolkit.store.cache import VerdictCache
from toolkit.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("known_here")


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
    plant.at(sandbox.engines.docker.DockerConnection, "receive")


def cache_get(plant: Plant) -> None:
    asked = iter(samples(len(ERRORS)))
    plant.at(VerdictCache, "get", lambda *_: next(asked))


PLACES: dict[str, Callable[[Plant], None]] = {
    "start": start,
    "send": lambda plant: plant.at(sandbox.engines.base.SocketConnection, "send"),
    "hear": lambda plant: plant.at(sandbox.engines.docker.DockerConnection, "receive"),
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


def test_what_is_raised_while_a_result_is_journalled_costs_that_sample_alone(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Through the command line: exit code 70, and a run that goes on as if nothing had been."""
    tasks = dict(list(BENCHMARKS["humaneval"].load(Options()).tasks.items())[:10])
    hit, n = list(tasks)[3], len(ERRORS)
    rows = [{"task_id": t.task_id, "solution": f"{t.prompt}{t.canonical_solution}\n# {i}"} for t in tasks.values() for i in range(n)]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["eval", "humaneval", "--samples", str(file), "--limit", "10", "--timeout", "5", "--no-cache", "--allow-uniform"]
    command += ["--parallel", "2", "--output", str(tmp_path / "run")]
    append = RunFolder.append

    def struck(self: RunFolder, result: Result, facts: Any) -> None:
        if result.task_id == hit:
            raise ERRORS[result.sample_id]("planted")
        append(self, result, facts)

    with monkeypatch.context() as patch, nothing_left(engine):
        patch.setattr(RunFolder, "append", struck)
        done = CliRunner().invoke(cli.app, command)
    found = runs.read(tmp_path / "run")
    errors = {type_: found[hit, i].error or "" for i, type_ in enumerate(ERRORS)}
    assert done.exit_code == 70, done.output
    assert "Traceback" in done.stderr
    assert f"5 of {len(rows)} samples could not be judged because of a defect" in done.stderr
    assert [one for one, said in errors.items() if said == "not judged: planted"] == [OSError, BoxLost, EngineUnavailable]
    assert sum(said.startswith(DEFECT) for said in errors.values()) == 5
    assert sum(result.verdict is Verdict.PASSED for result in found.values()) == len(rows) - n
    assert CliRunner().invoke(cli.app, [*command, "--resume"]).exit_code == 0
    assert [result.verdict for result in runs.read(tmp_path / "run").values()] == [Verdict.PASSED] * len(rows)
