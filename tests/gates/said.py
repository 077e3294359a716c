"""A scorer whose answers are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from gates import Gate, Report, Solution
from sandbox import Sandbox

NO_BOX = cast(Sandbox, None)


@dataclass
class Said:
    """A scorer whose answers are known."""

    perplexities: dict[str, float] = field(default_factory=dict)
    logits: dict[str, tuple[float, float]] = field(default_factory=dict)
    identity: str = "0"
    asked: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Said({self.identity})"

    def logprobs(
        self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()
    ) -> list[list[float]]:
        self.asked += zip(prompts, completions, strict=True)
        return [[-math.log(self.perplexities[c])] * 3 if c else [] for c in completions]

    def next_logits(
        self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None
    ) -> list[tuple[float, float]]:
        self.asked.append((tuple(words), suffix, last))
        return [self.logits[text] for text in texts]

    def written(
        self, texts: Sequence[str], *, suffix: str = "", last: int | None = None, most: int = 64, stop: Sequence[str] = ()
    ) -> list[str]:
        self.asked.append((suffix, last, most, tuple(stop)))
        return [f" about {text}" for text in texts]


def ask(gate: Gate, codes: Sequence[str | Solution]) -> list[Report]:
    return list(gate.check_many([Solution(code=c) if isinstance(c, str) else c for c in codes], NO_BOX))


def kept(reports: Sequence[Report]) -> list[int]:
    return [index for index, report in enumerate(reports) if report.passed]
