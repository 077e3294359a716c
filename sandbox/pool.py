"""A pool of boxes: started when first needed, with work spread over them."""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TypeVar

from sandbox.box import Box
from sandbox.engines.base import Engine
from sandbox.errors import BadValue, BoxDestroyed, BoxLost, BoxNotStarted, EngineUnavailable, SandboxError, Starved, Stopped
from sandbox.limits import Limits

T = TypeVar("T")
R = TypeVar("R")
TRIES = 2
"""Attempts at work while the machine is too busy, and at the known program while boxes get lost."""
ENGINE_WAIT_S = 60.0
"""Seconds that a lost engine may take to come back."""
WAKE_S = 0.2
"""Seconds of one wait: a Ctrl-C that comes just before a wait begins is only seen when it ends."""
STOP_S = 0.05
"""Seconds between rounds of closing boxes under programs whose results are no longer wanted, until all have noticed."""
KNOWN_S = 10.0
"""Seconds that the known program may take."""


class Sandbox:
    """Up to `parallel` boxes of each image: `with Sandbox(engine) as sandbox: sandbox.map(...)`.

    Work that needs two boxes at once takes the second in another role. Each role has boxes of its own, so there is no
    deadlock as long as all work takes the roles in the same order.

    Args:
        engine: starts the containers; orphans are swept along with the first start. Not closed here.
        parallel: programs that run at the same time.
        limits: limits of every box.
    """

    def __init__(self, engine: Engine, parallel: int = 2, limits: Limits | None = None) -> None:
        if parallel < 1:
            raise BadValue(f"parallel must be at least 1, not {parallel}")
        self.engine, self.parallel, self.limits = engine, parallel, limits or Limits()
        self._free: dict[tuple[str, str], queue.LifoQueue[Box]] = {}
        self._boxes: list[Box] = []
        self._lent: dict[Box, int] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._outage = threading.Lock()
        self._is_engine_gone = False

    def start(self, image: str = "run", role: str = "") -> None:
        """Start all boxes of an image and role at once, unless they run. Raises as `Box.start`."""
        key = image, role
        with self._lock:
            if self._closing.is_set():
                raise BoxLost("the sandbox has been closed")
            if key in self._free:
                return
            boxes = [Box(self.engine, self.limits, image) for _ in range(self.engine.capacity(image, self.parallel))]
            is_first, self._boxes = not self._boxes, self._boxes + boxes
            try:
                with ThreadPoolExecutor(self.parallel + 1) as threads:
                    starting: list[Future[object]] = [threads.submit(box.start) for box in boxes]
                    if is_first:
                        starting.append(threads.submit(self.engine.sweep))
                for started in starting:
                    started.result()
                if self._closing.is_set():  # in the meantime, so `close` may have missed these
                    raise BoxLost("the sandbox has been closed")
            except BaseException:
                for box in boxes:
                    box.retire()
                self._boxes = [box for box in self._boxes if box not in boxes]
                raise
            self._free[key] = queue.LifoQueue()
            for box in boxes:
                self._free[key].put(box)

    @contextlib.contextmanager
    def box(self, image: str = "run", role: str = "") -> Iterator[Box]:
        """Lend a box to one caller alone; wait while all of its image and role are lent. Raises as `Box.start`."""
        if self._closing.is_set() or (image, role) not in self._free:  # else nobody waits while others' boxes start
            self.start(image, role)
        free = self._free[image, role]
        box = free.get()
        try:
            self._lent[box] = threading.get_ident()
            yield box
        finally:
            self._lent.pop(box, None)
            free.put(box)

    def attempt(
        self, act: Callable[[Box], R], image: str = "run", is_unwanted: Callable[[], bool] = lambda: False
    ) -> R:
        """Call `act` with a box, in which it runs one program or several together, and return its result.

        If the box is lost, a known program must run in a fresh one before `act` is tried there once more. A box that
        does not come up was lost with nothing in it: that says nothing about `act`, which is tried again. Once `is_unwanted`
        says so, nothing is tried again.

        Raises:
            BoxDestroyed: the second box was lost as well: what `act` runs does this.
            BoxLost: boxes are lost with the known program too, or do not come up, or the sandbox was closed.
            Starved: the machine was too busy, each time.
            EngineUnavailable, ImageMissing: boxes cannot be started, and the engine did not come back in time.
        """
        return self._attempt(act, image, lambda: self._closing.is_set() or is_unwanted())

    def _attempt(self, act: Callable[[Box], R], image: str, is_unwanted: Callable[[], bool]) -> R:
        """Do what `attempt` promises; stop once the result is unwanted."""
        is_lost, n_tried = False, 0
        while True:
            with self.box(image) as box:
                try:
                    return act(box)
                except (Starved, EngineUnavailable, BoxNotStarted) as error:
                    n_tried += 1
                    is_over = isinstance(error, EngineUnavailable) and not self._engine_came_back(is_unwanted)
                    if is_over or n_tried == TRIES or is_unwanted():
                        raise
                except BoxLost as error:
                    box.close()
                    if is_unwanted():
                        raise
                    if is_lost:
                        raise BoxDestroyed(f"its box did not survive it: {error}") from None
                    is_lost = True
                    self._prove(box, is_unwanted)

    def _prove(self, box: Box, is_unwanted: Callable[[], bool]) -> None:
        """Run a known, harmless program in a fresh box. Raises as `attempt`."""
        limits = replace(box.limits, charged_s=KNOWN_S, cpu_s=KNOWN_S)
        for left in reversed(range(TRIES)):
            try:
                box.close()
                found = box.run("print(6 * 7)", limits=limits)
                if found.stdout == "42\n":
                    return
                raise BoxLost(f"a known program did not run: {found.status}, exit code {found.exit_code}")
            except SandboxError as error:
                is_over = isinstance(error, EngineUnavailable) and not self._engine_came_back(is_unwanted)
                if is_over or not left or is_unwanted():
                    raise

    def _engine_came_back(self, is_unwanted: Callable[[], bool]) -> bool:
        """Wait for a lost engine, and return whether it came back; once it is given up, nobody waits again."""
        with self._outage:
            deadline = time.monotonic() + (0 if self._is_engine_gone else ENGINE_WAIT_S)
            while not is_unwanted():
                try:
                    self.engine.sweep()
                    return True
                except EngineUnavailable:
                    if time.monotonic() > deadline:
                        self._is_engine_gone = True
                        break
                    self._closing.wait(1)
            return False

    def map(
        self,
        act: Callable[[Box, T], R],
        items: Iterable[T],
        image: str = "run",
        *,
        is_ordered: bool = True,
        failed: Callable[[T, Exception], R] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[R]:
        """Yield the result of `act` for each item, `parallel` at a time; items are consumed lazily.

        Args:
            act: called with a box and an item, as in `attempt`.
            is_ordered: yield in the order of the items, else in order of completion.
            failed: turns an item and its error into a result, so that one item costs no other; raises what must end
                everything.
            stop: set by another thread, ends the work as if the caller stopped early, and raises `Stopped`.

        Raises as `attempt`, or whatever `act` or `failed` raise; the sandbox is closed then. If the caller stops early,
        nothing more is begun and what runs is ended; the sandbox stays usable.
        """
        stopped, workers = stop or threading.Event(), set[int]()

        def is_unwanted() -> bool:
            return stopped.is_set() or self._closing.is_set()

        def work(item: T) -> R:
            try:
                return self._attempt(lambda box: act(box, item), image, is_unwanted)
            except Exception as error:
                if failed is None:
                    raise
                return failed(item, error)

        running: deque[Future[R]] = deque()

        def taken() -> R:
            while True:
                done, _ = wait([running[0]] if is_ordered else running, WAKE_S, FIRST_COMPLETED)
                if stopped.is_set():
                    raise Stopped("the work was stopped")
                if done:
                    first = running[0] if is_ordered else done.pop()
                    running.remove(first)
                    return first.result()

        with ThreadPoolExecutor(self.parallel, initializer=lambda: workers.add(threading.get_ident())) as threads:
            try:
                for item in items:
                    running.append(threads.submit(work, item))
                    if len(running) > 2 * self.parallel:
                        yield taken()
                while running:
                    yield taken()
            except (GeneratorExit, Stopped):
                stopped.set()
                threads.shutdown(wait=False, cancel_futures=True)
                while left := [one for one in running if not one.done()]:
                    wait(left, STOP_S)
                    for box in [box for box, thread in list(self._lent.items()) if thread in workers]:
                        box.close()
                raise
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise

    @property
    def n_started(self) -> int:
        """How many containers its boxes have had so far."""
        return sum(box.n_started for box in list(self._boxes))

    @property
    def is_closed(self) -> bool:
        """Whether the pool has been closed: it lends no box any more."""
        return self._closing.is_set()

    def close(self) -> None:
        """End all boxes for good, even those in use. Never raises."""
        self._closing.set()
        boxes, self._boxes = self._boxes, []
        closing = [threading.Thread(target=box.retire) for box in boxes]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
