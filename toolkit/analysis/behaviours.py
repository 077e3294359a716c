"""How many different things the programs of one prompt do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb
from statistics import fmean
from typing import Any

Answers = Mapping[str, Sequence[str | None]]
"""Of each prompt, a hash of what each of its programs does; None of one that does not load."""


def expected(counts: Sequence[int], k: int) -> float:
    """Return how many different ones there are in the mean among k of them, drawn without replacement.

    Raises:
        ValueError: there are fewer than k.
    """
    n = sum(counts)
    if not 0 < k <= n:
        raise ValueError(f"{k} of {n}")
    return sum(1 - comb(n - c, k) / comb(n, k) for c in counts)


def table(found: Mapping[tuple[str, int, int], Answers], least: int = 2) -> list[dict[str, Any]]:
    """Compare rounds at the same number of programs a prompt: that of the prompt with the fewest that load, but `least`.

    Returns:
        rows with `regime`, `seed`, `round`, `programs`, `loaded`, `prompts` (with at least `k` programs that load), `k`, and
        `distinct`: different behaviours among k programs of a prompt, mean over prompts; None where there is no such prompt.
    """
    counted = {
        key: [Counter(one for one in each if one is not None) for each in answers.values()] for key, answers in found.items()
    }
    totals = [counts.total() for rows in counted.values() for counts in rows if counts.total() >= least]
    k = min(totals, default=least)
    rows = []
    for key, answers in found.items():
        enough = [list(counts.values()) for counts in counted[key] if counts.total() >= k]
        rows.append({
            **dict(zip(("regime", "seed", "round"), key, strict=True)),
            "programs": sum(map(len, answers.values())), "loaded": sum(counts.total() for counts in counted[key]),
            "prompts": len(enough), "k": k, "distinct": fmean(expected(counts, k) for counts in enough) if enough else None,
        })  # fmt: skip
    return rows
