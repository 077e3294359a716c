"""What a training is told, and what it gives back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError

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
