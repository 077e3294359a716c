"""Where test classes run: apart from the program, unless the task's own solution shows that they cannot.

A test that only works in the solution's own process fails apart although the solution is correct. So the solution is run
apart once; whether it passed is stored under the hash of the task and the image.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

from toolkit.oracle.findings import Finding
from toolkit.records import Task, UnitTests, Verdict
from toolkit.store import cache
from toolkit.store.files import write_atomically

VERSION = 2
"""Increment whenever a test may run in another place than before."""
_known: dict[str, bool] = {}
_locks: dict[str, threading.Lock] = {}
_lock = threading.Lock()


def is_shared(task: Task, tests: UnitTests, image: str, run: Callable[[str, bool], Finding]) -> bool:
    """Return whether the tests of a task run in the program's own process.

    Args:
        image: digest of the image.
        run: judges a program, with its tests in its own process or apart. Raises what judging raises.
    """
    if tests.shared or not task.canonical_solution:
        return tests.shared
    program = task.prompt + task.canonical_solution
    parts = (str(VERSION), image, task.task_id, tests.before, tests.source, program)
    key = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    with _lock:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if key not in _known:
            path = cache.directory() / "placed" / f"{key}.json"
            stored = _read(path)
            if stored is None:
                passes = run(program, False).verdict is Verdict.PASSED
                stored = not passes and run(program, True).verdict is Verdict.PASSED
                with contextlib.suppress(OSError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(path, json.dumps({"shared": stored}).encode())
            _known[key] = stored
        return _known[key]


def _read(path: Path) -> bool | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return bool(json.loads(path.read_text())["shared"])
    return None
