"""What a training is told, and the folder that it leaves. The loop itself is `train.py`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

from toolkit.errors import InfrastructureError, UsageError
from toolkit.store.files import check_same, write_atomically, writing

RESULT, CHECKPOINT = "training.json", "checkpoint.pt"

PAPER: Mapping[str, Any] = {
    "full": True, "lr": 5e-5, "steps": 3000, "warmup": 500, "weight_decay": 0.05, "batch": 64, "sequence": 2048,
    "fim_rate": 0.5, "spm_rate": 0.5, "gradient_checkpointing": True,
}  # fmt: skip
"""A round's training in arXiv 2606.28438 and its code; in rounds after the first, `warmup` is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Everything that `toolkit train` can be told.

    Attributes:
        data: JSONL files; see `packing.read`.
        output: folder for `adapter/` or `model/`, and `training.json`.
        model, revision: as `toolkit generate` takes them.
        adapter: folder of an adapter to go on from; with `full` it becomes part of the weights.
        full: train all weights, rather than an adapter (LoRA) on all linear layers but the last.
        lora_rank, lora_alpha, lora_dropout: of a new adapter.
        epochs: times that all data is seen, unless `steps` says how many steps there are.
        batch: blocks a step, over all processes.
        micro_batch: blocks that one process takes at a time.
        sequence: tokens of a block.
        lr: the highest learning rate; None: 5e-5 for `full` (the paper's), else 2e-4 (usual for adapters).
        warmup: steps in which the learning rate rises; None: a tenth of all.
        weight_decay: of AdamW, for matrices.
        clip: the largest norm of the gradient; 0: any.
        fim_rate: share of the texts that is cut up to be filled in the middle.
        spm_rate: share of those that shows the suffix first.
        gradient_checkpointing: compute activations again rather than keep them.
        checkpoint_every: steps between checkpoints; each replaces the one before.
        seed: of a new adapter, the order of the data, what is cut where, and dropout.
        device: `cpu` or `cuda`; None: the GPU where there is one. `CUDA_VISIBLE_DEVICES` chooses among several.
        dtype: of the arithmetic; None: bfloat16 on a GPU, else float32.
        resume: go on with a training that was interrupted; one that is over is left as it is.
        overwrite: begin anew where there is a training already.
        skip_bad: leave bad rows out.
    """

    data: tuple[Path, ...]
    output: Path
    model: str = "smollm2"
    revision: str | None = None
    adapter: str | None = None
    full: bool = False
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    epochs: int = 1
    steps: int | None = None
    batch: int = 8
    micro_batch: int = 1
    sequence: int = 1024
    lr: float | None = None
    warmup: int | None = None
    weight_decay: float = 0.05
    clip: float = 1.0
    fim_rate: float = 0.0
    spm_rate: float = 0.5
    gradient_checkpointing: bool = False
    checkpoint_every: int = 100
    seed: int = 0
    device: str | None = None
    dtype: str | None = None
    resume: bool = False
    overwrite: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        least = {
            "lora_rank": 1, "lora_alpha": 1, "epochs": 1, "steps": 1, "batch": 1, "micro_batch": 1, "sequence": 2,
            "warmup": 0, "checkpoint_every": 1, "seed": 0, "lr": 0, "weight_decay": 0, "clip": 0, "lora_dropout": 0,
            "fim_rate": 0, "spm_rate": 0,
        }  # fmt: skip
        for name, low in least.items():
            value = getattr(self, name)
            high = 1 if name in ("lora_dropout", "fim_rate", "spm_rate") else float("inf")
            if value is not None and not (isfinite(value) and low <= value <= high):
                most = f" and at most {high}" if isfinite(high) else ""
                raise UsageError(f"--{name.replace('_', '-')} must be at least {low}{most}, not {value}")
        if self.dtype not in (None, "float32", "bfloat16"):
            raise UsageError(f"--dtype is float32 or bfloat16 in training, not {self.dtype}")
        if self.device not in (None, "cpu", "cuda"):
            raise UsageError(f"--device is cpu or cuda in training, not {self.device}")

    def rate(self, step: int, n_steps: int) -> float:
        """Return the learning rate of a step, from 0: up in a line, then down to 0 along half a cosine."""
        highest = self.lr if self.lr is not None else 5e-5 if self.full else 2e-4
        warmup = min(self.warmup if self.warmup is not None else n_steps // 10, n_steps)
        if step < warmup:
            return highest * (step + 1) / warmup
        return highest * (1 + cos(pi * (step - warmup) / max(1, n_steps - warmup))) / 2

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {**asdict(self), "data": [str(path) for path in self.data], "output": str(self.output)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """A training that is over.

    Attributes:
        folder: with `training.json`.
        weights: the folder of the adapter or the model, which `--adapter` or `--model` take.
        losses: one a step, in nats a token, before the step.
        tokens: that were learnt from, each as often as it was seen.
        seconds: on the wall, those before an interruption too.
        is_main: whether this process is the one that writes, of several.
    """

    folder: Path
    weights: Path
    losses: tuple[float, ...]
    tokens: int
    seconds: float
    is_main: bool = True


def begin(settings: TrainSettings, asked: Mapping[str, Any]) -> TrainOutcome | None:
    """Look at the folder before a training; return the one that is in it when it is over and shall be kept.

    Raises:
        UsageError: a training is there already, and neither `resume` nor `overwrite` was said; or it was another one.
    """
    folder, result = settings.output, settings.output / RESULT
    if settings.resume and settings.overwrite:
        raise UsageError("--resume and --overwrite exclude each other")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: not a folder")
    found = next((path.name for path in (result, folder / CHECKPOINT) if path.exists()), None)
    if found and not (settings.resume or settings.overwrite):
        raise UsageError(f"{folder} has a training already ({found}): go on with it (--resume), or replace it (--overwrite)")
    if settings.overwrite or not result.exists():
        return None
    try:
        done = json.loads(result.read_bytes())
        check_same(folder, done["settings"], asked)
        return TrainOutcome(
            folder=folder, weights=folder / done["weights"], losses=tuple(done["losses"]), tokens=done["tokens"],
            seconds=done["seconds"],
        )  # fmt: skip
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{result} cannot be read ({error}); replace it (--overwrite)") from None


def prepare(settings: TrainSettings) -> None:
    """Make the folder; unless a training is gone on with, remove what says that one is in it. Raises InfrastructureError."""
    with writing(settings.output):
        settings.output.mkdir(parents=True, exist_ok=True)
        for name in () if settings.resume else (RESULT, CHECKPOINT):
            (settings.output / name).unlink(missing_ok=True)


def keep(settings: TrainSettings, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint; whenever the process dies, the one before or this one is there. Raises InfrastructureError."""
    import torch

    path = settings.output / CHECKPOINT
    try:
        torch.save(dict(state), path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)
    except (OSError, RuntimeError) as error:
        raise InfrastructureError(f"{path} cannot be written: {error}") from None


def kept(settings: TrainSettings, device: Any, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the checkpoint to go on from, if there is one. Raises UsageError: it is of other settings, or broken."""
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
    """Write `training.json`, by which the training is over, and remove the checkpoint. Raises InfrastructureError."""
    packages = ("exogate", "torch", "transformers", "peft", "accelerate")
    row = {
        **about, "weights": outcome.weights.name, "steps": len(outcome.losses),
        "tokens": outcome.tokens, "seconds": round(outcome.seconds, 3), "losses": outcome.losses,
        "versions": {name: metadata.version(name) for name in packages},
    }  # fmt: skip
    with writing(settings.output):
        write_atomically(settings.output / RESULT, (json.dumps(row, indent=1) + "\n").encode())
        (settings.output / CHECKPOINT).unlink(missing_ok=True)
