"""What accuracy costs: the Performance-Efficiency Ratio, accuracy over model size, and pass@k at an equal budget.

A model is a mapping with the axes of `AXES`: `accuracy` (0 to 1), `tokens_per_s`, `ms_per_token`, `memory_mb`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from toolkit.analysis import stats

AXES = {"accuracy": True, "tokens_per_s": True, "memory_mb": False, "ms_per_token": False}
"""Whether more is better."""
UNITS = ("tokens", "seconds", "flops")
"""Units of a budget."""
FEW = 8
"""With fewer models than this a fit over size describes these models, and says little of others."""

Model = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Anchors:
    """The ends of an axis: one of them counts 0, the other 1, and so does what lies beyond."""

    low: float
    high: float
    log: bool = True

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at `low`, 1 at `high`."""
        value = min(max(value, self.low), self.high)
        low, high, at = map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return (at - low) / (high - low)


FIXED = {
    "accuracy": Anchors(0, 1, log=False),
    "tokens_per_s": Anchors(1, 100_000),
    "memory_mb": Anchors(100, 1_000_000),
    "ms_per_token": Anchors(0.01, 1000),
}
"""Anchors that hold for any set of models: all of accuracy, five decades of speed, four of memory."""


# -- the Performance-Efficiency Ratio ----------------------------------------------------------------------------------


def per(models: Sequence[Model], anchors: Mapping[str, Anchors] | None = None) -> list[float | None]:
    """Return the Performance-Efficiency Ratio of each model, 0 to 1: the geometric mean of its four normalised axes.

    Without anchors an axis runs from the least to the largest value of these models, so that the worst on any axis has 0,
    every model changes the numbers of all others, and accuracies that a harder benchmark maps to a * accuracy + b give the
    same ratios. An axis on which all are equal tells nothing apart, and counts 1 for each. One model alone has no ratio.

    Args:
        models: all four axes of each, finite.
        anchors: ends of all four axes (`FIXED`): a model's ratio then depends on nothing but itself.

    Source: Cao et al. (2026), arXiv 2603.21389.
    """
    if anchors is None and len(models) < 2:
        return [None] * len(models)
    columns = []
    for axis, higher in AXES.items():
        values = [model[axis] for model in models]
        ends = anchors[axis] if anchors else Anchors(min(values), max(values), log=False)
        shares = [ends.share(value) for value in values] if ends.low < ends.high else [float(higher)] * len(values)
        columns.append(shares if higher else [1 - share for share in shares])
    return [math.prod(shares) ** (1 / len(AXES)) for shares in zip(*columns, strict=True)]


def leave_one_out(models: Sequence[Model]) -> list[tuple[float, float] | None]:
    """Return the range of each model's ratio if any one of the others is left out; None below three models."""
    found: list[list[float]] = [[] for _ in models]
    for out in range(len(models)):
        left = [i for i in range(len(models)) if i != out]
        for i, value in zip(left, per([models[i] for i in left]), strict=True):
            found[i] += [] if value is None else [value]
    return [(min(values), max(values)) if values else None for values in found]


def pareto(models: Sequence[Model]) -> list[bool]:
    """Say of each model whether no other one is at least as good on all four axes and better on one."""
    points = [[model[axis] * (1 if higher else -1) for axis, higher in AXES.items()] for model in models]

    def beaten(point: list[float]) -> bool:
        return any(other != point and all(a >= b for a, b in zip(other, point, strict=True)) for other in points)

    return [not beaten(point) for point in points]


# -- over model size ---------------------------------------------------------------------------------------------------


