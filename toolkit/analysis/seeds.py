"""Two models compared over several trainings (seeds): what other tasks would say, and what other seeds would.

A verdict row is `{"regime", "seed", "round", "benchmark", "tasks": {task_id: [passes, answers]}}`; the model before the
first round has the regime `base` and round 0. All p-values here can be made again from such rows alone.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import stats

BASE = "base"
MARGIN, FALL, LEVEL = 0.02, 0.3, 0.05
"""Default margin of "no worse", as a share of tasks; the relative fall whose power is given; level of a test."""

Shares = Mapping[int, Mapping[str, tuple[int, int]]]
"""By seed and task: passes and answers."""


def comparisons(verdicts: Sequence[Mapping[str, Any]], *, margin: float = MARGIN) -> list[dict[str, Any]]:
    """Compare each regime's last round with the first model, and the regimes among themselves, on each benchmark.

    The last round is the last that all seeds of a regime have; two regimes are compared at the last that both have.
    p-values come as they are and (`..._holm`) after Holm, over all comparisons by the same test.

    Args:
        margin: how much worse still counts as no worse, as a difference of pass@1.

    Returns:
        A row a comparison: `benchmark`, `a`, `b` (regimes), `round`, and what `compared` returns.
    """
    found: list[dict[str, Any]] = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in verdicts):
        of = shares(verdicts, benchmark)
        base = of.pop(BASE, {}).get(0, {})
        pairs = [(regime, BASE, last_round(rounds)) for regime, rounds in of.items()]
        pairs += [(a, b, last_round(of[a], of[b])) for a, b in itertools.combinations(of, 2)]
        for a, b, number in pairs:
            other = base if b == BASE else of[b].get(number, {})
            about = {"benchmark": benchmark, "a": a, "b": b, "round": number}
            if number and (outcome := compared(of[a][number], other, margin=margin)):
                found.append(about | outcome)
    for name in ("p_tasks", "p_seeds", "no_worse_tasks", "no_worse_seeds"):
        for row, adjusted in zip(found, stats.holm([row[name] for row in found]), strict=True):
            row[f"{name}_holm"] = adjusted
    return found


def shares(verdicts: Sequence[Mapping[str, Any]], benchmark: str) -> dict[str, dict[int, Shares]]:
    """Return passes and answers on a benchmark by regime, round, seed and task."""
    found: dict[str, dict[int, dict[int, dict[str, tuple[int, int]]]]] = {}
    for row in verdicts:
        if row["benchmark"] == benchmark:
            tasks = {task: (passes, n) for task, (passes, n) in row["tasks"].items()}
            found.setdefault(row["regime"], {}).setdefault(row["round"], {})[row["seed"]] = tasks
    return {regime: {**rounds} for regime, rounds in found.items()}


def last_round(*regimes: Mapping[int, Shares]) -> int:
    """Return the last round that all seeds of all these regimes have; 0 if there is none."""
    common: set[int] | None = None
    for rounds in regimes:
        seeds = {seed for at in rounds.values() for seed in at}
        whole = {number for number, at in rounds.items() if set(at) == seeds}
        common = whole if common is None else common & whole
    return max(common or (), default=0)


def compared(a: Shares, b: Shares, *, margin: float = MARGIN) -> dict[str, Any] | None:
    """Compare two models on the tasks and seeds that both have; None if there is none.

    Over tasks, the trainings are taken as they are: sign flips of the tasks' differences, each the mean over seeds. Over
    seeds, the tasks are: Student's t of the seeds' differences, which needs two seeds that differ.

    Returns:
        `seeds`, `tasks` (numbers), pass@1 `value_a`, `value_b`, `difference` (a - b), `low`, `high` (95 % over tasks),
        `p_tasks` (two-sided), `p_tasks_below` (one-sided: a is below b), `seed_sd` (of the seeds' differences), `seed_low`,
        `seed_high` (95 % over seeds), `p_seeds`, `p_seeds_below`, `no_worse_tasks`, `no_worse_seeds` (p-values of a being at
        most `margin` below b), `equal_tasks`, `equal_seeds` (of its being at most that far off in both directions), and
        `power`: chance that `p_seeds_below` is below 0.05 if a truly is 30 % below b and seeds differ as they do.
    """
    seeds = [seed for seed in a if seed in b]
    tasks = [task for task in a[seeds[0]] if all(task in of[seed] for of in (a, b) for seed in seeds)] if seeds else []
    if not tasks:
        return None
    at = [[(a[seed][task][0] / a[seed][task][1], b[seed][task][0] / b[seed][task][1]) for task in tasks] for seed in seeds]
    by_task = [math.fsum(x - y for x, y in pairs) / len(seeds) for pairs in zip(*at, strict=True)]
    by_seed = [math.fsum(x - y for x, y in pairs) / len(tasks) for pairs in at]
    scale = len(seeds) * math.lcm(*{of[seed][task][1] for of in (a, b) for seed in seeds for task in tasks})
    low, high, p_tasks, _ = stats.paired(by_task, scale)
    difference = math.fsum(by_task) / len(tasks)
    first = math.fsum(y for pairs in at for _, y in pairs) / len(seeds) / len(tasks)
    worse, better = stats.no_worse(by_task, margin), stats.no_worse([-each for each in by_task], margin)
    return {
        "seeds": len(seeds), "tasks": len(tasks), "value_a": difference + first, "value_b": first, "difference": difference,
        "low": low, "high": high, "p_tasks": p_tasks, "p_tasks_below": p_tasks / 2 if difference < 0 else 1.0,
        "no_worse_tasks": worse, "equal_tasks": max(worse, better), **over_seeds(by_seed, margin, FALL * first),
    }  # fmt: skip


def over_seeds(differences: Sequence[float], margin: float, fall: float) -> dict[str, float | None]:
    """Return what Student's t says of the seeds' differences; all None but the sd where fewer than two differ.

    Args:
        fall: true fall whose power is given.
    """
    from scipy.stats import nct, t

    n = len(differences)
    sd = statistics.stdev(differences) if n > 1 else None
    if not sd:
        names = ("seed_low", "seed_high", "p_seeds", "p_seeds_below", "no_worse_seeds", "equal_seeds", "power")
        return {"seed_sd": sd, **dict.fromkeys(names)}
    mean, error = statistics.fmean(differences), sd / math.sqrt(n)
    half = float(t.ppf(0.975, n - 1)) * error
    worse, better = (float(t.sf((sign * mean + margin) / error, n - 1)) for sign in (1, -1))
    return {
        "seed_sd": sd, "seed_low": mean - half, "seed_high": mean + half,
        "p_seeds": 2 * float(t.sf(abs(mean) / error, n - 1)), "p_seeds_below": float(t.cdf(mean / error, n - 1)),
        "no_worse_seeds": worse, "equal_seeds": max(worse, better),
        "power": float(nct.sf(t.ppf(1 - LEVEL, n - 1), n - 1, fall / error)),
    }  # fmt: skip
