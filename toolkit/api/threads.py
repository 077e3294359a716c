"""Awaitable variants of blocking functions: each call has a thread of its own, and ends with the task that awaits it."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class _Stop:
    """Whether a call is to end, and the functions that end the work it is doing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acts: list[Callable[[], object]] = []
        self.is_set = False

    def add(self, act: Callable[[], object]) -> None:
        with self._lock:
            self._acts.append(act)
            is_late = self.is_set
        if is_late:
            act()

    def remove(self, act: Callable[[], object]) -> None:
        with self._lock:
            self._acts.remove(act)

    def set(self) -> None:
        with self._lock:
            self.is_set, acts = True, list(self._acts)
        for act in acts:
            act()


_current: ContextVar[_Stop | None] = ContextVar("_current", default=None)


@contextlib.contextmanager
def ended_by(act: Callable[[], object]) -> Iterator[None]:
    """Call `act` from another thread if the task that awaits this work is cancelled: the work should then end soon."""
    stop = _current.get()
    if stop is None:  # called directly: Ctrl-C ends it
        yield
        return
    stop.add(act)
    try:
        yield
    finally:
        stop.remove(act)


def awaitable(act: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return a coroutine function that runs `act` in a thread of its own.

    If the task is cancelled, what `ended_by` names ends the work; the cancellation goes on once the thread is over.
    """

    @functools.wraps(act)
    async def called(*args: P.args, **kwargs: P.kwargs) -> R:
        loop, stop, context = asyncio.get_running_loop(), _Stop(), copy_context()
        context.run(_current.set, stop)
        threads = ThreadPoolExecutor(1, "toolkit")

        def work() -> R:
            return context.run(act, *args, **kwargs)

        try:
            running = loop.run_in_executor(threads, work)
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                await asyncio.to_thread(stop.set)
                await asyncio.wait([running])
                if not running.cancelled():
                    running.exception()  # seen: asyncio would else say that nobody saw it
                raise
            return running.result()
        finally:
            threads.shutdown(wait=False)

    called.__name__ = f"{act.__name__}_async"
    called.__qualname__ = f"{act.__qualname__}_async"
    called.__doc__ = (
        f"Do as `{act.__name__}` does, in a thread of its own; if the task is cancelled, the programs that run are ended."
        f"\n\n    `{act.__name__}`: {act.__doc__}"
    )
    return called
