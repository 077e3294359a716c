"""Admission: turns, refusals, and what happens to work that nobody waits for any more. No box is needed."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from toolkit.service.admission import MARGIN_S, Admission, Job
from toolkit.service.errors import Unanswered


def go(act: Callable[[Admission], Any], boxes: int = 1, **more: Any) -> Any:
    async def run() -> Any:
        admission = Admission(boxes, **more)
        try:
            return await act(admission)
        finally:
            admission.end()
            await asyncio.to_thread(admission.join)

    return asyncio.run(run())


def test_keys_take_turns_and_each_is_first_come_first_served() -> None:
    order: list[str] = []
    gate = threading.Event()

    async def act(admission: Admission) -> None:
        def work(name: str) -> Callable[[Job], None]:
            return lambda _: (gate.wait(10), order.append(name))[1]  # type: ignore[func-returns-value]

        names = ["first", "a1", "a2", "a3", "a4", "b1", "b2", "c1"]
        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(admission.run(name[0], work(name), limit_s=1, patience_s=60)))
            await asyncio.sleep(0)
        assert (admission.waiting, admission.running) == (7, 1)
        gate.set()
        await asyncio.gather(*tasks)

    go(act)
    assert order == ["first", "a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_who_would_wait_too_long_is_told_at_once() -> None:
    gate = threading.Event()

    async def act(admission: Admission) -> None:
        admission.mean_s = 10.0
        running = [asyncio.create_task(admission.run("a", lambda _: gate.wait(10), limit_s=10, patience_s=60)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert admission.expected_wait_s("b") == pytest.approx(20, abs=1), "one runs and one waits"
        started = time.monotonic()
        with pytest.raises(Unanswered, match="busy, 1 waiting; expected wait") as refused:
            await admission.run("b", lambda _: None, limit_s=10, patience_s=30)
        assert (refused.value.status, refused.value.why) == (504, "busy")
        assert time.monotonic() - started < 1
        assert admission.waiting == 1
        late = asyncio.create_task(admission.run("b", lambda _: "done", limit_s=10, patience_s=60, is_late=True))
        await asyncio.sleep(0.01)
        gate.set()
        assert await late == "done", "what has been taken before is not refused"
        await asyncio.gather(*running)

    go(act)


def test_who_could_not_end_on_a_busy_machine_is_refused() -> None:
    """A limit is of seconds charged, and on a busy machine three pass for each of them."""
    gate, now = threading.Event(), [0.0]

    def slow(job: Job) -> None:
        now[0] += 3.0
        job.charged_s = 1.0

    async def act(admission: Admission) -> None:
        admission.clock = lambda: now[0]
        for limit_s, is_taken in ((5, True), (5, False), (0.5, True)):
            admission.mean_s = 15.0
            running = asyncio.create_task(admission.run("a", lambda _: gate.wait(10), limit_s=10, patience_s=60))
            await asyncio.sleep(0.01)
            asked = asyncio.create_task(admission.run("b", lambda _: "done", limit_s=limit_s, patience_s=30))
            await asyncio.sleep(0.01)
            assert asked.done() is not is_taken, "it is refused at once, or it waits"
            gate.set()
            assert await running
            if is_taken:
                assert await asked == "done"
            else:
                with pytest.raises(Unanswered, match="at most 14"):
                    await asked
            gate.clear()
            for _ in range(100 if is_taken else 0):
                await admission.run("a", slow, limit_s=10, patience_s=60, is_late=True)
        assert admission.stretch == pytest.approx(3, abs=0.1)

    go(act)


def test_no_box_waits_for_the_event_loop() -> None:
    done: list[int] = []

    async def act(admission: Admission) -> None:
        def work(n: int) -> Callable[[Job], None]:
            return lambda _: done.append(n)

        tasks = [asyncio.create_task(admission.run("a", work(n), limit_s=1, patience_s=60)) for n in range(9)]
        await asyncio.sleep(0)  # all have come
        deadline = time.monotonic() + 10
        while len(done) < 9 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert done == list(range(9))
        await asyncio.gather(*tasks)

    go(act)


def test_more_boxes_take_what_waits() -> None:
    both = threading.Barrier(2)

    async def act(admission: Admission) -> None:
        tasks = [asyncio.create_task(admission.run("a", lambda _: both.wait(10), limit_s=1, patience_s=60)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert (admission.running, admission.waiting) == (1, 1)
        admission.resize(2)
        await asyncio.gather(*tasks)
        admission.resize(0)
        assert (admission.boxes, admission.expected_wait_s("b")) == (1, 0.0)

    go(act)


def test_what_waits_in_vain_and_what_runs_too_long_is_answered_before_the_client_goes() -> None:
    gate = threading.Event()

    async def act(admission: Admission) -> None:
        jobs: list[Job] = []

        def endless(job: Job) -> None:
            jobs.append(job)
            gate.wait(10)

        started = time.monotonic()
        running = asyncio.create_task(admission.run("a", endless, limit_s=1, patience_s=MARGIN_S + 1))
        waiting = asyncio.create_task(admission.run("a", endless, limit_s=0.5, patience_s=MARGIN_S + 1))
        with pytest.raises(Unanswered, match="waited"):
            await waiting
        with pytest.raises(Unanswered, match="too busy to answer"):
            await running
        assert 0.9 < time.monotonic() - started < 1 + MARGIN_S
        assert [job.is_over for job in jobs] == [True], "the one that waited never began"
        gate.set()

    go(act)


def test_a_client_that_goes_takes_its_work_along() -> None:
    gate, begun = threading.Event(), threading.Event()

    class Box:
        n_closed = 0

        def close(self) -> None:
            self.n_closed += 1
            gate.set()

    box: Any = Box()

    def work(job: Job) -> None:
        job.lent(box)
        begun.set()
        gate.wait(10)
        job.given_back()

    async def act(admission: Admission) -> None:
        running, waiting = (asyncio.create_task(admission.run("a", work, limit_s=1, patience_s=60)) for _ in range(2))
        await asyncio.to_thread(begun.wait)
        waiting.cancel()
        running.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        assert (admission.waiting, box.n_closed) == (0, 1) or await asyncio.to_thread(gate.wait, 10)
        assert await admission.run("a", lambda _: "next", limit_s=1, patience_s=60, is_late=True) == "next"

    go(act)
    assert box.n_closed == 1


def test_a_box_that_was_given_back_is_not_closed() -> None:
    box: Any = type("Box", (), {"close": lambda _: pytest.fail("it is another's now")})()
    job = Job(key="", limit_s=1, until=1, work=lambda _: None, future=None, arrived=0)  # type: ignore[arg-type]
    job.lent(box)
    job.given_back()
    job.end()
    job._close()


def test_the_mean_follows_the_programs() -> None:
    async def act(admission: Admission) -> float:
        for _ in range(60):
            await admission.run("", lambda _: time.sleep(0.002), limit_s=1, patience_s=60, is_late=True)
        return admission.mean_s

    seen: list[tuple[float, float]] = []
    assert 0.001 < go(act, observe=lambda *each: seen.append(each)) < 1
    assert len(seen) == 60


def test_a_server_that_ends_takes_nothing_new() -> None:
    async def act(admission: Admission) -> None:
        admission.is_draining = True
        with pytest.raises(Unanswered, match="going down"):
            await admission.run("", lambda _: None, limit_s=1, patience_s=60)

    go(act)
