"""The interface of engines, which start the containers of boxes and carry bytes to and from their supervisors.

An engine is a class with the methods of `Engine`; a new one is one file, and one line in `sandbox.ENGINES`.
"""

import contextlib
import socket
import threading
import time
from typing import Any, Protocol

from sandbox.errors import BoxLost
from sandbox.limits import MIB, Limits

OVERHEAD_BYTES = 192 * MIB
"""Memory that a box gets on top of the program's, for the supervisor, the warm interpreter and outputs not yet fetched."""
SEND_S = 60.0
"""Seconds that a box may take to accept a message before it counts as lost."""


class Connection(Protocol):
    """A running box: bytes in, bytes out."""

    name: str

    def send(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            BoxLost: the box has gone away.
        """

    def receive(self, n: int, deadline: float) -> bytes:
        """Read exactly `n` bytes before `deadline` (of `time.monotonic`).

        Raises:
            BoxLost: the box has gone away, or the deadline has passed.
        """

    def close(self) -> None:
        """End the box and remove every trace of it. Never raises; may be called twice."""

    def memory_exceeded(self) -> bool:
        """Return whether the kernel killed the box for its memory. Call this after a `BoxLost`, before `close`."""


class Engine(Protocol):
    """Starts boxes."""

    def start(self, limits: Limits, image: str = "run") -> Connection:
        """Start a box of `image` that can give a program `limits`.

        Raises:
            EngineUnavailable: no engine answers, or it refuses.
            ImageMissing: the image has not been built.
        """

    def image_digest(self, image: str = "run") -> str:
        """Return the digest of `image` (raises as `start`)."""

    def capacity(self, image: str, wanted: int) -> int:
        """Return how many of `wanted` boxes this engine can run per role."""

    def sweep(self) -> int:
        """Remove boxes whose owner is gone; return how many."""

    def close(self) -> None:
        """Let go of the engine."""


class SocketConnection:
    """A connection over a socket. One thread uses it; another may close it."""

    def __init__(self, name: str, used: socket.socket) -> None:
        self.name, self._socket = name, used
        self._buffer = bytearray()
        self.stderr = b""
        self._closed = False
        self._used = threading.Lock()

    def send(self, data: bytes) -> None:
        try:
            with self._used:
                self._socket.settimeout(SEND_S)
                self._socket.sendall(data)
        except OSError as error:
            raise BoxLost(f"box {self.name[:12]} went away: {short(error)}") from None

    def _fill(self, n: int, deadline: float, buffer: bytearray) -> None:
        while len(buffer) < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise BoxLost(f"box {self.name[:12]} does not answer")
            try:
                with self._used:
                    self._socket.settimeout(left)
                    part = self._socket.recv(max(n - len(buffer), 1 << 16))
            except TimeoutError:
                continue
            except OSError as error:
                raise BoxLost(f"box {self.name[:12]} went away: {short(error)}") from None
            if not part:
                raise BoxLost(f"box {self.name[:12]} went away {self.stderr.decode(errors='replace').strip()[:200]}")
            buffer += part

    def _leave(self, *streams: Any) -> bool:
        """Close the socket and `streams`, which also hold it; return False if they were closed before."""
        if self._closed:
            return False
        self._closed = True
        with contextlib.suppress(Exception):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._used:  # otherwise a thread about to wait would wait on whatever reuses this descriptor
            for stream in streams:
                with contextlib.suppress(Exception):
                    stream.close()
        return True


def short(error: BaseException) -> str:
    """Return the message of an engine's or the system's error, at most 300 characters of it."""
    return str(getattr(error, "explanation", None) or error)[:300]
