"""The suite runs against a real engine: there is no stand-in for what it is about."""

import signal
from collections.abc import Iterator

import pytest

from sandbox import DockerEngine

# A shell's background job, as on many CI machines, ignores Ctrl-C, and so would each program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    engine.sweep()
    yield engine
    engine.close()
