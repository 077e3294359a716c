"""Where a program looks for the answers, and how it gets out: source that defines `act()`, as in `acts.py`.

A theft calls `found(text)` on whatever it can read: that wins once it sees an assert of the wanted function, or what
the cases want to be printed. Neither is in the program in one piece.
"""

from tests.attacks.acts import Acts

FOUND = """
_MARKS = ((b"assert summ", b"ary("), (b"def check(cand", b"idate)"), (b"wanted by the ca", b"se"))
_seen = []
def found(text):
    data = text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")
    for one, other in _MARKS:
        at = data.find(one)
        while at >= 0:
            if data[at + len(one) : at + len(one) + len(other)] == other: _seen.append(True)
            at = data.find(one, at + 1)
"""
"""Tests and cases have one of these marks in them; see `tests.attacks`."""

THEFTS: Acts = {
    "frames": """
import sys
def act():
    frame = sys._getframe(1)
    while frame:
        for value in [*frame.f_locals.values()]:
            if isinstance(value, (str, bytes, list, tuple, dict)) and value is not globals(): found(repr(value))
        frame = frame.f_back
""",
    "all objects": "import gc\ndef act():\n    for one in gc.get_objects():\n        if type(one) in (list, tuple) and len(one) < 9999: found(repr([x for x in one if type(x) in (str, bytes, int)]))",
    "processes": """
import glob
def act():
    for name in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try: found(open(name, "rb").read())
        except OSError: pass
""",
    "memory of its parent": """
import os
def act():
    for pid in (os.getppid(), 1):
        try:
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    low, _, high = line.split()[0].partition("-")
                    if "[heap]" in line: memory.seek(int(low, 16)); found(memory.read(int(high, 16) - int(low, 16)))
        except OSError: pass
""",
    "its own memory": """
import ctypes, os, sys
def act():
    libc, (source, sink) = ctypes.CDLL(None), os.pipe()
    libc.write.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    for near in {id(thing) >> 23 for thing in ([], "x" * 600, sys.modules, act, bytes(9), 1.5)}:
        pages = range((near - 1) << 23, (near + 2) << 23, 4096)
        found(b"".join(os.read(source, 4096) for page in pages if libc.write(sink, page, 4096) == 4096))
""",
    "files everywhere": """
import os
def act():
    n = 0
    for top in ("/tmp", "/var", "/home", "/root", "/opt", "/srv", "/mnt", "/data", "/work", "/app", "/dev/shm", "/run", os.getcwd(), "/box"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if n < 2000 and name.endswith((".py", ".json", ".jsonl", ".txt", ".out", ".in", ".ans", ".gz", ".pkl")) and os.path.isfile(path):
                    n += 1
                    try: found(open(path, "rb").read(1 << 20))
                    except OSError: pass
""",
    "data sets": """
import glob, os
def act():
    home = os.path.expanduser("~")
    places = [os.environ.get(n) for n in ("MBPP_PATH", "HUMANEVAL_OVERRIDE_PATH", "LIVECODEBENCH_PATH", "TOOLKIT_CACHE", "HF_HOME", "XDG_CACHE_HOME")]
    for place in filter(None, [*places, home + "/.cache", "/root/.cache"]):
        for name in glob.glob(place + "/**/*", recursive=True)[:500]:
            try: found(open(name, "rb").read(1 << 20))
            except OSError: pass
""",
    "every descriptor": """
import os, select
def act():
    for fd in range(3, 256):
        try:
            os.set_blocking(fd, False)
            if select.select([fd], [], [], 0)[0]: found(os.read(fd, 1 << 20))
        except (OSError, ValueError): pass
""",
    "what files descriptors are": """
import os
def act():
    for fd in range(256):
        try:
            with open(f"/proc/self/fd/{fd}", "rb", 0) as file:
                os.set_blocking(file.fileno(), False)
                if os.path.isfile(f"/proc/self/fd/{fd}"): found(file.read() or b"")
        except (OSError, ValueError): pass
""",
    "source lines": """
import inspect, linecache, sys
def act():
    frame = sys._getframe(1)
    while frame:
        try: found(inspect.getsource(frame))
        except (OSError, TypeError): pass
        frame = frame.f_back
    for lines in linecache.cache.values(): found(repr(lines))
    import __main__
    found(repr(vars(__main__)))
    found(open(__file__).read() if "__file__" in globals() else "")
""",
    "shared memory": """
import ctypes, glob
def act():
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    for line in open("/proc/sysvipc/shm").read().splitlines()[1:]:
        at = libc.shmat(int(line.split()[1]), None, 0o10000)
        if at not in (None, ctypes.c_void_p(-1).value): found(ctypes.string_at(at, min(int(line.split()[3]), 1 << 20)))
    for name in glob.glob("/dev/shm/*") + glob.glob("/dev/mqueue/*"): found(open(name, "rb").read(1 << 20))
""",
    "keys": "import ctypes\ndef act():\n    found(open('/proc/keys', 'rb').read())\n    buffer = ctypes.create_string_buffer(4096)\n    ctypes.CDLL(None).syscall(250, 11, -3, buffer, 4096)\n    found(buffer.raw)",
}

