"""The process of one program: forked from a warm interpreter, locked down, then given the program to run.

`zygote` is the warm interpreter. It never sees a program, an input or an output, only descriptors, so nothing of one
program's data can be in the memory that the next one inherits. `_lock_down` takes every right away for good, and only
then is the program's text read. What happens here is in the program's hands: nothing that this file reports is
believed; the host compares the values.

Descriptors of a program: 0 its standard input, 1 and 2 captured output, 3 from the supervisor, 4 to the supervisor.
"""

import contextlib
import ctypes
import errno
import gc
import os
import resource
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import codec
import tools

_LIBC = ctypes.CDLL(None, use_errno=True)
_FLUSH_BYTES = 1 << 16
_FLUSH_S = 0.01

# --- the program's own seccomp filter, on top of the container's ------------------------------------------------------

_X86_64, _AARCH64 = 0xC000003E, 0xC00000B7
_DENIED: dict[str, tuple[int, int, int, int, tuple[int, ...], tuple[int, ...]]] = {
    # Call numbers: (architecture, socket, prctl, clone, without effect, denied). Without effect are sync and syncfs, for
    # they make the whole machine wait. The denied, in rows: ptrace and other processes' memory;
    # mounts and namespaces; keyrings; kernel interfaces of many past holes; System V and POSIX queues, which outlive a
    # process; what changes the machine, or another process's priority.
    "x86_64": (
        _X86_64,
        41,
        157,
        56,
        (162, 306),
        (
            101, 310, 311, 312, 438, 440,
            165, 166, 155, 161, 272, 308, 428, 429, 430, 431, 432, 433, 442,
            248, 249, 250,
            321, 298, 323, 425, 426, 427, 303, 304, 175, 176, 313, 246, 320, 169, 167, 168, 163, 179, 435,
            29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245,
            135, 134, 153, 154, 172, 173, 103, 170, 171, 164, 227, 159, 305, 144, 142, 314, 141, 203, 251,
        ),
    ),
    "aarch64": (
        _AARCH64,
        198,
        167,
        220,
        (81, 267),
        (
            117, 270, 271, 272, 438, 440,
            40, 39, 41, 51, 97, 268, 428, 429, 430, 431, 432, 433, 442,
            217, 218, 219,
            280, 241, 282, 425, 426, 427, 264, 265, 105, 106, 273, 104, 294, 142, 224, 225, 89, 60, 435,
            194, 195, 196, 197, 190, 191, 192, 193, 186, 187, 188, 189, 180, 181, 182, 183, 184, 185,
            92, 58, 116, 161, 162, 170, 112, 171, 266, 119, 118, 274, 140, 122, 30,
        ),
    ),
}


