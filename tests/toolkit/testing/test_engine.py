"""Every engine passes the suite that the library ships, and the suite sees an engine that does not keep its promise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox import ENGINES, Box, DockerEngine, Limits
from tests.conftest import opened
from toolkit.testing import ENGINE, Nonconforming, check_engine
from toolkit.testing.engine import LIMITS

pytestmark = pytest.mark.boxes


@pytest.fixture(scope="module", params=sorted(ENGINES))
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    """A new engine is enrolled by its line in `ENGINES`."""
    with opened(request.param) as engine, Box(engine, LIMITS) as box:
        yield box


@pytest.mark.parametrize("name", ENGINE)
def test_engine(box: Box, name: str) -> None:
    ENGINE[name](box)


class Loose(DockerEngine):
    """Gives boxes more disk than was asked for, and says that it has more of them than were."""

    def start(self, limits: Limits, image: str = "run") -> Any:
        return super().start(replace(limits, disk_bytes=64 << 20), image)

    def capacity(self, image: str, wanted: int) -> int:
        return wanted + 1


def test_an_engine_that_does_not_hold_is_seen() -> None:
    engine = Loose()
    some = {"disk_limit", "what_the_engine_says_of_itself", "output_and_exit_code"}
    with pytest.raises(Nonconforming) as found:
        check_engine(engine, skip=set(ENGINE) - some)
    lines = str(found.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["disk_limit", "what_the_engine_says_of_itself"]
    check_engine(engine, skip=set(ENGINE) - {"output_and_exit_code"})
    engine.close()
    with pytest.raises(ValueError, match=r"no check is called 'disk_limt'; .*; did you mean 'disk_limit'"):
        check_engine(engine, skip={"disk_limt"})
