"""A tiny model, and an endpoint that speaks HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.tiny import tiny
from tests.toolkit.models.generated import Endpoint
from toolkit.models.generators import openai_


@pytest.fixture(scope="session")
def folder(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Endpoint]]:
    monkeypatch.setattr(openai_, "_MAX_WAIT_S", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", "the-key")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running: list[Endpoint] = []

    def start(answer: Callable[[str, dict[str, Any]], tuple[int, dict[str, str], Any]]) -> Endpoint:
        running.append(Endpoint(answer))
        return running[-1]

    yield start
    for one in running:
        one.close()
