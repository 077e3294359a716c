"""The Performance-Efficiency Ratio against its published table, size, and equal budgets, against numbers worked out by hand."""

import math
from itertools import combinations

import pytest

from toolkit.analysis.efficiency import (
    AXES,
    FIXED,
    UNITS,
    Anchors,
    affordable,
    at_budget,
    leave_one_out,
    pareto,
    per,
    scaling,
    spent,
)

# arXiv 2603.21389, GSM8K: accuracy, tokens/s, ms/token, MB, PER as printed
GSM8K = {
    "Qwen2.5-0.5B": (0.3768, 7927, 0.15, 1024, 0.4546),
    "Qwen2.5-1.5B": (0.58, 4417, 0.25, 3072, 0.6617),
    "Gemma-2-2B": (0.555, 1761, 0.66, 4096, 0.4887),
    "Qwen2.5-3B": (0.699, 2657, 0.42, 6144, 0.6056),
    "Phi-3.5": (0.7354, 979, 1.16, 7782, 0.4427),
    "Qwen3-4B": (0.7991, 1738, 0.69, 8192, 0.5447),
    "Mistral-7B": (0.5322, 3907, 1.53, 7168, 0.2837),
    "Qwen2.5-7B": (0.7741, 374, 1.46, 7168, 0.3491),
    "Llama-3.1-8B": (0.8097, 151, 3.74, 8192, 0.1957),
    "Llama-2-13B": (0.3525, 115, 2.38, 6656, 0),
    "Vicuna-13B": (0.3783, 77, 3.61, 6656, 0.0811),
    "Qwen2.5-14B": (0.8082, 179, 1.53, 7168, 0.2877),
    "Qwen2.5-32B": (0.8089, 293, 0.47, 8192, 0.3482),
    "Llama-2-70B": (0.5269, 47, 2.9, 17920, 0.053),
    "Llama-3.1-70B": (0.9204, 48, 2.79, 17920, 0.0738),
    "Qwen2.5-72B": (0.8082, 29, 4.65, 18432, 0),
}


def model(accuracy: float, tokens_per_s: float, ms_per_token: float, memory_mb: float) -> dict[str, float]:
    return {"accuracy": accuracy, "tokens_per_s": tokens_per_s, "ms_per_token": ms_per_token, "memory_mb": memory_mb}


MODELS = [model(*row[:4]) for row in GSM8K.values()]


def test_the_published_ratios_are_recomputed_but_for_one_whose_throughput_is_misprinted() -> None:
    off = {name: found for (name, row), found in zip(GSM8K.items(), per(MODELS), strict=True) if round(abs(found - row[4]), 4) > 4e-4}
    assert off == {"Mistral-7B": pytest.approx(0.5138, abs=5e-5)}
    i = list(GSM8K).index("Mistral-7B")
    right = [*MODELS[:i], MODELS[i] | {"tokens_per_s": 390.7}, *MODELS[i + 1 :]]
    assert per(right)[i] == pytest.approx(0.2837, abs=5e-4)  # as if a point had been lost


def test_a_ratio_is_the_geometric_mean_of_four_shares() -> None:
    models = [model(0, 10, 9, 300), model(0.25, 30, 7, 200), model(1, 50, 1, 100)]
    assert per(models) == [0, pytest.approx((0.25 * 0.5 * 0.25 * 0.5) ** 0.25), 1]
    assert per([model(0.2 + 0.5 * each["accuracy"], *list(each.values())[1:]) for each in models]) == pytest.approx(per(models))
    assert leave_one_out(models) == [(0, 0), (0, 1), (1, 1)]


def test_what_tells_nothing_apart_counts_one_and_one_model_has_no_ratio() -> None:
    one, other = model(0.5, 10, 2, 100), model(0.25, 10, 2, 100)
    assert per([]) == []
    assert per([one]) == [None]
    assert per([one, one]) == [1, 1]
    assert per([one, other]) == [1, 0]
    assert leave_one_out([one, other]) == [None, None]
    assert pareto([one, one, other]) == [True, True, False]
    assert [each["tokens_per_s"] for each, best in zip(MODELS, pareto(MODELS), strict=True) if not best] == [1761, 3907, 115, 77, 47, 29]


