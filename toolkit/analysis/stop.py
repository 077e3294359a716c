"""When may rounds stop because a gate has become a rubber stamp? A rule that is applied after each round, and seldom errs.

At each look `alarm` tests, for each benchmark, whether acceptance rises and pass@1 falls; the larger of the two p-values is
compared with `LEVEL` over the looks, cells and benchmarks that there may be. So the chance that a run in which one of the
two does not happen is stopped in any of its cells, at any look, is at most `LEVEL`, whatever the looks have in common.

The price is power: at 20 rounds a p-value has to be below .0026. `simulated` says what that means.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis.alarm import rubber_stamps

RULES = ("rubber-stamp",)
LEVEL = 0.05


def looks(rounds: int) -> int:
    """Return how often a run of that many rounds is looked at: after each from the second, since a trend wants two."""
    return max(1, rounds - 1)


def look(
    rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]], *, rounds: int, cells: int = 1,
    level: float = LEVEL,
) -> dict[str, Any]:  # fmt: skip
    """Look at a cell after a round.

    Args:
        rows, verdicts: of this regime and seed alone, until now; see `alarm.rubber_stamps`.
        rounds: that the run has at most.
        cells: regimes times seeds of the run.

    Returns:
        `stops`, `says`, the `level` that a p-value has to reach, and `benchmarks`: `benchmark`, `rise`, `fall`, `p`.
    """
    found = rubber_stamps(rows, verdicts)
    needed = level / (looks(rounds) * cells * max(1, len(found)))
    tested = [{name: row[name] for name in ("benchmark", "rise", "fall", "p")} for row in found]
    first = next((row for row in tested if row["p"] is not None and row["p"] <= needed), None)
    says = "" if first is None else (
        f"rubber stamp: acceptance {100 * first['rise']:+.0f} points, pass@1 on {first['benchmark']} "
        f"{100 * first['fall']:+.0f} points (p = {first['p']:.2g}, at most {needed:.2g})"
    )  # fmt: skip
    return {"stops": first is not None, "says": says, "level": needed, "benchmarks": tested}


def simulated(
    *, runs: int, rise: float = 0.0, fall: float = 0.0, rounds: int = 20, tasks: int = 164, candidates: int = 256,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Simulate runs of one cell, and say how many are stopped, and when.

    Acceptance goes from .3 up by `rise`, pass@1 from about .3 down by the share `fall`, both evenly over the rounds. Tasks
    are of Beta(.4, .9) difficulty; each has one answer a round, and tasks are the same in all rounds.

    Returns:
        `runs`, `stopped` (share), its 95 % interval `low`, `high`, and the mean `round` of the stop, or None.
    """
    import numpy as np

    from toolkit.analysis.stats import wilson

    rng = np.random.default_rng(seed)
    at = []
    for _ in range(runs):
        ease = rng.beta(0.4, 0.9, size=tasks)
        rows: list[dict[str, Any]] = [_row(0, rise, candidates)]
        verdicts = [_judged(rng, "base", 0, ease)]
        for number in range(1, rounds + 1):
            share = 0.3 + rise * (number - 1) / max(1, rounds - 1)
            rows.append(_row(number, float(rng.binomial(candidates, share)), candidates))
            verdicts.append(_judged(rng, "x", number, ease * (1 - fall * number / rounds)))
            if number > 1 and look(rows, [verdicts[0], verdicts[-1]], rounds=rounds)["stops"]:
                at.append(number)
                break
    low, high = wilson(runs, len(at))
    mean = math.fsum(at) / len(at) if at else None
    return {"runs": runs, "stopped": len(at) / runs, "low": low, "high": high, "round": mean, "rise": rise, "fall": fall,
            "rounds": rounds, "tasks": tasks, "candidates": candidates}  # fmt: skip


def _row(number: int, accepted: float, candidates: int) -> dict[str, Any]:
    counted = {"accepted": int(accepted), "candidates": candidates, "thresholds": {}} if number else {}
    return {"regime": "x", "seed": 0, "round": number, "scores": {"b": {"value": 0}}, **counted}


def _judged(rng: Any, regime: str, number: int, chances: Any) -> dict[str, Any]:
    passes = {str(i): [int(c), 1] for i, c in enumerate(rng.random(len(chances)) < chances)}
    return {"regime": regime, "seed": 0, "round": number, "benchmark": "b", "tasks": passes}
