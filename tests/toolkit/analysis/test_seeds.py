"""Comparisons over seeds: known values, and levels within what binomial error allows."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from toolkit.analysis import seeds, stats


def shares(values: Any, n: int = 1) -> dict[int, dict[str, tuple[int, int]]]:
    """Return passes and answers by seed and task, given passes: seeds x tasks."""
    return {s: {f"t{i}": (int(c), n) for i, c in enumerate(row)} for s, row in enumerate(values)}


def test_over_seeds_it_is_students_t_and_over_tasks_the_sign_flip_of_compare() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.binomial(5, 0.3, size=(3, 40)), rng.binomial(5, 0.45, size=(3, 40))
    found = seeds.compared(shares(a, 5), shares(b, 5))
    assert found
    differences = (a - b).mean(axis=1) / 5
    known = scipy.stats.ttest_1samp(differences, 0)
    below = scipy.stats.ttest_1samp(differences, 0, alternative="less").pvalue
    no_worse = scipy.stats.ttest_1samp(differences, -0.02, alternative="greater").pvalue
    limits = known.confidence_interval(0.95)
    assert [found[name] for name in ("p_seeds", "p_seeds_below", "no_worse_seeds", "seed_low", "seed_high", "seed_sd")] == [
        pytest.approx(x) for x in (known.pvalue, below, no_worse, limits.low, limits.high, differences.std(ddof=1))
    ]
    both = [{f"t{i}": (15, int(c)) for i, c in enumerate(x.sum(axis=0))} for x in (a, b)]
    same = stats.compare(*both)
    assert (found["difference"], found["low"], found["high"], found["p_tasks"]) == pytest.approx(
        (same.difference, same.low, same.high, same.p_value)
    )
    assert found["p_tasks_below"] == pytest.approx(same.p_value / 2)
    one = seeds.compared(shares(a[:1], 5), shares(b[:1], 5))
    assert one
    assert one["p_seeds"] is one["power"] is one["seed_sd"] is None


def test_power_is_the_share_of_runs_in_which_the_fall_is_shown() -> None:
    """Three seeds, sd 0.02, a fall of 30 % of 0.17: simulated, and by the noncentral t."""
    rng = np.random.default_rng(1)
    runs = rng.normal(-0.3 * 0.17, 0.02, size=(4000, 3))
    shown = np.mean(scipy.stats.ttest_1samp(runs, 0, axis=1, alternative="less").pvalue < 0.05)
    unit = np.array([-1.0, 0.0, 1.0])  # differences whose sd is 0.02
    said = seeds.over_seeds((0.02 * unit).tolist(), 0.02, 0.3 * 0.17)["power"]
    assert said == pytest.approx(shown, abs=0.025)
    assert 0.7 < shown < 0.95


def test_holm_by_hand() -> None:
    assert stats.holm([0.01, None, 0.04, 0.03, 0.005]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06), pytest.approx(0.02)]
    assert stats.holm([0.6, 0.7]) == [1.0, 1.0]
    assert stats.holm([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.0, -0.02, 0.02])
def test_levels_hold_over_tasks(truth: float) -> None:
    """Two models equal (sign flip), or one exactly at the margin (no worse, equal): at most 5 % are called otherwise."""
    rng = np.random.default_rng(2)
    runs, called = 300, 0
    for _ in range(runs):
        ease = rng.beta(0.8, 1.2, size=120)
        a = rng.binomial(5, np.clip(ease + truth * 0.24 / (ease * (1 - ease)).mean() * ease * (1 - ease) / 0.24, 0, 1), size=(2, 120))
        found = seeds.compared(shares(a, 5), shares(rng.binomial(5, ease, size=(2, 120)), 5))
        assert found
        called += found["p_tasks" if not truth else "no_worse_tasks" if truth < 0 else "equal_tasks"] <= 0.05
    assert called <= runs * 0.05 + 3 * math.sqrt(runs * 0.05 * 0.95), called


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.0, -0.02])
def test_levels_hold_over_seeds_that_differ_in_earnest(truth: float) -> None:
    """Each training is off by 5 points of its own: over seeds it counts as chance, over tasks it would be called a difference."""
    rng = np.random.default_rng(3)
    runs, over_seeds, over_tasks = 150, 0, 0
    for _ in range(runs):
        chances = 0.4 + truth + rng.normal(0, 0.05, size=(3, 1))
        a, b = rng.random((3, 400)) < chances, rng.random((3, 400)) < 0.4
        found = seeds.compared(shares(a), shares(b))
        assert found
        over_seeds += found["no_worse_seeds" if truth else "p_seeds"] <= 0.05
        over_tasks += found["p_tasks"] <= 0.05
    assert over_seeds <= runs * 0.05 + 3 * math.sqrt(runs * 0.05 * 0.95)
    assert over_tasks > 2 * over_seeds


def test_equal_models_are_no_worse_only_with_enough_tasks() -> None:
    few, many = (seeds.compared(shares([[1, 0] * n]), shares([[1, 0] * n])) for n in (10, 2000))
    assert few
    assert many
    assert few["no_worse_tasks"] > 0.05 > many["no_worse_tasks"]
    assert many["equal_tasks"] == pytest.approx(many["no_worse_tasks"])


def test_what_is_compared_with_what() -> None:
    tasks = {"t": [1, 2], "u": [0, 2]}
    rows = [{"regime": r, "seed": s, "round": t, "benchmark": "b", "tasks": tasks}
            for r, rounds in (("base", [0]), ("none", [1, 2]), ("tests", [1, 2, 3])) for t in rounds for s in (0, 1)
            if (r, t, s) != ("tests", 3, 1)]  # fmt: skip
    found = seeds.comparisons(rows)
    assert [(row["a"], row["b"], row["round"], row["seeds"]) for row in found] == [
        ("none", "base", 2, 2), ("tests", "base", 2, 2), ("none", "tests", 2, 2)
    ], "round 3 lacks a seed"  # fmt: skip
    assert all(row["p_seeds"] is None and row["p_tasks_holm"] == 1.0 for row in found)
    assert seeds.comparisons([]) == []
    assert seeds.comparisons(rows[:2]) == []
