"""Faults, planted and real: each costs at most the sample that it hits, and no thread, box or descriptor is left behind."""

import contextlib
import copy
import fcntl
import gc
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from typer.testing import CliRunner

import sandbox.box
import sandbox.engines.base
import sandbox.engines.docker
import sandbox.pool
from gates import Corpus, Solution, parse
from sandbox import (
    ENGINES,
    Box,
    BoxLost,
    BoxNotStarted,
    BoxOutOfMemory,
    DockerEngine,
    EngineUnavailable,
    Limits,
    Sandbox,
    Starved,
    Status,
    recipes,
)
from sandbox.box import Session
from sandbox.engines import attached
from sandbox.engines.attached import AttachedConnection
from sandbox.pool import TRIES
from sandbox.wire import codec, frames
from tests.conftest import opened
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.cli import main as cli
from toolkit.commands.evaluate import Settings, evaluate
from toolkit.oracle import Oracle, Refused, canary, expected, table
from toolkit.oracle.canary import PROGRAMS
from toolkit.oracle.findings import Finding
from toolkit.records import DEFECT, Check, Result, Sample, Table, Task, Verdict
from toolkit.store import run_folder as runs
from toolkit.store.cache import VerdictCache
from toolkit.store.run_folder import RunFolder

SMALL = Limits(memory_bytes=256 << 20, disk_bytes=8 << 20)
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))
TABLE = Task(
    task_id="",
    prompt="def pairs(xs):\n",
    entry_point="pairs",
    canonical_solution="    return [(x, x * x) for x in xs]\n",
    tests=Table(base=([[1, 2, 3]], [[]]), plus=([[4]],)),
)
CHECK = replace(
    TABLE, tests=Check(source="def check(candidate):\n    assert candidate([1, 2]) == [(1, 1), (2, 4)]\n")
)
LONG = replace(TABLE, tests=Table(base=([list(range(8000))],), plus=([[4]],)))
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
    monkeypatch.setattr(sandbox.pool, "ENGINE_WAIT_S", 0.5)


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


