"""The interface of generators. A generator writes text; it knows no benchmark, gate or oracle."""

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.errors import BadValue
from toolkit.models.source import Source

Tick = Callable[[int, int], None]
"""Called during generation with the numbers of tokens and of samples that were finished since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt.

    Attributes:
        task_id: the task's id; a sample's seed depends on it.
        text: the user's message if `chat`, else the text to continue.
        chat: send `text` as a message, through the chat template or the chat endpoint.
        prefill: the beginning of the answer in a chat. The model is given it; the completion does not contain it.
        field: how to read the completion: `completion` continues the task's own prompt, `raw_response` is a whole answer
            with prose around the program, `solution` is a program as it stands.
    """

    task_id: str
    text: str
    chat: bool = False
    prefill: str = ""
    field: str = "completion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample.

    Attributes:
        n: samples of each prompt, at least 1.
        temperature: 0 takes the likeliest token each time.
        top_p: draw from the likeliest tokens that hold this share of the probability, in (0, 1].
        max_new_tokens: maximum length of a completion in tokens.
        seed: seed of all samples. A sample's text depends on this, its task and its number, and on nothing else.
        stop: strings that end a completion; it does not contain them.
    """

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for flag, count in (("--n", self.n), ("--max-new-tokens", self.max_new_tokens)):
            if count < 1:
                raise BadValue(f"{flag} must be at least 1, not {count}")
        if not (0 <= self.temperature < 100):
            raise BadValue(f"--temperature must be at least 0 and below 100, not {self.temperature}")
        if not (0 < self.top_p <= 1):
            raise BadValue(f"--top-p must be above 0 and at most 1, not {self.top_p}")
        if "" in self.stop:
            raise BadValue("an empty stop string would end every completion")

    def seed_of(self, task_id: str, sample_id: int) -> int:
        """Return the seed of one sample, in [0, 2**31)."""
        digest = hashlib.sha256(f"{self.seed}\0{task_id}\0{sample_id}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4]) >> 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One completion.

    Attributes:
        index: the prompt's index, from 0.
        sample_id: 0 to n - 1.
        prompt: the exact text that the model was given.
        completion: what the model wrote, without the stop string or end token.
        n_prompt_tokens, n_tokens: lengths in tokens, `n_tokens` with whatever ended the completion; 0 if unknown.
        finished: ended by the model or a stop string, not by `max_new_tokens`.
        mean_logprob: mean natural log probability of the `n_tokens` tokens under the model itself (temperature 1, all
            tokens); None if unknown.
        field: as in `Prompt`.
        seconds: wall time from its start, with its prompt's reading, to its end; None if unknown. Equal answers may differ.
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
    seconds: float | None = dataclasses.field(default=None, compare=False)


class Generator(Protocol):
    """Writes samples for prompts.

    It may also have `machine`: where it runs, as far as it knows, under names of `toolkit.store.cost.Part`; None if its time
    says nothing of a model.
    """

    @property
    def about(self) -> Mapping[str, Any]:
        """Plain data that identifies the model: equal for equal models."""
        ...

    @property
    def chat(self) -> bool:
        """Whether the model is sent messages: it can chat, and the source does not forbid it."""
        ...

    @property
    def prefills(self) -> bool:
        """Whether the beginning of an answer can be given in a chat."""
        ...

    @classmethod
    def takes(cls, source: Source) -> bool:
        """Return whether a source is meant for this generator, when it is not named; nothing is opened or asked for that."""
        ...

    def __init__(self, source: Source) -> None:
        """Open the source.

        Raises:
            BadModel, GenerationFailed: the model cannot be opened.
        """

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        done: Collection[tuple[int, int]] = (),
        tick: Tick = lambda *_: None,
    ) -> Iterator[list[Generation]]:
        """Yield all samples of all prompts, batch by batch, in whatever order is fastest.

        Batches do not vary, so equal calls give equal bytes on one machine. A batch whose samples are all in `done`, as
        (index, sample_id), is skipped; any other is yielded whole.

        Raises:
            BadModel, GenerationFailed: generation cannot continue.
        """
        ...

    def close(self) -> None:
        """Free memory and close connections."""


def written(tokenizer: Any, prompt: Prompt) -> str:
    """Return the exact text that a model is given: that of the prompt, in a chat by the tokenizer's template."""
    if not prompt.chat:
        return prompt.text
    flags = {"enable_thinking": False} if prompt.prefill else {}
    said = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt.text}], tokenize=False, add_generation_prompt=True, **flags
    )
    return str(said) + prompt.prefill


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """Return the text before its first stop string, and whether it has one."""
    ends = [at for string in stop if (at := text.find(string)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)
