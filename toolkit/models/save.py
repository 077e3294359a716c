"""Save models, and identify them by their weights."""

import hashlib
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from toolkit.store.files import write_atomically

BASE = "base.json"
"""File in an adapter's folder with the hash of the weights that it was trained on."""


def save(model: Any, tokenizer: Any, folder: Path, below: str) -> None:
    """Write the model with its tokenizer, or only its adapter, with `below`, the hash of the weights below it."""
    is_adapter = hasattr(model, "peft_config")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder, **({"save_embedding_layers": False} if is_adapter else {}))
        tokenizer.save_pretrained(folder)
    if is_adapter:
        write_atomically(folder / BASE, (json.dumps({"weights": below}) + "\n").encode())


def weights_hash(model: Any, *, rounded: bool = False) -> str:
    """Return the SHA-256 of all weights, by name.

    Args:
        model: a PyTorch module.
        rounded: hash the weights as bfloat16, so that the dtype they were loaded in makes no difference.
    """
    import torch

    def one(item: tuple[str, Any]) -> bytes:
        name, tensor = item
        tensor = tensor.detach().to(torch.bfloat16) if rounded and tensor.is_floating_point() else tensor.detach()
        digest = hashlib.sha256(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.digest()

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return hashlib.sha256(b"".join(threads.map(one, sorted(model.state_dict().items())))).hexdigest()
