"""The warm interpreter: forks a process for each program.

It sees no program, no input and no output, only descriptors. So nothing of one program's data can be in the memory that
the next one inherits.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

from images.box import jail, modes

_WARM = (
    "abc bisect collections copy dataclasses datetime enum functools heapq inspect io itertools json linecache math "
    "operator random re string threading traceback typing typing_extensions contextlib __future__ cmath textwrap "
    "types sys os time decimal fractions statistics numbers hashlib"
)


def zygote(control: socket.socket, machine: str) -> None:
    """Fork a program for each request on `control`, until it closes.

    A request is a JSON object and five descriptors. The answers are `pid` at once and, once the process has ended,
    its wait status, CPU seconds, peak memory in KiB and nanoseconds spent waiting for a processor.
    """
    for name in _WARM.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if more := os.environ.pop("WARM", ""):
        _warm_up(more.split())
    if os.path.exists(os.path.join(os.path.dirname(__file__), "lint.py")):
        os.chdir("/tmp")
        importlib.import_module("images.box.lint")
    _hide()
    bpf = jail.seccomp_filter(machine)
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


def _warm_up(names: list[str]) -> None:
    """Import what the image's programs use most, and leave no file of it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = f"{folder}/fonts"
        with contextlib.suppress(OSError):
            shutil.copytree("/box/fonts", f"{folder}/fonts")  # a list of fonts, which takes seconds to make
        for name in names:
            importlib.import_module(name)
        del os.environ["MPLCONFIGDIR"]


def _hide() -> None:
    """Forget where our modules are and that they are loaded, so that no program can import them by name."""
    sys.path.remove("/box")
    for name in list(sys.modules):
        if name.partition(".")[0] in ("images", "sandbox"):
            del sys.modules[name]


def run_delay_ns(pid: int) -> int:
    """Return how long the first thread of `pid` has waited for a processor, or 0 if the kernel does not tell."""
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
    jail.lock_down(spec, bpf)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    gc.enable()
    random.seed(0)  # the same program draws the same numbers each time it is judged
    modes.MODES[spec["mode"]](spec)
