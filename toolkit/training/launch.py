"""A training in several processes of this machine, one a GPU; over several machines `accelerate launch` starts them."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

from toolkit.errors import InfrastructureError, UsageError
from toolkit.training import folder, loop
from toolkit.training.settings import TrainOutcome, TrainSettings

__all__ = ["train"]

_ENDING_S = 10.0
"""Time that the other processes have to end once one has failed, before they are killed."""


def train(
    settings: TrainSettings, processes: int = 1, advance: Callable[[str, int, int], None] = lambda *_: None
) -> TrainOutcome:
    """Train in `processes` processes, each of which takes its share of a batch; see `loop.train` for everything else.

    Raises:
        UsageError, InfrastructureError: as `loop.train`, and where a process was killed.
    """
    if processes == 1:
        return loop.train(settings, advance)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cores = max(1, (os.cpu_count() or 1) // processes)
    shared = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
              "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", cores)}  # fmt: skip
    command = [sys.executable, "-m", "toolkit.cli", "train", *_flags(settings), "--json"]
    with tempfile.TemporaryFile() as said:
        running = [
            subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if rank else said,
                env={**os.environ, **{name: str(it) for name, it in {**shared, "RANK": rank, "LOCAL_RANK": rank}.items()}},
            )
            for rank in range(processes)
        ]  # fmt: skip
        try:
            _wait(running)
        finally:
            for process in running:
                process.kill()
                process.wait()
        codes = [process.returncode for process in running]
        if any(codes):
            _fail(codes, said)
    return folder.over(settings.output)


def _wait(running: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all have ended, or, after the first that failed, a little longer for the others."""
    failed_at = None
    while any(process.poll() is None for process in running):
        if failed_at is None and any(process.returncode for process in running):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() > failed_at + _ENDING_S:
            return
        time.sleep(0.1)


def _fail(codes: list[int], said: IO[bytes]) -> None:
    said.seek(0)
    lines = said.read().decode(errors="replace").splitlines()
    complaints = [line.removeprefix("toolkit: ") for line in lines if line.startswith("toolkit: ")] or lines[-1:]
    why = "\n".join(complaints) or f"a process of the training ended with {next(code for code in codes if code)}"
    raise (UsageError if 2 in codes else InfrastructureError)(why)


def _flags(settings: TrainSettings) -> list[str]:
    """Return the words of `toolkit train` that say these settings."""
    found: list[str] = [str(path) for path in settings.data]
    for name in type(settings).model_fields:
        value: Any = getattr(settings, name)
        if name == "data" or value == type(settings).model_fields[name].default or value is False:
            continue
        for each in value if isinstance(value, tuple) else [value]:
            found += [settings.label(name)] + ([] if each is True else [str(each)])
    return found
