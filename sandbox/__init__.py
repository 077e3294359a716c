"""Runs a program in a locked-down box and reports facts. Knows no task, no gate and no model.

    from sandbox import ENGINES, Box

    with Box(ENGINES["docker"]()) as box:
        print(box.run("print(6 * 7)").stdout)

A program's misbehaviour is a value (`Execution`); our own failure is an exception (`SandboxError`, see `errors.py`).
"""

from collections.abc import Callable
from typing import Any, cast

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
from sandbox.registry import Registry
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


def _engine(_name: str, thing: Any, _origin: str) -> Callable[..., Engine]:
    if not callable(thing):
        raise TypeError(f"an engine is a class, not {type(thing).__name__}")
    return cast(Callable[..., Engine], thing)


ENGINES: Registry[Callable[..., Engine]] = Registry(
    "engine", [("docker", DockerEngine), ("attached", AttachedEngine)], _engine
)
"""Every engine by its name; `toolkit.testing.check_engine` checks that one keeps what all engines promise."""


def open_engine(runtime: str | None = None) -> Engine:
    """Open the engine that `TOOLKIT_ENGINE` names, else the Docker API's. Raises `EngineUnavailable`."""
    try:
        engine = ENGINES[variable("ENGINE") or "docker"]
    except KeyError as error:
        raise EngineUnavailable(f"TOOLKIT_ENGINE: {error}") from None
    return engine(runtime)
