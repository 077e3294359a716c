"""What pass@k is, how sure one can be of it, and whether two runs differ.

Tasks are the unit of all uncertainty here: they are what was drawn; more samples of a task tell nothing of other tasks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

MAX_SUMS = 1 << 17
"""Distinct sums up to which the sign-flip distribution is enumerated; 17 different differences always fit."""
DRAWS = 100_000
EQUAL = 0.01
"""Range of values below which a bootstrap over them means nothing."""
_SCALE = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs on the tasks that they share.

    Attributes:
        n_tasks: tasks that both runs have, with at least k samples in each.
        a, b: mean pass@k of either run over these tasks.
        difference: `a - b`, -1 to 1.
        low, high: 95 % bootstrap interval of `difference`, tasks resampled.
        p_value: two-sided, paired by task.
        exact: the p-value is enumerated rather than drawn.
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
    """Estimate, without bias, the probability that one of k samples passes when c of n did.

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
    """Return the mean pass@k of tasks, given (n, c) of each.

    Raises:
        ValueError: there is no task, or `pass_at_k` refuses one.
    """
    return math.fsum(_values(counts, k)) / len(counts)


def interval(
    counts: Sequence[tuple[int, int]], k: int, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean pass@k; tasks are resampled, not samples.

    Tasks as good as equal (within `EQUAL`) give a bootstrap nothing to vary, which would claim certainty. Then the
    interval is what the mean would be if as large a share of tasks as Wilson's bound for 0 of n allows were at the
    other end: for 0 of n and n of n tasks passed this is Wilson's interval itself.

    Args:
        counts: (n, c) of each task.
        level: share of intervals that hold the true value, between 0 and 1.

    Raises:
        ValueError: there is no task, or `pass_at_k` refuses one.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; Wilson (1927), JASA 22.
    """
    return _bootstrap(_values(counts, k), 0.0, level, resamples, seed)


def wilson(n: int, c: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share, of which c of n independent trials are seen.

    Raises:
        ValueError: unless `0 <= c <= n` and `1 <= n`.

    Source: Wilson (1927), JASA 22.
    """
    if not (0 <= c <= n and n):
        raise ValueError(f"a share wants 0 <= c <= n and 1 <= n; got n={n}, c={c}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle, half = c + z * z / 2, z * math.sqrt(c * (n - c) / n + z * z / 4)
    return (middle - half) / (n + z * z) if c else 0.0, (middle + half) / (n + z * z) if c < n else 1.0


def agreement(counts: Sequence[tuple[int, int, int, int]], *, seed: int = 0) -> dict[str, dict[str, float | None] | None]:
    """Say how well a decision agrees with the truth, given (true and false positives, false and true negatives) a task.

    Returns `base_rate`, `precision`, `recall`, `lift` (precision over base rate) and `mcc` (Matthews's correlation), each
    with `value`, `low` and `high`, or None where it is a division by 0. The intervals hold at 95 %: Wilson's for the
    first three, samples taken as independent; for the others tasks are resampled, and samples of a task stay together.
    Resamples in which the number does not exist are left out; there is no interval where all tasks are the same.
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
    """Compare two runs, each (n, c) by task id, on the tasks that both have with n >= k.

    The p-value is that of the paired sign-flip permutation test on the tasks' differences: enumerated while the flipped
    sums take at most `MAX_SUMS` values (few differing tasks, or values on a grid, as pass@1 has with equal n), else
    from `DRAWS` seeded draws. With n = 1 it is McNemar's exact test.

    Raises:
        ValueError: no task is shared, or `pass_at_k` refuses one.
    """
    shared = [task for task in a if task in b and a[task][0] >= k and b[task][0] >= k]
    if not shared:
        raise ValueError(f"the runs share no task with {k} or more samples in each")
    ours, theirs = _values([a[task] for task in shared], k), _values([b[task] for task in shared], k)
    differences = [x - y for x, y in zip(ours, theirs, strict=True)]
    low, high = _bootstrap(differences, -1.0, 0.95, 10_000, seed)
    scale = math.lcm(*(n for task in shared for n in (a[task][0], b[task][0]))) if k == 1 else _SCALE
    p_value, exact = _sign_flip(differences, min(scale, _SCALE), seed)
    return Comparison(
        k=k, n_tasks=len(shared), a=math.fsum(ours) / len(shared), b=math.fsum(theirs) / len(shared),
        difference=math.fsum(differences) / len(shared), low=low, high=high, p_value=p_value, exact=exact,
    )  # fmt: skip


def _values(counts: Sequence[tuple[int, int]], k: int) -> list[float]:
    if not counts:
        raise ValueError("there is no task")
    return [pass_at_k(n, c, k) for n, c in counts]


def _bootstrap(values: list[float], floor: float, level: float, resamples: int, seed: int) -> tuple[float, float]:
    """Return the interval of the mean of values between `floor` (0, or -1 for differences) and 1."""
    import numpy as np

    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; got {level}")
    distinct, times = np.unique(np.round(values, 12), return_counts=True)
    n_tasks, tail = len(values), (1 - level) / 2
    if distinct[-1] - distinct[0] <= (0 if floor else EQUAL):
        z = NormalDist().inv_cdf(1 - tail)
        share, mean = z * z / (n_tasks + z * z), math.fsum(values) / n_tasks
        return mean - share * (mean - floor), mean + share * (1 - mean)
    rng = np.random.default_rng(seed)
    means = [  # how often each value is drawn is all that matters; in pieces, so that memory stays small
        rng.multinomial(n_tasks, times / n_tasks, size=len(piece)) @ distinct / n_tasks
        for piece in np.array_split(np.arange(resamples), math.ceil(resamples / 1000))
    ]
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return max(floor, float(low)), min(1.0, float(high))


def _sign_flip(differences: list[float], scale: int, seed: int) -> tuple[float, bool]:
    """Return how likely a sum at least as far from 0 is when each sign is a coin's, and whether that is exact."""
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
