"""What a Ray cluster costs: `python -m tests.bench driver`, or `python -m tests.bench.driver [NODES] [SAMPLES]`.

First one node with two boxes beside two boxes here, taking turns. Then simulated nodes whose workers answer at once, in place
of boxes, so that what is measured is the driver: chunks, Ray, results, the cache. Processor time of the driver's process is
given beside wall time, which a busy machine makes longer.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench.tables import REPEAT
from tests.faults import OWN, RIGHT, TASKS
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.oracle.findings import Facts
from toolkit.oracle.ray import RayOracle
from toolkit.records import Result, Sample, Verdict
from toolkit.store.cache import VerdictCache

COPIES = 3
"""Samples of each of HumanEval's tasks."""


class Quick:
    """Says of every sample that it passed."""

    def __init__(self, _: Sandbox) -> None:
        pass

    def prove(self) -> None:
        pass

    def work(self, chunk: Sequence[Sample], stop: threading.Event) -> list[tuple[Result, Facts]]:
        passed = {"verdict": Verdict.PASSED, "base": Verdict.PASSED, "plus": Verdict.PASSED}
        return [(Result(task_id=each.task_id, sample_id=i, **passed), Facts()) for i, each in enumerate(chunk)]  # type: ignore[arg-type]


def measured(what: str, n: int, judging: Any) -> None:
    """Print how fast a generator of verdicts is, and what it costs this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = sum(1 for _ in judging)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert found == n
    print(f"driver: {what}: {n / wall:,.0f} verdicts/s, {1e6 * cpu / n:,.0f} us of the driver's processor each ({n / cpu:,.0f}/s at most)", flush=True)


def overhead(address: str) -> None:
    """Print how much longer one node takes than the same number of boxes here."""
    loaded = BENCHMARKS["humaneval"].load(Options())
    given = [
        Sample(task_id=name, sample_id=i, solution=f"{task.prompt}{task.canonical_solution}\n# {i}\n")
        for name, task in loaded.tasks.items() for i in range(COPIES)
    ]  # fmt: skip
    about, limits = (BENCHMARKS["humaneval"], loaded.tasks, loaded.data_hash), Limits(memory_bytes=1 << 30)
    seconds: dict[str, list[float]] = {"here": [], "on one node": []}
    with contextlib.closing(DockerEngine()) as engine, Sandbox(engine, 2, limits) as pool:
        both: dict[str, Oracle] = {"here": Oracle(pool, *about), "on one node": RayOracle(address, *about, n_boxes=2, limits=limits)}
        for each in both.values():
            each.start()
            list(each.judge_many(given[:40]))
        for _ in range(REPEAT):
            for where, oracle in both.items():
                started = time.perf_counter()
                assert all(result.verdict is Verdict.PASSED for _, result, _ in oracle.judge_many(given))
                seconds[where].append(time.perf_counter() - started)
        both["on one node"].cluster.close()  # type: ignore[attr-defined]
    here, there = (statistics.median(each) for each in seconds.values())
    print(f"driver: {len(given)} programs, 2 boxes: here {here:.2f} s, on one node {there:.2f} s, {100 * (there / here - 1):+.1f} % "
          f"(medians of {REPEAT}; {', '.join(f'{100 * (b / a - 1):+.1f} %' for a, b in zip(*seconds.values(), strict=True))})")  # fmt: skip


def driver(n_nodes: int = 2, n_samples: int = 20_000) -> None:
    """Print verdicts a second of the driver: through nodes, and from its cache."""
    import ray
    from ray.cluster_utils import Cluster as Simulated

    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    simulated = Simulated(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
    for n in range(n_nodes):
        simulated.add_node(num_cpus=1, resources={"exogate": 1}, object_store_memory=80 << 20)
        if not n:
            ray.init(address=simulated.address, log_to_driver=False)
            overhead(simulated.address)
    names = list(TASKS)
    pad = "# " + "x" * 900 + "\n"  # about what a solution of a benchmark has
    given = [Sample(task_id=names[i % 10], sample_id=i // 10, solution=f"{RIGHT}{pad}# {i}\n") for i in range(n_samples)]
    with tempfile.TemporaryDirectory() as folder, patch("toolkit.oracle.ray._Make", lambda **_: Quick):
        oracle = RayOracle(simulated.address, OWN, TASKS, "own-1", n_boxes=1, limits=Limits(), cache=VerdictCache(Path(folder)))
        oracle.start()
        measured(f"through {n_nodes} nodes, stored", n_samples, oracle.judge_many(given))
        measured("from the cache", n_samples, oracle.judge_many([replace(each) for each in given]))
        oracle.cache.close()  # type: ignore[union-attr]
        oracle.cache = None
        measured(f"through {n_nodes} nodes, not stored", n_samples, oracle.judge_many(given))
        oracle.cluster.close()
    ray.shutdown()
    simulated.shutdown()


if __name__ == "__main__":
    driver(*map(int, sys.argv[1:]))
