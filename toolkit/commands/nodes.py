"""The nodes of a Ray cluster: who they are, what they have, and how fast they are, as `toolkit doctor --ray` shows it."""

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sandbox import Box, Limits, Sandbox
from toolkit.oracle.cluster import Cluster
from toolkit.oracle.node import About

PROGRAM = "print(6 * 7)"
SECONDS = 2.0
"""Seconds of the measurement, which all nodes run at the same time."""


class Rate:
    """Counts programs in a node's boxes."""

    def __init__(self, pool: Sandbox) -> None:
        self.pool = pool

    def prove(self) -> None:
        """Start the boxes, and run a program in each."""
        list(self.pool.map(self._run, [PROGRAM] * self.pool.parallel))

    def work(self, chunk: Sequence[float], stop: threading.Event) -> list[float]:
        """Return programs per second, for each number of seconds in the chunk."""
        found = []
        for seconds in chunk:
            started, n = time.monotonic(), 0
            while time.monotonic() - started < seconds and not stop.is_set():
                n += len(list(self.pool.map(self._run, [PROGRAM] * (8 * self.pool.parallel))))
            found.append(round(n / (time.monotonic() - started), 1))
        return found

    @staticmethod
    def _run(box: Box, program: str) -> str:
        return box.run(program).stdout


def nodes(address: str, n_boxes: int | None = None) -> dict[str, Any]:
    """Return the nodes that judge, with `programs_per_s` of each, and those that were refused, with why.

    Raises:
        UsageError: there is no cluster.
        InfrastructureError: none of its nodes can judge.
    """
    cluster = Cluster(address, Rate, n_boxes=n_boxes, limits=Limits())
    try:
        ready: dict[str, About] = {about.node: about for about in cluster.ready()}
        rates = cluster.ask([SECONDS])
        rows = [{**asdict(about), "programs_per_s": rates.get(name, [0.0])[0]} for name, about in ready.items()]
        total = round(sum(row["programs_per_s"] for row in rows), 1)
        return {"nodes": rows, "refused": dict(cluster.refused), "programs_per_s": total}
    finally:
        cluster.close()
