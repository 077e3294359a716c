"""The suite runs against a real engine: there is no stand-in for what it is about."""

from collections.abc import Iterator

import pytest

from sandbox import DockerEngine


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    engine.sweep()
    yield engine
    engine.close()
