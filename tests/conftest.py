"""The suite runs against a real engine: there is no stand-in for what it is about."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox import ENGINES, AttachedEngine, DockerEngine, Engine
from tests import compose

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
