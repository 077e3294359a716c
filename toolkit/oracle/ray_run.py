"""One whole program in a box of a Ray cluster."""

import threading
from collections.abc import Sequence

from sandbox import EngineUnavailable, Execution, Limits, Sandbox
from toolkit.oracle.cluster import Cluster


class _Worker:
    """A node's boxes."""

    def __init__(self, pool: Sandbox) -> None:
        self.pool = pool

    def prove(self) -> None:
        """Start the boxes."""
        self.pool.start("run")

    def work(self, chunk: Sequence[str], stop: threading.Event) -> list[Execution]:
        """Run each program."""
        return list(self.pool.map(lambda box, program: box.run(program), chunk, stop=stop))


def run_on(address: str, program: str, limits: Limits) -> Execution:
    """Run a program on a node, and return the facts.

    Raises:
        UsageError: there is no cluster.
        InfrastructureError: none of its nodes could run it.
    """
    cluster = Cluster(address, _Worker, n_boxes=1, limits=limits)
    try:
        for _, found, error in cluster.spread([[program]]):
            if found:
                only: Execution = found[0]
                return only
            raise error or EngineUnavailable("no node could run it")
        raise AssertionError
    finally:
        cluster.close()
