"""PID 1 of a box: takes one message of the host after another, and with it one program after another.

Three processes live in a box. The supervisor (this file and `job.py`) talks to the host, bounds each program, reports
facts and cleans up; it alone has capabilities (SETUID, SETGID, KILL). The zygote (`zygote.py`) is a warm interpreter that
forks, and sees nothing of any program but descriptors. The program is what it forks: `jail.py` takes every right away,
then `modes.py` runs the text, and whatever happens there is in the program's hands. Two channels join them: messages
(`sandbox/wire/frames.py`) between host and supervisor, over descriptors 0 and 1; and frames of values
(`sandbox/wire/codec.py`) between supervisor and program, over two pipes, which the program has as 3 and 4.

The supervisor holds no answers: inputs come in, outputs go out, and the host decides whether they are right. To act on a
program's processes and files it takes that program's effective user id for a moment: then the kernel lets it touch only
what is the program's, and neither the program nor the zygote can be mistaken for the other (meanwhile the real id is
nobody's, and the saved one stays 0).
"""

import contextlib
import json
import os
import platform
import random
import signal
import socket
import sys
import time
from typing import Any

sys.path[:] = ["/box", *(path for path in sys.path if path != "/box/images/box")]

from images.box import zygote  # noqa: E402
from images.box.door import Door, about, unbounded  # noqa: E402
from images.box.job import Cgroup, HostGone, NotClean, Program  # noqa: E402
from sandbox.wire import codec, frames  # noqa: E402

RAW_BYTES = 1 << 16
"""Outputs of a batch up to this size go to the host at once; of larger ones a digest, and the bytes on request."""
WARM_S = 180.0
"""Seconds that the zygote may take for a request before the box gives up."""
SETTLE_S = 0.5
HELD_BYTES = 48 << 20
"""Memory that may stay charged to the box after a program, over that of a fresh box: the kernel releases it late."""
OWN_SOCKETS = 4
"""Most lines in the kernel's list of sockets of a box with a network of its own: a heading, both ends of `control`, and in a
box that is attached to, its client."""
DEVICES = ("", "null", "zero", "full", "random", "urandom", "tty", "pts", "pts/ptmx")
WRITABLE = ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run/lock")


def _receive_exactly(n: int) -> bytes:
    parts = []
    while n:
        part = os.read(0, min(n, 1 << 20))
        if not part:
            raise HostGone
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _answer(header: dict[str, Any], payload: bytes = b"") -> None:
    view = memoryview(frames.pack(header, payload))
    while view:
        view = view[os.write(1, view) :]


