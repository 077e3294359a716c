"""OpenRLHF's `reward_func`: `--reward.remote_url .../toolkit/reward/openrlhf.py`, which it loads by this path.

`label` is a task's id where the judge has a benchmark, else tests (`toolkit.reward.formats.as_tests`). Settings come from
`TOOLKIT_REWARD`. What could not be judged raises, which OpenRLHF takes for no reward. `toolkit serve` has the same on
`/reward/openrlhf`, for machines without boxes.
"""

from collections.abc import Sequence
from typing import Any

from toolkit.errors import UsageError
from toolkit.reward.formats import NotJudged, answer_of, as_tests
from toolkit.reward.from_settings import judge_of
from toolkit.reward.judge import Judge


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_more: Any) -> dict[str, Any]:
    """Return `rewards` and `scores`, a number for one query and a list for several, and `extra_logs`.

    Args:
        queries: prompt and answer as one text, special tokens included.

    Raises:
        NotJudged: one of them could not be judged.
    """
    judge = judge_of()
    asked = zip(queries, prompts, labels, strict=True)
    found = judge.judge([(truth_of(judge, label), answer_of(query, prompt)) for query, prompt, label in asked])
    scores = [each.score for each in found]
    if missing := [each.error for each in found if each.score is None]:
        raise NotJudged(f"{len(missing)} of {len(found)} answers could not be judged: {missing[0]}")
    told: Any = scores[0] if len(scores) == 1 else scores
    passed = [float(bool(each.passed)) for each in found]
    return {"rewards": told, "scores": told, "extra_logs": {"passed": passed[0] if len(passed) == 1 else passed}}


def truth_of(judge: Judge, label: Any) -> Any:
    """Return what a judge is asked by: a task's id, or tests. Raise `UsageError` if the label is neither."""
    if judge.benchmark:
        return label
    try:
        return as_tests(label)
    except ValueError as error:
        raise UsageError(f"label: {error}") from None
