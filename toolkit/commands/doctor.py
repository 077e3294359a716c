"""`toolkit doctor`: what works on this machine, what boxes protect against and what they do not."""

import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.registry import Registry

PROTECTS = (
    "reaching the network, the host's loopback and other containers (no network, AF_UNIX sockets only)",
    "reading or writing files of the host (no mounts, read-only root) or of another program (own user, files removed)",
    "using up memory, processes, disk, descriptors, output or time (all bounded)",
    "becoming root or another user (no capabilities, no new privileges, two seccomp filters)",
    "leaving something for the next program (processes killed, files removed, else the box is destroyed)",
    "forging a verdict (the answer never enters the box; nothing that a program prints or exits with is believed)",
)
DOES_NOT = (
    "holes in the kernel that all containers share: use --runtime runsc (gVisor) or a virtual machine where that matters",
    "side channels through timing, caches and counters of the kernel",
    "a model that knows a benchmark's answers by heart: that is contamination, not escape",
    "anyone who may use the engine's socket: on the host that is as good as root",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The state of one thing that the toolkit needs.

    Attributes:
        ok: True if it works, None if it works with less protection or speed, False if it does not.
        found: what was observed.
        remedy: what to do about it; empty if there is nothing to do.
    """

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


def report() -> dict[str, Any]:
    """Return the findings of `examine`, and what boxes do and do not protect against, as plain data."""
    return {
        "checks": [asdict(check) for check in examine()],
        "protects_against": list(PROTECTS),
        "does_not_protect_against": list(DOES_NOT),
    }


def examine() -> list[Diagnosis]:
    """Examine Python, the machine, registered extensions, the engine, images, a box, and the benchmarks' data."""
    checks = [
        Diagnosis(name="python", ok=sys.version_info >= (3, 11), found=platform.python_version()),
        _machine(),
        *_extensions(),
    ]
    from sandbox import DockerEngine, SandboxError, open_engine

    try:
        engine = open_engine()
    except SandboxError as error:
        return [*checks, Diagnosis(name="engine", ok=False, found=str(error), remedy="make engine"), *_data()]
    try:
        checks += _docker(engine) if isinstance(engine, DockerEngine) else [_boxes(engine)]
        checks += _images(engine)
    finally:
        engine.close()
    return checks + _data()


def _machine() -> Diagnosis:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    disk = shutil.disk_usage(Path.home()).free
    found = f"{os.cpu_count()} cores, {pages >> 30} GiB memory, {disk >> 30} GiB free on disk, {platform.machine()}"
    enough = pages >= 4 << 30 and disk >= 2 << 30
    return Diagnosis(name="machine", ok=True if enough else None, found=found,
                 remedy="" if enough else "4 GiB of memory and 2 GiB of disk are wanted")  # fmt: skip


def _boxes(engine: Any) -> Diagnosis:
    from sandbox import AttachedEngine

    n = {kind: engine.capacity(kind, 1 << 20) for kind in ("run", "lint")}
    place = f"at {engine.folder}" if isinstance(engine, AttachedEngine) else f"of {type(engine).__name__}"
    found = f"boxes {place}, for {n['run']} programs with their tests and {n['lint']} to be linted at one time"
    return Diagnosis(name="engine", ok=True, found=found)


def _docker(engine: Any) -> list[Diagnosis]:
    info, version = engine.client.info(), engine.client.version()
    security = [str(option) for option in info.get("SecurityOptions") or []]
    rootless = any("rootless" in option for option in security)
    seccomp = any("seccomp" in option for option in security)
    memory = bool(info.get("MemoryLimit")) and bool(info.get("SwapLimit"))
    runtimes = sorted(info.get("Runtimes") or {})
    return [
        Diagnosis(name="engine", ok=True, found=f"{version.get('Version')} (API {version.get('ApiVersion')}) at "
              f"{os.environ.get('DOCKER_HOST', 'unix:///var/run/docker.sock')}, kernel {info.get('KernelVersion')}, "
              f"storage {info.get('Driver')}"),
        Diagnosis(name="rootless", ok=True if rootless else None, found="yes" if rootless else "no: the engine runs as root",
              remedy="" if rootless else "a rootless engine, or --runtime runsc, is one more wall"),
        Diagnosis(name="seccomp", ok=seccomp, found="yes" if seccomp else "the engine has none",
              remedy="" if seccomp else "use a kernel and an engine with seccomp"),
        Diagnosis(name="limits", ok=memory and bool(info.get("PidsLimit")),
              found=f"cgroup v{info.get('CgroupVersion', '1')}; memory {bool(info.get('MemoryLimit'))}, swap "
              f"{bool(info.get('SwapLimit'))}, processes {bool(info.get('PidsLimit'))}",
              remedy="" if memory else "boot with cgroup_enable=memory swapaccount=1, or use cgroup v2"),
        Diagnosis(name="runtimes", ok=True if "runsc" in runtimes else None, found=", ".join(runtimes),
              remedy="" if "runsc" in runtimes else "install gVisor and say --runtime runsc for a kernel of the boxes' own"),
    ]  # fmt: skip


def _images(engine: Any) -> list[Diagnosis]:
    from sandbox import Box, ImageMissing, Limits, SandboxError, recipes

    checks = []
    for kind in (recipes.RUN, recipes.LINT):
        try:
            digest = engine.image_digest(kind)
            checks.append(Diagnosis(name=f"{kind} image", ok=True, found=f"{recipes.tag(kind)} ({digest[:19]})"))
        except (ImageMissing, SandboxError) as error:
            checks.append(Diagnosis(name=f"{kind} image", ok=False, found=str(error), remedy="toolkit images build"))
    if checks[0].ok:
        try:
            with Box(engine, Limits(charged_s=5)) as box:
                seen = box.run(_PROBE)
            weak = seen.stdout.strip() if seen.exit_code == 0 else seen.stderr[-200:]
            checks.append(Diagnosis(name="box", ok=not weak, found=weak or "starts, runs a program, and shuts it in",
                                remedy="see the README's threat model" if weak else ""))  # fmt: skip
        except SandboxError as error:
            checks.append(Diagnosis(name="box", ok=False, found=str(error), remedy="look at the engine's log"))
    return checks


_PROBE = """
import os, socket
def reached(what, act):
    try: act()
    except (OSError, PermissionError): return
    print(f"a program could: {what}")
reached("open a network socket", lambda: socket.socket(socket.AF_INET))
reached("become root", lambda: os.setuid(0))
reached("write to the root file system", lambda: open("/box/x", "w"))
reached("write where the interpreter is", lambda: open(os.__file__, "a"))
reached("read the supervisor's memory", lambda: open("/proc/1/mem", "rb"))
reached("signal the warm interpreter", lambda: os.kill(os.getppid(), 0))
if not os.path.exists("/proc/self/schedstat"): print("no /proc/PID/schedstat: waiting for a processor is charged")
"""


def _extensions() -> list[Diagnosis]:
    """List what is registered by name and who provides it, then extensions that cannot be used."""
    from gates import GATES
    from sandbox import ENGINES
    from toolkit.benchmarks import BENCHMARKS
    from toolkit.models.generators import GENERATORS

    known: list[Registry[Any]] = [BENCHMARKS, GATES, GENERATORS, ENGINES]
    checks = []
    for each in known:
        names = [name for name, _ in each.items()]
        said = [name + (f" (of {each.origins[name]})" if name in each.origins else "") for name in names]
        checks.append(Diagnosis(name=f"{each.kind}s", ok=True, found=", ".join(said)))
    remedy = "update or uninstall that distribution"
    broken = [(f"{each.kind} {name}", line) for each in known for name, line in each.problems.items()]
    return checks + [Diagnosis(name=name, ok=None, found=line, remedy=remedy) for name, line in broken]


def _data() -> list[Diagnosis]:
    from toolkit.benchmarks import BENCHMARKS, DataMissing

    checks = []
    for name, benchmark in BENCHMARKS.items():
        try:
            path = benchmark.data_file()
        except DataMissing as error:
            checks.append(Diagnosis(name=f"data of {name}", ok=None, found=str(error)))
            continue
        is_there = path is None or path.is_file()
        found = str(path or "no file is needed") if is_there else f"not at {path}; {benchmark.source}".rstrip("; ")
        remedy = "" if is_there else "without a network: put the file there, or name it with --data"
        checks.append(Diagnosis(name=f"data of {name}", ok=True if is_there else None, found=found, remedy=remedy))
    return checks
