"""Self-confirmation within delta: a constant gate is, acceptance by lot is, the execution oracle is not."""

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolkit.analysis import confirmation, stats

FULL = bool(os.environ.get("TOOLKIT_ALL_SAMPLES"))
Gate = Callable[[np.random.Generator, int, bool], bool]


def answers(gate: Gate, *, prompts: int = 64, each: int = 32, seed: int = 0, draws: bool = False) -> dict[str, Any]:
    """Judge answers to prompts, of which a share of its own runs; return the verdict."""
    rng = np.random.default_rng(seed)
    ease = rng.beta(1, 1, size=prompts)
    rows, ran, again = [], [], []
    for x in range(prompts):
        for good in rng.random(each) < ease[x]:
            rows.append({"task_id": str(x), "accepted": gate(rng, x, bool(good))})
            again.append(gate(rng, x, bool(good)))
            ran.append(bool(good))
    return confirmation.verdict(rows, ran, again if draws else None)


def test_a_constant_gate_confirms_itself_and_the_oracle_does_not() -> None:
    for constant in (True, False):
        found = answers(lambda _rng, _x, _good, c=constant: c)  # type: ignore[misc]
        assert found["verdict"] == "yes", found
        assert found["excess_sd"]["value"] == 0
        assert found["auc"]["value"] == 0.5
    found = answers(lambda _rng, _x, good: good)
    assert found["verdict"] == "no"
    assert found["auc"]["value"] == 1.0
    assert found["agrees_p"] < 1e-6
    assert found["bound"]["distance"] == 0


@pytest.mark.parametrize("kappa", [0.25, 0.5, 0.9])
def test_acceptance_by_lot_confirms_itself(kappa: float) -> None:
    found = answers(lambda rng, _x, _good: bool(rng.random() < kappa), draws=True)
    assert found["verdict"] == "yes", found["says"]
    assert found["excess_sd"]["value"] <= 0.1
    unseen = answers(lambda rng, _x, _good: bool(rng.random() < kappa))
    assert unseen["verdict"] == "no", "without a second draw, decisions by lot are decisions about the texts"


@pytest.mark.slow
def test_gates_by_lot_are_never_a_no_and_gates_at_the_edge_of_delta_seldom_a_yes() -> None:
    """At the edge the AUC is .55: execution lifts the chance to be accepted from .5 to .6."""
    runs = 400 if FULL else 30
    lots = [answers(lambda rng, _x, _good: bool(rng.random() < 0.5), prompts=24, seed=s, draws=True)["verdict"] for s in range(runs)]
    edge: Gate = lambda rng, _x, good: bool(rng.random() < (0.6 if good else 0.5))  # noqa: E731
    edges = [answers(edge, prompts=24, seed=s, draws=True)["verdict"] for s in range(runs)]
    most = runs * 0.05 + 2 * math.sqrt(runs * 0.05 * 0.95)
    assert lots.count("no") <= most
    assert edges.count("yes") <= most


def test_kappa_may_depend_on_the_prompt_and_on_what_prompts_are_like() -> None:
    """Prompts that are easy are accepted: a marginal AUC is far above 1/2, and there is nothing within a prompt."""
    found = answers(lambda _rng, x, _good: x % 2 == 0)
    assert found["verdict"] == "yes", found["says"]
    low = confirmation.within_auc([(20, 20, 18, 18), (20, 0, 2, 0)] * 20)
    assert low is not None
    assert (low["value"], low["good"]) == (0.5, 400)


