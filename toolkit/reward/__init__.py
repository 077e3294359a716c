"""Rewards for training loops: from a task and a model's text to a number, or to None where nothing could be judged.

    from toolkit.reward import Judge

    judge = Judge("humaneval+")
    judge.scores([("HumanEval/0", text), ("HumanEval/1", other)])  # [1.0, None]

Judging is the oracle's: inputs go into a box, outputs come out, the host compares. One file here for each trainer
(docs/rl.md); none of them is imported by this package, and a trainer only inside the functions that need it.
"""

from toolkit.reward.judge import Judge
from toolkit.reward.rows import Judgement

__all__ = ["Judge", "Judgement"]
