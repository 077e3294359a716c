"""Machines of a Ray cluster that judge: one actor a node owns that node's boxes, and whole chunks of work travel.

Frames never cross the network. A chunk whose node is lost or cannot process it goes to another node: a box reports the same
about a program everywhere, so repeating work is harmless. Nodes that join are given work, nodes that leave get no more.
Nodes carry the resource `exogate` (`ray start --resources '{"exogate": 1}'`), which one run at a time holds.
"""

import contextlib
import logging
import os
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox import EngineUnavailable, ImageMissing, Limits, Sandbox, recipes
from sandbox.errors import Stopped
from toolkit.errors import InfrastructureError, UsageError
from toolkit.oracle.node import About, NodeActor, Worker

RESOURCE = "exogate"
FEW = 64
"""Calls that a node can take at a time although Ray was told of fewer processors."""
IN_FLIGHT = 2
"""Chunks that a node has at a time: one that it processes, and one so that its boxes need not wait for the driver."""
TRIES = 3
"""Nodes that are tried with a chunk before its programs count as not judged."""
POLL_S, PAUSE_S = 0.5, 5.0
"""Seconds between polls of the nodes; seconds until a failed node is tried again."""
START_S, LOST_S = 600.0, 120.0
"""Seconds until the first node must be ready (it may have to build images), or another one after all were lost."""


@dataclass(slots=True)
class _Node:
    actor: Any
    starting: Any
    about: About | None = None
    n_flying: int = 0

    @property
    def n_boxes(self) -> int:
        """How many boxes it has, as far as is known."""
        return max(self.about.n_boxes, 1) if self.about else 1


@dataclass(slots=True)
class _Chunk:
    items: Sequence[Any]
    n_tried: int = 0
    avoid: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Waiting:
    """Chunks that no node has: returned ones first, then new ones from the source."""

    source: Iterator[Sequence[Any]]
    again: deque[_Chunk] = field(default_factory=deque)

    def fill(self) -> bool:
        """Take one from the source unless some came back; return whether there is any."""
        if not self.again and (items := next(self.source, None)) is not None:
            self.again.append(_Chunk(items))
        return bool(self.again)


