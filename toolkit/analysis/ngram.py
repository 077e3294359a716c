"""A language model that is trained in milliseconds: n-grams with interpolated back-off. It serves as the model of a toy.

Tokens are words, single other characters and runs of white space. In a context, the tokens seen there share c / (c + t) of
the chance, by their counts (c of t different ones); the rest is that of the context without its first token, and at last
uniform.

Source: Witten and Bell (1991), IEEE Transactions on Information Theory 37.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

END = ""
ESCAPE = 2.0
"""1 in Witten and Bell; with more, a model that was shown few texts strays from them, and errs."""
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Return the tokens of a text; joined, they are the text."""
    return _TOKEN.findall(text)


class NGram:
    """A model of texts behind prompts.

    Attributes:
        order: tokens of the longest n-gram.
        vocabulary: all tokens that it can write, with the end.
        identity: a hash of all that its answers depend on.
    """

    def __init__(self, vocabulary: Iterable[str], order: int = 24) -> None:
        self.order = order
        self.vocabulary = [END, *sorted({*vocabulary} - {END})]
        self._places = {token: i for i, token in enumerate(self.vocabulary)}
        self._counts: dict[tuple[str, ...], Counter[str]] = {}
        self._known: dict[tuple[str, ...], Any] = {}

    def learn(self, pairs: Sequence[tuple[str, str]], share: float = 1.0) -> "NGram":
        """Return a model in which (prompt, completion) pairs have that share of all counts, and this one the rest.

        Each model's counts add up to those of the new pairs, so that the share does not depend on how many came before.
        """
        written = {token for _, completion in pairs for token in tokens(completion)}
        new = NGram({*self.vocabulary, *written}, self.order)
        counted: dict[tuple[str, ...], Counter[str]] = {}
        for prompt, completion in pairs:
            before, found = tokens(prompt), [*tokens(completion), END]
            for i, token in enumerate(found):
                past = (before + found[:i])[-(self.order - 1) :]
                for start in range(len(past) + 1):
                    counted.setdefault(tuple(past[start:]), Counter())[token] += 1
        total = counted.get((), Counter()).total()
        scale = total / max(1, self._counts.get((), Counter()).total())
        for context in {*counted, *(self._counts if share < 1 else ())}:
            old, fresh = self._counts.get(context, Counter()), counted.get(context, Counter())
            new._counts[context] = Counter({
                token: value for token in {*old, *fresh}
                if (value := (1 - share) * scale * old.get(token, 0) + share * fresh.get(token, 0)) > 1e-9
            })  # fmt: skip
        return new

    def chances(self, past: Sequence[str]) -> Any:
        """Return the chance of each token of the vocabulary after some tokens, shape (vocabulary,)."""
        import numpy as np

        context = tuple(past[-(self.order - 1) :]) if self.order > 1 else ()
        while context and context not in self._counts:
            context = context[1:]
        if context not in self._known:
            shorter = self.chances(context[1:]) if context else np.full(len(self.vocabulary), 1 / len(self.vocabulary))
            counts = self._counts.get(context, Counter())
            if counts:
                total = float(sum(counts[token] for token in sorted(counts)))
                seen = np.zeros(len(self.vocabulary))
                for token, value in counts.items():
                    seen[self._places[token]] = value
                escaped = ESCAPE * len(counts)
                shorter = (seen + escaped * shorter) / (total + escaped)
            self._known[context] = shorter
        return self._known[context]

    def write(self, prompt: str, rng: Any, temperature: float = 1.0, longest: int = 40) -> tuple[str, bool, int]:
        """Return a completion, whether it ended by itself, and its tokens."""
        import numpy as np

        past = tokens(prompt)
        n = len(past)
        while len(past) - n < longest:
            chances = self.chances(past) ** (1 / temperature)
            at = int(np.searchsorted(np.cumsum(chances), rng.random() * chances.sum(), "right"))
            token = self.vocabulary[min(at, len(self.vocabulary) - 1)]
            if token == END:
                return "".join(past[n:]), True, len(past) - n + 1
            past.append(token)
        return "".join(past[n:]), False, longest

    # -- what gates ask ------------------------------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        rows = sorted((context, sorted(counts.items())) for context, counts in self._counts.items())
        return hashlib.sha256(repr((self.order, self.vocabulary, rows)).encode()).hexdigest()

    def logprobs(self, prompts: Sequence[str], completions: Sequence[str], _chats: Sequence[bool]) -> list[list[float]]:
        """Return the log-probability of each token of completions, in nats; of a token that it cannot write, -30."""
        found = []
        for prompt, completion in zip(prompts, completions, strict=True):
            past, logs = tokens(prompt), []
            for token in tokens(completion):
                at = self._places.get(token)
                logs.append(-30.0 if at is None else math.log(float(self.chances(past)[at])))
                past.append(token)
            found.append(logs)
        return found
