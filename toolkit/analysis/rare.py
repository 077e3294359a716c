"""The rate of rare failures: where they are is learnt by the cross-entropy method, and importance sampling counts them.

A problem is a point of a finite space: a level of each of several factors. Under the nominal distribution factors are
independent. A proposal is such a distribution too; what it draws is weighted by nominal over proposed probability, so the
estimate is unbiased whatever the proposal is, as long as it can draw every point.

Source: five-nines reliability, arXiv 2605.11209; the method: Rubinstein and Kroese, The Cross-Entropy Method (2004).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.analysis.stats import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Table = Sequence[Sequence[float]]
"""The probability of each level, by factor."""
Loss = Callable[["NDArray[np.int64]"], "NDArray[np.float64]"]
"""Given points (n x factors), returns the loss of an answer to each; 1 and more is a failure."""
FAILS = 1.0
MIXED = 0.1
"""Share of the nominal distribution in every factor of a proposal: a level keeps at least a tenth of its probability."""
SMOOTHED = 0.7
"""How far a round of learning goes towards what it found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """An estimate of a failure rate.

    Attributes:
        value, low, high: with its 95 % interval.
        n: problems asked, also those that the proposal was learnt from.
        failures: seen among those that the estimate is made of.
        effective: how many independent problems of the proposal the weights are worth.
        saved: how many times more problems plain sampling would need for an interval as narrow; None without a failure.
    """

    value: float
    low: float
    high: float
    n: int
    failures: int
    effective: float
    saved: float | None


def uniform(sizes: Sequence[int]) -> list[list[float]]:
    """Return the distribution that gives each level of each factor the same probability."""
    return [[1 / size] * size for size in sizes]


def draw(table: Table, n: int, rng: Any) -> "NDArray[np.int64]":
    """Return n points, n x factors."""
    import numpy as np

    return np.stack([rng.choice(len(each), size=n, p=each) for each in table], axis=1).astype(np.int64)


def log_ratio(nominal: Table, proposal: Table, points: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return the logarithm of nominal over proposed probability of each point."""
    import numpy as np

    total = np.zeros(len(points))
    for at, (one, other) in enumerate(zip(nominal, proposal, strict=True)):
        total += np.log(np.asarray(one))[points[:, at]] - np.log(np.asarray(other))[points[:, at]]
    return total


def learn(
    loss: Loss, nominal: Table, *, rounds: int, each: int, elite: float = 0.1, seed: int = 0
) -> tuple[list[list[float]], int, list[dict[str, float]]]:
    """Learn a proposal that draws where a model fails.

    In each round the points with the highest losses, and every failure, say where the next round looks: the levels that they
    have, weighted by nominal over proposed probability.

    Args:
        nominal: the distribution of problems.
        rounds: how many times.
        each: problems a round.
        elite: share of a round that is learnt from where fewer fail.

    Returns:
        The proposal, how many problems it took, and of each round the threshold of the loss and the failures.
    """
    import numpy as np

    proposal, history = [list(map(float, one)) for one in nominal], []
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        points = draw(proposal, each, rng)
        losses = np.asarray(loss(points), float)
        threshold = min(FAILS, float(np.quantile(losses, 1 - elite)))
        if threshold <= float(losses.min()):  # all alike: nothing to learn from but failures
            threshold = FAILS
        best = losses >= threshold
        history.append({"threshold": threshold, "failures": int((losses >= FAILS).sum()), "elite": int(best.sum())})
        if not best.any():
            continue
        weights = np.exp(log_ratio(nominal, proposal, points[best]))
        for at, size in enumerate(map(len, nominal)):
            seen = np.bincount(points[best, at], weights=weights, minlength=size)
            new = SMOOTHED * seen / seen.sum() + (1 - SMOOTHED) * np.asarray(proposal[at])
            new = (1 - MIXED) * new + MIXED * np.asarray(nominal[at])
            proposal[at] = [float(p) for p in new / new.sum()]
    return proposal, rounds * each, history


def estimate(
    loss: Loss, nominal: Table, proposal: Table, n: int, *, learnt_from: int = 0, seed: int = 0
) -> Rate:
    """Return the failure rate under the nominal distribution, from n problems that the proposal draws.

    The interval is that of a mean (Student's t); without a failure it ends where Wilson's does for as many problems of the
    nominal distribution, since nothing says that the proposal looked where failures are.

    Args:
        learnt_from: problems that the proposal took, which count too.
    """
    import numpy as np
    from scipy.stats import t

    points = draw(proposal, n, np.random.default_rng([seed, 1 << 20]))
    weights = np.exp(log_ratio(nominal, proposal, points))
    fails = np.asarray(loss(points), float) >= FAILS
    values = weights * fails
    mean, asked = float(values.mean()), n + learnt_from
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    if not fails.any():
        return Rate(value=0.0, low=0.0, high=wilson(n, 0)[1], n=asked, failures=0, effective=effective, saved=None)
    half = float(t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 1.0
    variance = float(values.var(ddof=1)) if n > 1 else 0.0
    saved = mean * (1 - mean) / (variance / n) / asked if variance and mean < 1 else None
    return Rate(value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), n=asked, failures=int(fails.sum()),
                effective=effective, saved=saved)  # fmt: skip


def plain(failures: int, n: int) -> Rate:
    """Return the estimate of plain sampling: the share of failures among n problems, with Wilson's interval."""
    low, high = wilson(n, failures)
    return Rate(value=failures / n, low=low, high=high, n=n, failures=failures, effective=float(n), saved=1.0)
