"""The server's life: boxes first, then the address, and on SIGTERM what was taken is answered before both go."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from toolkit.errors import UsageError
from toolkit.service.app import Service
from toolkit.service.protocol import protocol
from toolkit.service.room import Room
from toolkit.service.settings import Settings, check

LOG = logging.getLogger("toolkit.serve")
BACKLOG = 4096
ANSWER_S = 10
"""Seconds for what is answered 504 at the end."""


class _Server(uvicorn.Server):
    """Ends on a signal without being killed by it: boxes are still to be removed."""

    def __init__(self, config: uvicorn.Config, room: Room, announce: Callable[[str], object]) -> None:
        super().__init__(config)
        self.room, self.announce = room, announce

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT; the second one ends at once."""
        loop = asyncio.get_running_loop()
        taken = []
        with contextlib.suppress(ValueError, RuntimeError):  # not the main thread
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.leave)
                taken.append(number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def leave(self) -> None:
        """Take nothing new, and end once what was taken is answered, in `drain_s` with 504; when told so again, at once."""
        self.force_exit = self.should_exit
        self.should_exit = self.room.admission.is_draining = True
        asyncio.get_running_loop().call_later(self.room.settings.drain_s, self.room.admission.end)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            self.announce(f"serving at {address}, {self.room.admission.boxes} programs at a time")


def serve(settings: Settings, announce: Callable[[str], object]) -> None:
    """Serve until a signal comes. `announce` is called with a line once the address is open.

    Raises:
        UsageError: a setting is out of range, or the address is taken.
        InfrastructureError: boxes cannot be started, or judge a known program wrongly.
    """
    check(settings)
    listening = _bound(settings)
    with contextlib.closing(listening):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard))
        room = Room(settings)
        try:
            room.start()
            gc.collect()
            gc.freeze()  # all that is here stays: nobody need look through it again and again
            config = configured(room)
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:  # uvloop's, where it is installed
                runner.run(_Server(config, room, announce).serve([listening]))
        finally:
            room.close()


def configured(room: Room) -> uvicorn.Config:
    """Return how uvicorn serves a room. Once it is told to end, what it cancels itself would be answered 500."""
    settings = room.settings
    return uvicorn.Config(
        Service(room).app(), http=protocol(settings.header_s, settings.body_s), ws="none", lifespan="on",
        access_log=False, log_config=None, log_level="warning", server_header=False, proxy_headers=False,
        backlog=BACKLOG, timeout_keep_alive=30, timeout_graceful_shutdown=int(settings.drain_s) + ANSWER_S,
    )  # fmt: skip


def _bound(settings: Settings) -> socket.socket:
    """Return a socket bound to the address. Raises `UsageError`."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
    except OSError as error:
        raise UsageError(f"--host {settings.host} --port {settings.port}: {error.strerror or error}") from None
    return bound
