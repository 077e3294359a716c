"""Gates whose boxes are those of a Ray cluster. Gates without boxes, and those that compare programs, are asked here."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gates.base import Gate, Report, Solution, batched
from gates.chain import All
from sandbox import EngineUnavailable, Limits, Sandbox
from toolkit.oracle.cluster import Cluster

CHUNK = 32
"""Most programs in a chunk."""


class _Worker:
    """A node's gates, by name."""

    def __init__(self, pool: Sandbox, gates: Sequence[Gate]) -> None:
        self.pool, self.gates = pool, {gate.name: gate for gate in gates}

    def prove(self) -> None:
        """Start the boxes."""
        for image in {gate.image for gate in self.gates.values()}:
            self.pool.start(image or "run")

    def work(self, chunk: Sequence[tuple[str, Solution]], stop: threading.Event) -> list[Report]:
        """Return a report for each program of a chunk, in order."""
        ((name, _), *_) = chunk
        found = []
        for report in self.gates[name].check_many([solution for _, solution in chunk], self.pool):
            found.append(report)
            if stop.is_set():
                raise EngineUnavailable("the work was stopped")
        return found


@dataclass(frozen=True)
class _Make:
    gates: tuple[Gate, ...]

    def __call__(self, pool: Sandbox) -> _Worker:
        return _Worker(pool, self.gates)


class Nodes:
    """Stands in for a pool of local boxes; only asked for what reports depend on, and closed."""

    def __init__(self, address: str, gates: All, n_boxes: int | None) -> None:
        self.limits = Limits()
        self.gates = tuple(gate for gate in gates.gates if gate.image and not gate.compares)
        images = tuple(sorted({str(gate.image) for gate in self.gates}))
        self.cluster = Cluster(address, _Make(self.gates), n_boxes=n_boxes, limits=self.limits, images=images)
        self.engine = self.cluster

    def over(self, gates: All) -> All:
        """Return the same gates, with those that run in boxes asked on the nodes."""
        return replace(gates, gates=[OnNodes(gate, self.cluster) if gate in self.gates else gate for gate in gates.gates])

    def close(self) -> None:
        """Release the nodes."""
        self.cluster.close()


@dataclass(frozen=True)
class OnNodes(Gate):
    """A gate that runs on the nodes of a cluster; its reports are the original gate's."""

    name: ClassVar[str] = "on nodes"
    cost: ClassVar[float] = 0
    gate: Gate
    cluster: Cluster

    def __post_init__(self) -> None:
        for name in ("name", "cost", "image", "worst", "lowest", "version"):
            object.__setattr__(self, name, getattr(self.gate, name))

    def settings(self) -> dict[str, Any]:
        """Return the gate's settings."""
        return self.gate.settings()

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return what determines the gate's report."""
        return self.gate.depends(solution)

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Yield the gate's reports, in order; programs are taken as nodes become free. Raises as `Cluster.spread`."""
        numbered: dict[int, list[Report]] = {}
        order: list[int] = []

        def chunks() -> Iterator[list[tuple[str, Solution]]]:
            for chunk in batched(solutions, CHUNK):
                made = [(self.gate.name, solution) for solution in chunk]
                order.append(id(made))
                kept[id(made)] = made
                yield made

        kept: dict[int, Any] = {}
        for items, found, error in self.cluster.spread(chunks()):
            if found is None:
                raise error or EngineUnavailable("no node could work on it")
            numbered[id(items)] = found
            while order and order[0] in numbered:
                first = order.pop(0)
                kept.pop(first)
                yield from numbered.pop(first)