def test_a_gate_that_leans_towards_what_runs_is_not_self_confirming_and_few_answers_decide_nothing() -> None:
    leans: Gate = lambda rng, _x, good: bool(rng.random() < 0.4 + 0.3 * good)  # noqa: E731
    assert answers(leans, draws=True)["verdict"] == "no"
    few = answers(lambda _rng, _x, _good: True, prompts=4, each=4)
    assert few["verdict"] == "undecided"
    assert few["needed"] > 16
    enough = answers(lambda _rng, _x, _good: True, prompts=4, each=math.ceil(few["needed"] / 4) + 20)
    assert enough["verdict"] == "yes"
    assert enough["excess_sd"]["high"] > 0.3, "of four prompts"
    assert enough["says"].endswith(f"and r differs by 0.00 (sd; 95 %: at most {enough['excess_sd']['high']:.2f})")
    assert confirmation.verdict([], [])["verdict"] == "undecided"
    with pytest.raises(ValueError, match="executions"):
        confirmation.verdict([{"task_id": "a", "accepted": True}], [])


@pytest.mark.parametrize(("hit", "false", "each"), [(0.5, 0.5, 8), (0.9, 0.9, 8), (0.7, 0.4, 4), (0.98, 0.95, 16)])
def test_the_interval_of_the_auc_contains_it_in_about_95_percent(hit: float, false: float, each: int) -> None:
    runs = 4000 if FULL else 400
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(runs):
        good = rng.binomial(each, rng.beta(2, 2, size=30))
        both, bad = rng.binomial(good, hit), rng.binomial(each - good, false)
        found = confirmation.within_auc([(each, int(b + f), int(g), int(b)) for g, b, f in zip(good, both, bad, strict=True)])
        assert found is not None
        held += found["low"] <= 0.5 + (hit - false) / 2 <= found["high"]
    low, _ = stats.wilson(runs, held)
    assert held / runs >= 0.93 or low >= 0.92, held / runs


@pytest.mark.slow
def test_the_excess_sd_of_decisions_drawn_twice_is_that_of_the_chance() -> None:
    """r is 0.2 or 0.8 by the text's colour, half each: its sd within a prompt is 0.3, that of decisions 0.5."""
    colours = np.random.default_rng(1)
    found = answers(lambda rng, _x, good: bool(rng.random() < (0.8 if good else 0.2)), draws=True)
    assert 0.1 < found["excess_sd"]["low"] < 0.6 / math.sqrt(6) < found["excess_sd"]["high"] < 0.4, "ease is uniform: E p(1 - p) = 1/6"
    rows = [{"task_id": str(i // 10), "accepted": False} for i in range(4000)]
    r = np.where(colours.random(4000) < 0.5, 0.2, 0.8)
    one, two = ((colours.random(4000) < r).tolist() for _ in range(2))
    told = confirmation.verdict([row | {"accepted": a} for row, a in zip(rows, one, strict=True)], one, two)
    assert told["excess_sd"]["value"] == pytest.approx(0.3, abs=0.03)


def test_theorem_2_6_holds_for_all_decisions_and_its_numbers_are_those_of_a_hand_example() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        groups = [(list(rng.random(6) < 0.5), list(rng.random(6) < 0.5)) for _ in range(3)]
        found = confirmation.bound(groups)
        assert found is None or found["violated"] == 0
    by_hand = confirmation.bound([([True, True, False, False], [True, False, False, False])])
    assert by_hand == {"prompts": 1, "distance": 1.0, "bound": 8.0, "sharper": 2.0, "violated": 0}
    assert confirmation.bound([([False], [True])]) is None


def test_calibration_of_a_hand_example() -> None:
    found = confirmation.calibration([0.05, 0.05, 0.95, 0.95], [False, True, True, True])
    assert found is not None
    assert found["ece"] == pytest.approx((0.45 + 0.05) / 2)
    assert found["brier"] == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.05**2) / 4, abs=1e-4)
    assert [row["n"] for row in found["bins"]] == [2, 2]
    stated = [{"task_id": "a", "accepted": True, "reports": [{"values": {"probability": 0.5}}]}] * 4
    told = confirmation.verdict(stated, [True, False, True, False])["calibration"]
    assert told["ece"] == 0, "of the chance that a gate states, not of its decisions"
