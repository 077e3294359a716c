"""Stages: steps of a run that are done once. Each leaves a small JSON file with its inputs and outputs."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.store.files import check_same, plain, write_atomically


class Waiting(Exception):  # a signal: `rounds` goes on with the next cell
    """A stage that does not run on this machine is not done yet."""


def stage(folder: Path, name: str, inputs: Mapping[str, Any], here: Iterable[str], act: Callable[[], dict[str, Any]]) -> Any:
    """Return the outputs of a stage; run it unless it is done.

    Args:
        folder: the folder of `NAME.json`; created if need be.
        name: the kind of stage and, after a dash, which one, as in `gate-0`.
        inputs: everything that the outputs depend on.
        here: the stages that run on this machine.
        act: runs the stage and returns the outputs.

    Raises:
        SettingsChanged: it was done with other inputs.
        UsageError: its file cannot be read.
        Waiting: it is not done, and does not run on this machine.
    """
    file = folder / f"{name}.json"
    asked = plain(inputs)
    if file.exists():
        try:
            done = json.loads(file.read_bytes())
            before, outputs = done["inputs"], done["outputs"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{file} cannot be read; remove it to do the stage again") from None
        remedy = f"use another --output, or remove {file} and what came after it"
        check_same(f"{folder}: the stage {name}", before, asked, remedy)
        return outputs
    if name.split("-")[0] not in here:
        raise Waiting(f"{folder}: waits for the stage {name}, which does not run here")
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    outputs = plain(act())
    date = datetime.now(UTC).isoformat(timespec="seconds")
    done = {"inputs": asked, "outputs": outputs, "seconds": round(time.monotonic() - started, 3), "date": date}
    write_atomically(file, (json.dumps(done, indent=1) + "\n").encode())
    return outputs
