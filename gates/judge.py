"""What does another model say? Put the question of `self-score` to a model that did not write the program.

Score: as there. With `cot`, the judge first writes a line about the program, greedily, and the question stands behind it.
The judge's weights are frozen: every report's versions have their SHA-256, which shows whether two rounds had the same
judge.

Source: a frozen judge, and one that reasons before its soft score, as the discriminator of arXiv 2505.03786.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gates.base import Solution
from gates.ranked import Ranked, Scored, Scorer
from gates.self_score import BAD, GOOD, LAST, opinions

REVIEW = "\n# review:"
MOST = 64
"""Tokens of a review; it ends with its line."""


@dataclass(frozen=True, kw_only=True)
class Judge(Ranked):
    """Keeps the programs that the judge calls good.

    Attributes:
        judge_model: the judge.
        good, bad: the two answers that are compared.
        cot: let the judge write a line about a program before it is asked.
    """

    name: ClassVar[str] = "judge"
    judge_model: Scorer
    good: str = GOOD
    bad: str = BAD
    cot: bool = False

    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return differences of logits."""
        texts = [one.code for one in solutions]
        if self.cot:
            said = self.judge_model.written(texts, suffix=REVIEW, last=LAST - MOST, most=MOST, stop=("\n",))
            texts = [text + REVIEW + review for text, review in zip(texts, said, strict=True)]
        return opinions(self.judge_model, texts, self.good, self.bad)

    def seen(self) -> Mapping[str, str]:
        """Return the judge's hash."""
        return {"judge": self.judge_model.identity}
