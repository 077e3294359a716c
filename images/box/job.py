"""One program, from its fork to the proof that nothing of it is left."""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import select
import signal
import socket
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from images.box.zygote import run_delay_ns
from sandbox.wire import codec, frames

if TYPE_CHECKING:
    from images.box.supervisor import Supervisor

KEPT_BYTES = 16 << 20
"""Longest output of a batch that is kept for fetching, in bytes; of a longer one only the digest is kept."""
MAX_STREAM = 4 << 30
"""Most bytes of a batch's outputs."""
MAX_PRINTED = 1 << 20
"""Most bytes kept of each standard stream, unless more of standard output is asked for."""
MAX_ASKED = 64 << 20
"""Most bytes kept of standard output."""
PIPE_BYTES = 1 << 20
TICK_S = 0.05
PARTLY_S = 0.05
PARTLY_BYTES = 4 << 20
"""A batch that takes longer than `PARTLY_S`, or outputs more than `PARTLY_BYTES`, is handed over in parts if the host asks
for them: the first part may be all it needs."""
DIE_S = 10.0
"""Seconds that a killed process may take to disappear before the box gives up."""
NOBODY = 65534


class HostGone(Exception):
    """The host closed its end, so this box has no reason to go on."""


class NotClean(Exception):
    """Something of a program is left that cannot be removed: this box must not be used again."""


def _first_number(path: str, key: str = "") -> int:
    try:
        with open(path) as file:
            for line in file:
                words = line.split()
                if not key or words[0] == key:
                    return int(words[-1])
    except (OSError, ValueError, IndexError):
        pass
    return 0


class Cgroup:
    """The kernel's numbers about the whole box, in either version of cgroups."""

    def __init__(self) -> None:
        self.v1 = os.path.exists("/sys/fs/cgroup/memory/memory.oom_control")
        self.oom_kills = self._oom_kills()

    def _oom_kills(self) -> int:
        if self.v1:
            return _first_number("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill")
        return _first_number("/sys/fs/cgroup/memory.events", "oom_kill")

    def oom_killed(self) -> bool:
        """Return whether the kernel has killed for memory since the last call."""
        before, self.oom_kills = self.oom_kills, self._oom_kills()
        return self.oom_kills > before

    def held(self) -> int:
        """Return the bytes charged to the box that the kernel cannot simply drop, or 0 if it does not tell.

        That is memory of processes, of files in memory, named or not, and of the kernel on the box's behalf.
        """
        if self.v1:
            at, used, dropped = "/sys/fs/cgroup/memory/memory.stat", "memory/memory.usage_in_bytes", b"total_%b_file "
        else:
            at, used, dropped = "/sys/fs/cgroup/memory.stat", "memory.current", b"%b_file "
        try:
            with open(at, "rb") as file:
                stat = b"\n" + file.read()
        except OSError:
            return 0
        names = [dropped % b"inactive", dropped % b"active", b"slab_reclaimable "]
        found = [stat.partition(b"\n" + name)[2].partition(b"\n")[0] for name in names]
        return _first_number(f"/sys/fs/cgroup/{used}") - sum(int(number) for number in found if number)

    def cpu_s(self) -> float:
        """Return the CPU seconds of everything in the box so far, or 0 if the kernel does not tell."""
        if self.v1:
            return _first_number("/sys/fs/cgroup/cpuacct/cpuacct.usage") / 1e9
        return _first_number("/sys/fs/cgroup/cpu.stat", "usage_usec") / 1e6


class Captured:
    """One captured output stream: the first bytes are kept, all are counted."""

    def __init__(self, fd: int, keep: int) -> None:
        self.fd, self.keep, self.size, self.data = fd, keep, 0, bytearray()

    def read(self) -> bool:
        """Read what is available; return False if there is nothing, or at the end of the stream."""
        try:
            part = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.size += len(part)
        if len(self.data) < self.keep:
            self.data += part[: self.keep - len(self.data)]
        return bool(part)


