"""An oracle whose boxes are those of a Ray cluster. The driver knows tasks and stored verdicts, the nodes have the boxes."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox import EngineUnavailable, Limits, Sandbox, SandboxError
from toolkit.benchmarks.base import Benchmark
from toolkit.errors import InfrastructureError
from toolkit.oracle.canary import Refused, canary
from toolkit.oracle.cluster import Cluster
from toolkit.oracle.findings import Facts
from toolkit.oracle.judge import Oracle
from toolkit.records import DEFECT, Result, Sample, Task
from toolkit.store.cache import VerdictCache

LONGEST_CHUNK = 64
"""Most samples in a chunk."""
CHUNKS_A_NODE = 8
"""Fewest chunks per node, if there are enough samples, so that all nodes finish at about the same time."""


@dataclass(frozen=True, kw_only=True)
class _Make:
    """Creates a node's oracle; it has everything that an oracle needs except boxes."""

    benchmark: Benchmark
    tasks: Mapping[str, Task]
    data_hash: str
    settings: Mapping[str, Any]

    def __call__(self, pool: Sandbox) -> "_Worker":
        return _Worker(Oracle(pool, self.benchmark, self.tasks, self.data_hash, **{**self.settings, "show_tests": True}))


class _Worker:
    """A node's oracle. The driver handles stored verdicts; expected answers are computed and stored on each node."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def prove(self) -> None:
        """Start the boxes and judge known programs in them. Raises as `canary`."""
        self.oracle.start()
        canary(self.oracle)

    def work(self, chunk: Sequence[Sample], stop: threading.Event) -> list[tuple[Result, Facts]]:
        """Return a result for each sample, in order."""
        numbered = [replace(sample, sample_id=i) for i, sample in enumerate(chunk)]
        found = {sample.sample_id: (result, facts) for sample, result, facts in self.oracle.judge_many(numbered, stop)}
        errors = [result.error for result, _ in found.values() if result.error and not result.error.startswith(DEFECT)]
        if 2 * len(errors) > len(chunk):  # it is the node rather than the programs
            raise SandboxError(errors[0])
        return [found[i] for i in range(len(chunk))]


class Away:
    """Stands in for a pool of local boxes."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.engine, self.limits = cluster, cluster, cluster.limits

    @property
    def is_closed(self) -> bool:
        """Whether the nodes have been released."""
        return self.cluster.is_closed

    def close(self) -> None:
        """Release the nodes."""
        self.cluster.close()


class RayOracle(Oracle):
    """Judges as `Oracle` does, on all nodes of a cluster; its results are the same to the byte.

    Args:
        address: of the cluster.
        n_boxes: boxes of each node; the number of its processors when None.
        limits, cache, settings: as of `Oracle`.
    """

    def __init__(
        self,
        address: str,
        benchmark: Benchmark,
        tasks: Mapping[str, Task],
        data_hash: str,
        *,
        n_boxes: int | None = None,
        limits: Limits,
        cache: VerdictCache | None = None,
        **settings: Any,
    ) -> None:
        make = _Make(benchmark=benchmark, tasks=tasks, data_hash=data_hash, settings=settings)
        self.cluster = Cluster(address, make, n_boxes=n_boxes, limits=limits, images=(benchmark.image,))
        pool: Any = Away(self.cluster)
        super().__init__(pool, benchmark, tasks, data_hash, cache=cache, **settings)

    def start(self) -> None:
        """Wait for the first nodes. Raises `InfrastructureError` if there is none."""
        self.cluster.ready()

    def prove(self) -> None:
        """Judge known programs on every node. Raises `Refused`, or `EngineUnavailable` if there is none."""
        try:
            self.cluster.prove()
        except EngineUnavailable:
            raise
        except InfrastructureError as error:
            raise Refused(str(error)) from None

    def judged(
        self, waiting: Mapping[str, list[Sample]], order: Sequence[str], stop: threading.Event | None
    ) -> Iterator[tuple[str, Result, Facts]]:
        """Judge one sample of each key on the nodes. Raises `Stopped`, or `EngineUnavailable` if no node is left."""
        n_nodes = max(1, len(self.cluster.ready()))
        size = max(1, min(LONGEST_CHUNK, -(-len(order) // (n_nodes * CHUNKS_A_NODE))))
        keys = {id(waiting[key][0]): key for key in order}
        samples = [waiting[key][0] for key in order]
        chunks = [samples[at : at + size] for at in range(0, len(samples), size)]
        for chunk, found, error in self.cluster.spread(chunks, stop):
            lost = self.failed(chunk[0], error).error if error else None
            for i, sample in enumerate(chunk):
                key = keys[id(sample)]
                if lost or found is None:
                    yield key, Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error=lost), Facts()
                else:
                    result, facts = found[i]
                    self._store(key, result)
                    yield key, result, facts
