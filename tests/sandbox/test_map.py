"""A pool's map: what one item raises is its own, results come as they are complete, and no program sees another's answers."""

import threading
from typing import Any

import pytest

from sandbox import Box, BoxLost, Engine, EngineUnavailable, Sandbox
from sandbox.wire import frames
from tests.faults import ERRORS, SMALL, classes, here, nothing_left

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.fixture(scope="module")
def engine(either: Engine) -> Engine:
    return either


@pytest.mark.parametrize("error", [MemoryError, OSError, BoxLost])
@pytest.mark.parametrize("how", ["run", "examine"])
def test_no_program_is_given_what_another_one_did(
    how: str, error: type[Exception], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation that breaks off leaves answers in the box, and the next program must not get them."""
    _, connection = classes(engine)
    real, n_left = connection.receive, 1

    def receive(self: Any, n: int, deadline: float) -> bytes:
        nonlocal n_left
        if getattr(here, "item", None) == 3 and n_left:
            n_left -= 1
            raise error("planted")
        return real(self, n, deadline)

    def act(box: Box, item: int) -> str:
        here.item = item
        if how == "run":
            return box.run(f"print({item})").stdout
        return str(box.examine("compile", [f"def f(a{item}, a{item}): pass"])[0]["error"]["message"])

    def failed(item: int, error: Exception) -> str:
        return f"{type(error).__name__} of {item}"

    monkeypatch.setattr(connection, "receive", receive)
    with nothing_left(engine), Sandbox(engine, 1, SMALL) as pool:
        found = list(pool.map(act, range(10), failed=failed))
    assert n_left == 0
    is_retried = error in (frames.ProtocolError, BoxLost, EngineUnavailable)
    assert found[:3] + found[4:] == [found[0].replace("0", str(n)) for n in range(10) if n != 3]
    assert found[3] == (found[0].replace("0", "3") if is_retried else f"{error.__name__} of 3")


def test_a_map_is_told_of_a_program_that_its_box_does_not_survive(pool: Sandbox, engine: Engine) -> None:
    def act(box: Box, item: int) -> str:
        if item == 3:
            raise BoxLost("gone")
        return box.run(f"print({item})").stdout

    def failed(item: int, error: Exception) -> str:
        return f"{type(error).__name__} {item}"

    with nothing_left(engine, 4):
        found = list(pool.map(act, range(6), failed=failed))
    assert found == ["0\n", "1\n", "2\n", "BoxDestroyed 3", "4\n", "5\n"]


def test_results_come_as_they_are_complete(pool: Sandbox, engine: Engine) -> None:
    late = threading.Event()

    def act(_: Box, item: int) -> int:
        if item == 0:
            assert late.wait(20)
        return item

    with nothing_left(engine, 4):
        found = []
        for item in pool.map(act, range(12), is_ordered=False):
            found.append(item)
            if len(found) == 11:
                late.set()
        assert found[-1] == 0
        assert sorted(found) == list(range(12))
        assert list(pool.map(act, range(12))) == list(range(12))


@pytest.mark.parametrize("is_ordered", [False, True])
def test_failed_keeps_what_one_item_raises_from_the_others(is_ordered: bool, pool: Sandbox, engine: Engine) -> None:
    def act(_: Box, item: int) -> str:
        if item % 4 == 3:
            raise ERRORS[item // 4]("planted")
        return str(item)

    def failed(item: int, error: Exception) -> str:
        return f"{item} {type(error).__name__}"

    n = 4 * (len(ERRORS) - 2)
    wanted = [f"{i} {ERRORS[i // 4].__name__}" if i % 4 == 3 else str(i) for i in range(n)]
    with nothing_left(engine, 4):
        found = list(pool.map(act, range(n), is_ordered=is_ordered, failed=failed))
    assert found == wanted if is_ordered else sorted(found) == sorted(wanted)


@pytest.mark.parametrize("is_ordered", [False, True])
def test_a_failed_that_raises_ends_the_map(is_ordered: bool, engine: Engine) -> None:
    begun = []

    def act(box: Box, item: int) -> str:
        begun.append(item)
        if item == 3:
            raise ValueError("planted")
        return box.run(f"print({item})").stdout

    def failed(_: int, error: Exception) -> str:
        raise error

    with nothing_left(engine), Sandbox(engine, 1, SMALL) as own:
        with pytest.raises(ValueError, match="planted"):
            list(own.map(act, range(1000), is_ordered=is_ordered, failed=failed))
        assert len(begun) < 10
        with pytest.raises(BoxLost, match="closed"):
            next(own.map(act, range(4)))
