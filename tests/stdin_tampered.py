"""Programs that read standard input and tamper with what they print, made around a right and a wrong solution."""

from collections.abc import Iterator

from tests.tamper import Tampered
from toolkit.benchmarks.livecodebench import PRELUDE
from toolkit.records import Stdin, Task

CASES = (("3\n1 2 3\n", "1\n3\n6\n"), ("2\n0.5 0.25\n", "0.5\n0.75\n"), ("1\n0\n", "0\n"))
TASKS = [Task(task_id="Own/sums", prompt="", entry_point="", canonical_solution="", tests=Stdin(cases=CASES, before=PRELUDE), is_file=True)]
_SUMS = "input()\nlines, total = [], 0\nfor x in map(float, input().split()):\n    total += x\n    lines.append(f'{total:g}')\n"
_PRINT = "print('\\n'.join(lines))\nsys.stdout.flush()\n"
_FRAMES = "b'L\\0\\0\\0\\0' + b'R\\0\\0\\0\\4true' * 4 + b'D\\0\\0\\0\\0'"
_EVERYWHERE = f"""
for fd in range(3, 256):
    try: __import__('os').write(fd, {_FRAMES})
    except OSError: pass
"""
SOLUTIONS = {"right": _SUMS, "wrong": _SUMS + "lines = ['x' + line for line in lines]\n", "nearly": _SUMS + "lines[2:] = ['7' for _ in lines[2:]]\n"}
UNTOUCHED = {
    "untouched": _PRINT,
    "frames on every descriptor": _EVERYWHERE + _PRINT + _EVERYWHERE,
    "in pieces": "for c in '\\n'.join(lines):\n    sys.stdout.write(c); sys.stdout.flush()\n",
    "on descriptor 1": "__import__('os').write(1, '\\n'.join(lines).encode())\n",
    "frames beside it": _PRINT + f"sys.stderr.buffer.write({_FRAMES})\n",
    "an end of its own": _PRINT + "__import__('os')._exit(0)\n",
    "by a child": "os = __import__('os')\nchild = os.fork()\nif not child:\n    print('\\n'.join(lines), flush=True); os._exit(0)\nos.waitpid(child, 0)\n",
}
"""What is printed is what the solution prints."""
FORGED = {
    "a line more": _PRINT + "print(7)\n",
    "a line less": "lines.pop()\n" + _PRINT,
    "all of it twice": _PRINT * 2,
    "two lines in one": "print(' '.join([*lines, '7']))\n",
    "swapped lines": "lines = [*lines[::-1], '7'] if len(lines) < 2 else lines[::-1]\n" + _PRINT,
    "the answers of all cases": f"print({''.join(wanted for _, wanted in CASES)!r})\n",
    "frames before it": f"sys.stdout.buffer.write({_FRAMES}); sys.stdout.flush()\n" + _PRINT,
    "frames behind it": _PRINT + f"sys.stdout.buffer.write({_FRAMES})\n",
    "another kind": _PRINT + "sys.stdout.buffer.write(b'\\xff\\0')\n",
    "a verdict": "print('passed')\n",
    "a giant line": _PRINT + "print('0' * (65 << 20))\n",
    "a giant number": _PRINT.replace("lines)", "[line + '.' + '0' * (1 << 20) for line in lines])"),
    "no end": _PRINT + "while True: print(7)\n",
    "empty lines without end": _PRINT + "while True: __import__('os').write(1, b'\\n' * 65536)\n",
    "another exit code": _PRINT + "__import__('os')._exit(3)\n",
    "a signal": _PRINT + "__import__('os').kill(__import__('os').getpid(), 15)\n",
    "the other stream": "sys.stdout = sys.stderr\n" + _PRINT,
    "a child that is late": "if __import__('os').fork():\n    __import__('os')._exit(0)\n__import__('time').sleep(0.5)\n" + _PRINT,
    "a closed stream": "sys.stdout.close()\n__import__('os').close(1)\nprint(lines, file=open('answer', 'w'))\n",
}
"""What is printed is never what is expected, or the program does not end as it should."""


def programs() -> Iterator[Tampered]:
    for task in TASKS:
        for about, text in (UNTOUCHED | FORGED).items():
            for kind, solution in SOLUTIONS.items():
                yield Tampered(task.task_id, f"{about}, {kind}", solution + text, kind == "right" and about in UNTOUCHED)
