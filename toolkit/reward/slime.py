"""slime's reward model: `--custom-rm-path toolkit.reward.slime.custom_rm`, or with `--group-rm` `...slime.group_rm`.

A sample's `label` is a task's id where the judge has a benchmark, else tests. Settings come from `TOOLKIT_REWARD`. slime
knows no "no reward", so what could not be judged raises.
"""

from collections.abc import Sequence
from typing import Any

from toolkit.reward.formats import NotJudged
from toolkit.reward.from_settings import judge_of
from toolkit.reward.openrlhf import truth_of


async def custom_rm(args: Any, sample: Any, **more: Any) -> float:
    """Return the reward of one sample, which has `response` and `label`. Raises as `group_rm`."""
    return (await group_rm(args, [sample], **more))[0]


async def group_rm(args: Any, samples: Sequence[Any], **_more: Any) -> list[float]:
    """Return the rewards of a group of samples. Raises `NotJudged` if one could not be judged."""
    judge = judge_of()
    found = await judge.judge_async([(truth_of(judge, sample.label), sample.response) for sample in samples])
    scores = [each.score for each in found if each.score is not None]
    if len(scores) < len(found):
        why = next(each.error for each in found if each.score is None)
        raise NotJudged(f"{len(found) - len(scores)} of {len(found)} samples could not be judged: {why}")
    return scores