class Program:
    """One program, from its fork to the proof that nothing of it is left."""

    head: bytes
    in_pieces: bool
    stream: bytearray
    n_frames: int
    n_values: int
    n_bytes: int
    body_left: int

    def __init__(self, box: "Supervisor", spec: dict[str, Any], payload: bytes) -> None:
        self.box, self.spec = box, spec
        self.uid = box.next_uid()
        code, stdin = payload[: spec["n_code"]], payload[spec["n_code"] :]
        limits = spec["limits"]
        self.output_bytes = self.budget = limits["output_bytes"]
        null = os.open("/dev/null", os.O_RDONLY)
        stdin_read, self.stdin = os.pipe() if stdin else (null, -1)
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        in_read, self.channel_in = os.pipe()
        self.channel_out, answer_write = os.pipe()
        with contextlib.suppress(OSError):  # an engine's boxes share one user's quota of such pipes
            fcntl.fcntl(self.channel_out, 1031, PIPE_BYTES)  # F_SETPIPE_SZ, which Python 3.9 has not
        kept = min(spec.get("kept_bytes", MAX_PRINTED), MAX_ASKED)
        self.out = Captured(out_read, min(self.output_bytes, kept))
        self.err = Captured(err_read, min(self.output_bytes, MAX_PRINTED))
        self.waiting: list[list[Any]] = []  # (fd, bytes still to be written)
        child: dict[str, Any] = {
            "mode": spec["mode"],
            "entry_point": spec.get("entry_point", ""),
            "listed": spec.get("listed", False),
            **{name: spec.get(name, False) for name in ("asserts", "unittests", "bridged", "noted")},
            "uid": self.uid,
            "rlimits": {
                "RLIMIT_CPU": int(limits["cpu_s"]) + 2,
                "RLIMIT_NPROC": limits["processes"],
                "RLIMIT_NOFILE": limits["open_files"],
                "RLIMIT_FSIZE": limits["disk_bytes"],
                "RLIMIT_CORE": 1,  # with 0, the kernel still writes a core if it pipes them to a program of the host
                "RLIMIT_MSGQUEUE": 0,
                "RLIMIT_STACK": 64 << 20,
                "RLIMIT_MEMLOCK": 1 << 16,
                "RLIMIT_SIGPENDING": 128,
            },
        }
        given = [stdin_read, out_write, err_write, in_read, answer_write]
        self.poll = select.poll()
        for fd in (out_read, err_read, self.channel_out):
            os.set_blocking(fd, False)
            self.poll.register(fd, select.POLLIN)
        self.poll.register(box.control, select.POLLIN)
        self.poll.register(0, 0)  # hang-up of the host only
        self._listen()
        self.ended: dict[str, Any] | None = None
        self.reason = ""
        self.is_violated = False
        self.asked = 0
        self.patience = PARTLY_S
        self.loaded = False
        self.charged_wait = 0.0
        self.mark_delay = self.delay = 0
        self.mark_cpu: float | None = None
        box.settle()
        socket.send_fds(box.control, [json.dumps(child).encode()], given)
        for fd in given:
            os.close(fd)
        if null != stdin_read:
            os.close(null)
        self.pid = box.told()["pid"]
        self.own_before = self._own_cpu()  # while it runs, the supervisor works for the program
        self.cpu_before = box.cgroup.cpu_s() - self.own_before
        self.started = self.mark = time.monotonic()  # not earlier: the zygote may have had to warm up first
        self.write(self.channel_in, len(code).to_bytes(4, "big") + code)
        if stdin:
            self.write(self.stdin, stdin)

    @staticmethod
    def _own_cpu() -> float:
        return time.process_time()

    def write(self, fd: int, data: bytes) -> None:
        os.set_blocking(fd, False)
        self.waiting.append([fd, memoryview(data)])
        self.poll.register(fd, select.POLLOUT)
        self._write_some()

    def _write_some(self) -> None:
        for entry in list(self.waiting):
            fd, view = entry
            try:
                while view:
                    view = view[os.write(fd, view) :]
            except BlockingIOError:
                entry[1] = view
                continue
            except OSError:
                pass
            self.waiting.remove(entry)
            if not any(other[0] == fd for other in self.waiting):
                self.poll.unregister(fd)
            if fd == self.stdin:
                os.close(fd)
                self.stdin = -1

    # -- time ----------------------------------------------------------------------------------------------------------

    def charge(self, now: float) -> tuple[float, float, float]:
        """Return seconds (charged since the last frame, charged in all, of CPU), less waits for a processor."""
        if not self.ended:
            self.delay = run_delay_ns(self.pid) or self.delay
        total = now - self.started - self.charged_wait - self.delay / 1e9
        call = now - self.mark - (self.delay - self.mark_delay) / 1e9
        cpu = self.box.cgroup.cpu_s() - self._own_cpu() - self.cpu_before
        return call, max(total, 0.0), cpu

    def waited(self, seconds: float) -> None:
        """Do not charge a wait for the host; a program still at work gains the time that the host takes to compare."""
        self.charged_wait += seconds
        self.mark += seconds

    def _over_time(self, now: float) -> str:
        """Return the reason if the program has used up its time, else an empty text."""
        limits = self.spec["limits"]
        elapsed = now - self.started - self.charged_wait
        if elapsed < min(TICK_S, limits["charged_s"]):
            return ""
        call, total, cpu = self.charge(now)
        if self.mark_cpu is None:
            self.mark_cpu = cpu
        if total >= limits["charged_s"] or call >= limits["call_s"]:
            return "timed_out"
        if cpu >= limits["cpu_s"] or cpu - self.mark_cpu >= 2 * limits["call_s"]:
            return "timed_out"
        if elapsed <= frames.longest_s(limits["charged_s"], limits["call_s"]):
            return ""
        # One thread alone that gets so much of the processors is over its time: others of its own are why this one is not.
        return "timed_out" if cpu + self._own_cpu() - self.own_before >= limits["charged_s"] else "starved"

    # -- the program's turn --------------------------------------------------------------------------------------------

    def turn(self, asked: int, *, goes_on: bool = False, in_parts: bool = False) -> None:
        """Let the program work until it has answered with `asked` frames, has ended, or has hit a limit.

        Args:
            asked: number of frames; one more is a violation. A script is asked for none, and works to its end.
            goes_on: whether the calls of the last turn are still being answered.
            in_parts: whether to return early with what there is if it takes long.
        """
        self.asked = asked
        is_script = self.spec["mode"] == "script"
        begun = now = time.monotonic()
        if not goes_on:
            self.mark, self.mark_delay, self.mark_cpu = now, self.delay, None
            self.patience = PARTLY_S
        limits = self.spec["limits"]
        while not self.reason and (is_script or self.n_frames < asked):
            left = min(limits["charged_s"] - (now - self.started - self.charged_wait), limits["call_s"] - (now - self.mark))
            if self.ended and not self._drain():
                return
            for fd, event in self.poll.poll(max(1, int(1000 * min(max(left, TICK_S), 0.1)))):
                self._event(fd, event)
            now = time.monotonic()
            why = self._over_time(now)
            if why:
                for _ in range(2):  # what is already there was in time
                    self._read_channel()
                if self.n_frames < asked or is_script:
                    self.reason = self.reason or ("" if is_script and self.ended else self._over_time(now))
            if self.out.size + self.err.size > self.budget:
                self.reason = self.reason or "output_exceeded"
            if in_parts and self._is_between() and self.n_frames < asked:
                if now - begun > self.patience:
                    self.patience *= 2
                    return
                if self.n_bytes > PARTLY_BYTES:
                    return
        if not is_script:
            self._read_channel()  # an answer too many is seen as soon as it is there

    def _is_between(self) -> bool:
        """Return whether some answers are there, all of them complete."""
        return self.n_frames > 0 and not self.head and not self.in_pieces

    def is_quiet(self) -> bool:
        """Return whether the program has written nothing since its last answer; otherwise it must end."""
        self.asked = 0
        self._read_channel()
        return not self.reason

    def _event(self, fd: int, event: int) -> None:
        if fd == 0:
            raise HostGone
        if fd == self.channel_out:
            if not self._read_channel() and event & select.POLLHUP:
                self.poll.unregister(fd)
        elif fd in (self.out.fd, self.err.fd):
            captured = self.out if fd == self.out.fd else self.err
            if not captured.read() and event & select.POLLHUP:
                self.poll.unregister(fd)
        elif fd == self.box.control.fileno():
            self._wait_status()
        else:
            self._write_some()

    def _wait_status(self) -> None:
        self.ended = self.box.told(DIE_S)
        self.delay = self.ended["delay"]
        self.ended_at = time.monotonic()

    def _read_channel(self) -> bool:
        """Read frames, no more than were asked for; return False if nothing is available."""
        if self.is_violated:
            return False
        try:
            part = os.read(self.channel_out, PIPE_BYTES)
        except OSError:
            return False
        if not part:
            return False
        self.digest.update(part)
        self.n_bytes += len(part)
        if self.n_bytes > MAX_STREAM:
            self.reason = self.reason or "output_exceeded"
            return False
        if self.n_bytes <= KEPT_BYTES:
            self.stream += part
        before = self.n_frames
        at, end = 0, len(part)
        while at < end:
            if self.body_left:
                step = min(self.body_left, end - at)
                self.body_left -= step
            else:
                step = 5 - len(self.head)
                self.head += part[at : at + step]
                if len(self.head) == 5:
                    self.body_left = int.from_bytes(self.head[1:], "big")
                is_whole = len(self.head) == 5
                if self.n_frames >= self.asked or (is_whole and not codec.is_frame(self.head[:1], self.body_left)):
                    self.is_violated, self.reason = True, self.reason or "violated"
                    return False
            at += step
            if not self.body_left and len(self.head) == 5:
                self.in_pieces = self.head[:1] == codec.PART
                self.n_frames += not self.in_pieces
                self.n_values += self.head[:1] == codec.RETURNED
                self.head = b""
        if self.n_frames > before:
            self.mark, self.mark_cpu = time.monotonic(), None
            self.mark_delay = self.delay = run_delay_ns(self.pid) or self.delay
            self.budget += self.output_bytes * (self.n_frames - before)
        return True

    def _drain(self) -> bool:
        """After the program's end, read what the pipes still hold; return False if they are empty.

        Take no more than a pipe holds at one time: a process that lives on may fill it as fast as it is read.
        """
        some = self._read_channel()
        for captured in (self.out, self.err):
            for _ in range(PIPE_BYTES // resource.getpagesize() + 1):
                if captured.size > self.budget or not captured.read():
                    break
                some = True
        return some

    def _listen(self) -> None:
        """Start collecting the frames of a turn."""
        self.stream = bytearray()
        self.digest = hashlib.blake2b(digest_size=16)
        self.head, self.in_pieces = b"", False
        self.n_frames = self.n_values = self.n_bytes = self.body_left = 0

    def take(self) -> tuple[dict[str, Any], bytes]:
        """Return and forget (facts, frames) of the turn; if there are too many bytes, only their digest."""
        facts: dict[str, Any] = {"n_frames": self.n_frames, "n_values": self.n_values, "n_bytes": self.n_bytes}
        data = bytes(self.stream) if self.n_bytes <= KEPT_BYTES else b""
        facts["digest"] = self.digest.hexdigest()
        self.asked -= self.n_frames  # what is still owed may come, also when the host wants no more of it
        self._listen()
        return facts, data

    # -- the end -------------------------------------------------------------------------------------------------------

    def kill(self) -> str:
        """End whatever is left of the program and remove its files; return in words what could not be removed."""
        self.finished = self.ended is not None
        self.over = time.monotonic()
        if not self.finished:
            self.delay = run_delay_ns(self.pid) or self.delay
        self._as_program(self._kill_all)
        while self.ended is None:
            self._wait_status()
        deadline = time.monotonic() + DIE_S
        while not self.box.alone():
            if time.monotonic() > deadline:
                return "a process of the program does not die"
            self._as_program(self._kill_all)
            self._reap()
            time.sleep(0.0005)
        self._reap()
        self._drain()
        left = self.box.litter()
        if left:
            self._as_program(lambda: _remove(left))
            left = self.box.litter()
        self.box.forget_times()
        return f"left behind: {left[:3]}"[:300] if left else self.box.residue(len(self.out.data))

    def facts(self) -> tuple[dict[str, Any], bytes]:
        """Return (facts, captured output) once the program is over."""
        is_over_memory = self.box.cgroup.oom_killed()
        for fd in {self.out.fd, self.err.fd, self.channel_in, self.channel_out, self.stdin} - {-1}:
            os.close(fd)
        finished, ended = self.finished, self.ended
        assert ended is not None
        peak = ended["rss"] << 10
        is_over_memory |= peak > self.spec["limits"]["memory_bytes"]  # the kernel's bound has room for the supervisor too
        code: int | None = os.waitstatus_to_exitcode(ended["status"])
        if is_over_memory:
            name = "memory_exceeded"
        elif self.reason:
            name = self.reason
        elif not finished:
            name = "stopped"  # by the host, which had all it wanted
        elif self.out.size + self.err.size > self.budget:
            name = "output_exceeded"
        else:
            name = "signaled" if code is not None and code < 0 else "exited"
        spent = (self.ended_at if finished else self.over) - self.started - self.charged_wait - self.delay / 1e9
        facts = {
            "status": name,
            "exit_code": code if name in ("exited", "signaled") else None,
            "charged_s": round(max(spent, 0.0), 6),
            "cpu_s": round(ended["cpu_s"], 6),
            "memory_peak_bytes": peak,
            "truncated": self.out.size > len(self.out.data) or self.err.size > len(self.err.data),
            "n_stdout": len(self.out.data),
        }
        return facts, bytes(self.out.data) + bytes(self.err.data)

    def _as_program(self, act: Callable[[], object]) -> None:
        os.setresuid(NOBODY, self.uid, 0)
        try:
            act()
        finally:
            os.setresuid(0, 0, 0)

    @staticmethod
    def _kill_all() -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)

    @staticmethod
    def _reap() -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _remove(paths: list[str]) -> None:
    """Remove trees that we own, whatever their modes, names and depth; the next look finds what resists.

    Nested directories are first moved to the top, so no path is ever longer than two names.
    """
    mark = os.urandom(8).hex()  # no program can have taken the name
    with contextlib.suppress(OSError):
        for path in paths:
            place, name = os.path.split(path)
            at = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                waiting, n_moved = [name], 0
                while waiting:
                    name = waiting.pop()
                    if not stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                        os.unlink(name, dir_fd=at)
                        continue
                    os.chmod(name, 0o700, dir_fd=at)
                    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                    try:
                        for each in os.listdir(inside):
                            if stat.S_ISDIR(os.stat(each, dir_fd=inside, follow_symlinks=False).st_mode):
                                os.chmod(each, 0o700, dir_fd=inside)
                                moved = f".{mark}-{n_moved}"
                                n_moved += 1
                                os.rename(each, moved, src_dir_fd=inside, dst_dir_fd=at)
                                waiting.append(moved)
                            else:
                                os.unlink(each, dir_fd=inside)
                    finally:
                        os.close(inside)
                    os.rmdir(name, dir_fd=at)
            finally:
                os.close(at)
