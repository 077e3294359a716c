"""Numbers of one series: how values spread, and whether they rise or fall."""

import itertools
import math
from collections.abc import Sequence


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """Return minimum, quartiles and maximum of the finite values, interpolated linearly; None if there are none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    import numpy as np

    found = np.quantile(finite, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {name: round(value, 4) for name, value in zip(("min", "q25", "median", "q75", "max"), found, strict=True)}


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Return Kendall's tau-a of `values` over their order, and the one-sided p-value of a trend of that sign.

    The p-value is exact up to 8 values: all orders are enumerated, ties included, which `scipy.stats.kendalltau` refuses.
    Above that it is the normal approximation with continuity correction.
    """
    def concordance(order: Sequence[float]) -> int:
        return sum((b > a) - (b < a) for a, b in itertools.combinations(order, 2))

    n, s = len(values), concordance(values)
    pairs = n * (n - 1) / 2
    if not pairs:
        return 0.0, 1.0
    sign = 1 if s >= 0 else -1
    if n <= 8:
        every = [sign * concordance(order) for order in itertools.permutations(values)]
        p_value = sum(each >= sign * s for each in every) / len(every)
    else:
        z = (abs(s) - 1) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        p_value = 0.5 * math.erfc(z / math.sqrt(2))
    return round(s / pairs, 4), round(min(1.0, p_value), 4)
