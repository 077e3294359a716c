"""What a run's page draws: pass@k over k, and how measurements spread."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from toolkit.analysis import stats

BINS = 14
"""Bins of a histogram, about."""


def pass_at_ks(counts: Sequence[tuple[int, int]]) -> list[dict[str, float]]:
    """Return pass@k with its 95 % interval for k = 1, 2, 5, 10, 20, 50, ... and the largest k that every task reaches.

    Args:
        counts: (n, c) of each task; no row if there is none.
    """
    fewest = min((n for n, _ in counts), default=0)
    ks = [*(k for k in (m * 10**e for e in range(7) for m in (1, 2, 5)) if k < fewest), *([fewest] if fewest else [])]
    return [{"k": k, **stats.estimate(counts, k)} for k in ks]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return `n`, `min`, `median`, `p90` and `max` of at least one value, quantiles interpolated linearly."""
    order = sorted(values)

    def at(share: float) -> float:
        place = share * (len(order) - 1)
        low = math.floor(place)
        return order[low] + (order[min(low + 1, len(order) - 1)] - order[low]) * (place - low)

    return {"n": len(order), "min": order[0], "median": at(0.5), "p90": at(0.9), "max": order[-1]}


def histogram(values: Sequence[float]) -> list[dict[str, Any]]:
    """Count values from 0 in bins `start` <= value < `end`, with `n` and its `share`; the bins cover all of them.

    Bins are even with round bounds; where the largest value is more than 20 times the median, their bounds are 1, 2 and 5
    times powers of ten, the first beginning at 0. No bin if there is no value.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    median = spread(values)["median"]
    if high > 20 * median > 0:
        edges = [0.0, *(m * 10.0**e for e in range(math.floor(math.log10(median)) - 1, 12) for m in (1, 2, 5))]
    else:
        rough = (high - low) / BINS or abs(high) / BINS or 1.0
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough * (1 - 1e-9))
        first = math.floor(low / step)
        edges = [(first + i) * step for i in range(BINS + 3)]
    edges = [float(f"{edge:.12g}") for edge in edges]
    while len(edges) > 2 and edges[1] <= low:
        del edges[0]
    last = next((i for i, edge in enumerate(edges) if edge > high), len(edges) - 1)
    edges = edges[: last + 1]
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(bisect_right(edges, value) - 1, len(counts) - 1)] += 1
    return [
        {"start": start, "end": end, "n": n, "share": n / len(values)}
        for start, end, n in zip(edges, edges[1:], counts, strict=False)
    ]
