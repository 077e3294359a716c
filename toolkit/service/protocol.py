"""HTTP/1.1 as uvicorn speaks it, but for clients that never finish a head or never read an answer: they are hung up on."""

import asyncio
import importlib
from typing import Any

MAX_HEAD = 64 << 10
"""Bytes of a request's head."""


class Whole:
    """A transport that sends the head of an answer together with what comes first of its body: one packet, one wake-up."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def write(self, data: bytes) -> None:
        """Send bytes; a head waits for those that follow it."""
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100") and not self._head:
            self._head = data
        else:
            head, self._head = self._head, b""
            self._transport.write(head + data if head else data)

    def flush(self) -> None:
        """Send a head that nothing follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Send what is left, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bounded:
    """Put before one of uvicorn's protocols: bounds how long a request's head may take, and an answer that nobody reads.

    Attributes:
        header_s: seconds in which a request's head has to be there.
        unread_s: seconds in which at least some of an answer that waits has to be read.
    """

    header_s = unread_s = 10.0
    loop: asyncio.AbstractEventLoop
    transport: Any
    cycle: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._n_head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a head."""
        super().connection_made(Whole(transport))  # type: ignore[misc]
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a whole head ends the wait."""
        super().data_received(data)  # type: ignore[misc]
        if self._is_busy():
            self._wait_no_more()
            return
        self._n_head += len(data)
        if self._n_head > MAX_HEAD:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        self.transport.flush()
        super().on_response_complete()  # type: ignore[misc]
        if not self._is_busy():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        self._read_on()
        super().connection_lost(exc)  # type: ignore[misc]

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read as fast as it is answered."""
        super().pause_writing()  # type: ignore[misc]
        self._wait_unread()

    def resume_writing(self) -> None:
        """Wait no more: it has read most of it."""
        self._read_on()
        super().resume_writing()  # type: ignore[misc]

    def _wait_unread(self) -> None:
        before = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(self.unread_s, self._stuck, before)

    def _stuck(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._wait_unread()

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._wait_no_more()
        self._patience = self.loop.call_later(self.header_s, self._late)

    def _wait_no_more(self) -> None:
        self._n_head = 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _late(self) -> None:
        if not self._is_busy():
            self.transport.close()


def protocol(header_s: float, unread_s: float) -> type[Any]:
    """Return the faster protocol of those that are installed, bounded."""
    for module, name in (("httptools_impl", "HttpToolsProtocol"), ("h11_impl", "H11Protocol")):
        try:
            base = getattr(importlib.import_module(f"uvicorn.protocols.http.{module}"), name)
        except ModuleNotFoundError:
            continue
        return type("BoundedProtocol", (Bounded, base), {"header_s": header_s, "unread_s": unread_s})
    raise AssertionError
