"""How fast a score falls over rounds: retention, its area, slopes and half-life, with intervals; and what could be detected.

All are of the score over that of the first model. Intervals are over tasks (percentiles of a bootstrap that draws tasks,
each with all its rounds and seeds), the trainings taken as they are. Two unseen tasks are drawn too, one that is lost at
once and one that is gained, so that neither a score of 0 nor one that stays is certain. What other seeds would do:
`toolkit.analysis.seeds`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import seeds, stats

DRAWS, SHUFFLES, POWER = 2000, 10_000, 0.8
NAMES = ("retention", "area", "endpoint_slope", "slope", "half_life")


def measures(numbers: Sequence[int], scores: Any) -> dict[str, Any]:
    """Return what a row of scores, or each of many rows, says of collapse.

    Args:
        numbers: of the rounds, rising from that of the first model.
        scores: of each round, shape (..., rounds); the first above 0.

    Returns:
        `retention` (last over first score), `area` (trapezoids under score over first score, divided by the rounds: 1 where
        nothing is lost), `endpoint_slope` and `slope` (change of it a round: from first to last, and by least squares), and
        `half_life` (rounds until half is lost, interpolated linearly; infinite where it never is), each of shape (...).
    """
    import numpy as np

    at = np.asarray(numbers, float) - numbers[0]
    kept = np.asarray(scores, float)
    kept = kept / kept[..., :1]
    length = at[-1]
    steps = np.diff(at)
    centred = at - at.mean()
    falls = kept <= 0.5
    first = np.where(falls.any(-1), falls.argmax(-1), 0)
    before = np.maximum(first - 1, 0)
    high = np.take_along_axis(kept, before[..., None], -1)[..., 0]
    low = np.take_along_axis(kept, first[..., None], -1)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(high > low, (high - 0.5) / (high - low), 0.0)
    half = np.where(falls.any(-1), at[before] + share * (at[first] - at[before]), math.inf)
    return {
        "retention": kept[..., -1],
        "area": ((kept[..., 1:] + kept[..., :-1]) / 2 * steps).sum(-1) / length,
        "endpoint_slope": (kept[..., -1] - 1) / length,
        "slope": (kept * centred).sum(-1) / (centred**2).sum(),
        "half_life": half,
    }


def table(verdicts: Sequence[Mapping[str, Any]], *, seed: int = 0) -> list[dict[str, Any]]:
    """Measure the collapse of each regime on each benchmark: for each seed, and (`seed` None) for the mean over seeds.

    Args:
        verdicts: see `toolkit.analysis.seeds`.
        seed: of the bootstrap.

    Returns:
        A row each: `regime`, `benchmark`, `seed`, `seeds`, `tasks`, `rounds` (their numbers), `scores`, those of `measures`
        as `value`, `low`, `high` (an infinite half-life is None), and `says` why there is nothing, or "".
    """
    found: list[dict[str, Any]] = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in verdicts):
        of = seeds.shares(verdicts, benchmark)
        base = of.pop(seeds.BASE, {}).get(0, {})
        for regime, rounds in of.items():
            known = [s for s in base if any(s in at for at in rounds.values())]
            for chosen in [[s] for s in known] + ([known] if len(known) > 1 else []):
                numbers = [0, *sorted(n for n, at in rounds.items() if all(s in at for s in chosen))]
                runs = [[base[s]] + [rounds[n][s] for n in numbers[1:]] for s in chosen]
                name = {"regime": regime, "benchmark": benchmark, "seed": chosen[0] if len(chosen) == 1 else None}
                found.append(name | {"seeds": len(chosen)} | _told(numbers, runs, seed))
    return found


def _told(numbers: Sequence[int], runs: Sequence[Sequence[Mapping[str, tuple[int, int]]]], seed: int) -> dict[str, Any]:
    import numpy as np

    tasks = [task for task in runs[0][0] if all(task in at for run in runs for at in run)]
    passed = np.array([[[at[t][0] / at[t][1] for at in run] for run in runs] for t in tasks])
    scores = passed.mean((0, 1)) if tasks else np.zeros(len(numbers))
    about = {"tasks": len(tasks), "rounds": list(numbers), "scores": [round(float(s), 4) for s in scores]}
    if len(numbers) < 2 or not tasks or not scores[0]:
        empty = "no round to compare with" if len(numbers) < 2 else "no task in common"
        why = "the first model is at 0" if len(numbers) > 1 and tasks else empty
        return about | dict.fromkeys(NAMES) | {"says": why}
    values = measures(numbers, scores)
    unseen = np.zeros((2, len(numbers)))
    unseen[0, 0] = unseen[1, 1:] = 1
    by_task = np.concatenate([passed.mean(1), unseen])
    order = np.random.default_rng(seed).integers(0, len(by_task), size=(DRAWS, len(by_task)))
    drawn = np.stack([column[order].mean(1) for column in by_task.T], axis=1)
    draws = measures(numbers, drawn[drawn[:, 0] > 0])
    told = {}
    for name in NAMES:
        low, high = np.quantile(draws[name], [0.025, 0.975], method="nearest")
        ends = min(low, values[name]), max(high, values[name])
        told[name] = {"value": _finite(values[name]), "low": _finite(ends[0]), "high": _finite(ends[1])}
    return about | told | {"says": ""}


def _finite(value: Any) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def detectable(low: float, high: float, *, power: float = POWER, level: float = 0.05) -> float:
    """Return the smallest true difference that a comparison with this 95 % interval would find in a share `power` of
    runs."""
    from scipy.stats import norm

    error = (high - low) / (2 * float(norm.isf(0.025)))
    return float((norm.isf(level / 2) + norm.ppf(power)) * error)


def said(difference: float, low: float, high: float, p_value: float, *, level: float = 0.05, tests: int = 1) -> str:
    """Say what a comparison shows: that the two differ, or that they do not and what would have been found.

    Args:
        p_value: adjusted for being one of so many `tests`.
    """
    if p_value <= level:
        return f"differ by {100 * difference:+.1f} points (p = {p_value:.2g})"
    least = 100 * detectable(low, high, level=level / tests)
    return (f"these do not differ beyond chance (p = {p_value:.2g}, {100 * low:+.1f} to {100 * high:+.1f} points); 80 % of "
            f"such comparisons find a difference of {least:.0f} points")  # fmt: skip


def comparisons(verdicts: Sequence[Mapping[str, Any]], *, margin: float = seeds.MARGIN) -> list[dict[str, Any]]:
    """Return `seeds.comparisons` after `saying`."""
    return saying(seeds.comparisons(verdicts, margin=margin))


def saying(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return comparisons, each with `detectable` (a difference of pass@1, over tasks) and what it `says`.

    Both are after Holm: what is detectable, if it were the first of all comparisons.
    """
    return [
        {
            **row,
            "detectable": round(detectable(row["low"], row["high"], level=0.05 / len(rows)), 4),
            "says": said(row["difference"], row["low"], row["high"], row["p_tasks_holm"], tests=len(rows)),
        }
        for row in rows
    ]


