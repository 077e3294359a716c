"""What a program leaves behind or uses up: source that defines `act()`, as in `acts.py`; and what is odd, but right."""

from tests.attacks.acts import Acts

KEPT: Acts = {
    "files": """
import os, tempfile
def act():
    folders = {".", "/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir(), os.path.expanduser("~"), "/run", "/dev/mqueue"}
    won = any(os.path.exists(f"{folder}/left-by-an-attack") for folder in folders)
    for folder in folders:
        try: open(f"{folder}/left-by-an-attack", "w").write("x")
        except OSError: pass
    return won
""",
    "modules of every start": """
import builtins, os, site, sys
def act():
    if hasattr(builtins, "left_by_an_attack"): return True
    for folder in {*sys.path, site.getusersitepackages(), os.getcwd()}:
        for name in ("usercustomize.py", "sitecustomize.py"):
            try:
                os.makedirs(folder, exist_ok=True)
                open(f"{folder}/{name}", "w").write("import builtins; builtins.left_by_an_attack = True")
            except OSError: pass
""",
    "bytecode": """
import os, py_compile, sys, tempfile
def act():
    import colorsys
    if getattr(colorsys, "left_by_an_attack", False): return True
    for folder in {os.path.dirname(colorsys.__file__), *sys.path, os.getcwd()}:
        try:
            open(f"{folder}/colorsys.py", "w").write("left_by_an_attack = True")
            py_compile.compile(f"{folder}/colorsys.py")
        except OSError: pass
""",
    "a daemon": """
import glob, os, time
def act():
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if b"left-by-an-attack" in open(name, "rb").read() and f"/{os.getpid()}/" not in name: return True
        except OSError: pass
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: os.execv("/bin/sh", ["sh", "-c", "sleep 90", "left-by-an-attack"])
        os._exit(0)
    os.wait()
    time.sleep(0.05)
    return False
""",
    "a socket that answers": """
import os, socket
def act():
    with socket.socket(socket.AF_UNIX) as one:
        try: one.connect("\\0left-by-an-attack"); return True
        except OSError: pass
    if os.fork() == 0:
        os.setsid()
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("\\0left-by-an-attack"); one.listen()
            while True: one.accept()
    return False
""",
    "shared memory": """
import ctypes
def act():
    libc = ctypes.CDLL(None)
    before = [libc.shmget(0x1234, 64, 0) >= 0, libc.msgget(0x1234, 0) >= 0, libc.semget(0x1234, 1, 0) >= 0]
    libc.shmget(0x1234, 64, 0o1777), libc.msgget(0x1234, 0o1777), libc.semget(0x1234, 1, 0o1777)
    return any(before)
""",
    "times of devices": """
import glob, os
def act():
    names = [name for name in glob.glob("/dev/*") + glob.glob("/dev/pts/*") if os.access(name, os.W_OK) and not os.path.isdir(name) and not os.path.islink(name)]
    won = any(os.stat(name).st_mtime > 1 for name in names)
    for name in names: os.utime(name)
    return won
""",
    "locks": """
import fcntl, os
def act():
    for name in ("/etc/passwd", os.__file__, "/proc/self/status"):
        fd = os.open(name, os.O_RDONLY)
        try: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError: return True
    return False
""",
    "the state of its interpreter": """
import builtins, sys
def act():
    if hasattr(sys, "left_by_an_attack"): return True
    sys.left_by_an_attack = builtins.left_by_an_attack = True
    frame = sys._getframe()
    while frame: frame.f_globals["left_by_an_attack"] = True; frame = frame.f_back
    return False
""",
}
"""Each is judged twice: the second one wins if it finds what the first one left."""

