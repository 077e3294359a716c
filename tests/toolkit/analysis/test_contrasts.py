"""Contrasts on planted scores."""

import math
import random
from typing import Any

import numpy as np
import pytest
from scipy.stats import t, ttest_ind

from toolkit.analysis.contrasts import (
    SEES,
    Contrast,
    Term,
    _interval,
    _student,
    claims,
    evaluate,
    expected,
    is_small,
    over,
    told,
    with_holm,
    written,
)


def rows(cells: dict[str, list[float]], score: str = "nll@x", seed: int = 0) -> list[dict[str, Any]]:
    return [
        {"cell": cell, "seed": seed, "scores": {score: {f"t{at}": value for at, value in enumerate(values)}}}
        for cell, values in cells.items()
    ]  # fmt: skip


def noise(n: int, seed: int = 0, sd: float = 1.0) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(0, sd) for _ in range(n)]


def test_difference_in_differences_by_hand() -> None:
    terms = tuple(Term(*each) for each in ((1, "moe", "pass@a"), (-1, "dense", "pass@a"), (-1, "moe", "pass@b"), (1, "dense", "pass@b")))
    table = [
        {"cell": cell, "seed": 0, "scores": {name: {str(at): float(at < n) for at in range(100)} for name, n in of.items()}}
        for cell, of in {"moe": {"pass@a": 60, "pass@b": 40}, "dense": {"pass@a": 50, "pass@b": 35}}.items()
    ]  # fmt: skip
    found = evaluate(Contrast(name="did", terms=terms, margin=0.05), table)
    assert found is not None
    assert found["value"] == pytest.approx((0.60 - 0.50) - (0.40 - 0.35))
    assert found["tasks"] == 200
    alone = [0.1 * 0.9, 0.05 * 0.95]
    assert found["se"] == pytest.approx(math.sqrt(sum(alone) / 100), rel=0.25)  # 10 and 5 of 100 tasks differ, independently


def test_an_effect_a_bound_and_neither() -> None:
    base = noise(64)
    effect = [value + 0.3 + d for value, d in zip(base, noise(64, 1, 0.1), strict=True)]
    nothing = [value + d - sum(noise(64, 2, 0.05)) / 64 for value, d in zip(base, noise(64, 2, 0.05), strict=True)]
    unclear = [value + 0.05 + d for value, d in zip(base, noise(64, 3), strict=True)]
    table = rows({"base": base, "effect": effect, "nothing": nothing, "unclear": unclear})
    verdicts = {}
    for cell in ("effect", "nothing", "unclear"):
        found = evaluate(over(cell, {cell: 1, "base": -1}, "nll@x", 0.05, named=True), table)
        assert found is not None
        verdicts[cell] = found
    assert {cell: it["verdict"] for cell, it in verdicts.items()} == {"effect": "answered", "nothing": "bounded", "unclear": "open"}
    assert verdicts["effect"]["p"] < 0.001
    assert verdicts["effect"]["value"] == pytest.approx(0.3, abs=0.05)
    assert verdicts["effect"]["se"] == pytest.approx(0.1 / 8, rel=0.25)
    assert verdicts["effect"]["visible"] == pytest.approx(SEES * verdicts["effect"]["se"])
    assert verdicts["nothing"]["tasks_needed"] is None
    it = verdicts["unclear"]
    apart = max(abs(it["value"]), 0.05 - abs(it["value"]))
    assert it["tasks_needed"] == math.ceil(64 * (it["visible"] / apart) ** 2)
    line = told([verdicts["unclear"]], 1)
    assert line.startswith("open: unclear on nll@x ")
    assert f"about {it['tasks_needed']:,} tasks" in line


def test_tasks_that_agree_everywhere_do_not_make_pass_at_1_certain() -> None:
    same = [0.0, 1.0] * 12
    found = evaluate(over("none", {"a": 1, "b": -1}, "pass@x", 0.05), rows({"a": same, "b": same}, "pass@x"))
    assert found is not None
    assert found["verdict"] == "open"
    assert found["low"] < -0.05 < 0.05 < found["high"]
    assert found["p"] == 1


def test_seeds_count_as_a_source_of_chance() -> None:
    def both(shift: float) -> list[dict[str, Any]]:
        found = []
        for seed in range(4):
            base = noise(40)
            found += rows({"a": [value + shift * (-1) ** seed for value in base], "b": base}, seed=seed)
        return found

    quiet, loud = (evaluate(over("x", {"a": 1, "b": -1}, "nll@x", 0.05), both(shift)) for shift in (0.0, 1.0))
    assert quiet is not None
    assert loud is not None
    assert quiet["seeds"] == loud["seeds"] == 4
    assert quiet["verdict"] == "bounded"
    assert loud["low"] < -0.5 < 0.5 < loud["high"]  # the same on every task, and another in every seed


@pytest.mark.slow
def test_few_seeds_are_few() -> None:
    """Of three seeds that differ, 95 % of the intervals hold the truth; a bootstrap of seeds alone would have 75 %."""
    chance = random.Random(3)
    held = 0
    for _ in range(100):
        shifts = [chance.gauss(0, 1) for _ in range(3)]
        low, high = _interval([np.array([[shift + chance.gauss(0, 0.1) for _ in range(20)] for shift in shifts])], 0)
        held += low < 0 < high
    assert held >= 88


