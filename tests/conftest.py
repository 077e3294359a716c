"""The suite runs against a real engine: there is no stand-in for what it is about.

Two markers say what a test needs, and are given here, so that a new test cannot forget them: `boxes` (an engine) to whatever
asks for `engine` or `docker_engine`; `models` (torch, transformers) to whatever asks for `torch`, itself or through a
fixture, and to modules that begin by asking for it. What reaches an engine or torch in another way, such as through the
command line, carries the marker itself. `--fast` runs what has neither, and takes both away: no engine answers, and
torch cannot be imported, here or in a process that a test starts; so whoever forgets the marker fails there. It leaves
out `slow` as well: a few measurements at full size, and pages in a browser.
"""

import gc
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.testing

import sandbox.pool
from sandbox import ENGINES, AttachedEngine, DockerEngine, Engine, Sandbox
from tests import compose, faults, scripted, tamper
from toolkit.oracle import Oracle
from toolkit.records import Sample

NOBODY = "tcp://127.0.0.1:9"
ABSENT = str(Path(__file__).parent / "absent")
RECORDER = pytest.StashKey[scripted.Recorder]()

# `CliRunner` makes all commands anew for each call, which takes 50 ms; they are the same every time.
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]

# A shell's background job, as on many CI machines, ignores Ctrl-C, and so would each program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="what needs neither an engine nor torch, without both")
    parser.addoption("--record", choices=["anew", "more"], help="record what boxes say: python -m tests.scripted")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("fast"):
        os.environ["DOCKER_HOST"] = NOBODY
        for name in ("TOOLKIT_ENGINE", "TOOLKIT_BOXES"):
            os.environ.pop(name, None)
        os.environ["PYTHONPATH"] = os.pathsep.join([ABSENT, *filter(None, [os.environ.get("PYTHONPATH")])])
        sys.path.insert(0, ABSENT)
    if config.getoption("record"):
        config.stash[RECORDER] = scripted.Recorder()


def pytest_report_header() -> str:
    return f"TOOLKIT_SEED={tamper.SEED} chooses which tamperings are tried on which tasks"


@cache
def begins_with_torch(path: Path) -> bool:
    return bool(re.search(r'^(torch = )?pytest\.importorskip\("torch"\)', path.read_text(), re.MULTILINE))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path == Path(__file__).parent / "long" and not os.environ.get("TOOLKIT_LONG"):
        return True
    return True if config.getoption("fast") and collection_path.suffix == ".py" and begins_with_torch(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = []
    for item in items:
        assert isinstance(item, pytest.Function)
        names, params = item.fixturenames, getattr(item, "callspec", None)
        is_real = params is not None and params.params.get("either") == "docker"
        if "docker_engine" in names or is_real:
            item.add_marker("boxes")
        if "torch" in names or begins_with_torch(item.path):
            item.add_marker("models")
        is_other = any(item.get_closest_marker(name) for name in ("boxes", "models", "slow"))
        if (config.getoption("fast") and is_other) or (config.getoption("record") and not is_real):
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    recorder = session.config.stash.get(RECORDER, None)
    if recorder is not None:  # also of tests that failed: what boxes said, they said
        scripted.save((scripted.load() if session.config.getoption("record") == "more" else {}) | recorder.steps)


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Keep what earlier tests left out of the garbage collector's way, so that this test does not pay for walking over it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    engine.sweep()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def engine(docker_engine: DockerEngine) -> DockerEngine:
    return docker_engine


@pytest.fixture(scope="session", params=["docker", "scripted"])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A real engine, and one that replays what its boxes said: a module whose `engine` it is is in both lanes."""
    if request.param == "docker":
        real = request.getfixturevalue("docker_engine")
        recorder = request.config.stash.get(RECORDER, None)
        yield recorder.over(real) if recorder else real
        return
    engine = scripted.ScriptedEngine()
    yield engine
    assert not engine.open, "boxes were left open"


@contextmanager
def opened(name: str, *, n_run: int = 2, memory: str = "448m", disk: str = "8m") -> Iterator[Engine]:
    """Open an engine by its name, with boxes of the given bounds where they must run before."""
    if name != "attached":
        engine = ENGINES[name]()
        yield engine
        engine.close()
        return
    if not compose.may_look():
        pytest.skip("NOT CHECKED: only root may open the sockets in an engine's volume from outside a container")
    with compose.boxes(n_run, memory=memory, disk=disk) as folder:
        yield AttachedEngine(folder=folder)


@pytest.fixture(scope="module")
def pool(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two boxes of each role, and the right answers of `tests.faults` known."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    with faults.nothing_left(engine, within_s=1000), Sandbox(engine, 2, faults.SMALL) as pool:
        assert {result.task_id: result.verdict for result in faults.judged(faults.oracle(pool))} == faults.VERDICTS
        yield pool
    patch.undo()


@pytest.fixture
def known_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads know what they judge; an engine that has gone is not waited for long."""
    faults.here.sample = None
    real = Oracle.judge

    def judge(self: Oracle, sample: Sample, box: Any) -> Any:
        faults.here.sample = sample
        return real(self, sample, box)

    monkeypatch.setattr(Oracle, "judge", judge)
    monkeypatch.setattr(sandbox.pool, "ENGINE_WAIT_S", 0.5)
