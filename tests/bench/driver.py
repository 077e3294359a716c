"""What the driver of a Ray cluster costs: `python -m tests.bench.driver [NODES] [SAMPLES]`, on simulated nodes without boxes.

Workers that answer at once take the place of boxes, so that what is measured is the driver: chunks, Ray, results, the cache.
Processor time of the driver's process is given beside wall time, which a busy machine makes longer.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox import Limits, Sandbox
from tests.faults import OWN, RIGHT, TASKS
from toolkit.oracle.cluster import Cluster
from toolkit.oracle.findings import Facts
from toolkit.oracle.ray import RayOracle
from toolkit.records import Result, Sample, Verdict
from toolkit.store.cache import VerdictCache


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
    print(f"{what}: {n / wall:,.0f} verdicts/s, {1e6 * cpu / n:,.0f} us of the driver's processor each ({n / cpu:,.0f}/s at most)", flush=True)


def driver(n_nodes: int = 2, n_samples: int = 20_000) -> None:
    """Print verdicts a second of the driver: through nodes, and from its cache."""
    import ray
    from ray.cluster_utils import Cluster as Simulated

    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    simulated = Simulated(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
    for _ in range(n_nodes):
        simulated.add_node(num_cpus=1, resources={"exogate": 1}, object_store_memory=80 << 20)
    ray.init(address=simulated.address, log_to_driver=False)
    names = list(TASKS)
    pad = "# " + "x" * 900 + "\n"  # about what a solution of a benchmark has
    given = [Sample(task_id=names[i % 10], sample_id=i // 10, solution=f"{RIGHT}{pad}# {i}\n") for i in range(n_samples)]
    with tempfile.TemporaryDirectory() as folder:
        oracle = RayOracle(simulated.address, OWN, TASKS, "own-1", n_boxes=1, limits=Limits(), cache=VerdictCache(Path(folder)))
        oracle.cluster = oracle.pool.cluster = Cluster(simulated.address, Quick, n_boxes=1, limits=Limits())  # type: ignore[attr-defined]
        oracle.pool.engine = oracle.cluster  # type: ignore[assignment]
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
