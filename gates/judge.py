"""What does another model say? Put the question of `self-score` to a model that did not write the program.

Score: as there. The judge's weights are frozen: every report's versions have their SHA-256, which shows whether two
rounds had the same judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gates.base import Solution
from gates.ranked import Ranked, Scored, Scorer
from gates.self_score import BAD, GOOD, answers


@dataclass(frozen=True, kw_only=True)
class Judge(Ranked):
    """Keeps the programs that the judge calls good.

    Attributes:
        judge_model: the judge.
        good, bad: the two answers that are compared.
    """

    name: ClassVar[str] = "judge"
    judge_model: Scorer
    good: str = GOOD
    bad: str = BAD

    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return differences of logits."""
        return answers(self.judge_model, solutions, self.good, self.bad)

    def seen(self) -> Mapping[str, str]:
        """Return the judge's hash."""
        return {"judge": self.judge_model.identity}
