"""HTTP/1.1 as uvicorn speaks it, but for clients that never finish the head of a request: they are hung up on."""

import asyncio
import importlib
from typing import Any

MAX_HEAD = 64 << 10
"""Bytes of a request's head."""


class Bounded:
    """Put before one of uvicorn's protocols: each request's head has to be there within `header_s` seconds."""

    header_s = 10.0
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None
        self._n_head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)  # type: ignore[misc]
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
        super().on_response_complete()  # type: ignore[misc]
        if not self._is_busy():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)  # type: ignore[misc]

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


def protocol(header_s: float) -> type[Any]:
    """Return the faster protocol of those that are installed, bounded."""
    for module, name in (("httptools_impl", "HttpToolsProtocol"), ("h11_impl", "H11Protocol")):
        try:
            base = getattr(importlib.import_module(f"uvicorn.protocols.http.{module}"), name)
        except ModuleNotFoundError:
            continue
        return type("BoundedProtocol", (Bounded, base), {"header_s": header_s})
    raise AssertionError
