"""A gate that needs a model: what is called `model` is given to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from gates import Scorer, Solution
from gates.ranked import Ranked, Scored


@dataclass(frozen=True, kw_only=True)
class Likely(Ranked):
    """Keeps the programs whose least likely token is the likeliest."""

    name: ClassVar[str] = "likely"
    model: Scorer

    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return log-probabilities."""
        codes = [solution.code for solution in solutions]
        found = self.model.logprobs([""] * len(codes), codes, [False] * len(codes))
        return [Scored(score=float(min(each, default=-inf))) for each in found]

    def seen(self) -> Mapping[str, str]:
        """Return the model's hash."""
        return {"model": self.model.identity}