@pytest.mark.parametrize("error", [MemoryError, OSError, BoxLost])
@pytest.mark.parametrize("how", ["run", "examine"])
def test_no_program_is_given_what_another_one_did(
    how: str, error: type[Exception], engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation that breaks off leaves answers in the box, and the next program must not get them."""
    real, n_left = sandbox.engines.docker.DockerConnection.receive, 1

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

    monkeypatch.setattr(sandbox.engines.docker.DockerConnection, "receive", receive)
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
@pytest.mark.parametrize(("error", "n_tried"), [(BoxLost("gone"), 1), (Starved("busy"), TRIES)], ids=["lost", "starved"])
def test_what_happens_to_a_known_program_too_is_no_verdict(
    kind: str, error: Exception, n_tried: int, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", error)
    known = often(monkeypatch, Box, "run", error)
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.error) == (None, f"not judged: {error}")
    assert (len(times), len(known)) == (n_tried, TRIES if n_tried == 1 else 0)


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
    assert n_started == (TRIES if kind == "table" else 2 * TRIES)


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


# -- boxes that really go ----------------------------------------------------------------------------------------------

SLOW = f"import time\ntime.sleep(0.4)\n{RIGHT}"
DESTROYER = f"""
import os, sys
for fd in (3, 4): os.set_inheritable(fd, True)
os.execv(sys.executable, ["python3", "-c", '''
import os
open("/proc/self/oom_score_adj", "w").write("0")
os.write(4, b"L" + bytes(4))
held = []
while True:
    held.append(os.memfd_create("held"))
    for _ in range(7): os.write(held[-1], bytes(8 << 20))
'''])
{RIGHT}
"""
"""Holds its memory where no process has it mapped, so that the kernel ends the box's supervisor, or its zygote, for it."""


@pytest.fixture(scope="module", params=sorted(ENGINES))
def real(request: pytest.FixtureRequest, pool: Sandbox) -> Iterator[Oracle]:
    """An oracle with one box of each role, of either engine."""
    with opened(request.param, n_run=3, disk="64m") as engine, Sandbox(engine, 1, replace(SMALL, disk_bytes=64 << 20)) as own:
        yield oracle(own)


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("n", [1, 2])
def test_a_box_that_is_killed_from_outside(
    kind: str, n: int, real: Oracle, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: the verdict is as usual. Twice, under the same program: that counts as its doing."""
    calls, killed = Box.calls, list[str]()

    @contextlib.contextmanager
    def killing(self: Box, *given: Any, **more: Any) -> Iterator[Session]:
        with calls(self, *given, **more) as session:
            if len(killed) < n:
                assert self._connection
                killed.append(self._connection.name.removeprefix("run."))
                engine.client.api.kill(killed[-1])
                if self._connection.name != killed[-1]:  # that of a service, whose starter brings it back
                    engine.client.api.start(killed[-1])
            yield session

    with monkeypatch.context() as patch:
        patch.setattr(Box, "calls", killing)
        result = judge(real, kind, SLOW)
    assert result.verdict is (Verdict.PASSED if n == 1 else Verdict.RUNTIME_ERROR), result
    assert len(killed) == n
    assert judge(real, kind).verdict is Verdict.PASSED


@pytest.mark.parametrize("kind", HIT)
def test_a_program_that_destroys_its_box_has_a_verdict(kind: str, real: Oracle) -> None:
    """Which one is the kernel's choice: where it ended the supervisor of an attached box, nobody can say what for."""
    result = judge(real, kind, DESTROYER)
    details = {Verdict.MEMORY_LIMIT: "the whole box ran out of memory", Verdict.RUNTIME_ERROR: "its box did not survive it, twice"}
    assert result.detail == details[result.verdict or Verdict.PASSED], result
    assert judge(real, kind).verdict is Verdict.PASSED


def test_a_gate_refuses_a_program_that_destroys_its_box(real: Oracle) -> None:
    programs = [Solution(code=RIGHT), Solution(code=DESTROYER), Solution(code=RIGHT + "\n")]
    assert [one.passed for (one,) in parse("import").check_many(programs, real.pool)] == [True, False, True]


def test_what_a_program_may_do_to_its_own_oom_score_does_no_harm(real: Oracle) -> None:
    """It may be lowered to what the supervisor has. A program that uses memory as programs do is still the one that is ended."""
    anew = "import os, sys\nos.execv(sys.executable, ['python3', '-c', '''{}'''])"
    lowered = 'open("/proc/self/oom_score_adj", "w").write("0")\nprint("lowered", flush=True)\n'
    below = 'open("/proc/self/oom_score_adj", "w", buffering=1).write("-1\\\\n")'
    with real.pool.box() as box:
        limits = replace(box.limits, charged_s=10)
        assert box.run(anew.format(lowered), limits=limits).stdout == "lowered\n"
        assert "PermissionError" in box.run(anew.format(below), limits=limits).stderr
        n_started = box.n_started
        found = box.run(anew.format(lowered + 'x = b"x" * (1 << 30)'), limits=limits)
        assert (found.status, found.stdout) == (Status.MEMORY_EXCEEDED, "lowered\n")
        assert box.run("print(1)").stdout == "1\n"
        assert box.n_started == n_started


def test_sync_is_without_effect(real: Oracle) -> None:
    """The whole machine would wait for it."""
    source = (
        "import ctypes, os\nopen('dirty', 'wb').write(bytes(1 << 20))\nfor _ in range(50_000): os.sync()\n"
        "libc = ctypes.CDLL(None, use_errno=True)\nprint(libc.syncfs(os.open('.', 0)), ctypes.get_errno())"
    )
    with real.pool.box() as box:
        found = box.run(source, limits=replace(box.limits, charged_s=5, cpu_s=5))
    assert found.stdout == "0 0\n", found


# -- interrupted -------------------------------------------------------------------------------------------------------

ENDLESS = "def pairs(xs):\n    while True: pass\n"


def soon(seconds: float) -> float:
    """Seconds on the wall that something which takes `seconds` may take on a machine that others use as well."""
    return seconds * max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


@contextlib.contextmanager
def interrupted(engine: DockerEngine, *, is_closed: bool = True) -> Iterator[tuple[Oracle, Iterator[Any], list[float]]]:
    """Give an oracle, what it judges (one right program and many endless ones), and where to note when it was interrupted."""
    at: list[float] = []
    many = [Sample(task_id=task, sample_id=i, solution=f"{ENDLESS}\n# {i}") for i in range(10) for task in HIT.values()]
    with nothing_left(engine, within_s=30):
        with Sandbox(engine, 2, SMALL) as own:
            by = Oracle(own, OWN, TASKS, "faults-1", timeout_s=60)
            yield by, by.judge_many([Sample(task_id="Own/3", sample_id=99, solution=RIGHT), *many]), at
            if not is_closed:
                assert time.monotonic() - at[0] < soon(2)
                assert judge(by, "check").verdict is judge(by, "table").verdict is Verdict.PASSED
                return
        assert time.monotonic() - at[0] < soon(2)


def test_a_consumer_that_raises_ends_what_runs(pool: Sandbox, engine: DockerEngine) -> None:
    """The pool is as good as before."""

    def consume(by: Oracle, judging: Iterator[Any], at: list[float]) -> None:
        for _, result, _ in judging:
            assert result.verdict is Verdict.PASSED
            time.sleep(0.5)
            at.append(time.monotonic())
            raise KeyboardInterrupt

    with interrupted(engine, is_closed=False) as given:
        with contextlib.suppress(KeyboardInterrupt):
            consume(*given)
        given[1].close()  # type: ignore[attr-defined]


def test_ctrl_c_while_results_are_waited_for(pool: Sandbox, engine: DockerEngine) -> None:
    with interrupted(engine) as (_, judging, at):
        assert next(judging)[1].verdict is Verdict.PASSED

        def interrupt() -> None:
            at.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

        timer = threading.Timer(0.5, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(judging)
        timer.join()


def test_a_pool_that_is_closed_in_the_middle(pool: Sandbox, engine: DockerEngine) -> None:
    """Every sample has an error; none is begun in a new box."""
    with interrupted(engine) as (by, judging, at):
        assert next(judging)[1].verdict is Verdict.PASSED

        def close() -> None:
            at.append(time.monotonic())
            by.pool.close()

        timer = threading.Timer(0.5, close)
        timer.start()
        results = [result for _, result, _ in judging]
        timer.join()
    assert len(results) == 20
    assert all((result.error or "").startswith("not judged: ") for result in results)


def test_ctrl_c_in_a_run(pool: Sandbox, engine: DockerEngine, tmp_path: Path) -> None:
    first = BENCHMARKS["humaneval"].load(Options()).tasks["HumanEval/0"]
    programs = [first.prompt + first.canonical_solution, *["while True: pass"] * 3]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"task_id": f"HumanEval/{i}", "solution": it}) + "\n" for i, it in enumerate(programs)))
    at: list[float] = []

    def advance(what: str, n: int, *_: Any) -> None:
        if what == "humaneval" and n:
            at.append(time.monotonic())
            raise KeyboardInterrupt

    settings = Settings(benchmark="humaneval", samples=file, timeout_s=60, limit=4, use_cache=False, output=tmp_path / "run")
    with nothing_left(engine, within_s=30):
        outcome = evaluate(settings, advance)
        assert time.monotonic() - at[0] < soon(2)
    assert outcome.interrupted
    assert outcome.summary["interrupted"] == "1 of 4 samples were judged"


