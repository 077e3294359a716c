"""TRL's reward functions (`GRPOTrainer`, `RLOOTrainer`): `GRPOTrainer(reward_funcs=CodeReward(Judge("humaneval+")), ...)`.

Every row of the data set has `task_id` where the judge has a benchmark, and `tests` (or `verification_info`, as open-r1 has
it) where it has none. What could not be judged is None, which TRL leaves out of the reward; `log_metric` tells how many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.errors import UsageError
from toolkit.reward.formats import as_tests, text_of
from toolkit.reward.judge import Judge
from toolkit.reward.rows import Judgement

Metric = Callable[[str, float], object]


@dataclass(frozen=True)
class CodeReward:
    """A reward function that blocks.

    Args:
        judge: judges the completions, conversational or plain.
        name: what the trainer's logs call it.
    """

    judge: Judge
    name: str = "code"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(
        self, completions: Sequence[Any], *, log_metric: Metric | None = None, **columns: Any
    ) -> list[float | None]:
        """Return a reward, or None, for each completion."""
        return told(self.judge.judge(rows(self.judge, completions, columns)), log_metric, self.name)


@dataclass(frozen=True)
class AsyncCodeReward(CodeReward):
    """The same as a coroutine, which the trainer runs beside its other ones."""

    async def __call__(  # type: ignore[override]
        self, completions: Sequence[Any], *, log_metric: Metric | None = None, **columns: Any
    ) -> list[float | None]:
        """Return a reward, or None, for each completion."""
        return told(await self.judge.judge_async(rows(self.judge, completions, columns)), log_metric, self.name)


def rows(judge: Judge, completions: Sequence[Any], columns: dict[str, Any]) -> list[tuple[Any, str]]:
    """Return the pairs to judge. Raise `UsageError` if the data set lacks the column that says what is right."""
    names = ("task_id",) if judge.benchmark else ("tests", "verification_info")
    column = next((columns[name] for name in names if columns.get(name) is not None), None)
    if column is None:
        raise UsageError(f"the data set has no column {' or '.join(names)}; it has {', '.join(sorted(columns)) or 'none'}")
    if len(column) != len(completions):
        raise UsageError(f"{len(completions)} completions, and {len(column)} rows of {names[0]}")
    try:
        truths = column if judge.benchmark else [as_tests(each) for each in column]
    except ValueError as error:
        raise UsageError(str(error)) from None
    return [(truth, text_of(completion)) for truth, completion in zip(truths, completions, strict=True)]


def told(found: Sequence[Judgement], log_metric: Metric | None, name: str) -> list[float | None]:
    """Log the shares that were not judged and that passed; return the rewards."""
    if log_metric and found:
        judged = [each for each in found if each.score is not None]
        log_metric(f"{name}/unscored", 1 - len(judged) / len(found))
        if judged:
            log_metric(f"{name}/passed", sum(bool(each.passed) for each in judged) / len(judged))
    return [each.score for each in found]
