"""How likely does the model find it? Score: the perplexity of the completion alone, given its prompt.

That is exp(-mean log-probability) of the completion's tokens, from 1 up to e^700; reports also have `mean_logprob` and
`n_tokens`. A completion without tokens has no perplexity: it is refused (`empty-completion`), but by default still counts
among the programs of which a fraction is kept. The study left such completions out before it took its fraction
(`empty="excluded"`), so its acceptance rate rose when fewer were empty.

Source: arXiv 2606.28438 keeps the lowest 25 % under the current model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from gates.base import Solution, refused
from gates.ranked import Ranked, Scored, Scorer

_MAX_LOG = 700.0


@dataclass(frozen=True, kw_only=True)
class Perplexity(Ranked):
    """Keeps the programs that the model finds likely.

    Attributes:
        model: the current model.
        empty: whether an empty completion counts among the programs of which a fraction is kept (`counted`, `excluded`).
    """

    name: ClassVar[str] = "perplexity"
    lowest: ClassVar[bool] = True
    model: Scorer
    empty: Literal["counted", "excluded"] = "counted"

    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return perplexities."""
        prompts, completions = zip(*map(_texts, solutions), strict=True) if solutions else ((), ())
        chats = [solution.chat for solution in solutions]
        return [self._scored(each) for each in self.model.logprobs(prompts, completions, chats)]

    def _scored(self, logprobs: Sequence[float]) -> Scored:
        n = len(logprobs)
        if not n:
            why = refused("empty-completion", "the completion has no token that could be likely or not")
            return Scored(score=None, finding=why, counts=self.empty == "counted", values={"n_tokens": 0})
        mean = math.fsum(logprobs) / n
        score = math.nan if math.isnan(mean) else math.exp(min(-mean, _MAX_LOG))
        return Scored(score=score, values={"n_tokens": n, "mean_logprob": mean if math.isfinite(mean) else None})

    def seen(self) -> Mapping[str, str]:
        """Return the model's hash."""
        return {"model": self.model.identity}

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return prompt and completion, and whether the prompt is a chat's."""
        return [*_texts(solution), "chat" if solution.chat else None]


@dataclass(frozen=True, kw_only=True)
class InversePerplexity(Perplexity):
    """Keeps the programs that surprise the model: `perplexity` reversed."""

    name: ClassVar[str] = "inverse-perplexity"
    lowest: ClassVar[bool] = False


def _texts(solution: Solution) -> tuple[str, str]:
    """Return (prompt, completion); if there is no prompt, what precedes the completion in the program."""
    completion = solution.code if solution.completion is None else solution.completion
    if solution.prompt is not None:
        return solution.prompt, completion
    return solution.code.removesuffix(completion) if solution.code.endswith(completion) else "", completion
