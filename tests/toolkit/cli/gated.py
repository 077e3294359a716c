"""What the tests of `toolkit gate` share."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from toolkit.benchmarks import BENCHMARKS, Options

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
TASKS = BENCHMARKS["humaneval"].load(Options()).tasks
GOOD = '"""A square."""\n\n\ndef square(x):\n    """Return x squared."""\n    return x * x\n'
BAD = "def f(:\n    pass\n"
NEVER_WRITE = os.environ | {"TOOLKIT_CACHE": "/proc/nowhere"}


def toolkit(*arguments: object, stdin: bytes | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run([TOOLKIT, "gate", *map(str, arguments)], **given, capture_output=True, check=False, **more)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def write(path: Path, *rows: dict[str, Any] | bytes) -> Path:
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