# -- a map, and the canaries -------------------------------------------------------------------------------------------


def test_results_come_as_they_are_complete(pool: Sandbox, engine: DockerEngine) -> None:
    late = threading.Event()

    def act(_: Box, item: int) -> int:
        if item == 0:
            assert late.wait(20)
        return item

    with nothing_left(engine, 4):
        found = []
        for item in pool.map(act, range(12), is_ordered=False):
            found.append(item)
            if len(found) == 11:
                late.set()
        assert found[-1] == 0
        assert sorted(found) == list(range(12))
        assert list(pool.map(act, range(12))) == list(range(12))


@pytest.mark.parametrize("is_ordered", [False, True])
def test_failed_keeps_what_one_item_raises_from_the_others(is_ordered: bool, pool: Sandbox, engine: DockerEngine) -> None:
    def act(_: Box, item: int) -> str:
        if item % 4 == 3:
            raise ERRORS[item // 4]("planted")
        return str(item)

    def failed(item: int, error: Exception) -> str:
        return f"{item} {type(error).__name__}"

    n = 4 * (len(ERRORS) - 2)
    wanted = [f"{i} {ERRORS[i // 4].__name__}" if i % 4 == 3 else str(i) for i in range(n)]
    with nothing_left(engine, 4):
        found = list(pool.map(act, range(n), is_ordered=is_ordered, failed=failed))
    assert found == wanted if is_ordered else sorted(found) == sorted(wanted)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_a_failed_that_raises_ends_the_map(is_ordered: bool, engine: DockerEngine) -> None:
    begun = []

    def act(box: Box, item: int) -> str:
        begun.append(item)
        if item == 3:
            raise ValueError("planted")
        return box.run(f"print({item})").stdout

    def failed(_: int, error: Exception) -> str:
        raise error

    with nothing_left(engine), Sandbox(engine, 1, SMALL) as own:
        with pytest.raises(ValueError, match="planted"):
            list(own.map(act, range(1000), is_ordered=is_ordered, failed=failed))
        assert len(begun) < 10
        with pytest.raises(BoxLost, match="closed"):
            next(own.map(act, range(4)))


def test_the_canaries_change_nothing_and_ask_for_each_kind_of_test(
    pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = Oracle.findings, list[tuple[str, str]]()

    def findings(self: Oracle, task: Task, *given: Any, **more: Any) -> Any:
        found = real(self, task, *given, **more)
        asked.append((task.task_id, found[0].verdict))
        return found

    def attributes() -> dict[str, Any]:
        rules = {field.name: getattr(by.rules, field.name) for field in fields(by.rules)}
        every = vars(by) | rules | vars(by.rules.answers)
        shared = ("pool", "_lock", "rules", "answers", "engine")
        return copy.deepcopy({name: it for name, it in every.items() if name not in shared})

    monkeypatch.setattr(Oracle, "findings", findings)
    by = oracle(pool)
    before, known = attributes(), ["compile_error", "passed", "runtime_error", "time_limit", "wrong_answer"]
    with nothing_left(engine, 4):
        canary(by)
    assert sorted(asked) == [(f"canary/{kind}", verdict) for kind in ("check", "table") for verdict in known]
    assert attributes() == before
    for name, kind in (("Own/0", "table"), ("Own/8", "check")):
        asked.clear()
        by.tasks = {name: TASKS[name]}
        monkeypatch.setattr(
            Oracle, "findings",
            lambda _, task, source, *__: asked.append((task.task_id, source)) or (Finding(known_as(source)), None),
        )  # fmt: skip
        canary(by)
        assert sorted(asked) == sorted((f"canary/{kind}", source) for source in PROGRAMS.values())


def known_as(source: str) -> Verdict:
    (verdict,) = (verdict for verdict, program in PROGRAMS.items() if program == source)
    return verdict


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("wanted", PROGRAMS)
def test_one_canary_that_is_judged_otherwise_refuses_the_oracle(
    kind: str, wanted: Verdict, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings(_: Oracle, task: Task, solution: str, *__: Any) -> tuple[Finding, None]:
        known = known_as(solution)
        is_other = known is wanted and task.task_id == f"canary/{kind}"
        return Finding(next(v for v in Verdict if v is not known) if is_other else known), None

    monkeypatch.setattr(Oracle, "findings", findings)
    with nothing_left(engine, 4), pytest.raises(Refused, match=f"canary/{kind}: a program known to be {wanted} was judged"):
        canary(oracle(pool))


def test_a_comparison_that_takes_anything_refuses_the_oracle(pool: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "matches", lambda *_: True)
    with pytest.raises(Refused, match="known to be wrong_answer was judged passed"):
        canary(oracle(pool))


# -- what a host has only so much of -----------------------------------------------------------------------------------


class Api:
    """What a Docker engine answers, with real sockets."""

    def __init__(self) -> None:
        self.n = 0
        self.running = dict[str, list[str]]()
        self.is_gone = False

    def version(self, **_: Any) -> dict[str, str]:
        return {"ApiVersion": "1.41"}

    def create_host_config(self, **given: Any) -> dict[str, Any]:
        return given

    def create_container(self, _: str, *, command: list[str], labels: dict[str, str], **__: Any) -> dict[str, Any]:
        self.n += 1
        self.running[str(self.n)] = command
        return {"Id": str(self.n), "Warnings": []}

    def attach_socket(self, _: str, **__: Any) -> socket.socket:
        return socket.socket(socket.AF_UNIX)

    def start(self, _: str) -> None:
        if self.is_gone:
            raise docker.errors.APIError("gone")

    def remove_container(self, name: str, **_: Any) -> None:
        if self.is_gone:
            raise docker.errors.APIError("gone")
        self.running.pop(name, None)

    def containers(self, **_: Any) -> list[Any]:
        if self.is_gone:
            raise docker.errors.APIError("gone")
        return []


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DockerEngine, Api]]:
    """An engine with nothing behind it."""
    api = Api()
    found = SimpleNamespace(get=lambda name: SimpleNamespace(id=name))
    client = SimpleNamespace(api=api, images=found, close=lambda: None)
    monkeypatch.setattr(docker, "from_env", lambda **_: client)
    engine = DockerEngine(host="tcp://127.0.0.1:1")
    yield engine, api
    engine.close()


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_hundred_thousand_boxes_of_one_engine_exhaust_nothing(stubbed: tuple[DockerEngine, Api]) -> None:
    engine, api = stubbed
    limits, begun = Limits(), time.monotonic()

    def sizes() -> tuple[int, dict[str, int]]:
        return len(os.listdir("/proc/self/fd")), {name: len(it) for name, it in vars(engine).items() if hasattr(it, "__len__")}

    slots = set()
    for _ in range(10_000):
        connection = engine.start(limits)
        slots.add(api.running[connection.name][0])
        connection.close()
    gc.collect()
    before, memory = sizes(), rss_bytes()
    for _ in range(90_000):
        engine.start(limits).close()
    gc.collect()
    assert sizes() == before
    assert rss_bytes() - memory < 12 << 20  # 140 bytes a box; where other tests ran before, the heap is torn
    assert api.n == 100_000
    assert not api.running
    assert len(slots) == 3998  # ranges of user ids, which come round again
    assert time.monotonic() - begun < soon(20)


def test_a_container_that_an_engine_did_not_remove_is_removed_when_it_is_back(stubbed: tuple[DockerEngine, Api]) -> None:
    engine, api = stubbed
    connection = engine.start(Limits())
    api.is_gone = True
    connection.close()
    with pytest.raises(EngineUnavailable):
        engine.start(Limits())
    with pytest.raises(EngineUnavailable):
        engine.sweep()
    assert len(api.running) == 2
    api.is_gone = False
    engine.sweep()
    assert not api.running


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT CHECKED: only root may take all that a user may have of pipes")
def test_a_box_works_with_pipes_of_any_size(pool: Sandbox) -> None:
    """All pipes of a user are counted, of all its boxes together: from some on, there are only small ones."""
    source = "import fcntl\nsize = fcntl.fcntl(4, 1032)\ndef pairs(xs):\n    assert size < 1 << 20, size\n    return [(x, x * x) for x in xs]\n"
    most = int(Path("/proc/sys/fs/pipe-user-pages-soft").read_text()) * resource.getpagesize()
    with contextlib.ExitStack() as stack:
        for _ in range(most // (1 << 20) + 1):
            ends = os.pipe()
            for end in ends:
                stack.callback(os.close, end)
            fcntl.fcntl(ends[0], 1031, 1 << 20)
        results = [judge(oracle(pool), kind, source) for kind in HIT]
    assert [result.verdict for result in results] == [Verdict.PASSED] * 2, results


# -- waits are bounded -------------------------------------------------------------------------------------------------


class Quiet:
    """An engine whose boxes say `said`, and then what `says` says."""

    def __init__(self, said: bytes = b"", says: Callable[[socket.socket], None] = lambda _: None) -> None:
        self.said, self.says = said, says
        self.n = 0
        self._theirs: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self, *_: Any) -> AttachedConnection:
        self.n += 1
        ours, theirs = socket.socketpair()
        theirs.sendall(self.said)
        self._theirs.append(theirs)
        self._threads.append(threading.Thread(target=self.says, args=[theirs]))
        self._threads[-1].start()
        return AttachedConnection("run.quiet", ours)

    def image_digest(self, _: str = "") -> str:
        return ""

    def capacity(self, _: str, wanted: int) -> int:
        return wanted

    def sweep(self) -> int:
        return 0

    def close(self) -> None:
        for theirs in self._theirs:
            theirs.close()
        for thread in self._threads:
            thread.join()


READY = frames.pack({"op": "ready", "unbounded": []})


def trickle(theirs: socket.socket) -> None:
    """A byte now and then, of a message that never ends."""
    message = iter(frames.pack({"op": "end", "why": "x" * 10000}))
    with contextlib.suppress(OSError):
        while True:
            theirs.sendall(bytes([next(message)]))
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("said", "says", "code", "n_boxes"),
    [
        (b"", lambda _: None, "print(1)", 1),  # nothing: the pool has no box
        (READY, lambda _: None, "print(1)", 1 + TRIES),  # no answer, and none for the known program, each time
        (READY, trickle, "print(1)", 1 + TRIES),
        (READY, lambda _: None, "#" * (8 << 20), 1 + TRIES),  # takes no more than fits into the socket
    ],
)
def test_a_supervisor_that_says_nothing_is_given_up(
    said: bytes, says: Callable[[socket.socket], None], code: str, n_boxes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.box, "START_S", 0.3)
    monkeypatch.setattr(sandbox.box.frames, "longest_s", lambda charged_s, _: 3 * charged_s + 0.1)
    monkeypatch.setattr(sandbox.box, "GRACE_S", 0.1)
    monkeypatch.setattr(sandbox.pool, "KNOWN_S", 0.1)
    monkeypatch.setattr(sandbox.engines.base, "SEND_S", 0.3)
    limits, quiet, threads, begun = Limits(charged_s=0.1), Quiet(said, says), set(threading.enumerate()), time.monotonic()
    with Sandbox(quiet, 1, limits) as own, pytest.raises(BoxLost):
        next(own.map(lambda box, code: box.run(code), [code]))
    most_s = max(0.3, 3 * 0.1 + 0.1 + 0.1)
    assert time.monotonic() - begun < n_boxes * most_s + soon(0.5)
    assert quiet.n == n_boxes
    quiet.close()
    assert set(threading.enumerate()) <= threads


