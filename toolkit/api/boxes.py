"""A box to run programs in, without an engine to open and close."""

import threading
from dataclasses import replace
from typing import Self

from sandbox import Box as _Box
from sandbox import Execution, Limits, UsageError, open_engine
from toolkit.api.threads import awaitable, ended_by


class Box:
    """Run programs in a locked-down container, one after another: `with toolkit.Box() as box: box.run("print(1)")`.

    Each program starts afresh: what one leaves behind (files, processes) is removed before the next one. The container
    starts with the first program, or on entering a `with` block, and is gone after `close`, or at the end of the block,
    however it ends. Several boxes may be open at a time; calls of one box from several threads wait for each other.

    Args:
        limits: bounds of each program; memory, disk and processes are fixed for the life of the box.
        runtime: OCI runtime, such as `runsc`.

    Raises:
        UsageError: limits are out of range, or the box has been closed.
        InfrastructureError: no engine answers, or the image is not there (`toolkit images build`).
    """

    def __init__(self, limits: Limits | None = None, *, runtime: str | None = None) -> None:
        self.limits = limits or Limits()
        self._runtime = runtime
        self._lock, self._ending = threading.Lock(), threading.Lock()
        self._box: _Box | None = None
        self._is_closed = False

    def run(self, code: str | bytes, *, stdin: str | bytes = b"", timeout: float | None = None) -> Execution:
        """Run a whole program as `python FILE` would, and return what happened; nothing that it does is an exception.

        Args:
            code: Python source.
            stdin: what the program reads from standard input.
            timeout: most seconds charged, and half the CPU seconds of all its processes; those of `limits` when None.

        Raises:
            UsageError, InfrastructureError: as the class says, and if the box is lost; the next call starts another one.
        """
        limits = self.limits if timeout is None else replace(self.limits, charged_s=timeout, cpu_s=2 * timeout)
        given = stdin.encode("utf-8", "surrogatepass") if isinstance(stdin, str) else stdin
        with self._lock:
            box = self._opened()
            with ended_by(box.close):
                return box.run(code, stdin=given, limits=limits)

    run_async = awaitable(run)

    def close(self) -> None:
        """Remove the container, even while a program runs in it; it is gone on return. Does nothing the second time."""
        self._is_closed = True
        with self._ending:
            box, self._box = self._box, None
            if box is not None:
                box.retire()
                box.engine.close()

    def _opened(self) -> _Box:
        if self._is_closed:
            raise UsageError("the box has been closed; open another one")
        if self._box is None:
            engine = open_engine(self._runtime)
            box = _Box(engine, self.limits)
            try:
                engine.sweep()
                box.start()
                self._box = box
                if self._is_closed:  # meanwhile, by another thread
                    raise UsageError("the box has been closed while it started")
            except BaseException:
                self._box = None
                box.retire()
                engine.close()
                raise
        return self._box

    def __enter__(self) -> Self:
        with self._lock:
            self._opened()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
