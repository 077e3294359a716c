"""Runs a program in a locked-down box and reports facts. Knows no task, no gate and no model.

    from sandbox import ENGINES, Box

    with Box(ENGINES["docker"]()) as box:
        print(box.run("print(6 * 7)").stdout)

A program's misbehaviour is a value (`Execution`); our own failure is an exception (`SandboxError`).
"""

from sandbox.box import Batch, Box, Session
from sandbox.conversation import Ending, converse
from sandbox.engine import ENGINES, DockerEngine, Engine
from sandbox.errors import BoxLost, BoxOutOfMemory, EngineUnavailable, ImageMissing, SandboxError
from sandbox.execution import Execution, Status
from sandbox.limits import Limits
from sandbox.sandbox import Sandbox

__all__ = [
    "ENGINES",
    "Batch",
    "Box",
    "BoxLost",
    "BoxOutOfMemory",
    "DockerEngine",
    "Ending",
    "Engine",
    "EngineUnavailable",
    "Execution",
    "ImageMissing",
    "Limits",
    "Sandbox",
    "SandboxError",
    "Session",
    "Status",
    "converse",
]