# -- attached boxes ----------------------------------------------------------------------------------------------------

FLOODS = {
    "while it is loaded": "import os\nwhile True: os.write(4, bytes(1 << 20))\n",
    "one long answer": "import os\ndef pairs(xs):\n    while True: os.write(4, b'R' * (1 << 20))\n",
    "answers": "import os\ndef pairs(xs):\n    while True: os.write(4, (b'R' + (1).to_bytes(4, 'big') + b'1') * 100_000)\n",
    "by children": "import os\ndef pairs(xs):\n    for _ in range(4):\n        if not os.fork():\n            while True: os.write(4, b'R' * (1 << 20))\n",
}


def test_a_flood_of_answers_wedges_no_attached_box(pool: Sandbox) -> None:
    """Four boxes: four floods, two at a time; a client that goes in the middle of one; and the next one is served at once."""
    by_kind = [Sample(task_id=HIT[kind], sample_id=i, solution=it) for i, it in enumerate(FLOODS.values()) for kind in HIT]
    with opened("attached", n_run=4) as engine:
        with Sandbox(engine, 2, SMALL) as own:
            by = Oracle(own, OWN, TASKS, "faults-1", timeout_s=0.5)
            results = [result for _, result, _ in by.judge_many(by_kind[::2])]
            assert {result.verdict for result in results} <= {Verdict.TIME_LIMIT, Verdict.RUNTIME_ERROR}, results
            by.timeout_s = 60
            timer = threading.Timer(0.5, own.close)
            timer.start()
            assert not any(result.verdict is Verdict.PASSED for _, result, _ in by.judge_many(by_kind[1::2]))
            timer.join()
        begun = time.monotonic()
        with Sandbox(engine, 2, SMALL) as own:
            found = {result.task_id: result.verdict for result in judged(oracle(own))}
        assert found == VERDICTS
        assert time.monotonic() - begun < soon(5)


