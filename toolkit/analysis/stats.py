"""pass@k, how certain it is, and whether two runs differ.

All uncertainty here is over tasks: they are what was sampled, and more samples of one task say nothing about other tasks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

MAX_SUMS = 1 << 17
"""Distinct sums up to which the sign-flip distribution is enumerated; 17 different differences always fit."""
DRAWS = 100_000
_SCALE = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, compared on the tasks they share.

    Attributes:
        n_tasks: tasks with at least k samples in both runs.
        a, b: mean pass@k of each run over these tasks.
        difference: `a - b`, -1 to 1.
        low, high: 95 % interval of `difference` over tasks like these.
        p_value: two-sided, paired by task.
        exact: whether the p-value was enumerated rather than estimated from draws.
    """

    k: int
    n_tasks: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    exact: bool


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of the probability that at least one of k samples passes, given that c of n did.

    `1 - C(n-c, k) / C(n, k)`, in integers and rounded once: exact to the last bit for any n.

    Raises:
        ValueError: unless `0 <= c <= n` and `1 <= k <= n`.

    Source: Chen et al., Evaluating Large Language Models Trained on Code, arXiv 2107.03374, equation 1.
    """
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"pass@k wants 0 <= c <= n and 1 <= k <= n; got n={n}, c={c}, k={k}")
    drawn, marked = max(c, k), min(c, k)  # C(n-c, k) / C(n, k) is symmetric in c and k; the smaller makes small numbers
    every = math.comb(n, marked)
    return (every - math.comb(n - drawn, marked)) / every


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> float:
    """Return the mean pass@k over tasks, given (n, c) of each.

    Raises:
        ValueError: there is no task, or `pass_at_k` refuses one.
    """
    return math.fsum(_values(counts, k)) / len(counts)


def estimate(counts: Sequence[tuple[int, int]], k: int = 1) -> dict[str, float]:
    """Return the mean pass@k as `value`, with its 95 % interval `low` to `high`; see `interval`. Raises ValueError."""
    low, high = interval(counts, k)
    return {"value": mean_pass_at_k(counts, k), "low": low, "high": high}


def interval(counts: Sequence[tuple[int, int]], k: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for the mean pass@k over all tasks of this kind, of which these are taken as a sample.

    It says what other tasks of the kind would give, not how much another run on the same tasks would differ.

    If every task's value is 0 or 1 (n = 1, or k = n), this is Wilson's interval for the share of tasks, and rises with it.
    Otherwise it is Wilson's with the number of trials these tasks are worth (see `_trials`): from one per task, if each
    task always or never passes, to n per task, if all tasks are alike.

    Args:
        counts: (n, c) of each task.
        level: share of intervals that contain the true value, between 0 and 1.

    Raises:
        ValueError: there is no task, or `pass_at_k` refuses one.

    Source: Wilson (1927), JASA 22; with an effective number of trials: Korn and Graubard (1998), Survey Methodology 24;
    Franco et al. (2019), Journal of Survey Statistics and Methodology 7.
    """
    return mean_interval(_values(counts, k), math.fsum(1 / n for n, _ in counts) / max(1, len(counts)), level)


