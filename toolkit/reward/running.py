"""Programs to facts, for tools that a model may call: in the boxes of this process, warm, from any thread or task."""

import threading
from dataclasses import asdict, replace
from typing import Any

from sandbox import Box, Execution
from toolkit.api.threads import awaitable, ended_by
from toolkit.errors import UsageError
from toolkit.reward import local

LONGEST_S = 600.0
"""Seconds that a caller may ask for."""


def run_python(
    code: str, *, stdin: str = "", timeout: float = 10.0, parallel: int | None = None, runtime: str | None = None
) -> Execution:
    """Run a whole program as `python FILE` would. Raises `UsageError` or `InfrastructureError`, never for what it does."""
    if not 0 < timeout <= LONGEST_S:
        raise UsageError(f"timeout must be seconds above 0 and at most {LONGEST_S:g}, not {timeout}")
    pool, stop = local.boxes(parallel, runtime).pool(), threading.Event()
    given = stdin.encode("utf-8", "surrogatepass")

    def act(box: Box, program: str) -> Execution:
        return box.run(program, stdin=given, limits=replace(box.limits, charged_s=timeout, cpu_s=2 * timeout))

    with ended_by(stop.set):
        (execution,) = pool.map(act, [code], stop=stop)
    return execution


run_python_async = awaitable(run_python)


def plain(execution: Execution) -> dict[str, Any]:
    """Return what happened as plain data."""
    return asdict(execution) | {"status": str(execution.status)}
