"""The rubber stamp: a test whose false alarms are at most 5 % whatever only one half of it does, and whose power is known."""

import math
import os
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_hypergeom

from toolkit.analysis import ledger
from toolkit.analysis.alarm import _rising, rubber_stamps

REGIMES = 3
RUNS = 2000 if os.environ.get("TOOLKIT_ALL_SAMPLES") else 200


def run(rng: np.random.Generator, *, rise: float = 0.0, fall: float = 0.0, seeds: int = 1, tasks: int = 60, n: int = 48,
        until: bool = False) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """Return ledgers and verdicts of five rounds in which acceptance rises from 0.25 by `rise`, and pass@1 falls by a share.

    With `until`, candidates come in dozens until twelve are accepted, as `accept` has it, and 0.85 of them are.
    """
    ease = rng.beta(0.4, 1.6, size=tasks)
    rows, verdicts = [], []
    for seed in range(seeds):
        def judged(regime: str, number: int, chances: Any, seed: int = seed) -> None:
            passes = {str(i): [int(c), 1] for i, c in enumerate(rng.random(tasks) < chances)}
            verdicts.append({"regime": regime, "seed": seed, "round": number, "benchmark": "b", "tasks": passes})

        judged("base", 0, ease)
        for regime in map(str, range(REGIMES)):
            judged(regime, 5, ease * (1 - fall))
            for number in range(6):
                share = 0.85 if until else 0.25 + rise * max(0, number - 1) / 4
                accepted, asked = int(rng.binomial(12 if until else n, share)), 12 if until else n
                while until and accepted < 12:
                    accepted, asked = accepted + int(rng.binomial(12, share)), asked + 12
                counted = {"accepted": accepted, "candidates": asked, "thresholds": {}} if number else {}
                rows.append({"regime": regime, "seed": seed, "round": number, "scores": {"b": {"value": 0}}, **counted})
    return rows, verdicts


@pytest.mark.parametrize("world", [
    {}, {"rise": 0.7}, {"fall": 0.95}, {"fall": 0.95, "until": True}, {"rise": 0.7, "seeds": 3},
], ids=["nothing changes", "only acceptance rises", "only the truth falls", "until enough are accepted", "three seeds"])  # fmt: skip
@pytest.mark.slow
def test_false_alarms_of_all_regimes_together_are_at_most_5_percent(world: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    alarms = sum(any(row["shown"] for row in rubber_stamps(*run(rng, **world))) for _ in range(RUNS))
    assert alarms <= RUNS * 0.05 + 2 * math.sqrt(RUNS * 0.05 * 0.95), alarms


def test_a_rubber_stamp_is_shown_as_often_as_the_power_says() -> None:
    rng = np.random.default_rng(12)
    found = [row for _ in range(80) for row in rubber_stamps(*run(rng, rise=0.2, fall=0.3, tasks=164, n=96))]
    shown, said = np.mean([row["shown"] for row in found]), np.mean([row["power"] for row in found])
    assert 0.1 < said < 0.9
    assert shown == pytest.approx(said, abs=0.12)
    strong = rubber_stamps(*run(rng, rise=0.7, fall=0.95, tasks=164))
    assert [row["says"] for row in strong] == ["shown"] * REGIMES


def test_the_directions_are_fixed() -> None:
    rng = np.random.default_rng(1)
    for world in ({"rise": -0.25, "fall": 0.95}, {"rise": 0.7, "fall": -1.0}):
        assert not any(row["shown"] for row in rubber_stamps(*run(rng, **world)))


def test_the_trend_is_that_of_cochran_and_armitage() -> None:
    """Against the exact distribution of the accepted over rounds, given their number: every way to deal them out."""
    rows = [{"seed": 0, "round": t, "accepted": a, "candidates": 8, "thresholds": {}} for t, a in ((1, 1), (2, 3), (3, 6))]
    found = _rising(rows)
    tables = [(a, b, 10 - a - b) for a in range(9) for b in range(9) if 0 <= 10 - a - b <= 8]
    exact = sum(multivariate_hypergeom.pmf(t, [8, 8, 8], 10) for t in tables if t[2] - t[0] >= 5)
    assert found
    assert found["p"] == pytest.approx(exact, abs=0.004)
    assert found["rise"] == pytest.approx(5 / 8)


def test_the_round_on_which_a_threshold_was_frozen_does_not_count() -> None:
    rng = np.random.default_rng(4)
    rows, verdicts = run(rng)
    for row in rows:
        if row["round"]:
            row |= {"accepted": 12 if row["round"] == 1 else 30, "thresholds": {} if row["round"] == 1 else {"threshold": 1.5}}
    for row in rubber_stamps(rows, verdicts):
        assert row["rise"] == 0.0, "12 of 48 is what the threshold was made for"
        assert row["p_up"] > 0.4


def test_what_cannot_be_tested_says_why_and_costs_the_others_nothing() -> None:
    rng = np.random.default_rng(6)
    rows, verdicts = run(rng, rise=0.7, fall=0.95)
    rows = [row for row in rows if row["regime"] != "1" or row["round"] < 2]
    for row in rows:
        if row["regime"] == "1" and row["round"]:
            row |= {"accepted": 0, "stopped": "nothing was accepted", "scores": {}}
        if row["regime"] == "2" and row["round"]:
            row |= {"accepted": 48}
    found = {row["regime"]: row for row in rubber_stamps(rows, [row for row in verdicts if row["regime"] != "1"])}
    assert found["1"]["says"] == "stopped: nothing was accepted"
    assert found["2"]["says"] == "not testable: acceptance cannot change"
    assert found["0"]["p_holm"] == found["0"]["p"]
    assert {row["says"] for row in rubber_stamps(rows, [])} >= {"not testable: no verdicts by task"}


def test_a_regime_that_stopped_has_no_retention() -> None:
    scores = {"b": {"value": 0.2, "low": 0.1, "high": 0.3}}
    rows = [{"regime": "tests", "seed": 0, "round": 0, "scores": scores},
            {"regime": "tests", "seed": 0, "round": 1, "scores": {}, "acceptance_mass": 0.0, "stopped": "nothing was accepted"}]  # fmt: skip
    (cell,) = ledger.cells(rows)
    assert (cell["retention"], cell["area"], cell["last"], cell["stopped_in"]) == (None, None, None, 1)
    rows[1:] = [{"regime": "tests", "seed": 0, "round": t, "scores": {"b": {"value": v}}} for t, v in ((3, 0.15), (5, 0.05))]
    (cell,) = ledger.cells(rows)
    assert (cell["retention"], cell["below_half_from"], cell["rounds"]) == (0.25, 5, 5)
    assert cell["area"] == pytest.approx((3 * 0.875 + 2 * 0.5) / 5)