def falls(
    rows: Sequence[Mapping[str, Any]], comparisons: Sequence[Mapping[str, Any]], *, level: float = 0.05
) -> list[dict[str, Any]]:  # fmt: skip
    """Say of each regime and benchmark whether pass@1 of its last round is below the first model's.

    Args:
        rows: of all ledgers; see `ledger.cells`.
        comparisons: those of `seeds.comparisons`.

    Returns:
        `regime`, `benchmark`, `kind`, `stopped` (why all its seeds did, or ""), `round`, pass@1 of the last round and the
        first (`value_a`, `value_b`; from ledgers alone the means over seeds; left out where there is one round), and where
        there is a comparison `difference`, `low`, `high`, `detectable` and `over_seeds`. The kind is `fell` or `rose` if
        the p-value over tasks, after Holm, is at most `level` and the 95 % interval leaves out 0; else `no change shown`;
        without a comparison `stopped` or `not tested`. `over_seeds` is whether Student's t over seeds, after Holm, says the
        same; None with one seed.
    """
    of = {(row["a"], row["benchmark"]): row for row in comparisons if row["b"] == seeds.BASE}
    found = []
    for regime in dict.fromkeys(row["regime"] for row in rows):
        mine = [row for row in rows if row["regime"] == regime]
        reasons = {row["seed"]: row["stopped"] for row in mine if row.get("stopped")}
        stopped = "; ".join(dict.fromkeys(reasons.values())) if {row["seed"] for row in mine} == set(reasons) else ""
        for benchmark in dict.fromkeys(name for row in rows for name in row.get("scores", {})):
            about = {"regime": regime, "benchmark": benchmark, "stopped": stopped}
            at = of.get((regime, benchmark))
            if at is None:
                found.append(about | {"kind": "stopped" if stopped else "not tested", **_ends(mine, benchmark)})
                continue
            apart = at["p_tasks_holm"] <= level and not at["low"] <= 0 <= at["high"]
            names = ("round", "value_a", "value_b", "difference", "low", "high")
            found.append(about | {name: at[name] for name in names} | {
                "kind": "no change shown" if not apart else "fell" if at["difference"] < 0 else "rose",
                "detectable": detectable(at["low"], at["high"], level=level / len(comparisons)),
                "over_seeds": None if at["p_seeds_holm"] is None else apart and at["p_seeds_holm"] <= level,
            })  # fmt: skip
    return found


