"""The engine `attached`: boxes that something else started (compose, a pod's sidecars, a person), each behind a socket.

Nothing here may start or end a container, so the toolkit needs no engine's socket. The other end is
`images/box/door.py`.
"""

import contextlib
import fcntl
import random
import socket
import time
from pathlib import Path
from typing import Any

from sandbox import recipes
from sandbox.engines.base import OVERHEAD_BYTES, SocketConnection
from sandbox.errors import BoxLost, EngineUnavailable
from sandbox.limits import Limits
from sandbox.wire import frames
from sandbox.wire.environment import variable

FOLDER = "/run/exogate"
"""Where the boxes' sockets are, unless `TOOLKIT_BOXES` names another folder."""
WAIT_S = 60.0
"""Seconds to wait for a box to become free, or for its starter to bring it back."""
BRIEF_S = 2.0
"""The same after a wait that timed out: long enough for a box that was just returned to become free."""


class AttachedEngine:
    """Boxes that already run.

    Args:
        runtime: refused: it is chosen where boxes are started.
        folder: where their sockets are.
    """

    def __init__(self, runtime: str | None = None, folder: Path | None = None) -> None:
        self.folder = folder or Path(variable("BOXES") or FOLDER)
        self._tags: dict[str, str] = {}
        self._is_in_vain = False
        if runtime:
            raise EngineUnavailable("--runtime is chosen where boxes are started; these run already")
        deadline = time.monotonic() + WAIT_S / 2
        while not (self._places("run") or self._places("lint")):
            if not self.folder.is_dir() or time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"no box is at {self.folder}. Start some (`docker compose up -d --scale box=4`), or name the folder "
                    f"with TOOLKIT_BOXES; the toolkit must run in the group that the boxes were given."
                )
            time.sleep(0.05)

    def _places(self, image: str) -> list[Path]:
        """Return the folders of living boxes."""
        return [place for place in self.folder.glob(f"{image}.*") if _lives(place)]

    def capacity(self, image: str, wanted: int) -> int:
        """Return how many of `wanted` boxes may be taken per role: run boxes have two roles, lint boxes one."""
        return max(1, min(wanted, len(self._places(image)) // (2 if image == "run" else 1)))

    def image_digest(self, image: str = "run") -> str:
        """Return the name of `image`, which has its recipe's hash; a box of another is refused."""
        if image not in self._tags:
            self._tags[image] = recipes.tag(image)
        return self._tags[image]

    def start(self, limits: Limits, image: str = "run") -> "AttachedConnection":
        """Take a free box. After a wait that timed out, waits stay short until a box is free again.

        Raises:
            EngineUnavailable: a box has another recipe, or is not locked down.
            BoxLost: no box became free in time.
        """
        deadline = time.monotonic() + (min(BRIEF_S, WAIT_S) if self._is_in_vain else WAIT_S)
        while True:
            for place in random.sample(places := self._places(image), len(places)):
                with contextlib.suppress(BoxLost):
                    taken = self._taken(place, limits, image)
                    self._is_in_vain = False
                    return taken
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self._is_in_vain = True
        n = len(self._places(image))
        raise BoxLost(f"{self.folder}: none of {n} {image} boxes came free in {WAIT_S:.0f} s (a program may take two)")

    def _taken(self, place: Path, limits: Limits, image: str) -> "AttachedConnection":
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        try:
            client.connect(str(place / "socket"))
        except OSError as error:
            client.close()
            raise BoxLost(f"box {place.name}: {error}") from None
        connection = AttachedConnection(place.name, client)
        try:
            until = time.monotonic() + 5
            header, _ = frames.read(lambda n: connection.receive(n, until))
            _check(place.name, header, limits, self.image_digest(image))
        except frames.ProtocolError as error:
            connection.close()
            raise BoxLost(f"box {place.name}: {error}") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def sweep(self) -> int:
        """Remove nothing: boxes belong to their starter."""
        return 0

    def close(self) -> None:
        """Do nothing: boxes belong to their starter."""


class AttachedConnection(SocketConnection):
    """The socket of one box."""

    def receive(self, n: int, deadline: float) -> bytes:
        """As `Connection`."""
        self._fill(n, deadline, self._buffer)
        data = bytes(memoryview(self._buffer)[:n])
        del self._buffer[:n]
        return data

    def memory_exceeded(self) -> bool:
        """Return False: a box that the kernel killed for its memory says so itself if it still can."""
        return False

    def close(self) -> None:
        """Leave the box, which then ends the program, cleans itself and waits for the next client."""
        self._leave(self._socket)


def _lives(place: Path) -> bool:
    """Whether a box holds the lock of its folder."""
    try:
        with (place / "alive").open() as alive:
            fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _check(name: str, header: dict[str, Any], limits: Limits, image: str) -> None:
    """Raise `EngineUnavailable` if a box has another recipe, lower bounds, or is not locked down."""
    if header["op"] != "hello" or header["image"] != image:
        raise EngineUnavailable(f"box {name} is of {header.get('image')}, but {image} is needed: build and start it anew")
    problems = list(header["open"])
    for what, wanted in (
        ("memory_bytes", limits.memory_bytes + OVERHEAD_BYTES),
        ("disk_bytes", limits.disk_bytes),
        ("processes", limits.processes),
    ):
        if header[what] is None or header[what] < wanted:
            problems.append(f"{what} is {'not bounded' if header[what] is None else header[what]}, but {wanted} is needed")
    if problems:
        raise EngineUnavailable(f"box {name} cannot be used: {'; '.join(problems)}")
