"""Faults, planted and real: each costs at most the sample that it hits, and no thread, box or descriptor is left behind."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sandbox.engine
import sandbox.sandbox
from gates import Corpus, Solution, parse
from sandbox import Box, BoxLost, BoxOutOfMemory, DockerEngine, EngineUnavailable, Limits, Sandbox, Starved, codec, frames
from sandbox.box import Session
from toolkit import cli, runs
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.cache import VerdictCache
from toolkit.oracle import Oracle, expected, table
from toolkit.runs import RunFolder
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


# -- whose doing it is that a box is lost ------------------------------------------------------------------------------


def judge(by: Oracle, kind: str, source: str = RIGHT) -> Result:
    ((_, result, _),) = by.judge_many([Sample(task_id=HIT[kind], sample_id=0, solution=source)])
    assert not by.defects, by.defects[0]
    return result


def often(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception, n: int = 1 << 30) -> list[int]:
    """Raise in a method, the first `n` times that it is called; returns one item for each time."""
    real, times = getattr(owner, name), list[int]()

    def struck(*given: Any, **more: Any) -> Any:
        if len(times) < n:
            times.append(len(times))
            raise error
        return real(*given, **more)

    monkeypatch.setattr(owner, name, struck)
    return times


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("error", [BoxLost("gone"), Starved("busy")], ids=["lost", "starved"])
def test_a_box_that_is_lost_once_is_replaced(
    kind: str, error: Exception, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", error, 1)
    with nothing_left(engine, 4):
        assert judge(oracle(pool), kind).verdict is Verdict.PASSED
    assert times


@pytest.mark.parametrize("kind", HIT)
def test_a_box_that_is_lost_twice_while_a_known_program_runs_is_the_programs_doing(
    kind: str, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", BoxLost("gone"))
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.base, result.detail) == (
        Verdict.RUNTIME_ERROR, Verdict.RUNTIME_ERROR, "its box did not survive it, twice",
    )  # fmt: skip
    assert result.plus == (Verdict.RUNTIME_ERROR if kind == "table" else None)
    assert len(times) == 2


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize(("error", "n_tried"), [(BoxLost("gone"), 1), (Starved("busy"), 3)], ids=["lost", "starved"])
def test_what_happens_to_a_known_program_too_is_no_verdict(
    kind: str, error: Exception, n_tried: int, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", error)
    known = often(monkeypatch, Box, "run", error)
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.error) == (None, f"not judged: {error}")
    assert (len(times), len(known)) == (n_tried, 3 if n_tried == 1 else 0)


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("error", [BoxLost("gone"), BoxOutOfMemory("no room")], ids=["lost", "memory"])
def test_a_box_that_never_came_up_is_held_against_no_program(
    kind: str, error: Exception, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known program runs; it is the box of the program, or of its test, that does not start, each time."""
    real, n_started = Box.hear, 0

    def hear(self: Box, op: str, *more: Any) -> Any:
        nonlocal n_started
        if op == "ready" and here.sample is not None:
            n_started += 1
            if kind == "table" or n_started % 2 == 0:
                raise error
        return real(self, op, *more)

    with pool.box("run", "test") as other, pool.box() as one, pool.box() as two:
        for box in (one, two, *[other] * (kind == "check")):
            box.close()
        with pool.box("run", "test") as last:
            last.close()
    monkeypatch.setattr(Box, "hear", hear)
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.error) == (None, f"not judged: {error}")
    assert n_started == (3 if kind == "table" else 6)


def test_a_map_is_told_of_a_program_that_its_box_does_not_survive(pool: Sandbox, engine: DockerEngine) -> None:
    def act(box: Box, item: int) -> str:
        if item == 3:
            raise BoxLost("gone")
        return box.run(f"print({item})").stdout

    def failed(item: int, error: Exception) -> str:
        return f"{type(error).__name__} {item}"

    with nothing_left(engine, 4):
        found = list(pool.map(act, range(6), failed=failed))
    assert found == ["0\n", "1\n", "2\n", "BoxDestroyed 3", "4\n", "5\n"]


def test_gates_refuse_what_its_box_does_not_survive_twice(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ten; and whatever else is raised ends the run, with nothing left."""
    codes = [f"def double{i}(x):\n    return x + x\n" for i in range(10)]
    programs = [Solution(code=code, test=f"assert double{i}(2) == 4") for i, code in enumerate(codes)]
    corpus = Corpus(items=(("other", "print(1)", "print(1)"),))
    kinds = ["compile", "import", "tests", "decontaminate"]
    real, n_left, error = Box.tell, 0, BoxLost("gone")

    def tell(self: Box, header: Any, payload: bytes = b"") -> None:
        nonlocal n_left
        if n_left and b"double3" in payload:
            n_left -= 1
            raise error
        real(self, header, payload)

    monkeypatch.setattr(Box, "tell", tell)
    with nothing_left(engine), Sandbox(engine, 2) as pool:
        for kind in kinds:
            gates = parse(kind, given={"corpus": corpus})
            for n_left, is_refused in ((1, False), (9, True)):  # noqa: B007
                reports = [one for (one,) in gates.check_many(programs, pool)]
                assert [report.passed for report in reports] == [i != 3 or not is_refused for i in range(10)], kind
            assert [one.message for one in reports[3].findings] == ["its box did not survive it, twice"]
    n_left, error = 1, StopIteration("planted")  # type: ignore[assignment]
    with nothing_left(engine), Sandbox(engine, 2) as pool, pytest.raises((StopIteration, RuntimeError)):
        list(parse("import").check_many(programs, pool))
