"""verl's `compute_score`, for `reward.custom_reward_function.path` (docs/rl.md has the lines).

verl knows no "no reward": where nothing could be judged after all tries, the default is to raise, so that training stops
rather than learns from a 0 that no program earned. With `unscored=zero` the score is 0.0 and the metric `unscored` 1.
"""

from collections.abc import Mapping
from typing import Any

from toolkit.errors import UsageError
from toolkit.reward.formats import NotJudged, as_tests
from toolkit.reward.from_settings import judge_of
from toolkit.reward.judge import Judge
from toolkit.reward.rows import Judgement


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, *,
    unscored: str = "raise", **settings: Any,
) -> dict[str, float]:  # fmt: skip
    """Return `score`, and the metrics `passed`, `tests_passed` (a share) and `unscored`.

    Args:
        solution_str: the model's answer; code is taken out of its fences.
        ground_truth: tests in verl's forms (`toolkit.reward.formats.as_tests`); with a `benchmark`, a task's id.
        unscored: `raise`, or `zero`.
        settings: of `Judge`, as `reward_kwargs` gives them; `url` spares each reward worker boxes of its own.

    Raises:
        NotJudged: unless `unscored` is `zero`.
        UsageError: the ground truth or a setting is none.
    """
    judge = judge_of(**_own(settings))
    return _score(judge.judge([_row(judge, solution_str, ground_truth, extra_info)])[0], unscored)


async def compute_score_async(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, *,
    unscored: str = "raise", **settings: Any,
) -> dict[str, float]:  # fmt: skip
    """The same, awaitable: `reward.custom_reward_function.name=compute_score_async`."""
    judge = judge_of(**_own(settings))
    return _score((await judge.judge_async([_row(judge, solution_str, ground_truth, extra_info)]))[0], unscored)


def _own(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without what verl adds of its own."""
    return {name: value for name, value in settings.items() if name in Judge.__dataclass_fields__}


def _row(judge: Judge, solution: str, truth: Any, extra: Mapping[str, Any] | None) -> tuple[Any, str]:
    if judge.benchmark:
        named = (extra or {}).get("task_id", truth)
        return (named, solution)
    try:
        return (as_tests(truth), solution)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _score(found: Judgement, unscored: str) -> dict[str, float]:
    if unscored not in ("raise", "zero"):
        raise UsageError(f"unscored is raise or zero, not {unscored!r}")
    if found.score is None and unscored == "raise":
        raise NotJudged(f"a solution could not be judged: {found.error}; it has no reward")
    share = (found.tests_passed or 0) / found.tests if found.tests else 0.0
    return {
        "score": found.score or 0.0, "passed": float(bool(found.passed)), "tests_passed": share,
        "unscored": float(found.score is None),
    }  # fmt: skip
