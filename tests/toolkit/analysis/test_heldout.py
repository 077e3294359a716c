"""Held-out answers: variance of the decision within a prompt, and the exact test of decision against execution."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from scipy.stats.contingency import odds_ratio

from toolkit.analysis import heldout


def rows(accepted: list[tuple[str, bool]]) -> list[dict[str, object]]:
    reports = [{"gate": "compile", "passed": True, "score": 1.0}]
    return [{"task_id": prompt, "accepted": each, "reports": reports} for prompt, each in accepted]


def test_variance_is_half_the_chance_of_different_decisions() -> None:
    """By hand, over all pairs of answers, for every pattern of decisions on three answers to each of two prompts."""
    for pattern in itertools.product((False, True), repeat=6):
        answers = [("ab"[i // 3], each) for i, each in enumerate(pattern)]
        found = heldout.held_out(rows(answers), [True] * 6)
        assert found
        pairs = list(itertools.combinations(answers, 2))
        for name, same in ((found["variance"]["value"], True), (found["variance_null"], False)):
            unlike = [x != y for (p, x), (q, y) in pairs if (p == q) is same]
            assert name == pytest.approx(sum(unlike) / len(unlike) / 2, abs=1e-4)


def test_a_gate_that_looks_at_the_prompt_alone_has_no_variance_within_it_and_the_interval_says_how_sure_that_is() -> None:
    found = heldout.held_out(rows([(str(i // 4), i // 4 < 3) for i in range(24)]), [i % 4 == 0 for i in range(24)])
    assert found
    assert (found["variance"]["value"], found["variance"]["low"], found["variance_null"]) == (0.0, 0.0, 0.3)
    assert 0.1 < found["variance"]["high"] < 0.3, "six prompts leave room"
    assert (found["agrees"], found["agrees_p"]) == (None, None)
    assert "tv" not in found


def test_decisions_by_chance_vary_as_much_within_a_prompt_as_between_and_the_interval_covers() -> None:
    """Unbiased for M answers (without M / (M - 1) it would be a quarter short), and covering in 95 % of cases."""
    rng = np.random.default_rng(0)
    values, nulls, covered = [], [], 0
    for _ in range(400):
        chances = rng.beta(0.7, 0.7, size=16)
        decisions = [(4, int(n)) for n in rng.binomial(4, chances)]
        variance, null = heldout.within(decisions)
        assert variance
        assert null is not None
        values.append(variance["value"])
        nulls.append(null)
        covered += variance["low"] <= 0.7 * 0.7 / (1.4 * 2.4) <= variance["high"]
    assert np.mean(values) == pytest.approx(0.7 * 0.7 / (1.4 * 2.4), abs=0.006)
    assert np.mean(nulls) == pytest.approx(0.25, abs=0.006)
    assert covered >= 400 * 0.95 - 3 * math.sqrt(400 * 0.95 * 0.05)


@pytest.mark.parametrize("table", [[[7, 3], [2, 8]], [[5, 0], [3, 9]], [[1, 12], [6, 2]], [[2, 2], [2, 2]]])
def test_one_prompt_is_fishers_test_and_the_conditional_odds_ratio(table: list[list[int]]) -> None:
    (both, refused), (wrong, neither) = table
    found, p_value = heldout.matched([(both + refused + wrong + neither, both + wrong, both + refused, both)])
    known = odds_ratio(table)
    limits = known.confidence_interval(0.95)
    assert found
    for name, odds in (("value", known.statistic), ("low", limits.low), ("high", limits.high)):
        assert found[name] == pytest.approx(odds / (1 + odds) if math.isfinite(odds) else 1.0, abs=1e-3)
    assert p_value == pytest.approx(scipy.stats.fisher_exact(table).pvalue, abs=1e-5)


def test_the_test_is_over_all_ways_to_pair_decisions_and_truth_within_prompts() -> None:
    tables = [(4, 2, 1, 1), (3, 1, 1, 1), (4, 2, 2, 2)]
    decided = [[1] * a + [0] * (n - a) for n, a, _, _ in tables]
    truths = [[1] * both + [0] * (a - both) + [1] * (good - both) + [0] * (n - a - good + both) for n, a, good, both in tables]
    every = [
        sum(sum(map(math.prod, zip(d, t, strict=True))) for d, t in zip(decided, chosen, strict=True))
        for chosen in itertools.product(*(list(itertools.permutations(truth)) for truth in truths))
    ]
    chance = {n: every.count(n) / len(every) for n in set(every)}
    expected = sum(p for p in chance.values() if p <= chance[4] * (1 + 1e-9))
    assert heldout.matched(tables)[1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_prompts_that_are_easy_and_liked_are_no_evidence() -> None:
    """Acceptance and truth go together over prompts, and not within them: false alarms of the test stay below its level."""
    rng = np.random.default_rng(2)
    alarms = told = 0
    for _ in range(150):
        ease = rng.beta(0.6, 0.6, size=12)
        accepted, good = rng.random((2, 12, 4)) < ease[:, None]
        counts = zip(accepted.sum(1), good.sum(1), (accepted & good).sum(1), strict=True)
        _, p_value = heldout.matched([(4, int(a), int(b), int(c)) for a, b, c in counts])
        told += p_value is not None
        alarms += p_value is not None and p_value <= 0.05
    assert told > 125
    assert alarms <= told * 0.05 + 3 * math.sqrt(told * 0.05 * 0.95)
