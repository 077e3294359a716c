"""Admission: which request gets a box when, and which is told at once that it would wait too long.

Queues of keys are served in turn, one program each, in order of arrival within a key. All of it happens on one event loop;
only the work itself is done in threads, as many as there are boxes.

A request is taken only if, at the speed of the last programs, it would begin early enough to be answered while its client
still listens. What is taken and then comes too late all the same (the others were endless, or the machine is busy) is
answered 504 before the client gives up. Neither is ever a verdict.
"""

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox import Box
from toolkit.service.errors import Unanswered

R = TypeVar("R")
MARGIN_S = 1.0
"""Seconds before a client gives up at which it has its answer, whatever that is."""
FIRST_S = 0.02
"""Seconds of a box that a program takes, as long as none has been measured."""
WEIGHT = 0.05
"""Of the newest program in the moving mean."""


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work for one box.

    Attributes:
        limit_s: the most seconds that it should take once it has begun.
        until: when its client has to have the answer, on the clock of `Admission`.
        queued_s: how long it waited for a box.
        box: where it runs.
        is_over: whether nobody wants its result any more.
    """

    key: str
    limit_s: float
    until: float
    work: Callable[["Job"], Any]
    future: asyncio.Future[Any]
    arrived: float
    queued_s: float = 0.0
    begun: float | None = None
    box: Box | None = None
    is_over: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lent(self, box: Box) -> None:
        """Note the box, in the thread that works."""
        with self._lock:
            self.box = box

    def given_back(self) -> None:
        """Forget the box, in the thread that worked, before others get it."""
        with self._lock:
            self.box = None

    def end(self) -> None:
        """Say that nobody wants the result: what runs is ended."""
        self.is_over = True
        if self.box is not None:
            threading.Thread(target=self._close, daemon=True).start()  # the engine may take its time

    def _close(self) -> None:
        with self._lock:
            if self.box is not None:
                self.box.close()


class Admission:
    """Give work to `boxes` threads, fairly, and refuse what would come too late.

    Args:
        boxes: pieces of work at a time.
        max_wait_s: the longest that a request waits for its turn.
        observe: called with (seconds queued, seconds run) of each piece that was done.

    Attributes:
        mean_s: seconds of a box that a program takes, as a moving mean.
        is_draining: whether the server is on its way out; readiness says so.
    """

    def __init__(self, boxes: int, max_wait_s: float = 20.0, observe: Callable[[float, float], None] | None = None) -> None:
        self.boxes, self.max_wait_s, self.observe = boxes, max_wait_s, observe
        self.mean_s = FIRST_S
        self.is_draining = False
        self.clock = time.monotonic
        self._queues: OrderedDict[str, deque[Job]] = OrderedDict()
        self._running: set[Job] = set()
        self._threads = ThreadPoolExecutor(boxes, "box")

    # -- what is known -------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many wait for a box."""
        return sum(map(len, self._queues.values()))

    @property
    def running(self) -> int:
        """How many are in a box."""
        return len(self._running)

    def of_key(self, key: str) -> int:
        """How many of a key wait or run."""
        return len(self._queues.get(key, ())) + sum(job.key == key for job in self._running)

    def expected_wait_s(self, key: str) -> float:
        """Return how long a request that came now would wait: turns before its own, at the speed of the last programs."""
        own = len(self._queues.get(key, ()))
        before = own + sum(min(len(queue), own + 1) for name, queue in self._queues.items() if name != key)
        if not before and len(self._running) < self.boxes:
            return 0.0
        now = self.clock()
        left = sum(self._left_s(job, now) for job in self._running)
        return (left + before * self.mean_s) / self.boxes

    def _left_s(self, job: Job, now: float) -> float:
        """Return how long a piece of work will go on: one that is over the mean may well take all that it is allowed."""
        spent = now - (job.begun or now)
        return self.mean_s - spent if spent < self.mean_s else max(min(spent, job.limit_s - spent), 0.0)

    # -- one request ---------------------------------------------------------------------------------------------------

    async def run(
        self, key: str, work: Callable[[Job], R], *, limit_s: float, patience_s: float, wait_s: float = float("inf"),
        is_late: bool = False,
    ) -> R:  # fmt: skip
        """Do `work` in a thread when its turn comes, and return what it returns.

        Args:
            limit_s: the most seconds that it should take once it has begun.
            patience_s: seconds after which the client has gone.
            wait_s: the longest that it may wait for its turn, if that is less than what these and `max_wait_s` leave.
            is_late: whether it has been taken before: do not refuse it for the wait that is expected.

        Raises:
            Unanswered: it would wait too long, or has.
        """
        now = self.clock()
        room = min(self.max_wait_s, wait_s, patience_s - MARGIN_S - limit_s)
        expected = self.expected_wait_s(key)
        if not is_late and (expected > room or self.is_draining):
            why = "going down" if self.is_draining else "busy"
            said = f"expected wait {expected:.1f} s, at most {max(room, 0):.1f} s"
            raise Unanswered("busy", f"{why}, {self.waiting} waiting; {said}")
        loop = asyncio.get_running_loop()
        job = Job(
            key=key, limit_s=limit_s, until=now + patience_s - MARGIN_S, work=work, future=loop.create_future(), arrived=now
        )  # fmt: skip
        self._queues.setdefault(key, deque()).append(job)
        self._dispatch()
        if job.begun is None and not is_late:
            job.timers.append(loop.call_later(max(room, 0), self._waited, job))
        if patience_s < float("inf"):
            job.timers.append(loop.call_later(max(patience_s - MARGIN_S, 0), self._expired, job))
        try:
            return await job.future  # type: ignore[no-any-return]
        finally:
            for timer in job.timers:
                timer.cancel()
            if not job.future.done() or job.future.cancelled():
                self._drop(job)

    def _waited(self, job: Job) -> None:
        if job.begun is None and not job.future.done():
            self._drop(job)
            job.future.set_exception(Unanswered("busy", f"busy: waited {self.clock() - job.arrived:.1f} s for a box"))

    def _expired(self, job: Job) -> None:
        if not job.future.done():
            self._drop(job)
            job.future.set_exception(Unanswered("late", "the machine is too busy to answer while the client waits"))

    def _drop(self, job: Job) -> None:
        """Take a job out of its queue, or end it."""
        job.end()
        queue = self._queues.get(job.key)
        if queue and job in queue:
            queue.remove(job)
            if not queue:
                del self._queues[job.key]

    # -- turns ---------------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while len(self._running) < self.boxes and self._queues:
            key, queue = next(iter(self._queues.items()))
            job = queue.popleft()
            self._queues.move_to_end(key)
            if not queue:
                del self._queues[key]
            job.begun = self.clock()
            job.queued_s = job.begun - job.arrived
            self._running.add(job)
            asyncio.get_running_loop().run_in_executor(self._threads, job.work, job).add_done_callback(
                lambda done, job=job: self._done(job, done)  # type: ignore[misc]
            )

    def _done(self, job: Job, done: "asyncio.Future[Any]") -> None:
        self._running.discard(job)
        spent = self.clock() - (job.begun or 0.0)
        self.mean_s += WEIGHT * (spent - self.mean_s)
        if self.observe:
            self.observe(job.queued_s, spent)
        error = None if done.cancelled() else done.exception()
        if not job.future.done():
            if done.cancelled():
                job.future.cancel()
            elif error is not None:
                job.future.set_exception(error)
            else:
                job.future.set_result(done.result())
        self._dispatch()

    def end(self) -> None:
        """End all work; `join` waits for it."""
        self.is_draining = True
        for job in [*(job for queue in self._queues.values() for job in queue), *self._running]:
            self._drop(job)
            if not job.future.done():
                job.future.set_exception(Unanswered("gone", "the server is going down"))

    def join(self) -> None:
        """Wait for the threads, in another one than the event loop's."""
        self._threads.shutdown(wait=True, cancel_futures=True)