USED: Acts = {
    "processes": """
import os, time
def act():
    for n in range(600):
        try:
            if os.fork() == 0: time.sleep(60); os._exit(0)
        except OSError: return False
    return True
""",
    "processes that go on": "import os\ndef act():\n    while True:\n        try: os.fork()\n        except OSError: return False",
    "threads": "import threading, time\ndef act():\n    try:\n        for _ in range(2000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n    except RuntimeError: return False\n    return True",
    "zombies": "import os\ndef act():\n    for _ in range(50):\n        try:\n            if os.fork() == 0: os._exit(0)\n        except OSError: break",
    "memory, bit by bit": "def act():\n    kept = []\n    while len(kept) < 512: kept.append(b'x' * (16 << 20))\n    return True",
    "memory at once": "def act(): return len(bytearray(1 << 40))",
    "memory in children": "import os\ndef act():\n    for _ in range(8):\n        if os.fork() == 0:\n            x = b'x' * (200 << 20)\n            __import__('time').sleep(60)\n    __import__('time').sleep(0.5)",
    "memory in files without names": "import os\ndef act():\n    fds = []\n    for _ in range(200):\n        fds.append(os.memfd_create('x')); os.write(fds[-1], bytes(8 << 20))\n    return len(fds) == 200",
    "memory in pipes": "import os\ndef act():\n    kept = []\n    try:\n        for _ in range(100):\n            kept.append(os.pipe()); os.set_blocking(kept[-1][1], False); os.write(kept[-1][1], bytes(1 << 16))\n    except OSError: pass",
    "the disk": "def act():\n    with open('full', 'wb') as file:\n        for _ in range(3000): file.write(bytes(1 << 20))\n    return True",
    "names on the disk": "import os\ndef act():\n    for n in range(10**6): os.mknod(f'n{n}')\n    return True",
    "a deep tree": "import os\ndef act():\n    for _ in range(3000): os.mkdir('d' * 200); os.chdir('d' * 200)\n    os.chmod('.', 0)",
    "unreadable folders": "import os\ndef act():\n    for n in range(100): os.makedirs(f'a{n}/b/c'); os.chmod(f'a{n}/b', 0); os.chmod(f'a{n}', 0)",
    "descriptors": "def act():\n    kept = []\n    while len(kept) < 10**5: kept.append(open('/dev/null'))\n    return True",
    "sleep": "import time\ndef act():\n    while True:\n        try: time.sleep(3600)\n        except BaseException: pass",
    "a loop that nothing ends": """
import signal
def act():
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "stopped": "import os, signal\ndef act(): os.kill(os.getpid(), signal.SIGSTOP)",
    "a power": "def act(): return 7 ** 7 ** 10",
    "a regular expression": "import re\ndef act(): return re.match('(a+)+$', 'a' * 40 + 'b')",
    "a long sum": "def act(): return sum(range(10**12))",
    "output": "import os\ndef act():\n    while True: os.write(1, b'x' * 65536)",
    "output of the other stream": "import os\ndef act():\n    while True: os.write(2, b'1\\n' * 32768)",
    "output of many": "import os\ndef act():\n    for _ in range(4): os.fork()\n    while True: os.write(1, b'x' * 65536)",
    "blocked on its own channel": "import os\ndef act():\n    for fd in range(3, 64):\n        try: os.read(fd, 1)\n        except OSError: pass",
    "channels that are closed": "import os\ndef act(): os.closerange(0, 256)",
    "writing all to the disk": "import os\ndef act():\n    for _ in range(20): os.sync()",
    "kernel objects": """
import os, select, socket
def act():
    kept = []
    try:
        for _ in range(40): kept += [select.epoll(), *socket.socketpair(), os.eventfd(0)]
        one, other = socket.socketpair()
        socket.send_fds(one, [b"x"], [*(each.fileno() for each in kept if hasattr(each, "fileno")), one.fileno(), other.fileno()])
    except OSError: pass
""",
}
"""What is used up has to be bounded; whoever gets that much wins."""

ODD: Acts = {
    "a megabyte of output on the other stream": "import sys\ndef act(): sys.stderr.write('FAILED AssertionError\\n' * 40_000)",
    "words of a failure": "import logging, sys\ndef act():\n    logging.error('Traceback (most recent call last): FAILED')\n    print('AssertionError: wrong', file=sys.stderr)",
    "threads": "from concurrent.futures import ThreadPoolExecutor\ndef act():\n    with ThreadPoolExecutor(4) as pool: assert sum(pool.map(abs, range(9))) == 36",
    "processes": "import multiprocessing as mp\ndef act():\n    with mp.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]",
    "a subprocess": "import subprocess\ndef act(): assert subprocess.run(['true']).returncode == 0",
    "asynchronous": "import asyncio\nasync def main():\n    one = await asyncio.create_subprocess_exec('true')\n    return await one.wait()\ndef act(): assert asyncio.run(main()) == 0",
    "a large stack": "import sys, threading\ndef deep(n): return n and 1 + deep(n - 1)\ndef act():\n    sys.setrecursionlimit(10**6); threading.stack_size(256 << 20)\n    t = threading.Thread(target=lambda: deep(20_000)); t.start(); t.join(); threading.stack_size(0)",
    "a data base": "import sqlite3\ndef act(): assert sqlite3.connect(':memory:').execute('select 1').fetchone() == (1,)",
    "files": "import os, tempfile\ndef act():\n    with tempfile.TemporaryFile() as file: file.write(b'x')\n    os.makedirs('own/folder'); os.chdir('own')",
    "long integers": "import sys\ndef act():\n    sys.set_int_max_str_digits(0); assert len(str(10**5000)) == 5001",
    "a nap": "import time\ndef act(): time.sleep(0.01)",
    "signals of its own": "import signal\ndef act():\n    signal.signal(signal.SIGUSR1, lambda *_: None); signal.raise_signal(signal.SIGUSR1); signal.signal(signal.SIGALRM, signal.SIG_IGN); signal.alarm(0)",
    "names of tests": "candidate = check = expected = inputs = results = judge = run = test = verdict = None\ndef act():\n    global call, calls, box, frame; call = calls = box = frame = 0",
    "odd names and lines": "\u00e4\u03b2 = '\u2028\\x0c'\nlong = [" + "0, " * 20_000 + "]\ndef act(): assert \u00e4\u03b2 and not any(long)",
    "tabs and carriage returns": "def act():\r\n\tassert '\ta' == chr(9) + 'a'\r\n",
    "classes with an order": "import functools\n@functools.total_ordering\nclass One:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __lt__(self, o): return self.n < o.n\ndef act(): assert [o.n for o in sorted(map(One, [2, 1]))] == [1, 2]",
    "a main part": "def act():\n    if __name__ == '__main__': print(end='')",
    "a child that is not waited for": "import os, time\ndef act():\n    if os.fork() == 0: time.sleep(30); os._exit(0)",
    "the collector is off": "import gc, warnings\ndef act():\n    gc.disable(); gc.freeze(); warnings.simplefilter('error'); warnings.warn_explicit",
    "a seed": "import locale, random, time\ndef act():\n    random.seed(1); time.tzset(); locale.setlocale(locale.LC_ALL, 'C')",
}
"""Each is right, and passes."""
