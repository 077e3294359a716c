"""Settings and outcome of a training."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import cos, inf, pi
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from toolkit.settings import Settings
from toolkit.surgery.moe import LOSS_FREE, Balance, Balancer

PAPER: Mapping[str, Any] = {
    "full": True, "lr": 5e-5, "steps": 3000, "warmup": 500, "weight_decay": 0.05, "batch": 64, "sequence": 2048,
    "fim_rate": 0.5, "spm_rate": 0.5, "gradient_checkpointing": True, "unfinished": "closed", "loss": "all",
}  # fmt: skip
"""The training of a round in arXiv 2606.28438 and its code; after the first round, `warmup` is 0."""


def _errors_of(pattern: str) -> list[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        return [str(error)]
    return []


class TrainSettings(Settings):
    """All settings of `toolkit train`. Raises `UsageError` for one that is unknown, not allowed, or without effect."""

    data: tuple[Path, ...] = Field(
        description="JSONL: content, solution, code or text; prompt and completion; messages. Or a folder of distill."
    )
    output: Path = Field(description="Folder for adapter/ or model/, and training.json.")
    model: str = Field("smollm2", description="Hub id, folder, .gguf file, or smollm2.")
    revision: str | None = Field(None, description="Commit, branch or tag of a hub id.")
    adapter: str | None = Field(
        None, description="Go on from this adapter of the model; with --full it is merged into the weights."
    )
    full: bool = Field(False, description="Train all weights, or an adapter (LoRA) [default: lora].")
    only: str | None = Field(None, description="With --full: train those weights whose names have this regular expression "
                             "in them, such as layers.29.mlp.")  # fmt: skip
    lora_rank: int = Field(16, ge=1, description="Rank of a new adapter.")
    lora_alpha: int = Field(32, ge=1, description="Scale of a new adapter, times its rank.")
    lora_dropout: float = Field(0.0, ge=0, le=1, description="Dropout of a new adapter's input [default: 0].")
    epochs: int = Field(1, ge=1, description="Passes over all data.")
    steps: int | None = Field(None, ge=1, description="Steps, instead of epochs.")
    batch: int = Field(8, ge=1, description="Blocks a step, over all processes.")
    micro_batch: int = Field(1, ge=1, description="Blocks that one process takes at a time.")
    sequence: int = Field(1024, ge=2, description="Tokens of a block.")
    lr: float | None = Field(None, ge=0, description="Highest learning rate [default: 2e-4; with --full 5e-5].")
    warmup: int | None = Field(None, ge=0, description="Warm-up steps [default: a tenth of all].")
    weight_decay: float = Field(0.05, ge=0, description="Weight decay of AdamW, for matrices.")
    clip: float = Field(1.0, ge=0, description="Largest norm of the gradient; 0: no clipping.")
    fim_rate: float = Field(0.0, ge=0, le=1, description="Share of texts cut up for filling in the middle [default: 0].")
    spm_rate: float = Field(0.5, ge=0, le=1, description="Share of these that show the suffix first.")
    gradient_checkpointing: bool = Field(False, description="Recompute activations: less memory, slower.")
    unfinished: Literal["leave-out", "open", "closed"] = Field("leave-out", description="Answers that were cut off at the "
        "token limit (finished is false): leave-out, open (learnt without the end that they lack), or closed (as if they "
        "had ended there).")  # fmt: skip
    allow_shared: bool = Field(False, description="Learn programs, too, whose tests ran in their own process (shared is "
                               "true), so that the pass may be forged.")  # fmt: skip
    document_mask: bool = Field(False, description="Keep the texts of a block apart: none is read before another.")
    loss: Literal["completion", "all"] | None = Field(None, description="What is learnt of rows with a prompt: completion, "
        "or all [default: completion for answers in a chat, all for texts that go on].")  # fmt: skip
    eval: tuple[Path, ...] = Field((), description="JSONL that is not trained on: its loss before and after is in "
                                   "training.json.")  # fmt: skip
    balance: Balancer = Field("none", description="How experts' loads are balanced: none, aux (by a loss), alf (by the "
                              "routers' bias; also magnitude, multiplicative) [default: none].")  # fmt: skip
    balance_rate: float = Field(0.001, ge=0, description="Weight of the loss aux, or how far a bias moves in a step.")
    sequence_loss: float = Field(0.0, ge=0, description="Weight of the loss aux of each sequence by itself [default: 0].")
    z_loss: float = Field(0.0, ge=0, description="Weight of the mean square of the routers' logsumexp [default: 0].")
    capacity: float | None = Field(None, gt=0, description="Tokens that an expert takes in training, as a multiple of the "
                                   "mean, such as 1.25; the others pass it by [default: all].")  # fmt: skip
    checkpoint_every: int = Field(100, ge=0, description="Steps between checkpoints, each of which replaces the one before; "
                                  "0: none.")  # fmt: skip
    seed: int = Field(0, ge=0, description="Seed of a new adapter, the order of data, cuts and dropout [default: 0].")
    device: Literal["cpu", "cuda"] | None = Field(None, description="cpu or cuda [default: the GPU, if any].")
    dtype: Literal["float32", "bfloat16"] | None = Field(
        None, description="Precision of the arithmetic: float32 or bfloat16 [default: bfloat16 on a GPU]."
    )
    resume: bool = Field(False, description="Continue a training that was interrupted; leave a finished one as it is.")
    overwrite: bool = Field(False, description="Replace a training that is there.")
    skip_bad: bool = Field(False, description="Leave bad rows out, and count them.")

    @classmethod
    def label(cls, name: str) -> str:
        """Return the setting's flag."""
        return f"--{name.replace('_', '-')}"

    def wrong(self) -> list[str]:
        """Return complaints about settings that contradict each other or have no effect."""
        wrong = ["--resume and --overwrite exclude each other"] if self.resume and self.overwrite else []
        new = ("lora_rank", "lora_alpha", "lora_dropout")
        wrong += self.useless(new, "with --full") if self.full else []
        wrong += self.useless(new, "with --adapter, which keeps its own") if self.adapter and not self.full else []
        wrong += self.useless(["only"], "without --full") if not self.full else []
        wrong += self.useless(["balance_rate"], "without --balance") if self.balance == "none" else []
        if self.balance in LOSS_FREE and not self.full:
            wrong.append(f"--balance {self.balance} moves the routers' biases, which an adapter does not have: say --full")
        wrong += [f"--only: {error} in {self.only!r}" for error in _errors_of(self.only or "")]
        wrong += self.useless(["epochs"], "where --steps says how many there are") if self.steps else []
        wrong += self.useless(["spm_rate"], "without --fim-rate") if not self.fim_rate else []
        return wrong

    def routing(self) -> Balance:
        """Return how the routers of a mixture of experts are trained."""
        return Balance(
            balancer=self.balance, rate=self.balance_rate,
            sequence=self.sequence_loss, z=self.z_loss, capacity=inf if self.capacity is None else self.capacity,
        )  # fmt: skip

    def groups(self, weights: Iterable[Any]) -> list[dict[str, Any]]:
        """Return AdamW's groups of weights: matrices decay, the others do not."""
        every = list(weights)
        matrices, others = ([weight for weight in every if (weight.ndim > 1) == it] for it in (True, False))
        return [{"params": matrices, "weight_decay": self.weight_decay}, {"params": others, "weight_decay": 0.0}]

    def rate(self, step: int, n_steps: int) -> float:
        """Return the learning rate of a step (from 0): it rises linearly, then falls to 0 along half a cosine."""
        highest = self.lr if self.lr is not None else 5e-5 if self.full else 2e-4
        warmup = min(self.warmup if self.warmup is not None else n_steps // 10, n_steps)
        if step < warmup:
            return highest * (step + 1) / warmup
        return highest * (1 + cos(pi * (step - warmup) / max(1, n_steps - warmup))) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """A finished training.

    Attributes:
        folder: the folder with `training.json`.
        weights: the folder of the adapter or model, as `--adapter` or `--model` take it.
        losses: one a step, in nats a token, before the step.
        tokens: tokens learnt from, each counted as often as it was seen.
        seconds: wall time, including that before an interruption.
        is_main: whether this process writes the results.
        left_out: why rows of the data were left out, one line each.
        eval: the loss on `--eval` before and after, in nats a token; empty without it.
    """

    folder: Path
    weights: Path
    losses: tuple[float, ...]
    tokens: int
    seconds: float
    is_main: bool = True
    left_out: tuple[str, ...] = ()
    eval: tuple[float, ...] = ()
