"""Whose doing it is that a box is lost: a program whose box is lost twice has a verdict, and nobody else has one of it."""

from typing import Any

import pytest

from sandbox import Box, BoxLost, BoxOutOfMemory, Engine, Sandbox, Starved
from sandbox.box import Session
from sandbox.pool import TRIES
from tests.faults import HIT, here, judge, nothing_left, often, oracle
from toolkit.records import Verdict

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.fixture(scope="module")
def engine(either: Engine) -> Engine:
    return either


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("error", [BoxLost("gone"), Starved("busy")], ids=["lost", "starved"])
def test_a_box_that_is_lost_once_is_replaced(
    kind: str, error: Exception, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", error, 1)
    with nothing_left(engine, 4):
        assert judge(oracle(pool), kind).verdict is Verdict.PASSED
    assert times


@pytest.mark.parametrize("kind", HIT)
def test_a_box_that_is_lost_twice_while_a_known_program_runs_is_the_programs_doing(
    kind: str, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", BoxLost("gone"))
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.base, result.detail) == (
        Verdict.RUNTIME_ERROR, Verdict.RUNTIME_ERROR, "its box did not survive it, twice",
    )  # fmt: skip
    assert result.plus == (Verdict.RUNTIME_ERROR if kind == "table" else None)
    assert len(times) == 2


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize(("error", "n_tried"), [(BoxLost("gone"), 1), (Starved("busy"), TRIES)], ids=["lost", "starved"])
def test_what_happens_to_a_known_program_too_is_no_verdict(
    kind: str, error: Exception, n_tried: int, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = often(monkeypatch, Session, "batch", error)
    known = often(monkeypatch, Box, "run", error)
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.error) == (None, f"not judged: {error}")
    assert (len(times), len(known)) == (n_tried, TRIES if n_tried == 1 else 0)


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("error", [BoxLost("gone"), BoxOutOfMemory("no room")], ids=["lost", "memory"])
def test_a_box_that_never_came_up_is_held_against_no_program(
    kind: str, error: Exception, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known program runs; it is the box of the program, or of its test, that does not start, each time."""
    real, n_started = Box.hear, 0

    def hear(self: Box, op: str, *more: Any) -> Any:
        nonlocal n_started
        if op == "ready" and here.sample is not None:
            n_started += 1
            if kind == "table" or n_started % 2 == 0:
                raise error
        return real(self, op, *more)

    with pool.box("run", "test") as other, pool.box() as one, pool.box() as two:
        for box in (one, two, *[other] * (kind == "check")):
            box.close()
        with pool.box("run", "test") as last:
            last.close()
    monkeypatch.setattr(Box, "hear", hear)
    with nothing_left(engine, 4):
        result = judge(oracle(pool), kind)
    assert (result.verdict, result.error) == (None, f"not judged: {error}")
    assert n_started == (TRIES if kind == "table" else 2 * TRIES)