def test_a_ratio_with_fixed_anchors_depends_on_no_other_model() -> None:
    alone = [per([each], FIXED)[0] for each in MODELS]
    assert per(MODELS, FIXED) == alone
    assert all(0 < value < 1 for value in alone if value is not None)
    middle = model(0.5, math.sqrt(100_000), math.sqrt(0.01 * 1000), math.sqrt(100 * 1_000_000))
    assert per([middle], FIXED) == [pytest.approx(0.5)]
    assert per([model(1, 1e9, 0, 0), model(0, 1, 1000, 1e6)], FIXED) == [1, 0]  # what is beyond an end is at that end
    ends = {axis: Anchors(min(m[axis] for m in MODELS), max(m[axis] for m in MODELS), log=False) for axis in AXES}
    assert per(MODELS, ends) == per(MODELS)


def test_a_fit_over_size() -> None:
    line = scaling([1e8, 1e9, 1e10], [0.2, 0.4, 0.6])
    assert line == {
        "slope": pytest.approx(0.2), "low": pytest.approx(0.2), "high": pytest.approx(0.2), "intercept": pytest.approx(-1.4),
        "r2": pytest.approx(1), "n_models": 3, "underpowered": True,
    }  # fmt: skip
    # x = 0..3, y = 1, 3, 2, 4 tenths: slope 0.08, residuals 0.03 * (-1, 3, -3, 1), so s^2 = 0.018 / 2, t(0.975, 2) = 4.3027
    bent = scaling([1, 10, 100, 1000], [0.1, 0.3, 0.2, 0.4])
    assert bent is not None
    half = 4.302653 * math.sqrt(0.018 / 2 / 5)
    assert (bent["slope"], bent["low"], bent["high"]) == pytest.approx((0.08, 0.08 - half, 0.08 + half))
    assert bent["r2"] == pytest.approx(0.64)
    two = scaling([1e8, 1e9], [0.3, 0.3])
    assert two is not None
    assert (two["slope"], two["low"], two["r2"], two["underpowered"]) == (0, None, None, True)
    many = [10.0**i for i in range(8)]
    assert [scaling(many, ys)["underpowered"] for ys in ([i / 10 for i in range(8)], [0.1, 0.2] * 4)] == [False, True]  # type: ignore[index]
    assert scaling([7e9, 7e9], [0.1, 0.2]) is None
    assert scaling([], []) is None
    for sizes in ([0, 1.0], [1.0], [math.nan, 1]):
        with pytest.raises(ValueError, match="above 0"):
            scaling(sizes, [0.1, 0.2])


@pytest.mark.parametrize(
    ("budget", "spent", "n", "k"),
    [(300, 1000, 10, 3), (299.999, 1000, 10, 2), (99, 1000, 10, 0), (0.3, 0.1, 1, 3), (1e15, 2 * 494_000_000 * 1000, 10, 10121)],
)
def test_a_budget_buys_whole_samples_exactly(budget: float, spent: float, n: int, k: int) -> None:
    assert affordable(budget, spent, n) == k


def test_no_budget_is_counted_in_what_is_not_there() -> None:
    for budget, took, n in ((0, 1, 1), (math.inf, 1, 1), (math.nan, 1, 1), (1, 0, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="above 0"):
            affordable(budget, took, n)
    whole = {"seconds": 8.0, "n_samples": 4, "n_judged": 2, "n_judged_tokens": 100, "n_active": 7}
    assert [spent(whole, unit) for unit in UNITS] == [(100, 2), (8.0, 4), (1400, 2)]
    for unit, name, words in (("seconds", "seconds", "no seconds"), ("tokens", "n_judged_tokens", "n_tokens"), ("flops", "n_active", "parameters")):
        with pytest.raises(ValueError, match=words):
            spent(whole | {name: None}, unit)


def test_pass_at_a_budget() -> None:
    counts = [(4, 1), (4, 2), (5, 0)]
    drawn = [sum(min(pair) < c for pair in combinations(range(n), 2)) / math.comb(n, 2) for n, c in counts]
    found = at_budget(counts, 2)
    assert found["value"] == pytest.approx(sum(drawn) / 3)
    assert found["low"] < found["value"] < found["high"]
    assert (found["k"], found["at_least"]) == (2, False)
    more = at_budget(counts, 9)
    assert (more["k"], more["at_least"], more["value"]) == (4, True, pytest.approx(2 / 3))
    assert at_budget(counts, 0) == {"value": 0.0, "low": None, "high": None, "k": 0, "at_least": False}
    with pytest.raises(ValueError, match="no task"):
        at_budget([], 3)
