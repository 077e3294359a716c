"""What every generator takes and gives. A generator writes text; it knows no benchmark, no gate and no oracle."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from toolkit.models.source import Source

Tick = Callable[[int, int], None]
"""Called while text is written, with how many tokens and how many samples have become ready since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question.

    Attributes:
        task_id: the task, which the seed of a sample depends on.
        text: the user's message where `chat`, else the text that is continued.
        chat: put it as a message, through the chat template or the chat endpoint.
        prefill: how the answer in a chat begins. It is given to the model and is no part of the completion.
        field: how the completion is to be read: `completion` continues the task's own prompt, `raw_response` is a whole
            answer with prose around the program, `solution` is a program as it stands.
    """

    task_id: str
    text: str
    chat: bool = False
    prefill: str = ""
    field: str = "completion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How text is drawn.

    Attributes:
        n: samples of each prompt, 1 or more.
        temperature: 0 takes the likeliest token each time.
        top_p: draw from the likeliest tokens that hold this share of the probability, in (0, 1].
        max_new_tokens: length of a completion, at most.
        seed: of all that is drawn. A sample's text depends on this, its task and its number, and on nothing beside it.
        stop: strings that end a completion, and are no part of it.
    """

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1 or self.max_new_tokens < 1:
            raise ValueError("the number of samples and of new tokens must be at least 1")
        if not (0 <= self.temperature < 100):
            raise ValueError(f"the temperature must be 0 or more, and below 100, not {self.temperature}")
        if not (0 < self.top_p <= 1):
            raise ValueError(f"top-p must be above 0 and at most 1, not {self.top_p}")
        if "" in self.stop:
            raise ValueError("an empty stop string would end every completion")

    def seed_of(self, task_id: str, sample_id: int) -> int:
        """Return the seed of one sample, in [0, 2**31)."""
        digest = hashlib.sha256(f"{self.seed}\0{task_id}\0{sample_id}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4]) >> 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One completion.

    Attributes:
        index: which of the prompts, from 0.
        sample_id: from 0 to n - 1.
        prompt: the exact text that the model was given.
        completion: what it wrote, without what ended it.
        n_prompt_tokens, n_tokens: lengths in tokens; what ended the completion counts. 0 where nobody said.
        finished: ended by the model or by a stop string, rather than by `max_new_tokens`.
        mean_logprob: natural logarithm of the probability that the model itself (temperature 1, all tokens) gave to a
            token of these `n_tokens`, on average; None where nobody said.
        field: as in `Prompt`.
    """

    index: int
    sample_id: int
    prompt: str
    completion: str
    n_prompt_tokens: int
    n_tokens: int
    finished: bool
    mean_logprob: float | None
    field: str


class Generator(Protocol):
    """Writes samples for prompts."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What the text depends on beside prompts and sampling, as plain data; equal for equal models."""
        ...

    @property
    def chat(self) -> bool:
        """It can be spoken to in messages, and nobody forbade it."""
        ...

    @property
    def prefills(self) -> bool:
        """The beginning of an answer can be given in a chat."""
        ...

    def __init__(self, source: Source) -> None:
        """Open the source.

        Raises:
            BadModel, GenerationFailed: it cannot be had.
        """

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        done: Collection[tuple[int, int]] = (),
        tick: Tick = lambda *_: None,
    ) -> Iterator[list[Generation]]:
        """Give all samples of all prompts, batch by batch, in whatever order is quickest.

        Batches are the same each time, so that equal calls give equal bytes on a machine. Those of which all samples are
        in `done`, as (index, sample_id), are left out; others are given whole.

        Raises:
            BadModel, GenerationFailed: nothing more will come.
        """
        ...

    def close(self) -> None:
        """Let go of memory and connections."""


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """Return the text before the first stop string in it, and whether there was one."""
    ends = [at for string in stop if (at := text.find(string)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)
