"""Boxes of every image, started when first needed, and work spread over them."""

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
from sandbox.errors import BoxDestroyed, BoxLost, BoxNotStarted, EngineUnavailable, SandboxError, Starved
from sandbox.limits import Limits

T = TypeVar("T")
R = TypeVar("R")
TRIES = 2
"""How often work is tried on a machine that is too busy, and a known program in boxes that are lost."""
ENGINE_WAIT_S = 60.0
"""How long an engine that has gone may take to come back."""
WAKE_S = 0.2
"""How long one waits at a time: a Ctrl-C that comes just before a wait begins is only seen when it ends."""
STOP_S = 0.05
"""How often boxes are closed under programs whose results nobody wants, until all have noticed."""
KNOWN_S = 10.0
"""Seconds that the known program may take."""


class Sandbox:
    """`parallel` boxes of each image that is asked for: `with Sandbox(engine) as sandbox: sandbox.map(...)`.

    Work that needs two boxes at once takes the second in another role: those are boxes of their own, so as long as all
    work takes them in the same order, none waits for one that waits for it.

    Args:
        engine: starts the containers; their orphans are swept when the first boxes are. Not closed here.
        parallel: how many programs run at one time.
        limits: of every box.
    """

    def __init__(self, engine: Engine, parallel: int = 2, limits: Limits | None = None) -> None:
        if parallel < 1:
            raise ValueError(f"parallel must be at least 1, not {parallel}")
        self.engine, self.parallel, self.limits = engine, parallel, limits or Limits()
        self._free: dict[tuple[str, str], queue.LifoQueue[Box]] = {}
        self._boxes: list[Box] = []
        self._lent: dict[Box, int] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._outage = threading.Lock()
        self._is_engine_gone = False

    def start(self, image: str = "run", role: str = "") -> None:
        """Start the boxes of an image and role unless they have been; all at once. Raises as `Box.start`."""
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
                if self._closing.is_set():  # meanwhile, so that these may have been passed over
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
        """Lend a box, alone; waits while all of its image and role are lent. Raises as `Box.start`."""
        self.start(image, role)
        free = self._free[image, role]
        box = free.get()
        try:
            self._lent[box] = threading.get_ident()
            yield box
        finally:
            self._lent.pop(box, None)
            free.put(box)

    def attempt(self, act: Callable[[Box], R], image: str = "run") -> R:
        """Return what `act` returns with a box, in which it runs one program or several together.

        When the box is lost, a known program has to run in a fresh one, and `act` is tried there once more. A box that
        does not come up was lost with nothing in it: that says nothing of `act`, which is tried again.

        Raises:
            BoxDestroyed: that box was lost as well: whatever `act` runs does this.
            BoxLost: boxes are lost with the known program too, or do not come up, or the sandbox was closed.
            Starved: the machine was too busy, each time.
            EngineUnavailable, ImageMissing: boxes cannot be started, and the engine did not come back in time.
        """
        return self._attempt(act, image, self._closing.is_set)

    def _attempt(self, act: Callable[[Box], R], image: str, is_unwanted: Callable[[], bool]) -> R:
        """Do as `attempt` does, until nobody wants to know any more."""
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
        """Show that a program which is known to be harmless runs in a fresh box. Raises as `attempt`."""
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
        """Wait for an engine that has gone; once it is given up, nobody waits again."""
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
    ) -> Iterator[R]:
        """Give what `act` returns for each item, `parallel` at a time; items are taken as they are needed.

        Args:
            act: is given a box and an item, as in `attempt`.
            is_ordered: in the order of the items; else in that of completion.
            failed: makes a result of an item and what it raised, so that one item costs no other; it raises what is to
                end all.

        Raises as `attempt`, or what `act` or `failed` raise; the sandbox is closed then. When the caller stops asking,
        nothing more is begun, and what runs is ended; the sandbox is as good as before.
        """
        stopped, workers = threading.Event(), set[int]()

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
            except GeneratorExit:
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

    def close(self) -> None:
        """End all boxes, also those in use, for good. Never raises."""
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