def seccomp_filter(machine: str) -> bytes:
    """Return the classic BPF program for `machine`, or nothing where its call numbers are not known here."""
    if machine not in _DENIED:
        return b""
    arch, socket_nr, prctl_nr, clone_nr, without_effect, denied = _DENIED[machine]
    load, jump_eq, jump_ge, jump_set, give = 0x20, 0x15, 0x35, 0x45, 0x06
    deny = 0x00050000 | errno.EPERM
    no_such_call = 0x00050000 | errno.ENOSYS
    allow, nothing = 0x7FFF0000, 0x00050000  # an errno of 0: the call does nothing, and says that it went well
    out = [(load, 0, 0, 4), (jump_eq, 1, 0, arch), (give, 0, 0, deny), (load, 0, 0, 0)]
    out += [(jump_ge, 0, 1, 0x40000000), (give, 0, 0, deny)]  # the x32 interface
    out += [(jump_eq, 0, 1, 435), (give, 0, 0, no_such_call)]  # clone3: its flags cannot be looked at; libc falls back
    for number in without_effect:
        out += [(jump_eq, 0, 1, number), (give, 0, 0, nothing)]
    for number in sorted(set(denied) - {435}):
        out += [(jump_eq, 0, 1, number), (give, 0, 0, deny)]
    out += [(jump_eq, 0, 4, socket_nr), (load, 0, 0, 16), (jump_eq, 1, 0, socket.AF_UNIX)]
    out += [(give, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (give, 0, 0, allow)]
    out += [(jump_eq, 0, 3, prctl_nr), (load, 0, 0, 16), (jump_eq, 0, 1, 4), (give, 0, 0, deny)]  # PR_SET_DUMPABLE
    # CLONE_PARENT would make a child of the zygote, which reaps only the programs themselves.
    out += [(jump_eq, 0, 3, clone_nr), (load, 0, 0, 16), (jump_set, 0, 1, 0x8000), (give, 0, 0, deny)]
    out += [(give, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *step) for step in out)


_OPTIONAL = ("RLIMIT_MSGQUEUE", "RLIMIT_SIGPENDING")
"""gVisor's kernel has no such limits to set; what they bound counts as memory of the box."""


def _lock_down(spec: dict[str, Any], bpf: bytes) -> None:
    """Become the program's user, in its own session, directory and limits, with no way back."""
    uid = spec["uid"]
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    os.setsid()
    for name, value in spec["rlimits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (value, value))
        except ValueError:
            if name not in _OPTIONAL:
                raise
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.mkdir(f"/tmp/{uid}", 0o700)
    os.chdir(f"/tmp/{uid}")
    os.environ["HOME"] = os.environ["TMPDIR"] = f"/tmp/{uid}"
    if _LIBC.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise OSError("no_new_privs refused")
    if bpf:
        keep = ctypes.create_string_buffer(bpf)
        program = struct.pack("HxxxxxxP", len(bpf) // 8, ctypes.addressof(keep))
        if _LIBC.prctl(22, 2, program, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            raise OSError(f"seccomp refused: errno {ctypes.get_errno()}")


# --- zygote -----------------------------------------------------------------------------------------------------------

_WARM = (
    "abc bisect collections copy dataclasses datetime enum functools heapq inspect io itertools json linecache math "
    "operator random re string threading traceback typing typing_extensions contextlib __future__ cmath textwrap "
    "types sys os time decimal fractions statistics numbers hashlib"
)


def zygote(control: socket.socket, machine: str) -> None:
    """Fork a program for each request on `control`, until it closes.

    A request is a JSON object and five descriptors; the answers are `pid` at once and, when the process has ended,
    its wait status, CPU seconds, peak memory in KiB and nanoseconds spent waiting for a processor.
    """
    import importlib
    import json

    for name in _WARM.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if os.path.exists("/box/lint.py"):
        os.chdir("/tmp")
        importlib.import_module("lint")
    bpf = seccomp_filter(machine)
    compile("def f(a: int) -> int:\n    return [a for _ in range(2)]", "warm", "exec")
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"warm": True}).encode())
    while True:
        data, fds, _flags, _address = socket.recv_fds(control, 1 << 16, 5)
        if not data:
            os._exit(0)
        spec = json.loads(data)
        pid = os.fork()
        if pid == 0:
            try:
                control.close()
                _become(spec, fds, bpf)
            finally:
                os._exit(120)
        for fd in fds:
            os.close(fd)
        control.send(json.dumps({"pid": pid}).encode())
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        delay_ns = run_delay_ns(pid)
        _pid, status, usage = os.wait4(pid, 0)
        cpu_s = usage.ru_utime + usage.ru_stime
        control.send(json.dumps({"status": status, "cpu_s": cpu_s, "rss": usage.ru_maxrss, "delay": delay_ns}).encode())


def run_delay_ns(pid: int) -> int:
    """Return how long the first thread of `pid` has been runnable without a processor; 0 where the kernel tells not."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _become(spec: dict[str, Any], fds: list[int], bpf: bytes) -> None:
    for at, fd in enumerate(fds):  # above 4 first, so that none overwrites another
        os.dup2(fd, 20 + at)
    for at in range(5):
        os.dup2(20 + at, at, inheritable=at < 3)
    os.closerange(5, 1024)
    _lock_down(spec, bpf)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    gc.enable()
    import random

    random.seed(0)  # the same program draws the same numbers each time it is judged
    {"script": _script, "calls": _calls, "check": _check, "tool": _tool}[spec["mode"]](spec)


# --- what the program's process does ----------------------------------------------------------------------------------


def _read_exactly(n: int, read: Callable[[int, int], bytes] = os.read) -> bytes:
    parts = []
    while n:
        part = read(3, min(n, 1 << 20))
        if not part:
            os._exit(121)
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _receive() -> bytes:
    return _read_exactly(int.from_bytes(_read_exactly(4), "big"))


def _send(data: bytes, write: Callable[[int, memoryview], int] = os.write) -> None:
    view = memoryview(data)
    while view:
        view = view[write(4, view) :]


def _frame(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def _describe(error: BaseException) -> bytes:
    """One line about an exception, without trusting its methods."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{name}: {text}".encode("utf-8", "backslashreplace")[:300] if text else name.encode()[:300]


def _module(name: str, source: str) -> types.ModuleType:
    import linecache

    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = __builtins__
    module.__file__ = f"{os.getcwd()}/{name}.py"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(True), module.__file__)
    sys.modules[name] = module
    return module


def _script(_spec: dict[str, Any]) -> None:
    """Run the text as `python FILE` would, and leave with its exit code."""
    source = _receive()
    path = f"{os.getcwd()}/main.py"
    with open(path, "wb") as file:
        file.write(source)
    os.close(3)
    os.close(4)
    sys.argv = [path]
    sys.path.insert(0, os.getcwd())
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    code = 0
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except SystemExit as leave:
        if leave.code is None or isinstance(leave.code, int):
            code = (leave.code or 0) & 255
        else:
            print(leave.code, file=sys.stderr)
            code = 1
    except BaseException as error:
        code = 1
        trace = error.__traceback__
        sys.excepthook(type(error), error, trace.tb_next if trace else None)
    _leave(code)


