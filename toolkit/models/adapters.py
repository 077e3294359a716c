"""Make models trainable: all of their weights, or an adapter on top."""

import contextlib
import json
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.models.load import Loaded, explained, is_out_of_memory, load
from toolkit.models.save import BASE, weights_hash
from toolkit.models.source import BadModel, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank adapter on all linear layers except the last.

    Attributes:
        rank: rank of each layer's update.
        alpha: the update is scaled by alpha / rank.
        dropout: dropout of the update's input during training.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0


def trainable(
    source: Source, lora: Lora | None, only: str | None = None, checkpointing: bool = False
) -> tuple[Loaded, str]:
    """Load a model for training and return it with the hash of the weights below its adapter.

    Without `lora` all weights are trainable. With `lora` only an adapter's are: the source's adapter, which keeps its own
    rank, or else a new one. Raises as `load` does.

    Args:
        only: of all weights, those whose names have this regular expression in them.
        checkpointing: recompute activations in the backward pass.
    """
    loaded, below = _trainable(source, lora, only)
    if checkpointing:
        enable = getattr(loaded.model, "activation_checkpointing_enable", loaded.model.gradient_checkpointing_enable)
        enable({"use_reentrant": False})
    return loaded, below


def _trainable(source: Source, lora: Lora | None, only: str | None) -> tuple[Loaded, str]:
    loaded = load(replace(source, adapter=None) if lora else source)
    model, below = loaded.model, weights_hash(loaded.model, rounded=True)
    if lora is None:
        loaded.model.requires_grad_(True)  # merging an adapter leaves them frozen
        for name, weight in loaded.model.named_parameters() if only else ():
            weight.requires_grad_(re.search(only or "", name) is not None)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise BadModel(f"--only {only}: no weight of {source.model} has such a name")
        return loaded, below
    with explained(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import peft

        if source.adapter:
            model = _fitted(model, source, below)
        else:
            config = peft.LoraConfig(
                task_type="CAUSAL_LM", target_modules="all-linear", r=lora.rank, lora_alpha=lora.alpha,
                lora_dropout=lora.dropout, base_model_name_or_path=source.model, revision=source.revision,
            )  # fmt: skip
            model = peft.get_peft_model(model, config)
            model.peft_config["default"].base_model_name_or_path = source.model
    return replace(loaded, model=model), below


def _fitted(model: Any, source: Source, below: str) -> Any:
    import peft

    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads((Path(str(source.adapter)) / BASE).read_bytes())["weights"] != below:
            raise BadModel(f"--adapter {source.adapter} was trained on other weights than those of {source.model}")
    warnings.filterwarnings("error", message=".*adapter keys.*")
    try:
        return peft.PeftModel.from_pretrained(model, str(source.adapter), is_trainable=True)
    except (RuntimeError, ValueError, UserWarning, KeyError, OSError) as error:
        if is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise BadModel(f"--adapter {source.adapter} is no adapter of {source.model}: {reason}") from None
