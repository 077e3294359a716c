"""Boxes of every kind, started when first needed, and work spread over them."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from sandbox.box import Box
from sandbox.engine import Engine
from sandbox.errors import BoxLost
from sandbox.limits import Limits

T = TypeVar("T")
R = TypeVar("R")
TRIES = 3
"""How often work is tried when its box is lost."""


def _result(future: Future[R]) -> R:
    """Wait for a result, with breaks: a Ctrl-C that comes just before a wait begins is only seen when it ends."""
    while not future.done():
        wait([future], timeout=0.2)
    return future.result()


class Sandbox:
    """`parallel` boxes of each kind of image that is asked for: `with Sandbox(engine) as sandbox: sandbox.map(...)`.

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
        self._lock = threading.Lock()
        self._closed = False

    def start(self, kind: str = "run", role: str = "") -> None:
        """Start the boxes of a kind and role unless they have been; all at once. Raises as `Box.start`."""
        key = kind, role
        with self._lock:
            if self._closed:
                raise BoxLost("the sandbox has been closed")
            if key in self._free:
                return
            boxes = [Box(self.engine, self.limits, kind) for _ in range(self.engine.capacity(kind, self.parallel))]
            try:
                with ThreadPoolExecutor(self.parallel + 1) as threads:
                    starting: list[Future[object]] = [threads.submit(box.start) for box in boxes]
                    if not self._boxes:
                        starting.append(threads.submit(self.engine.sweep))
                    self._boxes += boxes
                for started in starting:
                    started.result()
                if self._closed:  # meanwhile, so that these may have been passed over
                    raise BoxLost("the sandbox has been closed")
            except BaseException:
                for box in boxes:
                    box.close()
                raise
            self._free[key] = queue.LifoQueue()
            for box in boxes:
                self._free[key].put(box)

    @contextlib.contextmanager
    def box(self, kind: str = "run", role: str = "") -> Iterator[Box]:
        """Lend a box, alone; waits while all of its kind and role are lent. Raises as `Box.start`."""
        self.start(kind, role)
        free = self._free[kind, role]
        box = free.get()
        try:
            yield box
        finally:
            if self._closed:  # meanwhile, and the box may have been started anew since
                box.close()
            free.put(box)

    def attempt(self, act: Callable[[Box], R], kind: str = "run") -> R:
        """Return what `act` returns with a box; when that is lost, it is tried again. Raises as `Box.run`."""
        for left in reversed(range(TRIES)):
            with self.box(kind) as box:
                try:
                    return act(box)
                except BoxLost:
                    if not left or self._closed:
                        raise
        raise AssertionError

    def map(self, act: Callable[[Box, T], R], items: Iterable[T], kind: str = "run") -> Iterator[R]:
        """Give what `act` returns for each item, in order, `parallel` at a time; items are taken as they are needed.

        Raises as `Box.run`; the sandbox is closed then. When the caller stops asking, nothing more is begun.
        """

        def work(item: T) -> R:
            return self.attempt(lambda box: act(box, item), kind)

        running: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self.parallel) as threads:
            try:
                for item in items:
                    running.append(threads.submit(work, item))
                    if len(running) > 2 * self.parallel:
                        yield _result(running.popleft())
                while running:
                    yield _result(running.popleft())
            except GeneratorExit:
                threads.shutdown(wait=True, cancel_futures=True)
                raise
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise

    def close(self) -> None:
        """End all boxes, also those in use, for good. Never raises."""
        self._closed = True
        boxes, self._boxes = self._boxes, []
        closing = [threading.Thread(target=box.close) for box in boxes]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
