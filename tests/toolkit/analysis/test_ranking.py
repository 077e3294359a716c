"""AUC: one number a gate, in the order in which it decides, with an interval that covers."""

import json
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gates import GATES, prefers_low
from toolkit.analysis import ranking

ASKED = [name for name in GATES if name != "none"]


def rows(kind: str, knows: Sequence[float]) -> list[dict[str, Any]]:
    """Return what a chain would report if each gate's score followed `knows`, and each accepted the better three quarters.

    Scores are in another unit a gate, and low where the gate prefers that.
    """
    chain = sorted(kind.split("+"), key=lambda name: GATES[name].cost)
    found: list[dict[str, Any]] = [{"task_id": str(i), "reports": []} for i in range(len(knows))]
    alive = list(range(len(knows)))
    for place, name in enumerate(chain):
        cut = sorted(knows[i] for i in alive)[len(alive) // 4]
        for i in alive:
            score = (1000.0 ** (place - 1)) * (5 - knows[i] if GATES[name].lowest else knows[i] - 5)
            found[i]["reports"].append({"gate": name, "passed": knows[i] >= cut, "score": score, "values": {}})
        alive = [i for i in alive if knows[i] >= cut]
    return found


@pytest.mark.parametrize("kind", [*ASKED, "compile+perplexity", "repetition+self-score", "compile+repetition+inverse-perplexity"])
def test_a_planted_scorer_that_knows_all_has_auc_1_and_one_that_knows_nothing_half(kind: str) -> None:
    rng = random.Random(7)
    ran = [i % 3 == 0 for i in range(120)]
    perfect = [good + rng.random() / 2 for good in ran]
    last = kind.split("+")[-1]
    found = ranking.gates(rows(kind, perfect), ran, prefers_low)
    assert list(found) == sorted(kind.split("+"), key=lambda name: GATES[name].cost)
    assert {name: gate["auc"]["value"] for name, gate in found.items()} == dict.fromkeys(found, 1.0)
    guesses = [ranking.gates(rows(kind, [rng.random() for _ in ran]), ran, prefers_low)[last]["auc"] for _ in range(60)]
    assert sum(guess["low"] <= 0.5 <= guess["high"] for guess in guesses) >= 60 * 0.95 - 3 * math.sqrt(60 * 0.95 * 0.05)
    assert {(guess["good"], guess["bad"]) for guess in guesses} == {(40, 80)}
    worst = ranking.gates(rows(kind, [-each for each in perfect]), ran, prefers_low)[last]["auc"]
    assert worst["value"] == 0.0


def test_which_gates_take_low_scores_for_the_best() -> None:
    assert {name for name in GATES if prefers_low(name)} == {"repetition", "duplicate", "decontaminate", "perplexity"}
    assert prefers_low("repetition~0.1")
    assert not prefers_low("self-score~0.2")


def test_a_decision_goes_before_a_score_and_an_earlier_refusal_is_the_worst() -> None:
    short = {"task_id": "a", "reports": [{"gate": "repetition", "passed": False, "score": 0.0}]}
    fine = {"task_id": "b", "reports": [{"gate": "repetition", "passed": True, "score": 0.2},
                                        {"gate": "perplexity", "passed": False, "score": 90.0}]}  # fmt: skip
    assert ranking.places([short, fine], "repetition", prefers_low) == [(1, False, 0.0), (1, True, -0.2)]
    assert ranking.places([short, fine], "perplexity", prefers_low) == [(1, False, 0.0), (2, False, -90.0)]
    empty = {"task_id": "c", "reports": [{"gate": "perplexity", "passed": False, "score": None}]}
    assert ranking.places([empty], "perplexity", prefers_low) == [(1, False, -math.inf)]


def test_what_a_gate_says_of_all_it_was_asked() -> None:
    told = [{"task_id": str(i), "reports": [{"gate": "self-score", "passed": i > 2, "score": i - 1.0, "values": {"probability": 0.5}}]}
            for i in range(4)]  # fmt: skip
    found = ranking.gates(told, [False, True], prefers_low)["self-score"]
    assert (found["asked"], found["passed"], found["above_zero"], found["score"]["median"]) == (4, 1, 0.5, 0.5)
    assert (found["auc"]["good"], found["auc"]["bad"]) == (1, 1), "labelled are only the first two"
    assert ranking.gates(told, [], prefers_low)["self-score"]["auc"] is None
    assert ranking.gates([], [], prefers_low) == {}
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(("n_good", "n_bad", "shift"), [(2, 46, 2.0), (3, 45, 0.0), (10, 38, 1.0)])
def test_the_interval_covers_also_with_a_handful_of_programs_that_run(n_good: int, n_bad: int, shift: float) -> None:
    rng = np.random.default_rng(3)
    truth = 0.5 * math.erfc(-shift / 2)
    labels = [True] * n_good + [False] * n_bad
    covered = 0
    for _ in range(300):
        found = ranking.auc((rng.normal(size=n_good + n_bad) + shift * np.array(labels)).tolist(), labels)
        covered += bool(found and found["low"] <= truth <= found["high"])
    assert covered >= 300 * 0.95 - 3 * math.sqrt(300 * 0.95 * 0.05)


def test_answers_to_one_prompt_are_not_taken_for_so_many_prompts() -> None:
    """Score and truth both depend on the prompt, and not on each other: without the prompts half is outside far too often."""
    rng = np.random.default_rng(5)
    outside = {True: 0, False: 0}
    prompts = np.repeat(np.arange(20), 4)
    for _ in range(200):
        truth = np.repeat(rng.normal(size=20), 4) + 0.5 * rng.normal(size=80) > 0.3
        scores = np.repeat(rng.normal(size=20), 4) + 0.5 * rng.normal(size=80)
        for grouped in outside:
            found = ranking.auc(scores.tolist(), truth.tolist(), prompts.tolist() if grouped else ())
            outside[grouped] += bool(found and not found["low"] <= 0.5 <= found["high"])
    assert outside[True] <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05 * 0.95)
    assert outside[False] > 2 * outside[True] + 10
