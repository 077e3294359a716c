"""Score texts with a model, for the gates that ask one: how likely it finds them, and what it would say next.

Texts are batched by length and padded on the right, where a causal model cannot see the padding. So the score of a text
does not depend on its neighbours: in float32 up to rounding, about 1e-5 a token; 16 bits are far less precise.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError
from toolkit.models.load import Loaded, explained
from toolkit.models.save import weights_hash
from toolkit.models.tokens import tokens_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


KEPT = 1024
"""Tokens of a prompt that are read where it does not fit together with its completion."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModelScorer:
    """A `gates.Scorer`. The model's weights must not change while it is in use.

    Attributes:
        loaded: the model.
        max_tokens: maximum tokens read of a text. Of a longer one, as in arXiv 2606.28438: the first `KEPT` of the prompt
            (half of `max_tokens`, where that is fewer), then as many of the completion's first as fit.
        batch_tokens: maximum tokens of a batch, unless a single text has more.
    """

    loaded: Loaded
    max_tokens: int = 2048
    batch_tokens: int = 4096

    def __repr__(self) -> str:
        about = self.loaded.about
        return f"ModelScorer({about['model']}, {about['dtype']}, sha256={self.identity}, max_tokens={self.max_tokens})"

    @functools.cached_property
    def identity(self) -> str:
        """The SHA-256 of the weights."""
        return weights_hash(self.loaded.model)

    @functools.cached_property
    def _limit(self) -> int:
        context = getattr(self.loaded.model.config, "max_position_embeddings", None)
        return min(self.max_tokens, context or self.max_tokens)

    def logprobs(
        self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()
    ) -> "list[NDArray[np.float64]]":
        """Return each completion's natural log probabilities: one array a completion, one number a token.

        A prompt and its completion are tokenized as one text; a token across the seam belongs to the completion. Without a
        prompt, the completion follows an end-of-text token, as in training, unless the tokenizer begins every text with a
        token of its own. A prompt that `chats` marks as written by a chat template is tokenized by itself, as it was for
        generation, and its special tokens count as such. Those in a completion never do.

        Raises:
            UsageError: the tokenizer cannot give the positions of its tokens in a text.
            InfrastructureError: a batch does not fit into memory.
        """
        import numpy as np

        chats = chats or [False] * len(prompts)
        rows = [self._ids(*each) for each in zip(prompts, completions, chats, strict=True)]
        found = [np.zeros(0)] * len(rows)
        for indices, logits, ids in self._batches([ids for ids, _ in rows], [n > 0 for _, n in rows]):
            chosen = logits[:, :-1].gather(-1, ids[:, 1:, None])[..., 0] - logits[:, :-1].logsumexp(-1)
            for index, row in zip(indices, chosen.double().cpu().numpy(), strict=True):
                end, n = len(rows[index][0]) - 1, rows[index][1]
                found[index] = row[end - n : end].copy()
        return found

    def next_logits(
        self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None
    ) -> "NDArray[np.float64]":
        """Return the logit of each word after each text with `suffix`: n texts x n words.

        Only the `last` tokens of a text are read. Of several tokens of a word, the first in which words differ counts.

        Raises:
            UsageError: the tokenizer does not tell the words apart.
            InfrastructureError: a batch does not fit into memory.
        """
        import numpy as np

        tokenizer = self.loaded.tokenizer
        answers = [self._encode(suffix + word, add_special_tokens=False) for word in words]
        n_same = next((i for i, tokens in enumerate(zip(*answers, strict=False)) if len(set(tokens)) > 1), None)
        if n_same is None:
            alike = " from ".join(map(repr, words))
            raise UsageError(f"the tokenizer of {self.loaded.about['model']} does not tell {alike}")
        behind, targets = answers[0][:n_same], [answer[n_same] for answer in answers]
        last = min(last or self._limit, self._limit - len(behind))
        rows = [self._encode(text)[-last:] + behind or [tokenizer.eos_token_id] for text in texts]
        found = np.zeros((len(texts), len(words)))
        for indices, logits, _ in self._batches(rows, [True] * len(rows)):
            for index, row in zip(indices, logits, strict=True):
                found[index] = row[len(rows[index]) - 1, targets].double().cpu().numpy()
        return found

    def written(
        self, texts: Sequence[str], *, suffix: str = "", last: int | None = None, most: int = 64, stop: Sequence[str] = ()
    ) -> list[str]:
        """Return what the model, greedily, writes after each text with `suffix`: `most` tokens, or up to a string of `stop`.

        Only the `last` tokens of a text are read, and no more than fit beside what is written. No chat template is used.

        Raises:
            InfrastructureError: a single text does not fit into memory.
        """
        from toolkit.models.generators.base import Prompt, Sampling
        from toolkit.models.generators.transformers_ import TransformersGenerator
        from toolkit.models.source import Source

        room = self._limit - most - len(self._encode(suffix))
        ids = [self._encode(text, add_special_tokens=False)[-min(last or room, room) :] for text in texts]
        decode = self.loaded.tokenizer.decode
        read = [decode(each, clean_up_tokenization_spaces=False) + suffix for each in ids]
        generator = TransformersGenerator(Source(model=str(self.loaded.about["model"]), chat=False), self.loaded)
        prompts = [Prompt(task_id=str(number), text=text) for number, text in enumerate(read)]
        found = [""] * len(texts)
        for batch in generator.generate(prompts, Sampling(max_new_tokens=most, stop=tuple(stop))):
            for one in batch:
                found[one.index] = one.completion
        return found

    def _encode(self, text: str, **flags: Any) -> list[int]:
        return list(self.loaded.tokenizer.encode(text, split_special_tokens=True, verbose=False, **flags))

    def _ids(self, prompt: str, completion: str, chat: bool) -> tuple[list[int], int]:
        """Return the token ids to read, and how many at the end belong to the completion."""
        tokenizer = self.loaded.tokenizer
        if chat:
            head = list(tokenizer.encode(prompt, add_special_tokens=False, verbose=False)) or [tokenizer.eos_token_id]
            return self._fitted(head, tokens_of(tokenizer, completion, inside=True))
        if not getattr(tokenizer, "is_fast", False):
            raise UsageError(f"perplexity needs a fast tokenizer, which {self.loaded.about['model']} does not have")
        read = tokenizer(prompt + completion, return_offsets_mapping=True, split_special_tokens=True, verbose=False)
        ids = list(read.input_ids)
        n = sum(end > len(prompt) for _, end in read.offset_mapping)
        if n == len(ids):
            ids = [tokenizer.eos_token_id, *ids]
        return self._fitted(ids[: len(ids) - n], ids[len(ids) - n :])

    def _fitted(self, head: list[int], tail: list[int]) -> tuple[list[int], int]:
        """Cut a prompt and its completion to what is read, and return them joined, with the length of the latter."""
        if len(head) + len(tail) > self._limit:
            head = head[: max(1, min(KEPT, self._limit // 2))]
            tail = tail[: self._limit - len(head)]
        return head + tail, len(tail)

    def _batches(self, rows: Sequence[list[int]], wanted: Sequence[bool]) -> Iterator[tuple[list[int], Any, Any]]:
        """Yield row indices, logits (n x longest x vocabulary) and token ids, longest rows first."""
        import torch

        model = self.loaded.model
        order = sorted((i for i in range(len(rows)) if wanted[i]), key=lambda i: -len(rows[i]))
        with explained(), torch.inference_mode():
            while order:
                n = max(1, self.batch_tokens // len(rows[order[0]]))
                batch, order = order[:n], order[n:]
                ids = torch.zeros((len(batch), len(rows[batch[0]])), dtype=torch.long)
                for at, index in enumerate(batch):
                    ids[at, : len(rows[index])] = torch.tensor(rows[index])
                ids = ids.to(model.device)
                yield batch, model(input_ids=ids, use_cache=False).logits.float(), ids
