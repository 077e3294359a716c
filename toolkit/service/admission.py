"""Admission: which request gets a box when, and which is told at once that it would wait too long.

Queues of keys are served in turn, one program each, in order of arrival within a key. Requests live on one event loop;
work is done in threads, as many as there are boxes. A thread takes its next piece itself: no box waits for the event loop.

A request is taken only if, at the speed of the last programs, it would begin early enough to be answered while its client
still listens. What is taken and then comes too late all the same (the others were endless, or the machine is busy) is
answered 504 before the client gives up. Neither is ever a verdict.
"""

import asyncio
import contextlib
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
MOST = 1024
"""Threads, and so pieces of work at a time, however many boxes there are."""
MARGIN_S = 1.0
"""Seconds before a client gives up at which it has its answer, whatever that is."""
FIRST_S = 0.02
"""Seconds of a box that a program takes, as long as none has been measured."""
GOING = "the server is going down"
WEIGHT = 0.05
"""Of the newest program in the moving means."""
STRETCH, MOST_STRETCH, LONG_S = 1.5, 4.0, 0.2
"""Seconds that pass for each one charged, as long as none has been measured; the most; what is charged at least to count."""

LEAST = 0.25
"""Of a client's patience, what a program may wait for a box at least, whatever its limit: few come near their limits."""