def mean_interval(values: Sequence[float], least: float, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for the mean of values in [0, 1], each of a task, over all tasks of the kind; see `interval`.

    Args:
        values: at least one.
        least: variance of a task's value over that of a single trial, if its samples depend on nothing but the mean.

    Raises:
        ValueError: `level` does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; got {level}")
    n_tasks, total = len(values), math.fsum(values)
    if n_tasks == 1 or {0.0, 1.0}.issuperset(values):
        return wilson(n_tasks, total, level)
    mean = total / n_tasks
    squares = math.fsum((value - mean) ** 2 for value in values)
    trials = _trials(n_tasks, mean, squares, least, level)
    return wilson(trials, min(1.0, mean) * trials, level)


def wilson(n: float, c: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a share, given c successes in n independent trials; neither need be whole.

    At 95 % it contains the true share in about 95 % of cases, but in fewer if fewer than 2 of all n trials are expected to
    be successes, or failures: in 84 % at worst, at 0.2. Of shares from 0.02 to 0.98, each taken for itself, it contains
    every one in at least 91.5 % of cases at 40 trials, 92.9 % at 164 and 93.5 % at 378. (scipy's `proportion_ci` takes
    whole numbers only.)

    Raises:
        ValueError: unless `0 <= c <= n` and `1 <= n`.

    Source: Wilson (1927), JASA 22.
    """
    if not (0 <= c <= n and n):
        raise ValueError(f"a share wants 0 <= c <= n and 1 <= n; got n={n}, c={c}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle, half = c + z * z / 2, z * math.sqrt(c * (n - c) / n + z * z / 4)
    low, high = (middle - half) / (n + z * z), (middle + half) / (n + z * z)
    return max(0.0, low) if c else 0.0, min(1.0, high) if c < n else 1.0


def agreement(counts: Sequence[tuple[int, int, int, int]], *, seed: int = 0) -> dict[str, dict[str, float | None] | None]:
    """Measure how well a decision agrees with the truth.

    Args:
        counts: (true positives, false positives, false negatives, true negatives) of each task.
        seed: of the resampling.

    Returns:
        `base_rate`, `precision`, `recall`, `lift` (precision over base rate) and `mcc` (Matthews's correlation), each with
        `value` and a 95 % interval `low` to `high`, or None if it is a division by 0. The first three have Wilson's
        interval, with samples taken as independent; for the others tasks are resampled, each with all its samples. Resamples
        without a value are left out; `low` and `high` are None if all tasks are the same.
    """
    import numpy as np

    def lift(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        return tp / (tp + fp) / ((tp + fn) / (tp + fp + fn + tn))

    def mcc(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
        return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))

    tp, fp, fn, tn = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0, 0)
    found: dict[str, dict[str, float | None] | None] = {}
    for name, n, c in (("base_rate", tp + fp + fn + tn, tp + fn), ("precision", tp + fp, tp), ("recall", tp + fn, tp)):
        low, high = wilson(n, c) if n else (None, None)
        found[name] = {"value": c / n, "low": low, "high": high} if n else None
    distinct, times = np.unique(np.array(counts, float).reshape(-1, 4), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(counts), times / len(counts), size=10_000) @ distinct if len(distinct) > 1 else distinct
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, number in (("lift", lift), ("mcc", mcc)):
            value = float(number(*np.array([tp, fp, fn, tn], float)))
            draws = number(*drawn.T)
            draws = draws[np.isfinite(draws)]
            low, high = map(float, np.quantile(draws, [0.025, 0.975])) if len(drawn) > 1 and len(draws) else (None, None)
            found[name] = {"value": value, "low": low, "high": high} if math.isfinite(value) else None
    return found


def compare(
    a: Mapping[str, tuple[int, int]], b: Mapping[str, tuple[int, int]], k: int = 1, *, seed: int = 0
) -> Comparison:
    """Compare two runs, each (n, c) by task id, on the tasks that have n >= k in both.

    The p-value is from the paired sign-flip permutation test on the tasks' differences: enumerated as long as the flipped
    sums take at most `MAX_SUMS` values (few differing tasks, or values on a grid, like pass@1 with equal n), else estimated
    from `DRAWS` seeded draws. With n = 1 it is McNemar's exact test. The interval is over other tasks of this kind, see
    `_paired`; it is made in another way than the p-value and may contain 0 with a p-value just below 0.05, or the reverse.

    Raises:
        ValueError: the runs share no such task, or `pass_at_k` refuses one.
    """
    shared = [task for task in a if task in b and a[task][0] >= k and b[task][0] >= k]
    if not shared:
        raise ValueError(f"the runs share no task with {k} or more samples in each")
    ours, theirs = _values([a[task] for task in shared], k), _values([b[task] for task in shared], k)
    differences = [x - y for x, y in zip(ours, theirs, strict=True)]
    scale = math.lcm(*(n for task in shared for n in (a[task][0], b[task][0]))) if k == 1 else _SCALE
    low, high, p_value, exact = paired(differences, scale, seed=seed)
    return Comparison(
        k=k, n_tasks=len(shared), a=math.fsum(ours) / len(shared), b=math.fsum(theirs) / len(shared),
        difference=math.fsum(differences) / len(shared), low=low, high=high, p_value=p_value, exact=exact,
    )  # fmt: skip


def paired(differences: Sequence[float], scale: int = _SCALE, *, seed: int = 0) -> tuple[float, float, float, bool]:
    """Return the 95 % interval of the mean of tasks' differences, the two-sided sign-flip p-value, and whether it is exact.

    Args:
        differences: of each task, at least one, from -1 to 1.
        scale: all of them are multiples of its inverse, if it is small enough.
    """
    p_value, exact = _sign_flip(list(differences), min(scale, _SCALE), seed)
    return *paired_interval(differences), p_value, exact


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of `paired`, which is cheap without the p-value."""
    return _paired(*_sums(differences))


def no_worse(differences: Sequence[float], margin: float) -> float:
    """Return the one-sided p-value of the claim that the mean of tasks' differences is above `-margin`.

    It is below 0.05 if and only if the lower end of the 90 % interval, made as that of `paired`, is above `-margin`.
    """
    middle, error = _moments(*_sums(differences), NormalDist().inv_cdf(0.95))
    return NormalDist().cdf(-(middle + margin) / error)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for being the smallest of many, after Holm (1979); None stays, and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    found: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        found[i] = highest
    return found


def _values(counts: Sequence[tuple[int, int]], k: int) -> list[float]:
    if not counts:
        raise ValueError("there is no task")
    return [pass_at_k(n, c, k) for n, c in counts]


def _trials(n_tasks: int, mean: float, squares: float, least: float, level: float) -> float:
    """Return how many independent trials would make the mean of the tasks' values as uncertain as it is.

    That is the number of tasks divided by a share: the variance of a task's value over that of a single trial,
    `mean * (1 - mean)`. The share is 1 if values are 0 or 1. It is taken larger than observed, by what estimating it costs
    (Student's t instead of z, and `n_tasks - 1`, both to first order), and near 0 and 1 by `z * z / 2` unseen tasks of the
    other extreme, as in Wilson's formula: a few small values there say little about whether others are large, and with
    the unseen tasks one pass instead of none does not lower the upper bound.

    Args:
        n_tasks: 2 or more.
        squares: sum of squared deviations from the mean.
        least: the share if a task's samples depend on nothing but the mean, `1 / n`.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    unseen = z * z / 2 * (1 - 2 * mean) ** 4
    share = (squares + unseen) / (n_tasks * mean * (1 - mean) + unseen) * (1 + (z * z + 3) / (2 * (n_tasks - 1)))
    return n_tasks / min(1.0, max(least, share))


def _sums(differences: Sequence[float]) -> tuple[int, float, float, float]:
    total, size = math.fsum(differences), math.fsum(map(abs, differences))
    return len(differences), total, size, math.fsum(d * d for d in differences)


def _paired(n_tasks: int, total: float, size: float, squares: float) -> tuple[float, float]:
    """Return the 95 % interval for a mean difference, given the sums of differences, of their sizes and of their squares."""
    z = NormalDist().inv_cdf(0.975)
    middle, error = _moments(n_tasks, total, size, squares, z)
    return max(-1.0, middle - z * error), min(1.0, middle + z * error)


def _moments(n_tasks: int, total: float, size: float, squares: float, z: float) -> tuple[float, float]:
    """Return middle and standard error for an interval of a mean difference that is z standard errors wide on each side.

    They are those of the mean after adding `z * z / 2` tasks, half of which differ in each direction: by as much as the
    observed ones do, and by 1 if next to none does, so that no set of equal differences gives certainty.

    Source: Agresti and Min (2005), Statistics in Medicine 24, who add two pairs.
    """
    added = z * z / 2
    n = n_tasks + added
    middle, square = total / n, (squares + added * (squares + added) / (size + added)) / n
    return middle, math.sqrt((square - middle * middle) / n)


def _sign_flip(differences: list[float], scale: int, seed: int) -> tuple[float, bool]:
    """Return the chance of a sum at least as far from 0 if every sign is a coin flip, and whether that is exact."""
    import numpy as np

    steps = np.rint(np.asarray(differences) * scale).astype(np.int64)  # whole numbers: equal sums are equal
    seen = abs(int(steps.sum()))
    steps = np.abs(steps[steps != 0])
    seen -= 0 if scale < _SCALE else len(steps)  # what rounding can have made of a tie
    sums, chance = np.zeros(1, dtype=np.int64), np.ones(1)
    for step in np.sort(steps)[::-1]:
        both, where = np.unique(np.concatenate([sums - step, sums + step]), return_inverse=True)
        if len(both) > MAX_SUMS:
            break
        sums = both
        chance = np.bincount(where.ravel(), weights=np.concatenate([chance, chance]) / 2).astype(np.float64)
    else:
        return min(1.0, float(chance[np.abs(sums) >= seen].sum())), True
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(DRAWS // 1000):
        signs = rng.integers(0, 2, size=(1000, len(steps)), dtype=np.int8) * np.int8(2) - np.int8(1)
        hits += int((np.abs(signs @ steps) >= seen).sum())
    return (hits + 1) / (DRAWS + 1), False
