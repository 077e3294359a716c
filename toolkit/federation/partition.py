"""Divide items among clients, each item once.

Sources: Dirichlet by label, Yurochkin et al., arXiv 1905.12022.
"""

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

IID = math.inf
"""The alpha at which every client has the same share of every label."""


def by_label(labels: Sequence[Hashable], n_clients: int, alpha: float, *, seed: int = 0, least: int = 1) -> list[list[int]]:
    """Divide items by label: clients get shares of each label that are drawn from a Dirichlet distribution.

    Args:
        labels: one an item.
        alpha: above 0; the smaller, the more clients differ. `IID`: shares are equal.
        least: items that every client must get.

    Returns:
        The places of each client's items, in order.

    Raises:
        UsageError: alpha is not above 0, or a client would get too few items.
    """
    import numpy as np

    if not alpha > 0:
        raise UsageError(f"alpha must be above 0, not {alpha:g}")
    rng = np.random.default_rng(seed)
    found: list[list[int]] = [[] for _ in range(n_clients)]
    for at, label in enumerate(sorted(set(labels), key=str)):
        items = np.flatnonzero([each == label for each in labels])
        rng.shuffle(items)
        shares = rng.dirichlet([alpha] * n_clients) if math.isfinite(alpha) else np.full(n_clients, 1 / n_clients)
        _split(items, shares, found, at if math.isinf(alpha) else 0)
    return _checked(found, least, f"alpha {alpha:g}", len(labels))


def by_quantity(n_items: int, n_clients: int, beta: float, *, seed: int = 0, least: int = 1) -> list[list[int]]:
    """Divide items at random into parts whose sizes are drawn from a Dirichlet distribution; see `by_label`."""
    import numpy as np

    if not beta > 0:
        raise UsageError(f"beta must be above 0, not {beta:g}")
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([beta] * n_clients) if math.isfinite(beta) else np.full(n_clients, 1 / n_clients)
    found: list[list[int]] = [[] for _ in range(n_clients)]
    _split(rng.permutation(n_items), shares, found, 0)
    return _checked(found, least, f"beta {beta:g}", n_items)


def _split(items: "np.ndarray[Any, Any]", shares: "np.ndarray[Any, Any]", found: list[list[int]], first: int) -> None:
    """Give items to clients in shares, those left over by rounding to other clients in turn, from `first` on."""
    import numpy as np

    ends = np.rint(np.cumsum(shares) * len(items)).astype(int)
    ends[-1] = len(items)
    for at, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        found[(at + first) % len(found)] += [int(item) for item in items[start:end]]


def _checked(found: list[list[int]], least: int, how: str, n_items: int) -> list[list[int]]:
    smallest = min(range(len(found)), key=lambda at: len(found[at]))
    if len(found[smallest]) < least:
        raise UsageError(
            f"client {smallest} of {len(found)} would get {len(found[smallest])} of {n_items} items, and {least} are the "
            f"least ({how}): take fewer clients, more data, another seed, or a larger value"
        )
    return [sorted(each) for each in found]


def heterogeneity(labels: Sequence[Hashable], parts: Sequence[Sequence[int]]) -> float:
    """Return the total variation distance of clients' label shares to those of all items: mean over clients, by size."""
    every = _shares(labels, range(len(labels)))
    total = sum(map(len, parts))
    each = [(len(part), _shares(labels, part)) for part in parts if part]
    apart = [(n, sum(abs(share.get(label, 0.0) - of_all) for label, of_all in every.items()) / 2) for n, share in each]
    return sum(n / total * distance for n, distance in apart)


def table(labels: Sequence[Hashable], parts: Sequence[Sequence[int]]) -> list[dict[str, int]]:
    """Return how many items of each label each client has."""
    names = sorted(set(map(str, labels)))
    counted = [[str(labels[at]) for at in part] for part in parts]
    return [{name: each.count(name) for name in names} for each in counted]


def _shares(labels: Sequence[Hashable], part: Sequence[int]) -> dict[Hashable, float]:
    found: dict[Hashable, float] = {}
    for at in part:
        found[labels[at]] = found.get(labels[at], 0.0) + 1 / len(part)
    return found
