"""What runs on a node of a cluster: the owner of the boxes, which run on the node's own engine."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sandbox import DockerEngine, Engine, ImageMissing, Limits, Sandbox, SandboxError, open_engine, recipes
from toolkit.errors import InfrastructureError


class Worker(Protocol):
    """Does the work of a node."""

    def work(self, chunk: Sequence[Any], stop: threading.Event) -> list[Any]:
        """Return a result for each item of a chunk, in order."""

    def prove(self) -> None:
        """Judge known programs. Raises `InfrastructureError` if the node cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A node's report about itself.

    Attributes:
        images: ID of each image of its boxes.
        n_boxes: programs that it runs at a time.
        start_s: seconds until it was ready.
        error: why it cannot be used; empty if it can.
    """

    node: str
    host: str
    images: Mapping[str, str] = field(default_factory=dict)
    n_boxes: int = 0
    start_s: float = 0.0
    error: str = ""


class NodeActor:
    """Owns the boxes of one node. `make` is given the pool and returns the worker."""

    def __init__(
        self, node: str, recipes: Mapping[str, str], make: Callable[[Sandbox], Worker], n_boxes: int | None, limits: Limits
    ) -> None:
        self.node, self.recipes, self.make, self.limits = node, recipes, make, limits
        self.n_boxes = n_boxes or os.cpu_count() or 1
        self._stops: dict[threading.Event, str] = {}
        self._stack = contextlib.ExitStack()
        self._worker: Worker | None = None

    def ready(self) -> About:
        """Start the boxes and test them, building the image first if it is missing; a failure is part of the report."""
        started = time.monotonic()
        about = About(node=self.node, host=socket.gethostname())
        try:
            for image, tag in self.recipes.items():
                if (own := recipes.tag(image)) != tag:
                    other = f"its images are made of other files ({own}, not {tag})"
                    return replace(about, error=f"{other}: install the same exogate on every node")
            engine = open_engine()
            self._stack.callback(engine.close)
            images = {image: _built(engine, image) for image in self.recipes}
            pool = self._stack.enter_context(Sandbox(engine, self.n_boxes, self.limits))
            self._worker = self.make(pool)
            self._worker.prove()
        except (InfrastructureError, OSError) as error:
            return replace(about, error=str(error))
        return replace(about, images=images, n_boxes=self.n_boxes, start_s=round(time.monotonic() - started, 2))

    def work(self, chunk: Sequence[Any], name: str = "") -> tuple[str, list[Any]]:
        """Return (why the node failed, or an empty text; a result for each item)."""
        assert self._worker is not None
        stop = threading.Event()
        self._stops[stop] = name
        try:
            return "", self._worker.work(chunk, stop)
        except (SandboxError, OSError) as error:
            return str(error) or type(error).__name__, []
        finally:
            self._stops.pop(stop, None)

    def prove(self) -> str:
        """Return why the node can no longer be trusted; an empty text if it can."""
        assert self._worker is not None
        try:
            self._worker.prove()
        except (InfrastructureError, OSError) as error:
            return str(error)
        return ""

    def stop(self, name: str = "") -> None:
        """End the programs that run; with a name, those of that work."""
        for stop, of in list(self._stops.items()):
            if name in ("", of):
                stop.set()

    def close(self) -> None:
        """Remove the boxes."""
        self.stop()
        self._stack.close()


def _built(engine: Engine, image: str) -> str:
    """Return the ID of an image, which is built first if it is missing. Raises `SandboxError`."""
    try:
        return engine.image_digest(image)
    except ImageMissing:
        if not isinstance(engine, DockerEngine):
            raise
        recipes.build(engine.client, [image], lambda _: None)
        return engine.image_digest(image)