def test_one_seed_has_students_interval_and_two_benchmarks_have_welchs() -> None:
    chance = random.Random(4)
    one, two = (np.array([[chance.gauss(0, sd) for _ in range(n)]]) for sd, n in ((1.0, 12), (3.0, 8)))
    se = math.sqrt(one.var(ddof=1) / 12)
    assert _student([one])[0] == pytest.approx(t.ppf(0.975, 11) * se)
    welch = ttest_ind(one[0], -two[0], equal_var=False)
    between = welch.confidence_interval()
    half, p, of_seeds = _student([one, two])
    assert of_seeds == 0
    assert 2 * half == pytest.approx(between.high - between.low)
    assert p == pytest.approx(welch.pvalue)


def test_what_one_seed_in_three_contradicts_is_not_certain() -> None:
    table = []
    for seed, shift in enumerate((0.5, 0.4, -0.1)):
        base = noise(40, seed)
        table += rows({"a": [value + shift + d for value, d in zip(base, noise(40, seed + 9, 0.05), strict=True)], "b": base}, seed=seed)
    found = evaluate(over("x", {"a": 1, "b": -1}, "nll@x", 0.05), table)
    assert found is not None
    assert found["low"] < 0 < found["high"]
    assert found["p"] > 0.05  # flips over tasks alone say less than 1e-5
    assert found["tasks_needed"] is None
    assert told([{**found, "named": True}], 1).endswith("3 seeds; more seeds would decide it, not more tasks")


def test_a_cell_that_waits_leaves_its_contrasts_out() -> None:
    table = rows({"a": [1.0, 2.0]})
    assert evaluate(over("x", {"a": 1, "b": -1}, "nll@x", 0.05), table) is None
    assert told([], 1).startswith("open: nothing that the study is about")


def test_holm_is_over_the_named_of_one_measure() -> None:
    def one(p: float, score: str, named: bool) -> dict[str, Any]:
        return {"p": p, "scores": [score], "named": named}

    found = with_holm([one(0.01, "nll@x", True), one(0.04, "nll@x", True), one(0.04, "pass@x", True), one(0.01, "nll@x", False)])
    assert [it["p_holm"] for it in found] == [0.02, 0.04, 0.04, None]


def test_what_is_expected_before_anything_ran() -> None:
    """The table of the design: 64 tasks and a tenth that disagree, one answer each, 11 points; nats over 64 tasks, .02."""
    pair = over("x", {"a": 1, "b": -1}, "pass@x", 0.05)
    assert expected(pair, 64, 1, 1) == pytest.approx(0.11, abs=0.005)
    assert expected(pair, 542, 1, 1) == pytest.approx(0.04, abs=0.003)
    assert expected(pair, 64, 20, 1) == pytest.approx(0.044, abs=0.003)
    assert expected(over("x", {"a": 1, "b": -1}, "nll@x", 0.05), 64, 1, 1) == pytest.approx(0.02, abs=0.001)
    four = over("x", {"a": 1, "b": -1, "c": -1, "d": 1}, "nll@x", 0.05)
    assert expected(four, 64, 1, 1) == pytest.approx(0.02 * math.sqrt(2), abs=0.001)


def test_a_claim_is_verified_by_its_interval_and_after_holm_and_one_seed_is_little() -> None:
    it = {"contrast": "x", "scores": ["nll@a"], "named": True, "value": -0.03, "low": -0.05, "high": -0.01, "p": 0.03, "seeds": 1,
          "margin": 0.05, "tasks": 64, "verdict": "answered"}  # fmt: skip
    several = [it, {**it, "p": 0.01, "low": -0.04, "seeds": 3}, {**it, "verdict": "bounded", "seeds": 2}, {**it, "verdict": "open", "p": 0.9}]
    found = claims(with_holm([*several, {**it, "named": False}]))
    assert [(each["claim"], each["verified"], each["confidence"]) for each in found] == [
        ("x, on nll@a, is below 0", "no: not after Holm", "-"), ("x, on nll@a, is below 0, and within +-0.050 nats", "yes", "high"),
        ("x, on nll@a, is within +-0.050 nats", "yes", "medium: two seeds"), ("x, on nll@a, differs from 0", "no: open", "-"),
    ]  # fmt: skip
    assert found[0]["evidence"] == "-0.030 nats [-0.050, -0.010] (p 0.090 after Holm, which is chance among all that was asked), 64 tasks, 1 seed"
    assert "[-0.050, -0.010] (p 0.090 after Holm, which is chance" in told([{**several[0], "p_holm": 0.09, "visible": 0.1}], 1)
    alone = claims(with_holm([{**it, "p": 0.03}]))
    assert (alone[0]["verified"], alone[0]["confidence"]) == ("yes", "low: one seed")


def test_an_effect_too_small_to_name_is_said_to_be_that_and_of_one_run_alone() -> None:
    base = noise(64)
    little = [value + 0.003 + d for value, d in zip(base, noise(64, 1, 0.004), strict=True)]
    found = evaluate(over("x", {"a": 1, "b": -1}, "nll@x", 0.05, named=True), rows({"a": little, "b": base}))
    assert found is not None
    assert (found["verdict"], is_small(found)) == ("answered", True)
    line = told([found], 1)
    assert line.startswith("answered (and within +-0.050: no effect worth naming): x on nll@x +0.003 nats [")
    assert line.endswith("over 64 tasks, 1 seed, so of this run alone")
    large = {**found, "value": 0.3, "low": 0.2, "high": 0.4, "seeds": 3}
    assert told([large], 1).startswith("answered: x on nll@x ")
    assert told([large], 1).endswith("3 seeds")
    assert (written(0.0004), written(0.0005)) == ("<0.001", "0.001")
