"""The suite runs against a real engine: there is no stand-in for what it is about."""

from collections.abc import Iterator

import pytest

from sandbox import Box, DockerEngine, Limits


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    engine.sweep()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def box(engine: DockerEngine) -> Iterator[Box]:
    with Box(engine, Limits(wall_s=1.0, cpu_s=4.0, memory_bytes=256 << 20, disk_bytes=8 << 20)) as box:
        yield box
