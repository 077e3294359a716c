"""Several runs of the same tasks, crossed: which tasks each wins and loses, and whether the runs differ."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from toolkit.analysis import collapse, stats

Counts = Mapping[str, tuple[int, int]]
"""(samples scored, samples passed) by task."""


def pairs(runs: Sequence[Counts]) -> list[dict[str, Any]]:
    """Compare each two runs on the tasks that both have, paired by task.

    Returns:
        Of each pair: `a` and `b` (places of the runs), tasks `won` by a, `lost` by it and `tied` (by the share of a task's
        samples that pass), what `stats.compare` returns at k = 1, but with pass@1 as `value_a` and `value_b`, `p_holm`, the
        p-value after Holm over all pairs, `detectable` (the difference that 80 % of such comparisons find, at the level that
        Holm asks of the first), and `says`: `better`, `worse` or `not told apart`, at 5 % after Holm.
        Pairs that share no task are left out.
    """
    found = []
    for (i, a), (j, b) in itertools.combinations(enumerate(runs), 2):
        shared = [task for task in a if task in b and a[task][0] and b[task][0]]
        if not shared:
            continue
        signs = [_sign(a[task], b[task]) for task in shared]
        compared = asdict(stats.compare(a, b))
        values = {"value_a": compared.pop("a"), "value_b": compared.pop("b")}
        found.append({
            "a": i, "b": j, "won": signs.count(1), "lost": signs.count(-1), "tied": signs.count(0), **values, **compared,
        })  # fmt: skip
    for row, adjusted in zip(found, stats.holm([row["p_value"] for row in found]), strict=True):
        row["p_holm"] = adjusted
        row["detectable"] = collapse.detectable(row["low"], row["high"], level=0.05 / len(found))
        apart = adjusted is not None and adjusted <= 0.05
        row["says"] = ("better" if row["difference"] > 0 else "worse") if apart else "not told apart"
    return found


def matrix(runs: Sequence[Counts]) -> list[dict[str, Any]]:
    """Return a row for each task that some run has, in order of appearance.

    Returns:
        `task`, `shares` (of each run, passes over samples; None where it has none), `mean` of those that there are, and
        `differs`: whether runs do not all have the same share.
    """
    rows = []
    for task in dict.fromkeys(task for run in runs for task in run):
        shares = [run[task][1] / run[task][0] if run.get(task, (0, 0))[0] else None for run in runs]
        known = [share for share in shares if share is not None]
        if known:
            mean = sum(known) / len(known)
            rows.append({"task": task, "shares": shares, "mean": mean, "differs": len(set(known)) > 1})
    return rows


def _sign(a: tuple[int, int], b: tuple[int, int]) -> int:
    ours, theirs = a[1] * b[0], b[1] * a[0]
    return (ours > theirs) - (ours < theirs)
