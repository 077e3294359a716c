"""Boxes of this process, as judges open them, with a cache of their own."""

from collections.abc import Iterator

import pytest

from sandbox import DockerEngine
from toolkit.reward import local
from toolkit.reward.from_settings import VARIABLE


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv(VARIABLE, raising=False)
        yield
        local._close_all()