class Supervisor:
    """The loop of the box: one message of the host after another."""

    def __init__(self, uid_first: int, uid_count: int) -> None:
        self.uids = iter(range(uid_first, uid_first + uid_count))
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.zygote = os.fork()
        if self.zygote == 0:
            self.control.close()
            for fd in (0, 1):
                os.close(fd)
                os.open("/dev/null", os.O_RDWR)
            zygote.zygote(theirs, platform.machine())
            os._exit(0)
        theirs.close()
        self.cgroup = Cgroup()
        self.fresh: tuple[int, list[tuple[int, int]], int] | None = None
        self.spoiled = ""
        self.places = [place for place in WRITABLE if os.path.isdir(place) and os.access(place, os.W_OK)]
        self.kept = b""

    def next_uid(self) -> int:
        uid = next(self.uids, None)
        if uid is None:
            raise NotClean("all user ids of this box have been used")
        return uid

    def told(self, within_s: float = WARM_S) -> dict[str, Any]:
        """Return the zygote's next message. Raises `NotClean` if none comes."""
        self.control.settimeout(within_s)
        try:
            data = self.control.recv(1 << 16)
        except socket.timeout:  # noqa: UP041 - in Python 3.9 that is no TimeoutError
            data = b""
        if not data:
            raise NotClean("the zygote is gone, or does not answer")
        return dict(json.loads(data))

    def settle(self) -> None:
        """Before the first program, wait until the zygote is warm, and record what a fresh box holds."""
        if self.fresh is None:
            self.told()
            self.forget_times()
            self.fresh = self.cgroup.held(), self._free(), self._sockets()

    def _free(self) -> list[tuple[int, int]]:
        """Return (free blocks, free inodes) of each place where programs can write."""
        return [(found.f_bfree, found.f_ffree) for found in map(os.statvfs, self.places)]

    @staticmethod
    def _sockets() -> int:
        """Return the number of sockets in the box plus one, or 0 if the kernel does not tell."""
        with contextlib.suppress(OSError), open("/proc/net/unix", "rb") as file:
            return file.read().count(b"\n")
        return 0

    def residue(self, own: int) -> str:
        """Say what is left that has neither a process nor a file name: sockets, memory (less `own` bytes), disk space.

        Sockets (which may have names of their own) and files may be in transit in sockets that refer to each other. The
        kernel collects those whenever a socket is closed.
        """
        assert self.fresh is not None
        held, free, n_sockets = self.fresh
        deadline = time.monotonic() + SETTLE_S
        while True:
            more = self.cgroup.held() - held - own
            now = self._free()
            full = [place for at, place in enumerate(self.places) if free[at] > now[at]]
            for end in socket.socketpair():
                end.close()
            is_linked = n_sockets <= OWN_SOCKETS and self._sockets() > n_sockets  # others may share the box's network
            if more <= HELD_BYTES and not full and not is_linked:
                return ""
            if time.monotonic() > deadline:
                if is_linked:
                    return "sockets are left"
                return f"{more} bytes of memory are held" if more > HELD_BYTES else f"{full[0]} is fuller than before"
            time.sleep(0.005)

    def forget_times(self) -> None:
        """Reset the times of what programs may touch but not remove: they could carry a message to the next program."""
        for path in (*self.places, *(f"/dev/{name}" for name in DEVICES)):
            with contextlib.suppress(OSError):
                os.utime(path, (0, 0))

    def alone(self) -> bool:
        """Return whether only the supervisor and the zygote are left."""
        return {name for name in os.listdir("/proc") if name.isdigit()} == {"1", str(self.zygote)}

    def litter(self) -> list[str]:
        """Return all paths in the places where programs can write."""
        found = []
        for place in self.places:
            found += [f"{place}/{name}" for name in os.listdir(place)]
        return found

    def serve_clients(self, entrance: Door) -> None:
        """Serve one client after another, forever."""
        while True:
            entrance.wait()
            try:
                _answer({"op": "hello", **about()})
                self.serve()
            except (HostGone, BrokenPipeError, ConnectionResetError):
                if self.spoiled:
                    raise NotClean(self.spoiled) from None
                if not self.alone() or self.litter():
                    raise NotClean("a client left in the middle of a program, of which something is left") from None

    def serve(self) -> None:
        """Answer the host until it goes away."""
        _answer({"op": "ready", "python": platform.python_version(), "unbounded": unbounded()})
        while True:
            header, payload = frames.read(_receive_exactly)
            if header["op"] == "run":
                if self.spoiled:
                    raise NotClean(self.spoiled)
                self._run(header, payload)
            elif header["op"] == "fetch":
                _answer({"op": "fetched"}, self.kept)
            elif header["op"] == "ping":
                _answer({"op": "pong"})

    def _run(self, spec: dict[str, Any], payload: bytes) -> None:
        """Run one program; a box that is not clean afterwards only answers fetches, and runs no other."""
        self.kept = b""
        running = Program(self, spec, payload)
        try:
            if spec["mode"] == "script":
                running.turn(0)
            else:
                self._converse(running)
        finally:
            self.spoiled = running.kill()
            facts, output = running.facts()
        _answer({"op": "end", "clean": not self.spoiled, "left": self.spoiled, **facts}, output)

    def _converse(self, running: Program) -> None:
        """Pass the host's messages to the program and its frames to the host, turn by turn."""
        running.turn(1)  # loaded, or not; of a test, its first call
        if running.spec["mode"] == "check":
            self._hand_over(running)
        elif running.reason or bytes(running.stream[:1]) != codec.LOADED:
            self._hand_over(running, over=True)
            return
        else:
            running.loaded = True
            running.take()
        left, in_parts, last = 0, False, False
        while not running.reason and not (running.ended and running.spec["mode"] == "check"):
            asked = time.monotonic()
            header, payload = frames.read(_receive_exactly)
            running.waited(time.monotonic() - asked)
            if header["op"] == "fetch":
                _answer({"op": "fetched"}, self.kept)
                continue
            if header["op"] == "batch" and not left:
                limits = running.spec["limits"]
                limits["call_s"] = header.get("call_s") or limits["call_s"]
                left, in_parts, last = header["n_frames"], header.get("in_parts", False), header["last"]
                if running.is_quiet():
                    running.write(running.channel_in, len(payload).to_bytes(4, "big") + payload)
                    running.turn(left, in_parts=in_parts)
            elif header["op"] == "more" and left:
                running.turn(left, goes_on=True, in_parts=in_parts)
            else:
                return
            left -= running.n_frames
            over = bool(running.reason) or (left > 0 and running.ended is not None)
            more = left > 0 and not over
            self._hand_over(running, more=more, over=over or (last and not more))
            if over or (last and not more):
                return

    def _hand_over(self, running: Program, *, more: bool = False, over: bool = False) -> None:
        _call, total, _cpu = running.charge(time.monotonic())
        facts, self.kept = running.take()
        about = {"loaded": running.loaded, "more": more, "over": over, "charged_s": round(total, 6)}
        header = {"op": "frames", **about, **facts}
        _answer(header, self.kept if len(self.kept) <= RAW_BYTES else b"")


def main() -> None:
    """Serve until the host goes away; exit with an error if the box is not clean, so that it is never used again.

    Arguments: the first user id for programs; or `listen`, a folder and a group id (see `Door`).
    """
    listens = sys.argv[1] == "listen"
    uid_first, uid_count = random.randrange(2, 4000) << 19 if listens else int(sys.argv[1]), 1 << 19
    with open("/proc/self/uid_map") as file:  # rootless engines map root by one line, and the others by the next
        mapped = max(int(first) + int(count) for first, _, count in map(str.split, file))
    if mapped < uid_first + uid_count:
        uid_first, uid_count = 1000, mapped - 1000
    if listens and uid_first <= int(sys.argv[3]) < uid_first + uid_count:  # no program may be of the toolkit's group
        uid_first, uid_count = int(sys.argv[3]) + 1, uid_first + uid_count - int(sys.argv[3]) - 1
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a handler, PID 1 gets no signal from inside
    os.umask(0o077)
    supervisor = Supervisor(uid_first, uid_count)
    try:
        if listens:
            supervisor.serve_clients(Door(sys.argv[2], int(sys.argv[3])))
        supervisor.serve()
    except (HostGone, BrokenPipeError):
        os._exit(0)
    except Exception as error:  # NotClean, or a defect: either way this box is over, and says why
        why = f"box ended: {type(error).__name__}: {error}"
        print(why, file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):
            _answer({"op": "over", "memory": supervisor.cgroup.oom_killed(), "why": why})
        os._exit(75)


if __name__ == "__main__":
    main()
