"""Runs a program in a locked-down box and reports facts. Knows no task, no gate and no model.

    from sandbox import ENGINES, Box

    with Box(ENGINES["docker"]()) as box:
        print(box.run("print(6 * 7)").stdout)

A program's misbehaviour is a value (`Execution`); our own failure is an exception (`SandboxError`, see `errors.py`).
"""

from collections.abc import Callable

from sandbox.box import Batch, Box, Session
from sandbox.conversation import Ending, converse
from sandbox.engines.attached import AttachedEngine
from sandbox.engines.base import Engine
from sandbox.engines.docker import DockerEngine
from sandbox.errors import (
    BadValue,
    BoxDestroyed,
    BoxLost,
    BoxNotStarted,
    BoxOutOfMemory,
    EngineUnavailable,
    ImageMissing,
    InfrastructureError,
    SandboxError,
    Starved,
    UsageError,
)
from sandbox.execution import Execution, Status
from sandbox.limits import Limits
from sandbox.pool import Sandbox
from sandbox.wire.environment import variable

__all__ = [
    "ENGINES",
    "AttachedEngine",
    "BadValue",
    "Batch",
    "Box",
    "BoxDestroyed",
    "BoxLost",
    "BoxNotStarted",
    "BoxOutOfMemory",
    "DockerEngine",
    "Ending",
    "Engine",
    "EngineUnavailable",
    "Execution",
    "ImageMissing",
    "InfrastructureError",
    "Limits",
    "Sandbox",
    "SandboxError",
    "Session",
    "Starved",
    "Status",
    "UsageError",
    "converse",
    "open_engine",
]

ENGINES: dict[str, Callable[..., Engine]] = {"docker": DockerEngine, "attached": AttachedEngine}
"""Every engine by its name; the conformance tests run over all of them."""


def open_engine(runtime: str | None = None) -> Engine:
    """Open the engine that `TOOLKIT_ENGINE` names, else the Docker API's. Raises `EngineUnavailable`."""
    name = variable("ENGINE") or "docker"
    if name not in ENGINES:
        raise EngineUnavailable(f"TOOLKIT_ENGINE is one of {', '.join(ENGINES)}, not {name!r}")
    return ENGINES[name](runtime)