@dataclass(eq=False, slots=True)
class Job:
    """One piece of work for one box.

    Attributes:
        limit_s: the most seconds that it should be charged once it has begun.
        until: when its client has to have the answer, on the clock of `Admission`.
        queued_s: how long it waited for a box.
        charged_s: what it was charged, as far as is known.
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
    charged_s: float = 0.0
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
        observe: called with (seconds queued, seconds run) of each piece that was done, in its thread.

    Attributes:
        mean_s: seconds of a box that a program takes, as a moving mean.
        stretch: seconds that pass for each second charged, likewise: a busy machine lets programs wait for a processor. Who
            waited for a box as long as a limit alone allows would be cut off in the middle, try again, and never end.
        is_draining: whether the server is on its way out; readiness says so.
        is_over: whether all work has been ended, and nothing is done any more.
    """

    def __init__(self, boxes: int, max_wait_s: float = 20.0, observe: Callable[[float, float], None] | None = None) -> None:
        self.boxes, self.max_wait_s, self.observe = boxes, max_wait_s, observe
        self.mean_s, self.stretch = FIRST_S, STRETCH
        self.is_draining = self.is_over = False
        self.clock = time.monotonic
        self._lock = threading.RLock()
        self._queues: OrderedDict[str, deque[Job]] = OrderedDict()
        self._running: set[Job] = set()
        self._threads = ThreadPoolExecutor(MOST, "box")

    # -- what is known -------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many wait for a box."""
        with self._lock:
            return sum(map(len, self._queues.values()))

    @property
    def running(self) -> int:
        """How many are in a box."""
        return len(self._running)

    def expected_wait_s(self, key: str) -> float:
        """Return how long a request that came now would wait: turns before its own, at the speed of the last programs."""
        with self._lock:
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
        return self.mean_s - spent if spent < self.mean_s else max(min(spent, self.stretch * job.limit_s - spent), 0.0)

    # -- one request ---------------------------------------------------------------------------------------------------

    async def run(
        self, key: str, work: Callable[[Job], R], *, limit_s: float, patience_s: float, wait_s: float = float("inf"),
        is_late: bool = False,
    ) -> R:  # fmt: skip
        """Do `work` in a thread when its turn comes, and return what it returns.

        Args:
            limit_s: the most seconds that it should be charged once it has begun.
            patience_s: seconds after which the client has gone.
            wait_s: the longest that it may wait for its turn, if that is less than what these and `max_wait_s` leave.
            is_late: whether it has been taken before: do not refuse it for the wait that is expected.

        Raises:
            Unanswered: it would wait too long, or has.
        """
        if self.is_over:
            raise Unanswered("gone", GOING)
        now = self.clock()
        left_s = max(patience_s - MARGIN_S - self.stretch * limit_s, LEAST * patience_s)
        room = min(self.max_wait_s, wait_s, left_s)
        expected = self.expected_wait_s(key)
        if not is_late and (expected > room or self.is_draining):
            why = "going down" if self.is_draining else "busy"
            said = f"expected wait {expected:.1f} s, at most {room:.1f} s"
            raise Unanswered("busy", f"{why}, {self.waiting} waiting; {said}")
        loop = asyncio.get_running_loop()
        job = Job(
            key=key, limit_s=limit_s, until=now + patience_s - MARGIN_S, work=work, future=loop.create_future(), arrived=now
        )  # fmt: skip
        with self._lock:
            self._queues.setdefault(key, deque()).append(job)
            self._begin(loop)
        if job.begun is None and not is_late:
            job.timers.append(loop.call_later(room, self._waited, job))
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
        with self._lock:
            if job.begun is not None or job.future.done():
                return
            self._drop(job)
        job.future.set_exception(Unanswered("busy", f"busy: waited {self.clock() - job.arrived:.1f} s for a box"))

    def _expired(self, job: Job) -> None:
        if not job.future.done():
            self._drop(job)
            job.future.set_exception(Unanswered("late", "the machine is too busy to answer while the client waits"))

    def _drop(self, job: Job) -> None:
        """Take a job out of its queue, or end it."""
        job.end()
        with self._lock:
            queue = self._queues.get(job.key)
            if queue and job in queue:
                queue.remove(job)
                if not queue:
                    del self._queues[job.key]

    def resize(self, boxes: int) -> None:
        """Do so many pieces of work at a time from now on, and at least one; what is done already goes on."""
        with self._lock:
            self.boxes = min(max(boxes, 1), MOST)
            if self._queues:
                self._begin(asyncio.get_running_loop())

    # -- turns ---------------------------------------------------------------------------------------------------------

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have threads work that have nothing to do. The lock is held."""
        while len(self._running) < self.boxes and (following := self._next()):
            self._threads.submit(self._work, following, loop)

    def _next(self) -> Job | None:
        """Take the next piece of work out of its queue, if there is any. The lock is held."""
        if not self._queues:
            return None
        key, queue = next(iter(self._queues.items()))
        job = queue.popleft()
        self._queues.move_to_end(key)
        if not queue:
            del self._queues[key]
        job.begun = self.clock()
        job.queued_s = job.begun - job.arrived
        self._running.add(job)
        return job

    def _work(self, job: Job | None, loop: asyncio.AbstractEventLoop) -> None:
        """Do a piece of work, in a thread, and then the next ones."""
        while job is not None:
            found, error = None, None
            try:
                found = job.work(job)
            except BaseException as raised:
                error = raised
            spent = self.clock() - (job.begun or 0.0)
            if self.observe:
                self.observe(job.queued_s, spent)
            with self._lock:
                self._running.discard(job)
                self.mean_s += WEIGHT * (spent - self.mean_s)
                if job.charged_s >= LONG_S:
                    self.stretch += WEIGHT * (min(max(spent / job.charged_s, 1.0), MOST_STRETCH) - self.stretch)
                following = self._next() if len(self._running) < self.boxes else None
            with contextlib.suppress(RuntimeError):  # the loop is over, and with it all requests
                loop.call_soon_threadsafe(_settle, job.future, found, error)
            job = following

    def end(self) -> None:
        """End all work; `join` waits for it."""
        self.is_draining = self.is_over = True
        with self._lock:
            jobs = [*(job for queue in self._queues.values() for job in queue), *self._running]
        for job in jobs:
            self._drop(job)
            if not job.future.done():
                job.future.set_exception(Unanswered("gone", GOING))

    def join(self) -> None:
        """Wait for the threads, in another one than the event loop's."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _settle(future: "asyncio.Future[Any]", found: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(found)
    else:
        future.set_exception(error)
