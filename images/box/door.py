"""How the toolkit reaches a box that something else started: a unix socket in a volume that both share.

Every box has a folder of its own there, `IMAGE.HOSTNAME`, which the supervisor owns and the toolkit's group may look into.
A program, which has neither that user nor that group, can reach nothing in it. The box locks the folder's `alive` as long
as it lives. The socket exists only while no client is served.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import time
from typing import Any

from sandbox.wire.environment import variable

SOCKET, ALIVE = "socket", "alive"
MAX = 1 << 62
"""Bounds of this size and above mean unbounded."""
QUICK, RECENT_S, REST_S = 6, 60.0, 10.5
"""A box that has started more than `QUICK` times in `RECENT_S` lets nobody in for `REST_S`. An engine waits before it starts
a container again, up to a minute and twice as long each time, unless it ran for ten seconds: a few programs that end their
boxes would leave the others without any."""
CAPABILITIES = 1 << 5 | 1 << 6 | 1 << 7
"""KILL, SETGID and SETUID."""


class Door:
    """The one way into a box.

    Args:
        folder: the shared volume, in which only root may write.
        group: the toolkit's group id.
    """

    def __init__(self, folder: str, group: int) -> None:
        image = "lint" if os.path.exists(os.path.join(os.path.dirname(__file__), "lint.py")) else "run"
        self.place = f"{folder}/{image}.{socket.gethostname()}"
        os.chmod(folder, 0o755)  # a volume may come open to all
        os.setresgid(-1, group, -1)  # whatever is made from here on belongs to that group
        self._sweep(folder)
        os.makedirs(self.place, exist_ok=True)
        os.chmod(self.place, 0o750)
        self._alive = os.open(f"{self.place}/{ALIVE}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.fchmod(self._alive, 0o640)
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        now = time.time()
        starts = [at for at in map(float, os.read(self._alive, 4096).split()) if abs(now - at) < RECENT_S]
        os.pwrite(self._alive, " ".join(f"{at:17.6f}" for at in [*starts, now][-QUICK:]).encode(), 0)
        self._opens = time.monotonic() + REST_S * (len(starts) == QUICK)

    @staticmethod
    def _sweep(folder: str) -> None:
        """Remove the folders of dead boxes, unless they started so recently that they may come back."""
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                with open(f"{folder}/{name}/{ALIVE}") as alive:
                    fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    if time.time() - os.fstat(alive.fileno()).st_mtime < RECENT_S:
                        continue
                shutil.rmtree(f"{folder}/{name}")

    def wait(self) -> None:
        """Wait for a client; its connection becomes descriptors 0 and 1."""
        time.sleep(max(0.0, self._opens - time.monotonic()))
        path = f"{self.place}/{SOCKET}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            os.chmod(path, 0o660)
            listener.listen(1)
            client, _ = listener.accept()
            os.unlink(path)
        with client:
            for fd in (0, 1):
                os.dup2(client.fileno(), fd)


def about() -> dict[str, Any]:
    """Return what a client must know about the box: its recipe, its bounds, and what is not locked down."""
    with open("/box/recipe") as recipe:
        made_of = recipe.read().strip()
    disk = os.statvfs("/tmp")
    return {
        "image": made_of,
        "memory_bytes": _bound("memory/memory.limit_in_bytes", "memory.max"),
        "disk_bytes": disk.f_blocks * disk.f_frsize,
        "processes": _bound("pids/pids.max", "pids.max") or MAX,
        "open": _open(),
    }


def _bound(v1: str, v2: str) -> "int | None":
    """Return a bound of the box's cgroup, or None if it is unbounded."""
    for name in (v1, v2):
        with contextlib.suppress(OSError), open(f"/sys/fs/cgroup/{name}") as file:
            word = file.read().strip()
            return None if word == "max" or int(word) >= MAX else int(word)
    return None


def unbounded() -> list[str]:
    """Return what the kernel could bound and does not; nothing where it does not tell (gVisor)."""
    found = []
    for what, v1, v2 in (
        ("memory", "memory/memory.limit_in_bytes", "memory.max"),
        ("processes", "pids/pids.max", "pids.max"),
    ):
        is_told = any(os.path.exists(f"/sys/fs/cgroup/{name}") for name in (v1, v2))
        if is_told and _bound(v1, v2) is None and what not in _accepted():
            found.append(what)
    return found


def _accepted() -> list[str]:
    """Return what the starter, which cannot do better, accepts as open."""
    return variable("ACCEPT").split(",")


def _open() -> list[str]:
    """Return what is not locked down and should be, in words."""
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    found = []
    if int(status["CapBnd"], 16) & ~CAPABILITIES:
        found.append("it has more capabilities than KILL, SETGID and SETUID")
    if status["NoNewPrivs"] != "1":
        found.append("no-new-privileges is not set")
    if status["Seccomp"] != "2":
        found.append("it has no seccomp profile")
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        found.append("its root can be written")
    memory, with_swap = _bound("memory/memory.limit_in_bytes", ""), _bound("memory/memory.memsw.limit_in_bytes", "")
    if with_swap != memory or _bound("", "memory.swap.max") not in (None, 0):
        found.append("it may swap")
    accepted = _accepted()
    if set(os.listdir("/sys/class/net")) - {"lo"} and "network" not in accepted:
        found.append("it has a network")
    if _bound("pids/pids.max", "pids.max") is None and "processes" not in accepted:
        found.append("its processes are not bounded")
    return found
