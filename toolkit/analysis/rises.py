"""How far does acceptance rise, and under which regime further? Seeds are the units, so it needs two of them.

The rise of a training is its acceptance mass in the last round less that in the first round with the same thresholds: the
one on which a threshold was frozen accepts its share by construction. A training that stopped has none. p-values and
intervals are Student's t of the rises, or of the seeds' differences between two regimes.
"""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import stats
from toolkit.analysis.seeds import over_seeds


def of_one_threshold(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rounds of a training whose thresholds are those of its last round, in order; round 0 is not among them."""
    mine = sorted((row for row in rows if row["round"]), key=lambda row: row["round"])
    return [row for row in mine if row["thresholds"] == mine[-1]["thresholds"]]


def rises(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how far acceptance rises under each regime, and how much further than under each other one.

    Args:
        rows: of all ledgers, each with `regime`, `seed`, `round`, and from round 1 `accepted`, `candidates`, `thresholds`.

    Returns:
        A row a regime, and a row for each two: `regime`, `against` (another regime, or None), `seeds` (those that both
        have), `rise` (mean, a share), `sd` of the seeds, its 95 % interval `low`, `high`, `p_above` (one-sided: it is above
        0), and `p_above_holm` over all rows. All but `rise` and `seeds` are None where fewer than two seeds differ.
    """
    of: dict[str, dict[int, float]] = {}
    for regime, seed in dict.fromkeys((row["regime"], row["seed"]) for row in rows):
        mine = [row for row in rows if (row["regime"], row["seed"]) == (regime, seed)]
        same = of_one_threshold(mine)
        if len(same) > 1 and not any(row.get("stopped") for row in mine):
            first, last = (row["accepted"] / row["candidates"] for row in (same[0], same[-1]))
            of.setdefault(regime, {})[seed] = last - first
    found = [_told(regime, None, list(values.values())) for regime, values in of.items()]
    for a, b in itertools.permutations(of, 2):
        if both := [of[a][seed] - of[b][seed] for seed in of[a] if seed in of[b]]:
            found.append(_told(a, b, both))
    for row, adjusted in zip(found, stats.holm([row["p_above"] for row in found]), strict=True):
        row["p_above_holm"] = adjusted
    return found


def _told(regime: str, against: str | None, values: Sequence[float]) -> dict[str, Any]:
    said = over_seeds(values, 0.0, 0.0)
    return {
        "regime": regime, "against": against, "seeds": len(values), "rise": statistics.fmean(values), "sd": said["seed_sd"],
        "low": said["seed_low"], "high": said["seed_high"],
        "p_above": over_seeds([-value for value in values], 0.0, 0.0)["p_seeds_below"],
    }  # fmt: skip
