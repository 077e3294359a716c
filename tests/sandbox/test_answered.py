"""A batch that has been answered is over, however late it was noticed: an answer that is there was in time."""

import os
import select
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from images.box.job import Program
from sandbox.wire import codec

ANSWER = codec.RETURNED + (1).to_bytes(4, "big") + b"1"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, int]]:
    """A program that is over its time whenever that is looked at, and the end of its channel that it writes to."""
    made: Any = Program.__new__(Program)
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    made.spec = {"mode": "calls", "limits": {"charged_s": 1.0, "call_s": 1.0, "cpu_s": 2.0, "output_bytes": 1}}
    made.channel_out, made.output_bytes, made.budget = ours, 1, 1
    made.out = made.err = SimpleNamespace(fd=-1, size=0)
    made.box = SimpleNamespace(control=SimpleNamespace(fileno=lambda: -2))
    made.poll = select.poll()
    made.poll.register(ours, select.POLLIN)
    made.ended, made.reason, made.is_violated, made.pid = None, "", False, os.getpid()
    made.charged_wait, made.started, made.delay = 0.0, time.monotonic(), 0
    made._listen()
    yield made, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("why", ["starved", "timed_out"])
def test_an_answer_that_is_there_when_time_is_over_counts(program: tuple[Any, int], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in the very moment in which time is found to be over."""
    made, theirs = program
    late = iter([ANSWER * 2])

    def over(_: float) -> str:
        for data in late:
            os.write(theirs, data)
        return why

    monkeypatch.setattr(made, "_over_time", over)
    made.turn(2)
    assert (made.n_frames, made.n_values, made.reason) == (2, 2, "")


@pytest.mark.parametrize("why", ["starved", "timed_out"])
def test_one_answer_of_two_is_too_few(program: tuple[Any, int], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, theirs = program
    os.write(theirs, ANSWER + ANSWER[:-1])
    monkeypatch.setattr(made, "_over_time", lambda _: why)
    made.turn(2)
    assert (made.n_frames, made.reason) == (1, why)


def test_a_program_that_has_ended_is_not_starved(program: tuple[Any, int], monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = program
    made.spec["mode"] = "script"
    made.out = made.err = SimpleNamespace(fd=-1, size=0, read=lambda: False)
    drained = iter([True])
    monkeypatch.setattr(made, "_drain", lambda: next(drained, False))
    monkeypatch.setattr(made, "_over_time", lambda _: "starved")
    made.ended = {"status": 0}
    made.turn(0)
    assert made.reason == ""
