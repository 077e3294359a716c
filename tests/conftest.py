"""The suite runs against a real engine: there is no stand-in for what it is about."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import sandbox.pool
from sandbox import ENGINES, AttachedEngine, DockerEngine, Engine, Sandbox
from tests import compose, faults
from toolkit.oracle import Oracle
from toolkit.records import Sample

# A shell's background job, as on many CI machines, ignores Ctrl-C, and so would each program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    engine.sweep()
    yield engine
    engine.close()


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
