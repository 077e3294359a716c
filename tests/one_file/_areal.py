"""AReaL's `reward_fn`, called in a pool of processes: `areal.reward` as its import string, or the function itself."""

from typing import Any

from toolkit.reward import Judge
from toolkit.reward.formats import NotJudged, as_tests

JUDGE = Judge.tests(partial=0.5)  # settings only: boxes start in each process, with the first call


def reward(prompt: str, completions: str, prompt_ids: Any, completion_ids: Any, *, tests: Any, **_row: Any) -> float:
    """Return the reward of an answer; `tests` is a column of the data set. Raise where there is none: AReaL asks again."""
    (found,) = JUDGE.judge([(as_tests(tests), completions)])
    if found.score is None:
        raise NotJudged(f"it has no reward: {found.error}")
    return found.score