def _ends(rows: Sequence[Mapping[str, Any]], benchmark: str) -> dict[str, Any]:
    scores: dict[int, list[float]] = {}
    for row in rows:
        if benchmark in row.get("scores", {}):
            scores.setdefault(row["round"], []).append(row["scores"][benchmark]["value"])
    if len(scores) < 2:
        return {}
    first, last = min(scores), max(scores)
    return {"round": last, "value_a": math.fsum(scores[last]) / len(scores[last]),
            "value_b": math.fsum(scores[first]) / len(scores[first])}  # fmt: skip


def unpaired(before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]], *, seed: int = 0) -> dict[str, Any]:
    """Compare pass@1 on two sets of tasks of their own, each (n, c) of every task.

    Returns:
        `before` and `after` with their intervals (`stats.interval`) and numbers of `tasks`, `difference` (after - before)
        with `low` and `high` (Newcombe's, of those two intervals), `p` (two-sided permutation of tasks: exact with values
        of 0 and 1, else estimated from `SHUFFLES` draws), `detectable`, and what it `says`.

    Raises:
        ValueError: one of the sets is empty.
    """
    import numpy as np

    one, two = ({"tasks": len(counts), **stats.estimate(counts)} for counts in (before, after))
    difference = two["value"] - one["value"]
    low = difference - math.hypot(two["value"] - two["low"], one["high"] - one["value"])
    high = difference + math.hypot(two["high"] - two["value"], one["value"] - one["low"])
    p_value = _permuted(np.array([c / n for n, c in [*before, *after]]), len(before), seed)
    return {
        "before": one, "after": two, "difference": difference, "low": low, "high": high, "p": p_value,
        "detectable": detectable(low, high), "says": said(difference, low, high, p_value),
    }  # fmt: skip


def _permuted(values: Any, n: int, seed: int) -> float:
    """Return the chance that a random choice of n of the values is at least as far from their mean as the first n are."""
    import numpy as np
    from scipy.stats import hypergeom

    middle = values.mean() * n
    seen = abs(values[:n].sum() - middle) - 1e-9
    if np.isin(values, (0, 1)).all():
        counts = np.arange(n + 1)
        return float(min(1.0, hypergeom.pmf(counts, len(values), int(values.sum()), n)[abs(counts - middle) >= seen].sum()))
    rng, hits, each = np.random.default_rng(seed), 0, 1000
    for _ in range(SHUFFLES // each):
        order = rng.permuted(np.broadcast_to(values, (each, len(values))), axis=1)[:, :n]
        hits += int((np.abs(order.sum(1) - middle) >= seen).sum())
    return (hits + 1) / (SHUFFLES + 1)
