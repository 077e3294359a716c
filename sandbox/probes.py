"""`toolkit doctor --matrix`: every engine that is found here, and what a program can do in its boxes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox import AttachedEngine, Box, DockerEngine, Engine, Execution, Limits, SandboxError, Status
from sandbox.engines.attached import FOLDER
from sandbox.wire.environment import variable

LIMITS = Limits(charged_s=5, cpu_s=5, memory_bytes=256 << 20, disk_bytes=8 << 20)
SHUT = "shut"
_TRIED = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def tried(what, act):
    try: act()
    except OSError: return
    print(what)
def called(what, *arguments):
    if libc.syscall(*arguments) >= 0: print(what)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One way out of a box.

    Attributes:
        source: prints what it could do, and nothing where it could not.
        is_shut: of the facts, where it is not enough that nothing is printed.
    """

    source: str
    is_shut: Callable[[Execution], bool] = lambda facts: facts.status is Status.EXITED and facts.exit_code == 0


def _bounded(*statuses: Status) -> Callable[[Execution], bool]:
    return lambda facts: facts.status in statuses


PROBES: Mapping[str, Probe] = {
    "network": Probe(
        source="for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):\n"
        "    tried(f'a socket of family {family}', lambda: socket.socket(family, socket.SOCK_DGRAM))\n"
        "tried('the host', lambda: socket.create_connection(('127.0.0.1', 22), 0.5))"
    ),
    "fork bomb": Probe(
        source="while True:\n    try: os.fork()\n    except OSError: pass",
        is_shut=_bounded(Status.TIMED_OUT, Status.MEMORY_EXCEEDED),
    ),
    "memory": Probe(
        source="kept = []\nwhile True: kept.append(bytearray(b'x' * (16 << 20)))",
        is_shut=lambda facts: facts.status is Status.MEMORY_EXCEEDED or "MemoryError" in facts.stderr,
    ),
    "disk": Probe(source="tried('64 MiB', lambda: open('x', 'wb').write(bytes(64 << 20)))"),
    "other program": Probe(
        source="mine = {str(os.getuid())}\nif set(os.listdir('/tmp')) - mine: print(os.listdir('/tmp'))\n"
        "others = [n for n in os.listdir('/proc') if n.isdigit() and os.stat('/proc/' + n).st_uid not in (0, os.getuid())]\n"
        "if others: print('processes', others)"
    ),
    "host files": Probe(
        source="for path in ('/etc/shadow', '/proc/1/environ', '/proc/1/root/etc', '/dev/mem', '/dev/sda', '/dev/vda'):\n"
        "    tried('read ' + path, lambda: os.open(path, os.O_RDONLY))\n"
        "tried('write /etc/x', lambda: os.open('/etc/x', os.O_CREAT | os.O_WRONLY))"
    ),
    "engine socket": Probe(
        source="for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/podman/podman.sock',\n"
        "             '/run/containerd/containerd.sock'):\n    if os.path.exists(path): print(path)"
    ),
    "setuid": Probe(source="tried('root', lambda: os.setuid(0))\ntried('a group', lambda: os.setgroups([0]))"),
    "ptrace": Probe(
        source="libc.ptrace.argtypes = [ctypes.c_long] * 4\n"
        "if libc.ptrace(16, os.getppid(), 0, 0) == 0: print('attached to the interpreter')\n"
        "tried('memory of PID 1', lambda: open('/proc/1/mem', 'rb'))"
    ),
    "keyring": Probe(
        source="add, ctl = (248, 250) if os.uname().machine == 'x86_64' else (217, 219)\n"
        "called('add_key', add, b'user', b'x', b'y', 1, -3)\ncalled('keyctl', ctl, 0, -3, 1)"
    ),
    "/proc": Probe(
        source="for path in ('sys/kernel/hostname', 'sysrq-trigger', 'sys/vm/drop_caches', 'self/oom_score_adj_'):\n"
        "    tried('write /proc/' + path, lambda: os.open('/proc/' + path, os.O_WRONLY))\n"
        "for path in ('kcore', 'kmsg', '1/mem'):\n"
        "    tried('read /proc/' + path, lambda: os.read(os.open('/proc/' + path, os.O_RDONLY | os.O_NONBLOCK), 1))"
    ),
    "clock": Probe(source="tried('set it', lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))"),
}


def engines() -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Yield the engines found here: each runtime of that at `DOCKER_HOST`, rootless Docker, Podman, attached."""
    usual = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    user = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    others = [f"{user}/docker.sock", "/run/podman/podman.sock", f"{user}/podman/podman.sock"]
    for host in dict.fromkeys([usual, *(f"unix://{path}" for path in others if Path(path).is_socket())]):
        try:
            engine = DockerEngine(host=host)
        except SandboxError:
            yield host, lambda host=host: DockerEngine(host=host)  # type: ignore[misc]
            continue
        info, version = engine.client.info(), engine.client.version()
        engine.close()
        parts = [str(part.get("Name", "")) for part in version.get("Components") or []]
        name = "podman" if any("Podman" in part for part in parts) else "docker"
        rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or [])
        default = str(info.get("DefaultRuntime") or "")
        runtimes = [default]
        if name == "docker":
            runtimes = [it for it in sorted(info.get("Runtimes") or {}) if not it.startswith("io.")]
        for runtime in runtimes or [default]:
            about = f"{name} {version.get('Version')}{' rootless' if rootless else ''} {runtime or 'its runtime'}"
            given = None if runtime == default else runtime
            yield about, lambda host=host, given=given: DockerEngine(given, host=host)  # type: ignore[misc]
    if Path(variable("BOXES") or FOLDER).is_dir():
        yield "attached", AttachedEngine


def tried(box: Box) -> Iterator[tuple[str, str]]:
    """Yield for each probe its name, and `shut` or what was open in a box. Raises as `Box.run`."""
    box.run("open('left', 'w'); import os; os.fork() or __import__('time').sleep(60)")
    for name, probe in PROBES.items():
        facts = box.run(_TRIED + probe.source)
        is_shut = probe.is_shut(facts) and not facts.stdout
        said = facts.stdout.strip().replace("\n", ", ") or f"{facts.status} {facts.stderr[-100:]}".strip()
        after = box.run("print('after')")
        unwell = "" if after.stdout == "after\n" else f"; the next program did not run: {after.status}"
        yield name, (SHUT if is_shut else f"OPEN: {said}") + unwell


def measure(open_it: Callable[[], Engine]) -> dict[str, str]:
    """Return for each probe `shut` or what was open on an engine, or for all of them why the engine is refused."""
    found: dict[str, str] = {}
    try:
        engine = open_it()
        try:
            with Box(engine, LIMITS) as box:
                found.update(tried(box))
        finally:
            with suppress(SandboxError):
                engine.sweep()
            engine.close()
    except SandboxError as error:
        return {name: found.get(name, f"refused: {error}") for name in PROBES}
    return found


def matrix() -> dict[str, dict[str, str]]:
    """Measure every engine found here; return the outcomes by engine and probe."""
    return {name: measure(open_it) for name, open_it in engines()}
