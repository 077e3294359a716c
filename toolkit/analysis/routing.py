"""How evenly tokens are spread over experts, and what the spread tells. Loads are tokens an expert was chosen for."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEAD = 0.1
"""Of the mean load; an expert with less is dead."""


def max_vio(loads: Sequence[float]) -> float:
    """Return the largest load over the mean, less 1: from 0 (even) to experts / chosen - 1 (always the same).

    Source: arXiv 2408.15664, equation 4.
    """
    mean = fmean(loads)
    return max(loads) / mean - 1 if mean else 0.0


def capacity(factor: float, active: int, tokens: int, experts: int) -> float:
    """Return how many tokens an expert takes: ceil(factor * active * tokens / experts); infinitely many if the factor is."""
    exact = factor * active * tokens / experts
    return exact if math.isinf(exact) else math.ceil(exact - 1e-9)


def dropped(loads: Sequence[float], most: float) -> float:
    """Return the share of assignments that find their expert full."""
    total = math.fsum(loads)
    return math.fsum(max(0.0, load - most) for load in loads) / total if total else 0.0


def dead(loads: Sequence[float]) -> int:
    """Return how many experts have less than `DEAD` of the mean load."""
    return sum(load < DEAD * fmean(loads) for load in loads)


def entropy(loads: Sequence[float]) -> float:
    """Return the entropy of the shares, divided by its largest value: 1 if even, 0 if one expert has all."""
    total = math.fsum(loads)
    shares = [load / total for load in loads if load > 0] if total else []
    return -math.fsum(share * math.log(share) for share in shares) / math.log(len(loads)) if len(loads) > 1 else 1.0


def recovery(values: Sequence[float], reference: float, *, within: float = 0.1) -> int | None:
    """Return after how many steps an imbalance comes within a tenth of `reference`, to stay; None if it does not.

    Args:
        values: MaxVio of each step, from the first.
        reference: where a run that began evenly ended.
    """
    steps = len(values)
    while steps and values[steps - 1] <= reference * (1 + within):
        steps -= 1
    return steps if steps < len(values) else None


def of_layers(loads: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the measures of several layers: `max_vio` and `entropy` are means, `worst` the largest, `dead` the sum."""
    found = [max_vio(layer) for layer in loads]
    return {
        "max_vio": fmean(found), "worst": max(found), "entropy": fmean(map(entropy, loads)),
        "dead": sum(map(dead, loads)),
    }  # fmt: skip


def divergence(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the Jensen-Shannon divergence of two loads, in bits: 0 if their shares are equal, 1 if they are disjoint."""
    def bits(shares: list[float], middle: list[float]) -> float:
        return math.fsum(a * math.log2(a / b) for a, b in zip(shares, middle, strict=True) if a > 0)

    p, q = ([load / math.fsum(loads) for load in loads] for loads in (one, other))
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return max(0.0, (bits(p, middle) + bits(q, middle)) / 2)


def signatures(loads: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return how often each prompt's tokens choose each expert: prompts x (layers * experts), 1 in all for a layer.

    Args:
        loads: prompts x layers x experts.

    Source: routing signatures, arXiv 2603.11114.
    """
    shares: NDArray[np.float64] = loads / loads.sum(-1, keepdims=True).clip(1e-9)
    return shares.reshape(len(loads), -1)


def similarity(rows: "NDArray[np.float64]", labels: Sequence[int]) -> dict[str, float]:
    """Return the mean cosine of signatures `within` a label and `across` labels."""
    import numpy as np

    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines, same = unit @ unit.T, np.equal.outer(labels, labels)
    pairs = np.triu(np.ones_like(same), 1).astype(bool)
    return {"within": float(cosines[pairs & same].mean()), "across": float(cosines[pairs & ~same].mean())}


def probe(
    rows: "NDArray[np.float64]", labels: Sequence[int], *, folds: int = 5, permutations: int = 200, seed: int = 0
) -> dict[str, float]:
    """Say how well a linear probe tells labels from signatures, beside the same probe on shuffled labels.

    The probe is ridge regression on +1 and -1, one column a label, which has a closed form; the fold of a row is left out
    of what it is fitted on.

    Returns:
        `accuracy`, `chance` (mean accuracy on shuffled labels), `high` (95th percentile of those) and `p_value`: the share
        of shufflings, ours among them, that are at least as good.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    truth = np.asarray(labels)
    parts = np.array_split(rng.permutation(len(truth)), folds)
    inside = rows - rows.mean(0)
    inside = inside / inside.std().clip(1e-12)
    fits: list[tuple[Any, Any]] = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(truth)), part)
        kernel = inside[rest] @ inside[rest].T
        ridge = kernel + (1e-9 + np.trace(kernel) / len(rest)) * np.eye(len(rest))
        fits.append((rest, inside[part] @ inside[rest].T @ np.linalg.inv(ridge)))

    def accuracy(given: Any) -> float:
        kinds, targets = np.unique(given, return_inverse=True)
        signs = np.where(targets[:, None] == np.arange(len(kinds)), 1.0, -1.0)
        right = 0
        for part, (rest, weights) in zip(parts, fits, strict=True):
            middle = signs[rest].mean(0)
            right += int((np.argmax(weights @ (signs[rest] - middle) + middle, axis=1) == targets[part]).sum())
        return right / len(given)

    found = accuracy(truth)
    by_chance = [accuracy(rng.permutation(truth)) for _ in range(permutations)]
    return {
        "accuracy": found, "chance": fmean(by_chance), "high": float(np.quantile(by_chance, 0.95)),
        "p_value": (1 + sum(each >= found for each in by_chance)) / (1 + permutations),
    }  # fmt: skip


def specialisation(
    loads: "NDArray[np.float64]", labels: Sequence[int], *, permutations: int = 200, seed: int = 0
) -> dict[str, float]:
    """Return the `divergence` of two labels' loads, mean over layers, beside that of shuffled labels (`chance`).

    Args:
        loads: prompts x layers x experts.
        labels: 0 or 1 of each prompt.

    Returns:
        `divergence`, `chance`, and `p_value` as in `probe`.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    shares = signatures(loads).reshape(loads.shape)  # a long prompt counts as much as a short one

    def apart(given: Any) -> float:
        one, other = shares[given == 0].sum(0), shares[given == 1].sum(0)
        return fmean(divergence(a.tolist(), b.tolist()) for a, b in zip(one, other, strict=True))

    truth = np.asarray(labels)
    found, by_chance = apart(truth), [apart(rng.permutation(truth)) for _ in range(permutations)]
    p_value = (1 + sum(each >= found for each in by_chance)) / (1 + permutations)
    return {"divergence": found, "chance": fmean(by_chance), "p_value": p_value}
