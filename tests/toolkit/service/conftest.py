"""One live server for all that can share it."""

from collections.abc import Iterator

import pytest

from sandbox import DockerEngine
from tests.toolkit.service.live import Server, server
from toolkit.service import boxes
from toolkit.service.room import Room
from toolkit.service.settings import Settings

ROW = {"solution": "def f(x):\n    return x", "tests": {"asserts": ["assert f(1) == 1"]}}
"""A right program, and its tests."""


@pytest.fixture(scope="package")
def plain(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """No keys, two boxes."""
    cache = str(tmp_path_factory.mktemp("cache"))
    with server("--boxes", "2", "--timeout", "2", "--max-body", "4", TOOLKIT_CACHE=cache, MY_POD_NAME="pod-1") as started:
        yield started


@pytest.fixture(scope="package")
def strict(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Asks for keys, and refuses an early exit."""
    keys = tmp_path_factory.mktemp("keys") / "keys.txt"
    keys.write_text("# who may\nkey-of-one name=one\nkey-of-two name=two in_flight=1 per_minute=3\nkey-of-three per_minute=1\n")
    flags = ("--boxes", "2", "--strict-exit", "--no-cache", "--key-file", str(keys), "--benchmarks", "humaneval", "--max-wait", "4")
    with server(*flags) as started:
        yield started


class Engine:
    """One that is never asked to start anything."""

    def capacity(self, _image: str, wanted: int) -> int:
        return wanted

    def image_digest(self, image: str = "run") -> str:
        return image

    def close(self) -> None:
        pass


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(boxes, "open_engine", lambda _: Engine())
    made = Room(Settings(boxes=1, use_cache=False))
    made.why_not_ready = ""
    yield made
    made.admission.join()
    made.close()