def test_an_attached_engine_reads_a_recipe_once_and_waits_in_vain_once(
    pool: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, tag = [], recipes.tag

    def reading(kind: str) -> str:
        read.append(kind)
        return tag(kind)

    monkeypatch.setattr(recipes, "tag", reading)
    monkeypatch.setattr(attached, "WAIT_S", 1.0)
    monkeypatch.setattr(attached, "BRIEF_S", 0.1)
    with opened("attached", n_run=1) as engine:
        read.clear()
        assert {engine.image_digest(kind) for kind in ("run", "lint") for _ in range(100)} == {tag("run"), tag("lint")}
        with Box(engine, SMALL) as one:
            for least_s, most_s in ((1, soon(3)), (0, 0.7), (0, 0.7)):
                begun = time.monotonic()
                with pytest.raises(BoxNotStarted, match="none of 1 run boxes came free"):
                    Box(engine, SMALL).start()
                assert least_s <= time.monotonic() - begun < most_s
            one.close()
            monkeypatch.setattr(attached, "WAIT_S", 20.0)
            deadline = time.monotonic() + 20
            while True:  # it is free when it is clean
                with contextlib.suppress(BoxNotStarted), Box(engine, SMALL) as other:
                    assert other.run("print(1)").stdout == "1\n"
                    break
                assert time.monotonic() < deadline
    assert read == ["run", "lint"]