class Cluster:
    """The ready nodes of a Ray cluster.

    Args:
        address: as `ray start` printed it, such as `10.0.0.1:6379`; `auto` where a node of it runs.
        make: creates the worker on each node; it is pickled.
        n_boxes: programs at a time of each node; the number of its processors when None.
        limits: of the boxes.
        images: images of the boxes; a node that lacks one builds it.
        at_once: maximum calls that a node takes at a time; None is one a box, and for as many processors as Ray counts.

    Attributes:
        refused: why nodes cannot be used, by node id.

    Raises:
        UsageError: Ray is not installed, or no cluster is at the address.
    """

    def __init__(
        self,
        address: str,
        make: Callable[[Sandbox], Worker],
        *,
        n_boxes: int | None,
        limits: Limits,
        images: Sequence[str] = (recipes.RUN,),
        at_once: int | None = IN_FLIGHT,
    ) -> None:
        self.ray, self.n_boxes, self.limits, self.at_once = connected(address), n_boxes, limits, at_once
        self._lock = threading.RLock()
        self._nodes: dict[str, _Node] = {}
        self._failed: dict[str, float] = {}
        self.refused: dict[str, str] = {}
        self._n_failed: Counter[str] = Counter()
        self._digests: dict[str, str] = {}
        self._looked = 0.0
        self._had_some = False
        self.is_closed = False
        self._recipes = {image: recipes.tag(image) for image in images}
        self._make = self.ray.put(make)
        self._actor = self.ray.remote(NodeActor)

    # -- nodes -------------------------------------------------------------------------------------------------------------

    def ready(self) -> list[About]:
        """Return the reports of the ready nodes; wait for the first one, and for those that start with it.

        Raises:
            InfrastructureError: none is within `START_S`.
        """
        self._await_some()
        deadline = time.monotonic() + PAUSE_S
        while time.monotonic() < deadline and any(node.about is None for node in self._nodes.values()):
            time.sleep(POLL_S / 5)
            self._look(now=True)
        return [node.about for node in self._nodes.values() if node.about]

    def image_digest(self, image: str = recipes.RUN) -> str:
        """Return the image's ID if all initial nodes have the same one, else the name of its recipe, which all share.

        Raises:
            ImageMissing: the nodes have not been asked for it.
        """
        if image not in self._recipes:
            raise ImageMissing(f"the nodes have no boxes of the image {image}; serve: name its benchmark with --benchmarks")
        if image not in self._digests:
            found = {about.images[image] for about in self.ready()}
            self._digests[image] = found.pop() if len(found) == 1 else recipes.tag(image)
        return self._digests[image]

    def prove(self) -> None:
        """Judge known programs on every node. Raises `InfrastructureError` if a node gives another verdict."""
        self.ready()
        asked = {name: node.actor.prove.remote() for name, node in self._nodes.items() if node.about}
        for name, ref in asked.items():
            try:
                if why := self.ray.get(ref):
                    raise InfrastructureError(f"node {name[:8]}: {why}")
            except self.ray.exceptions.RayError:
                self._drop(name)

    def ask(self, chunk: Sequence[Any]) -> dict[str, list[Any]]:
        """Give every ready node the same chunk; return the results of each; lost nodes are left out."""
        self.ready()
        asked = {name: node.actor.work.remote(chunk) for name, node in self._nodes.items() if node.about}
        return {name: found for name, ref in asked.items() for error, found in [self._got(name, ref)] if not error}

    def _await_some(self) -> None:
        deadline = time.monotonic() + (LOST_S if self._had_some else START_S)
        while True:
            self._look(now=True)
            if any(node.about for node in self._nodes.values()):
                self._had_some = True
                return
            if not self._nodes and self.refused:
                why = "; ".join(f"node {name[:8]}: {said}" for name, said in self.refused.items())
                raise EngineUnavailable(f"no node of the cluster can judge: {why}")
            if time.monotonic() > deadline or not (self._had_some or self._nodes or self._eligible()):
                raise EngineUnavailable(
                    f"no node of the cluster has the resource {RESOURCE!r} free: start nodes that have an engine with "
                    f"`ray start --address HOST:PORT --resources '{{\"{RESOURCE}\": 1}}'`"
                )
            time.sleep(POLL_S / 5)

    def _eligible(self) -> dict[str, int]:
        """Return the nodes that may be used, with how many processors Ray counts there. Raises `EngineUnavailable`."""
        try:
            nodes = self.ray.nodes()
        except Exception as error:  # whatever Ray raises when its head is gone
            raise EngineUnavailable(f"the cluster is gone: {str(error)[:200]}") from None
        alive = ((node["NodeID"], node["Resources"]) for node in nodes if node["Alive"])
        return {name: int(has.get("CPU", 0)) for name, has in alive if has.get(RESOURCE, 0) >= 1}

    def _look(self, *, now: bool = False) -> None:
        """Start actors on new nodes, drop nodes that left, and receive reports of nodes that are starting."""
        if not now and time.monotonic() - self._looked < POLL_S:
            return
        self._looked = time.monotonic()
        eligible = self._eligible()
        for name in eligible.keys() - set(self._nodes) - set(self.refused):
            if time.monotonic() - self._failed.get(name, -PAUSE_S) >= PAUSE_S:
                self._start(name, eligible[name])
        for name in set(self._nodes) - eligible.keys():
            if not self._nodes[name].n_flying:  # what it still works on may come yet; if not, its call fails
                self._drop(name)
        for name, node in list(self._nodes.items()):
            if node.about is None and self.ray.wait([node.starting], timeout=0)[0]:
                try:
                    about = self.ray.get(node.starting)
                except self.ray.exceptions.RayError as error:
                    self._n_failed[name] += 1
                    if self._n_failed[name] == TRIES:
                        self.refused[name] = f"its actor does not start: {' '.join(str(error).split())[-300:]}"
                    self._drop(name)
                    continue
                if about.error:
                    self.refused[name] = about.error
                    self._drop(name)
                else:
                    node.about = about

    def _start(self, name: str, n_processors: int) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        where = NodeAffinitySchedulingStrategy(name, soft=False)
        at_once = self.at_once or self.n_boxes or max(FEW, n_processors)
        actor = self._actor.options(
            num_cpus=0, resources={RESOURCE: 1}, scheduling_strategy=where, max_concurrency=at_once + 2, max_restarts=0
        ).remote(name, self._recipes, self._make, self.n_boxes, self.limits)
        self._nodes[name] = _Node(actor, actor.ready.remote())

    def _drop(self, name: str) -> None:
        node = self._nodes.pop(name, None)
        self._failed[name] = time.monotonic()
        if node is not None:
            with contextlib.suppress(Exception):
                self.ray.kill(node.actor, no_restart=True)  # its boxes end when they hear no more of it

    # -- one piece of work, from any thread --------------------------------------------------------------------------------

    def look(self) -> list[About]:
        """Hear of those that come and go; return what the nodes say that are ready. Raises `EngineUnavailable`."""
        with self._lock:
            self._look()
            return [node.about for node in self._nodes.values() if node.about]

    def one(self, item: Any, is_unwanted: Callable[[], bool], avoid: set[str]) -> Any:
        """Have a node work on one item, that with the least to do for its boxes; return what it found.

        A node that was lost is added to `avoid`: nodes in it are asked only if there are no others.

        Raises:
            EngineUnavailable: no node is ready, or it was lost.
        """
        with self._lock:
            ready = {name: node for name, node in self._nodes.items() if node.about}
            if not ready:
                raise EngineUnavailable("no node of the cluster is ready")
            name = min(ready, key=lambda each: (each in avoid, ready[each].n_flying / ready[each].n_boxes))
            node = ready[name]
            node.n_flying += 1
        token = secrets.token_hex(8)
        ref = node.actor.work.remote([item], token)
        while not self.ray.wait([ref], timeout=POLL_S)[0]:
            if is_unwanted():  # said each time: the first may come before the work does
                node.actor.stop.remote(token)
        with self._lock:
            node.n_flying -= 1
            error, found = self._got(name, ref)
        if error:
            avoid.add(name)
            raise error
        return found[0]

    # -- work --------------------------------------------------------------------------------------------------------------

    def spread(
        self, chunks: Iterable[Sequence[Any]], stop: threading.Event | None = None
    ) -> Iterator[tuple[Sequence[Any], list[Any] | None, Exception | None]]:
        """Distribute chunks over the nodes; yield each with its results, in order of completion.

        Chunks are taken as nodes become free. A chunk that no node could process is yielded with None and the error.

        Raises:
            Stopped: `stop` was set.
            EngineUnavailable: there is no node left, and none came.
        """
        waiting, flying = _Waiting(iter(chunks)), dict[Any, tuple[str, _Chunk]]()
        try:
            while flying or waiting.fill():
                if stop is not None and stop.is_set():
                    raise Stopped("the work was stopped")
                self._look()
                self._submit(waiting, flying)
                if not flying:
                    self._await_some()
                    continue
                for ref in self.ray.wait(list(flying), num_returns=1, timeout=POLL_S)[0]:
                    name, chunk = flying.pop(ref)
                    if name in self._nodes:
                        self._nodes[name].n_flying -= 1
                    error, found = self._got(name, ref)
                    chunk.avoid.add(name)
                    chunk.n_tried += 1
                    if isinstance(error, EngineUnavailable) and chunk.n_tried < TRIES:
                        waiting.again.append(chunk)
                    else:
                        yield chunk.items, None if error else found, error
        finally:
            if flying:
                for node in self._nodes.values():
                    node.actor.stop.remote()
                self.ray.wait(list(flying), num_returns=len(flying), timeout=PAUSE_S)

    def _submit(self, waiting: "_Waiting", flying: dict[Any, tuple[str, _Chunk]]) -> None:
        free = [name for name, node in self._nodes.items() if node.about and node.n_flying < IN_FLIGHT]
        while free and waiting.fill():
            chunk = waiting.again.popleft()
            name = min(free, key=lambda each: (each in chunk.avoid, self._nodes[each].n_flying))
            ref = self._nodes[name].actor.work.remote(chunk.items)
            flying[ref] = name, chunk
            self._nodes[name].n_flying += 1
            free = [each for each in free if self._nodes[each].n_flying < IN_FLIGHT]

    def _got(self, name: str, ref: Any) -> tuple[Exception | None, list[Any]]:
        """Return a node's answer; if the node was lost, drop it and return an `EngineUnavailable`."""
        try:
            why, found = self.ray.get(ref)
            if why:
                self._drop(name)
            return EngineUnavailable(f"node {name[:8]}: {why}") if why else None, found
        except self.ray.exceptions.RayTaskError as error:  # a defect of ours, of which other nodes have the same
            return RuntimeError(f"{type(error.cause).__name__}: {str(error.cause)[:300]}"), []
        except self.ray.exceptions.RayError as error:
            self._drop(name)
            return EngineUnavailable(f"node {name[:8]} was lost: {str(error).splitlines()[0][:200]}"), []

    def close(self) -> None:
        """Release all nodes, which ends their boxes. Never raises."""
        self.is_closed = True
        closing = [node.actor.close.remote() for node in self._nodes.values()]
        with contextlib.suppress(Exception):
            self.ray.wait(closing, num_returns=len(closing), timeout=PAUSE_S) if closing else None
        for name in list(self._nodes):
            self._drop(name)


def connected(address: str) -> Any:
    """Return the module `ray`, connected to a cluster. Raises `UsageError` if there is none."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError(f'{error}; --ray needs one more package: pip install "exogate[ray]"') from None
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise UsageError(f"--ray {address}: no cluster answers there: {str(error).splitlines()[0][:200]}") from None
    return ray