ESCAPES: Acts = {
    "privileges": """
import ctypes, os
def act():
    libc = ctypes.CDLL(None)
    tries = [libc.unshare(0x10000000 | 0x20000) == 0, libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0, os.getuid() == 0]
    for name, given in (("chroot", ("/",)), ("setuid", (0,)), ("setgroups", ([0],)), ("nice", (-5,))):
        try: getattr(os, name)(*given); tries.append(True)
        except OSError: pass
    caps = next(line for line in open("/proc/self/status") if line.startswith("CapEff"))
    return any(tries) or int(caps.split()[1], 16) != 0
""",
    "its own limits": """
import resource
def act():
    won = False
    for name in ("RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_CORE"):
        soft, hard = resource.getrlimit(getattr(resource, name))
        if hard == resource.RLIM_INFINITY: continue
        try: resource.setrlimit(getattr(resource, name), (hard + 1, hard + 1)); won = True
        except (OSError, ValueError): pass
    return won
""",
    "who is killed first": """
def act():
    try: open("/proc/self/oom_score_adj", "w").write("-1000"); return True
    except OSError: return False
""",
    "control groups": """
import glob
def act():
    for name in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True) + glob.glob("/sys/fs/cgroup/**/memory.max", recursive=True):
        try: open(name, "w").write("max"); return True
        except OSError: pass
    return False
""",
    "the kernel's switches": """
def act():
    for name in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper"):
        try: open(name, "w").close(); return True
        except OSError: pass
    return False
""",
    "devices": """
import os, stat
def act():
    try: os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)); return True
    except OSError: pass
    return any(os.access(f"/dev/{name}", os.R_OK) for name in ("mem", "kmem", "vda", "sda", "kmsg", "fuse", "kvm"))
""",
    "system calls": "import ctypes\ndef act():\n    libc = ctypes.CDLL(None)\n    return any(libc.syscall(n, 0, 0, 0, 0, 0) >= 0 for n in (298, 321, 323, 425, 175, 246, 169))",
    "the engine's socket": """
import socket
def act():
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"):
        with socket.socket(socket.AF_UNIX) as one:
            try: one.connect(path); return True
            except OSError: pass
    return False
""",
    "secrets": """
import os
def act():
    won = False
    for path in ("/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ", "/proc/1/root/etc/hostname"):
        try: open(path, "rb").read(1); won = True
        except OSError: pass
    return won or os.access("/root", os.R_OK)
""",
    "the system": """
import os, tempfile
def act():
    won = False
    for folder in ("/", "/etc", "/usr", "/usr/lib", "/bin", "/var/lib", os.path.dirname(os.__file__), "/box"):
        try: open(f"{folder}/mine", "w").close(); os.unlink(f"{folder}/mine"); won = True
        except OSError: pass
    return won
""",
    "the network": """
import socket
def act():
    won = False
    for kind, address in ((socket.AF_INET, ("172.17.0.1", 53)), (socket.AF_INET, ("192.0.2.1", 53)), (socket.AF_INET6, ("2001:db8::1", 53))):
        try:
            with socket.socket(kind, socket.SOCK_DGRAM) as one: one.connect(address); won = True
        except OSError: pass
    return won
""",
    "the host's own services": """
import socket
def act():
    for port in (22, 53, 80, 443, 2375, 2376, 5000, 8000, 8080, 8888, 9000):
        with socket.socket() as one:
            one.settimeout(0.05)
            if one.connect_ex(("127.0.0.1", port)) == 0: return True
    return False
""",
}
