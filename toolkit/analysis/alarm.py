"""Is a gate a rubber stamp: does acceptance rise while the truth falls? A test with both directions fixed beforehand.

Acceptance: accepted of all candidates over the rounds whose thresholds are those of the last one (the round on which a
threshold was frozen accepts its share by construction, and is left out); trend test of Cochran and Armitage, upwards, each
seed a stratum. Truth: pass@1 of the last round below that of the first model, on the same tasks, sign flips over tasks.
A rubber stamp is shown if both are: the p-value is the larger of the two, adjusted after Holm over regimes and benchmarks.

It speaks of these trainings, given the prompts and tasks they could have had. What other seeds would do is for
`toolkit.analysis.seeds`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import stats
from toolkit.analysis.rises import of_one_threshold
from toolkit.analysis.seeds import BASE, FALL, LEVEL, compared, last_round, shares

RISE = 0.2
"""Rise of acceptance, from the first round to the last, whose power is given."""


def rubber_stamps(
    rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]], *, level: float = LEVEL
) -> list[dict[str, Any]]:
    """Test each regime on each benchmark.

    Args:
        rows: of all ledgers, each with `regime`, `seed`, `round`, and from round 1 `accepted`, `candidates`, `thresholds`.
        verdicts: see `toolkit.analysis.seeds`.

    Returns:
        Of each: `regime`, `benchmark`, `seeds` (those that did not stop), `rise` (of acceptance), `p_up`, `fall` (pass@1 of
        the last round less that of the first model), `p_down`, `p`, `p_holm`, `shown`, `says`, and `power`, the chance to
        show a rise of 20 points together with a fall of 30 % in a run like this one. None where there is nothing to test.
    """
    found: list[dict[str, Any]] = []
    for regime in dict.fromkeys(row["regime"] for row in rows):
        mine = [row for row in rows if row["regime"] == regime and row["round"]]
        stopped = {row["seed"]: row["stopped"] for row in mine if row.get("stopped")}
        up = _rising([row for row in mine if row["seed"] not in stopped])
        for benchmark in dict.fromkeys(name for row in rows for name in row.get("scores", {})):
            of = shares([row for row in verdicts if row["seed"] not in stopped], benchmark)
            rounds = of.get(regime, {})
            last = last_round(rounds)
            down = compared(rounds[last], of.get(BASE, {}).get(0, {})) if last else None
            says = ""
            if mine and all(row["seed"] in stopped for row in mine):
                says = f"stopped: {'; '.join(dict.fromkeys(stopped.values()))}"
            elif not up:
                says = "not testable: acceptance cannot change"
            elif not down:
                says = "not testable: no verdicts by task"
            p_value = max(up["p"], down["p_tasks_below"]) if up and down else None
            found.append({
                "regime": regime, "benchmark": benchmark, "seeds": len({row["seed"] for row in mine} - set(stopped)),
                "rise": up and up["rise"], "p_up": up and up["p"], "fall": down and down["difference"],
                "p_down": down and down["p_tasks_below"], "p": p_value, "says": says,
                "power": (lambda at, up=up, down=down: _power(up, down, at)) if up and down else None,
            })  # fmt: skip
    n_tests = sum(row["p"] is not None for row in found)
    for row, adjusted in zip(found, stats.holm([row["p"] for row in found]), strict=True):
        row["p_holm"] = adjusted
        row["shown"] = adjusted is not None and adjusted <= level
        row["says"] = row["says"] or ("shown" if row["shown"] else "not shown")
        row["power"] = row["power"] and round(row["power"](level / n_tests), 4)
    return found


def _rising(rows: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Return the trend test of acceptance over rounds, with seeds as strata; None where acceptance cannot change."""
    from scipy.stats import norm

    strata, rises = [], []
    for seed in dict.fromkeys(row["seed"] for row in rows):
        same = of_one_threshold([row for row in rows if row["seed"] == seed])
        strata.append([(row["round"], row["accepted"], row["candidates"]) for row in same])
        rises.append(same[-1]["accepted"] / same[-1]["candidates"] - same[0]["accepted"] / same[0]["candidates"])
    total = spread = expected = 0.0
    for stratum in strata:
        n = sum(candidates for _, _, candidates in stratum)
        share = sum(accepted for _, accepted, _ in stratum) / n
        middle = sum(number * candidates for number, _, candidates in stratum) / n
        squares = sum(candidates * (number - middle) ** 2 for number, _, candidates in stratum)
        total += sum(accepted * (number - middle) for number, accepted, _ in stratum)
        spread += share * (1 - share) * squares * n / max(1, n - 1)
        length = stratum[-1][0] - stratum[0][0]
        expected += min(RISE, 1 - share) * squares / length if length else 0.0
    if not spread:
        return None
    error = math.sqrt(spread)
    return {"rise": math.fsum(rises) / len(rises), "p": float(norm.sf((total - 0.5) / error)), "z": (expected - 0.5) / error}


def _power(up: Mapping[str, float], down: Mapping[str, float], level: float) -> float:
    """Return about the chance to show both at that level, each by the normal approximation."""
    from scipy.stats import norm

    critical = float(norm.isf(level))
    error = (down["high"] - down["low"]) / 2 / 1.96
    fall = FALL * down["value_b"] / error if error else 0.0
    return float(norm.sf(critical - up["z"]) * norm.sf(critical - fall))