def _leave(code: int) -> None:
    """End as an interpreter does: threads joined, exit functions run, output flushed."""
    import atexit
    import threading

    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        code = code or 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120
    os._exit(code)


def _calls(spec: dict[str, Any]) -> None:
    """Load the text as a module, then answer batches of calls of its entry point with one frame a call."""
    source = _receive()
    entry = spec["entry_point"]
    send, frame = _send, _frame
    compiled = _compile(source, "solution")
    if compiled is None:
        return
    module = _module("solution", source.decode("utf-8", "replace"))
    try:
        exec(compiled, module.__dict__)
        function = module.__dict__[entry]
        if not callable(function):
            raise TypeError(f"{entry} is not a function")
    except KeyError as error:
        missing = entry not in module.__dict__ and error.args == (entry,)
        send(frame(codec.RAISED, b"no " + entry.encode() + b" is defined" if missing else _describe(error)))
        return
    except BaseException as error:
        send(frame(codec.RAISED, _describe(error)))
        return
    _answer_calls(function, listed=bool(spec.get("listed")))


def _tool(spec: dict[str, Any]) -> None:
    """Answer batches of calls of one of our tools, whose argument is a program's text: it is never run."""
    _receive()
    _answer_calls(tools.TOOLS[spec["entry_point"]])


def _answer_calls(function: Callable[..., Any], *, listed: bool = False) -> None:
    send, frame, encode = _send, _frame, codec.encode
    send(frame(codec.LOADED, b""))
    clock, recursion = time.monotonic, sys.setrecursionlimit
    for blob in iter(_receive, None):
        batch = codec.decode_batch(blob)
        batch.reverse()
        parts: list[bytes] = []
        size, flushed = 0, clock()
        n_answered, n_flush = 0, 1
        while batch:
            arguments = batch.pop()
            try:
                value = function(*arguments)
            except BaseException as error:
                kind, body = codec.RAISED, _describe(error)
            else:
                try:
                    if type(value) is list and len(value) > codec.PART_ROWS:
                        send(b"".join(parts))
                        parts, size, body = [], 0, b""
                        for piece in codec.encode_parts(value):
                            if body:
                                send(frame(codec.PART, body))
                            body = piece
                        kind = codec.RETURNED
                    else:
                        kind, body = codec.RETURNED, encode(value, listed=listed) if listed else encode(value)
                except RecursionError:
                    recursion(20_000)
                    kind, body = codec.UNENCODABLE, b"nested too deep"
                except BaseException as error:
                    kind, body = codec.UNENCODABLE, _describe(error)
            value = arguments = None
            if len(body) > _FLUSH_BYTES:  # large: written as it is, not copied
                parts.append(kind + len(body).to_bytes(4, "big"))
                send(b"".join(parts))
                send(body)
                parts, size, flushed = [], 0, clock()
                continue
            parts.append(frame(kind, body))
            size += len(body) + 5
            n_answered += 1
            if n_answered == n_flush or size > _FLUSH_BYTES or clock() - flushed > _FLUSH_S:
                if n_answered == n_flush:  # the next call may be endless: most answers before it are then there
                    n_flush *= 2
                send(b"".join(parts))
                parts, size, flushed = [], 0, clock()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        send(b"".join(parts))
    os._exit(70)  # reached only by a program that sets the line at which this frame goes on


def _compile(source: bytes, name: str) -> types.CodeType | None:
    import warnings

    warnings.simplefilter("ignore")
    try:
        return compile(source, f"{os.getcwd()}/{name}.py", "exec")
    except BaseException as error:
        _send(_frame(codec.COMPILE_ERROR, _describe(error)))
        return None


class CandidateFailed(BaseException):
    """The call of the candidate raised. Not an `Exception`, so that no test swallows it."""


def _check(spec: dict[str, Any]) -> None:
    """Run the benchmark's own `check(candidate)`; each call of the candidate goes out through the host."""
    prelude, test = codec.decode(_receive())
    module = _module("check", prelude)
    send, frame = _send, _frame

    def candidate(*arguments: object) -> object:
        send(frame(codec.ASKED, codec.encode_batch([list(arguments)])))
        kind, body = (answer := _receive())[:1], answer[1:]
        if kind != codec.RETURNED:
            raise CandidateFailed(body.decode("utf-8", "replace"))
        return codec.decode(body)

    try:
        exec(compile(prelude, "<prompt>", "exec"), module.__dict__)
        module.__dict__[spec["entry_point"]] = candidate
        exec(compile(test, "<test>", "exec"), module.__dict__)
        module.__dict__["check"](candidate)
    except BaseException as error:
        send(frame(codec.RAISED, _describe(error)))
        return
    send(frame(codec.ENDED, b""))
