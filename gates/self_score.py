"""What does the model say about its own program? The logit of " good" minus that of " bad" after `# quality: `.

Score: that difference; above 0 the model prefers " good". `probability` in the reports is of " good" against " bad".

Source: the binary classifier of arXiv 2606.28438: the last 2,000 tokens of prompt and completion, then the question; the
highest 25 % are kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gates.base import Solution
from gates.ranked import Ranked, Scored, Scorer

QUESTION = "\n# quality: "
GOOD, BAD = " good", " bad"
LAST = 2000


@dataclass(frozen=True, kw_only=True)
class SelfScore(Ranked):
    """Keeps the programs that the model calls good.

    Attributes:
        model: the current model.
        good, bad: the two answers that are compared.
    """

    name: ClassVar[str] = "self-score"
    model: Scorer
    good: str = GOOD
    bad: str = BAD

    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return differences of logits."""
        return answers(self.model, solutions, self.good, self.bad)

    def seen(self) -> Mapping[str, str]:
        """Return the model's hash."""
        return {"model": self.model.identity}


def answers(model: Scorer, solutions: Sequence[Solution], good: str, bad: str) -> Sequence[Scored]:
    """Ask a model the question about each program."""
    return opinions(model, [one.code for one in solutions], good, bad)


def opinions(model: Scorer, texts: Sequence[str], good: str, bad: str) -> Sequence[Scored]:
    """Ask a model the question behind each text."""
    logits = model.next_logits(texts, (good, bad), suffix=QUESTION, last=LAST)
    scores = [float(yes) - float(no) for yes, no in logits]
    return [Scored(score=score, values={"probability": _sigmoid(score)}) for score in scores]


def _sigmoid(x: float) -> float | None:
    return 0.5 * (1 + math.tanh(x / 2)) if math.isfinite(x) else None
