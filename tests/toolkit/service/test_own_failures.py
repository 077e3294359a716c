"""What fails on our side is 504 and counted, never a reward; what a program does to its box is the program's. No box is needed."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import BoxDestroyed, BoxLost, EngineUnavailable, Sandbox, Starved
from toolkit.service import fusion, shapes
from toolkit.service import room as rooms
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.room import Room
from toolkit.service.settings import Settings

ROW = {"solution": "def f(x):\n    return x", "tests": {"asserts": ["assert f(1) == 1"]}}


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
    monkeypatch.setattr(rooms, "open_engine", lambda _: Engine())
    made = Room(Settings(boxes=1, use_cache=False))
    made.why_not_ready = ""
    yield made
    made.admission.join()
    made.close()


def raising(error: Exception) -> Any:
    def attempt(*_: Any, **__: Any) -> Any:
        raise error

    return attempt


async def both(room: Room) -> list[Any]:
    """Ask for a run and for a verdict; return the answers, or what was raised."""
    asked = room.books.question(ROW)
    work = [room.run_code("", shapes.RunCode(code="print(1)"), 30), room.judge("", asked, 30)]
    return list(await asyncio.gather(*work, return_exceptions=True))


@pytest.mark.parametrize(("error", "why"), [
    (BoxLost("gone"), "box"), (Starved("busy"), "box"), (EngineUnavailable("gone"), "box"), (OSError("disk"), "box"),
    (ZeroDivisionError("ours"), "defect"),
])  # fmt: skip
def test_our_own_failure_is_504(room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(error))
    with caplog.at_level(logging.CRITICAL, "toolkit.serve"):
        found = asyncio.run(both(room))
    assert [type(each) for each in found] == [Unanswered, Unanswered], found
    assert {(each.status, each.why) for each in found} == {(504, why)}
    assert room.metrics.of("exogate_unscored_total") == {f'{{reason="{why}"}}': 2}


def test_a_box_that_fails_once_costs_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def attempt(*_: Any, **__: Any) -> Any:
        tried.append(1)
        raise Starved("busy")

    monkeypatch.setattr(Sandbox, "attempt", attempt)
    asyncio.run(both(room))
    assert len(tried) == 2 * rooms.TRIES


def test_what_a_program_does_to_its_box_is_its_own(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(BoxDestroyed("twice")))
    ran, judged = asyncio.run(both(room))
    assert (ran["status"], ran["run_result"]["return_code"]) == ("Failed", -9)
    assert (judged["status"], judged["passed"]) == ("runtime_error", False)


def test_nothing_is_judged_while_known_programs_are_judged_wrongly(room: Room) -> None:
    room.trust("a program known to be passed was judged wrong_answer")
    assert {(each.status, each.why) for each in asyncio.run(both(room))} == {(504, "canary")}
    assert room.metrics.of("exogate_canary_failures_total") == {"": 1}


def test_broken_tests_are_the_rows_own(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(rooms.BrokenTest("the test fails before its first call")))
    assert isinstance(asyncio.run(both(room))[1], Failed)
    assert room.metrics.of("exogate_unscored_total") == {}


@pytest.mark.parametrize(("body", "wanted"), [
    ({"code": ""}, (30, 30)), ({"code": "", "compile_timeout": 1, "run_timeout": 2}, (13, 13)),
    ({"code": "", "language": "python", "stdin": "", "run_timeout": 30}, (50, 1)),
])  # fmt: skip
def test_how_long_clients_wait(body: dict[str, Any], wanted: tuple[float, float]) -> None:
    assert fusion.patience_s(shapes.RunCode.model_validate(body)) == wanted
