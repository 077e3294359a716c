"""Published gaps between mixtures and dense models on HumanEval Pro and MBPP Pro, and what they can say."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from toolkit.analysis.contrasts import SEES
from toolkit.published import numbers

BENCHMARKS = {"humaneval-pro": 164, "mbpp-pro": 378}
"""And their numbers of tasks."""
MIXTURES = ("DeepSeek-V2.5", "DeepSeek-Coder-V2-Instruct")
DENSE = ("Qwen2.5-Coder-7B-Instruct", "Qwen2.5-Coder-32B-Instruct", "Codestral-22B", "DeepSeek-Coder-33B-Instruct",
         "Llama-3-70B-Instruct")  # fmt: skip
LARGE = ("Qwen2.5-Coder-32B-Instruct", "DeepSeek-Coder-33B-Instruct", "Llama-3-70B-Instruct")
PAIR = ("DeepSeek-Coder-V2-Instruct", "Qwen2.5-Coder-32B-Instruct")
"""A mixture and the best dense model: one of each, so that there is a standard error."""


def score(model: str, benchmark: str) -> float:
    """Return a model's percentage in table 2 of arXiv 2412.21199v2, 0-shot on the Pro sets."""
    found = [each.percent for each in numbers() if each.model == model and each.benchmark == benchmark
             and each.source.endswith("Table 2") and each.setting in ("", "0-shot")]  # fmt: skip
    assert len(found) == 1, (model, benchmark, found)
    return found[0]


def retention(model: str, benchmark: str) -> float:
    """Return a model's share of its score on the base set that it has on the Pro set."""
    return score(model, benchmark) / score(model, benchmark.removesuffix("-pro"))


def difference_of_gaps(mixtures: Sequence[str], dense: Sequence[str], measure: Any = score) -> tuple[float, float, float]:
    """Return the gap (mean of the mixtures less that of the dense) on each benchmark, and the first less the second."""
    gaps = [
        fmean(measure(model, name) for model in mixtures) - fmean(measure(model, name) for model in dense)
        for name in BENCHMARKS
    ]  # fmt: skip
    return gaps[0], gaps[1], gaps[0] - gaps[1]


def standard_error(one: str, other: str) -> float:
    """Return the standard error of a pair's difference of gaps, in points: one greedy answer a task, all independent."""
    shares = [(score(model, name) / 100, n) for name, n in BENCHMARKS.items() for model in (one, other)]
    return 100 * math.sqrt(math.fsum(p * (1 - p) / n for p, n in shares))


def rows() -> list[dict[str, Any]]:
    """Return the gaps of groups and of the pair: points, or of the retention."""
    asked = (
        (f"{len(MIXTURES)} mixtures, {len(DENSE)} dense", MIXTURES, DENSE),
        (f"{len(MIXTURES)} mixtures, {len(LARGE)} largest dense", MIXTURES, LARGE),
        (" less ".join(PAIR), PAIR[:1], PAIR[1:]),
    )  # fmt: skip
    found = []
    for name, mixtures, dense in asked:
        for said, measure, digits in (("points", score, 2), ("Pro / base", retention, 4)):
            first, second, difference = difference_of_gaps(mixtures, dense, measure)
            error = standard_error(*PAIR) if len(mixtures) == len(dense) == 1 and measure is score else None
            found.append({
                "models": name, "of": said, "humaneval_pro": round(first, digits), "mbpp_pro": round(second, digits),
                "difference": round(difference, digits),
                "se": None if error is None else round(error, 2),
                "low": None if error is None else round(difference - 1.959964 * error, digits),
                "high": None if error is None else round(difference + 1.959964 * error, digits),
            })  # fmt: skip
    return found


def verdict() -> str:
    """Return the line that published numbers end with: they cannot decide it."""
    first, second, difference = difference_of_gaps(MIXTURES, DENSE)
    pair, error = difference_of_gaps(PAIR[:1], PAIR[1:])[2], standard_error(*PAIR)
    half = 1.959964 * error
    is_open = abs(pair) < half
    n = math.ceil(sum(BENCHMARKS.values()) * (SEES * error / pair) ** 2)
    return (
        f"{'open' if is_open else 'answered'}: mixtures less dense {first:+.1f} points on HumanEval Pro, {second:+.1f} on "
        f"MBPP Pro, difference {difference:+.1f}; but {PAIR[0]} less {PAIR[1]} {pair:+.1f} "
        f"[{pair - half:+.1f}, {pair + half:+.1f}], smallest effect visible {SEES * error:.1f} points over "
        f"{sum(BENCHMARKS.values())} tasks, one answer each; about {n:,} tasks would decide it, and families differ besides"
    )