def scaling(parameters: Sequence[float], accuracies: Sequence[float], level: float = 0.95) -> dict[str, Any] | None:
    """Fit accuracy = intercept + slope * log10(parameters) by least squares; None unless two sizes differ.

    Returns:
        `slope` (accuracy a decade of parameters) with `low` and `high`, its interval by Student's t, None for two models;
        `intercept`, `r2` (None if all accuracies are equal), `n_models`, and `underpowered`: fewer than `FEW` models, or an
        interval with slopes of both signs.

    Raises:
        ValueError: a size is not above 0, or there are more sizes than accuracies, or fewer.
    """
    if len(parameters) != len(accuracies) or any(not size > 0 for size in parameters):
        raise ValueError("a fit over size wants a number of parameters above 0 for each accuracy")
    if len(set(parameters)) < 2:
        return None
    from scipy.stats import t

    n, x = len(parameters), [math.log10(size) for size in parameters]
    x_mean, y_mean = math.fsum(x) / n, math.fsum(accuracies) / n
    spread = math.fsum((each - x_mean) ** 2 for each in x)
    slope = math.fsum((a - x_mean) * (b - y_mean) for a, b in zip(x, accuracies, strict=True)) / spread
    total = math.fsum((each - y_mean) ** 2 for each in accuracies)
    rest = math.fsum((b - y_mean - slope * (a - x_mean)) ** 2 for a, b in zip(x, accuracies, strict=True))
    half = float(t.ppf((1 + level) / 2, n - 2)) * math.sqrt(rest / (n - 2) / spread) if n > 2 else None
    low, high = (None, None) if half is None else (slope - half, slope + half)
    return {
        "slope": slope, "low": low, "high": high, "intercept": y_mean - slope * x_mean,
        "r2": 1 - rest / total if total else None, "n_models": n,
        "underpowered": n < FEW or low is None or high is None or low <= 0 <= high,
    }  # fmt: skip


# -- at an equal budget ------------------------------------------------------------------------------------------------


def spent(generation: Mapping[str, Any], unit: str) -> tuple[float, int]:
    """Return what samples took together in a unit of `UNITS`, and how many they were.

    FLOPs are an estimate, 2 * parameters * tokens: a multiplication and an addition for each parameter that a token passes
    through. Reading prompts, and attention to what came before, is left out of it, as prompts are of tokens.

    Args:
        generation: that of a run's summary.

    Raises:
        ValueError: that is not recorded; the text says what is missing.
    """
    if unit == "seconds":
        if not generation.get("seconds"):
            raise ValueError("no seconds are recorded; toolkit generate notes them in a file beside its samples")
        return generation["seconds"], generation["n_samples"]
    if not generation.get("n_judged_tokens"):
        raise ValueError("not every sample says how many tokens it has (n_tokens, which toolkit generate writes)")
    if unit == "flops" and not generation.get("n_active"):
        raise ValueError("the model's number of parameters is not recorded; it is noted where this toolkit runs the model")
    return generation["n_judged_tokens"] * (2 * generation["n_active"] if unit == "flops" else 1), generation["n_judged"]


def affordable(budget: float, spent: float, n_samples: int) -> int:
    """Return how many samples of each task a budget for a task buys, if `n_samples` samples took `spent` together.

    That is `floor(budget / mean cost of a sample)`, taken exactly, so that a budget of three samples buys three.

    Raises:
        ValueError: what was spent, or the budget, is not above 0.
    """
    if not (0 < spent < math.inf and 0 < budget < math.inf and n_samples > 0):
        raise ValueError(f"a budget and what samples took have to be above 0; got {budget:g}, {spent:g} for {n_samples}")
    return int(Fraction(str(budget)) * n_samples / Fraction(str(spent)))


def at_budget(counts: Sequence[tuple[int, int]], k: int) -> dict[str, Any]:
    """Return the mean pass@k of a model that can afford k samples of each task.

    Below one sample nothing can be solved: 0, without an interval. Above the samples that every task has, pass@k cannot be
    estimated; pass@n, with the largest n that all have, is then a lower bound.

    Args:
        counts: (n, c) of each task, at least one of them.

    Returns:
        `value` with `low` and `high`, the `k` it is of, and `at_least`: it is such a bound.

    Raises:
        ValueError: there is no task.
    """
    if not counts:
        raise ValueError("there is no task")
    of = min(k, *(n for n, _ in counts))
    if of < 1:
        return {"value": 0.0, "low": None, "high": None, "k": 0, "at_least": False}
    return {**stats.estimate(counts, of), "k": of, "at_least": of < k}
