"""What the tests of faults share: ten samples of known verdicts, and a check that nothing is left behind."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox import BoxLost, DockerEngine, Engine, EngineUnavailable, Limits, Sandbox
from sandbox.engines.docker import DockerConnection
from sandbox.wire import frames
from tests.scripted import ScriptedConnection, ScriptedEngine
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.oracle import Oracle
from toolkit.records import Check, Result, Sample, Table, Task, Verdict

SMALL = Limits(memory_bytes=256 << 20, disk_bytes=8 << 20)
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))
TABLE = Task(
    task_id="",
    prompt="def pairs(xs):\n",
    entry_point="pairs",
    canonical_solution="    return [(x, x * x) for x in xs]\n",
    tests=Table(base=([[1, 2, 3]], [[]]), plus=([[4]],)),
)
CHECK = replace(
    TABLE, tests=Check(source="def check(candidate):\n    assert candidate([1, 2]) == [(1, 1), (2, 4)]\n")
)
LONG = replace(TABLE, tests=Table(base=([list(range(8000))],), plus=([[4]],)))
TASKS = {f"Own/{n}": replace({3: LONG, 8: CHECK, 9: CHECK}.get(n, TABLE), task_id=f"Own/{n}") for n in range(10)}
HIT = {"table": "Own/3", "check": "Own/8"}
"""Whose samples faults are planted in. The table's are right, but not to the byte, and long: they are fetched and compared."""
RIGHT = TABLE.prompt + TABLE.canonical_solution
SOLUTIONS = dict.fromkeys(TASKS, RIGHT) | {
    "Own/1": "def pairs(xs):\n    return xs\n",
    "Own/2": "def pairs(xs):\n    raise SystemExit(0)\n",
    "Own/3": "def pairs(xs):\n    return [(x, float(x * x)) for x in xs]\n",
    "Own/4": "def pairs(xs:\n",
    "Own/5": "import os\ndef pairs(xs):\n    os._exit(0)\n",
    "Own/9": "def pairs(xs):\n    return xs\n",
}
VERDICTS = dict.fromkeys(TASKS, Verdict.PASSED) | {
    "Own/1": Verdict.WRONG_ANSWER,
    "Own/2": Verdict.RUNTIME_ERROR,
    "Own/4": Verdict.COMPILE_ERROR,
    "Own/5": Verdict.RUNTIME_ERROR,
    "Own/9": Verdict.WRONG_ANSWER,
}
ERRORS: list[type[Exception]] = [
    RuntimeError, StopIteration, MemoryError, KeyError, OSError, frames.ProtocolError, BoxLost, EngineUnavailable,
]  # fmt: skip
here = threading.local()
"""What each thread judges."""


def own_boxes(engine: Any) -> list[str]:
    """The boxes of this process that there are, dead or alive."""
    if isinstance(engine, ScriptedEngine):
        return list(engine.open)
    found = engine.client.api.containers(all=True, filters={"label": "exogate.box"})
    return [one["Id"] for one in found if one["Labels"]["exogate.owner"].split("/")[1] == str(os.getpid())]


def classes(engine: Engine) -> tuple[type, type]:
    """The classes of an engine and of its connections, in which faults are planted."""
    return (ScriptedEngine, ScriptedConnection) if isinstance(engine, ScriptedEngine) else (DockerEngine, DockerConnection)


@contextlib.contextmanager
def nothing_left(engine: Engine, n_boxes: int = 0, within_s: float = 20.0) -> Iterator[None]:
    """Fail where threads or more than `n_boxes` boxes are there that were not before, or where it took too long."""
    threads, there, begun = set(threading.enumerate()), set(own_boxes(engine)), time.monotonic()
    yield
    assert time.monotonic() - begun < soon(within_s)
    assert set(threading.enumerate()) <= threads
    assert len(set(own_boxes(engine)) - there) <= n_boxes


def oracle(pool: Sandbox, **more: Any) -> Oracle:
    return Oracle(pool, OWN, TASKS, "faults-1", timeout_s=2, **more)


def samples(n: int = 1) -> list[Sample]:
    """Ten samples, `n` times; no two are equal."""
    return [Sample(task_id=t, sample_id=i, solution=f"{source}\n# {i}") for i in range(n) for t, source in SOLUTIONS.items()]


def judged(by: Oracle, n: int = 1) -> list[Result]:
    return [result for _, result, _ in by.judge_many(samples(n))]


# -- whose doing it is that a box is lost ------------------------------------------------------------------------------


def judge(by: Oracle, kind: str, source: str = RIGHT) -> Result:
    ((_, result, _),) = by.judge_many([Sample(task_id=HIT[kind], sample_id=0, solution=source)])
    assert not by.defects, by.defects[0]
    return result


def often(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception, n: int = 1 << 30) -> list[int]:
    """Raise in a method, the first `n` times that it is called; returns one item for each time."""
    real, times = getattr(owner, name), list[int]()

    def struck(*given: Any, **more: Any) -> Any:
        if len(times) < n:
            times.append(len(times))
            raise error
        return real(*given, **more)

    monkeypatch.setattr(owner, name, struck)
    return times


# -- interrupted -------------------------------------------------------------------------------------------------------

ENDLESS = "def pairs(xs):\n    while True: pass\n"


def soon(seconds: float) -> float:
    """Seconds on the wall that something which takes `seconds` may take on a machine that others use as well."""
    return seconds * max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))
