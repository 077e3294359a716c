"""The folder of a training: it has a checkpoint until the training is over, then `training.json`."""

import json
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from toolkit.errors import InfrastructureError, UsageError
from toolkit.store.files import check_same, write_atomically, writing
from toolkit.training.settings import TrainOutcome, TrainSettings

RESULT, CHECKPOINT, _NEW = "training.json", "checkpoint.pt", "checkpoint.new"


def begin(settings: TrainSettings, asked: Mapping[str, Any]) -> TrainOutcome | None:
    """Check the folder before a training; return the finished training in it if that is being resumed, else None.

    Raises:
        UsageError: the folder has a training, without `resume` or `overwrite`; or one with other settings.
    """
    folder, result = settings.output, settings.output / RESULT
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: not a folder")
    found = next((path.name for path in (result, folder / CHECKPOINT) if path.exists()), None)
    if found and not (settings.resume or settings.overwrite):
        raise UsageError(f"{folder} has a training already ({found}): go on with it (--resume), or replace it (--overwrite)")
    if settings.overwrite or not result.exists():
        return None
    return over(folder, asked)


def over(folder: Path, asked: Mapping[str, Any] | None = None) -> TrainOutcome:
    """Return the training that is over in a folder. Raises UsageError if it is not, or had other settings than `asked`."""
    result = folder / RESULT
    try:
        done = json.loads(result.read_bytes())
        if asked is not None:
            check_same(folder, done["settings"], asked)
        return TrainOutcome(
            folder=folder, weights=folder / done["weights"], losses=tuple(done["losses"]), tokens=done["tokens"],
            seconds=done["seconds"], eval=tuple(done.get("eval", ())),
        )  # fmt: skip
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{result} cannot be read ({error}); replace it (--overwrite)") from None


def prepare(settings: TrainSettings) -> None:
    """Create the folder; unless resuming, delete an earlier run's result and checkpoint. Raises InfrastructureError."""
    with writing(settings.output):
        settings.output.mkdir(parents=True, exist_ok=True)
        for name in () if settings.resume else (RESULT, CHECKPOINT, _NEW):
            (settings.output / name).unlink(missing_ok=True)


def keep(settings: TrainSettings, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint atomically: a kill leaves the old or the new one. Raises InfrastructureError."""
    import torch

    path = settings.output / CHECKPOINT
    try:
        torch.save(dict(state), path.with_name(_NEW))
        os.replace(path.with_name(_NEW), path)
    except (OSError, RuntimeError) as error:
        raise InfrastructureError(f"{path} cannot be written: {error}") from None


def kept(settings: TrainSettings, device: Any, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the checkpoint to resume from, or None. Raises UsageError if it has other settings or is broken."""
    import torch

    path = settings.output / CHECKPOINT
    if not (settings.resume and path.exists()):
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__}: {error}); begin anew (--overwrite)") from None
    check_same(settings.output, state["settings"], asked)
    return state


def finish(settings: TrainSettings, outcome: TrainOutcome, about: Mapping[str, Any]) -> None:
    """Write `training.json`, which ends the training, and delete the checkpoint. Raises InfrastructureError."""
    packages = ("exogate", "torch", "transformers", "peft", "accelerate")
    row = {
        **about, "weights": outcome.weights.name, "steps": len(outcome.losses),
        "tokens": outcome.tokens, "seconds": round(outcome.seconds, 3), "losses": outcome.losses, "eval": outcome.eval,
        "versions": {name: metadata.version(name) for name in packages},
    }  # fmt: skip
    with writing(settings.output):
        write_atomically(settings.output / RESULT, (json.dumps(row, indent=1) + "\n").encode())
        for name in (CHECKPOINT, _NEW):  # the latter of a run that was killed while it wrote
            (settings.output / name).unlink(missing_ok=True)
