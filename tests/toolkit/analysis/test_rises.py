"""How far acceptance rises, with seeds as units: by scipy's t-tests, and what is not compared."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from toolkit.analysis.rises import rises

CANDIDATES = 192


def ledgers(accepted: dict[str, Any], thresholds: tuple[float, ...] = (1.5, 1.5, 1.5)) -> list[dict[str, Any]]:
    """Return rows of a run, given the accepted of each regime: seeds x rounds."""
    return [
        {"regime": regime, "seed": seed, "round": number}
        | ({"accepted": n, "candidates": CANDIDATES, "thresholds": {"threshold": thresholds[number - 1]}} if number else {})
        for regime, table in accepted.items() for seed, counts in enumerate(table) for number, n in enumerate([None, *counts])
    ]  # fmt: skip


def test_they_are_students_t_of_the_seeds() -> None:
    table = {"self-score": [[48, 70, 120], [50, 90, 150], [45, 60, 110]], "judge": [[48, 50, 66], [50, 40, 60], [45, 80, 75]]}
    ours, theirs, further, less = rises(ledgers(table))
    rise = {name: np.array([(counts[-1] - counts[0]) / CANDIDATES for counts in rows]) for name, rows in table.items()}
    for told, values in ((ours, rise["self-score"]), (theirs, rise["judge"]), (further, rise["self-score"] - rise["judge"])):
        known = scipy.stats.ttest_1samp(values, 0, alternative="greater")
        limits = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (told["rise"], told["sd"], told["p_above"]) == pytest.approx((values.mean(), values.std(ddof=1), known.pvalue))
        assert (told["low"], told["high"], told["seeds"]) == pytest.approx((limits.low, limits.high, 3))
    assert [(told["regime"], told["against"]) for told in (ours, further, less)] == [
        ("self-score", None), ("self-score", "judge"), ("judge", "self-score")
    ]  # fmt: skip
    assert less["p_above"] == pytest.approx(1 - further["p_above"])
    assert further["p_above_holm"] >= 2 * further["p_above"]


def test_the_round_on_which_a_threshold_was_frozen_does_not_count() -> None:
    table = {"self-score": [[48, 50, 60], [48, 60, 80]]}
    (told,) = rises(ledgers(table, (0.0, 1.5, 1.5)))
    assert told["rise"] == pytest.approx((10 + 20) / 2 / CANDIDATES)
    assert rises(ledgers(table, (0.0, 1.0, 1.5))) == [], "each round had a threshold of its own"


def test_a_training_that_stopped_has_none_and_one_seed_says_nothing() -> None:
    rows = ledgers({"self-score": [[48, 50, 60], [48, 60, 80]], "none": [[192, 192, 192], [192, 192, 192]]})
    rows[3]["stopped"] = "nothing was accepted"
    alone, still, *pairs = rises(rows)
    assert (alone["seeds"], alone["rise"], alone["p_above"], alone["sd"]) == (1, pytest.approx(32 / CANDIDATES), None, None)
    assert (still["seeds"], still["rise"], still["p_above"], still["p_above_holm"]) == (2, 0.0, None, None)
    assert [pair["seeds"] for pair in pairs] == [1, 1], "only those that both have"


def test_at_most_5_percent_of_trainings_that_do_not_rise_are_said_to() -> None:
    rng = np.random.default_rng(8)
    tables = ({"judge": rng.binomial(CANDIDATES, np.clip(0.3 + rng.normal(0, 0.05, (3, 3)), 0, 1)).tolist()} for _ in range(400))
    said = sum(told["p_above"] is not None and told["p_above"] <= 0.05 for table in tables for told in rises(ledgers(table)))
    assert said <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5
