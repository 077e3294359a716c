"""What the study `per` adds to ratios: what follows for difficulty, children, and budgets in four units."""

import csv
from pathlib import Path
from typing import Any

import pytest

import toolkit.published
from toolkit.analysis import efficiency
from toolkit.studies.per import Per, PerSettings, _budgets, _child, _fits, _ratios, _slow, costs


def published() -> list[dict[str, Any]]:
    rows = list(csv.DictReader((Path(toolkit.published.__file__).parent / "efficiency.csv").read_text().splitlines()))
    return [{"model": row["model"], **{axis: float(row[axis]) for axis in efficiency.AXES}} for row in rows]


def test_a_uniformly_harder_benchmark_cannot_move_the_ratio() -> None:
    models = published()
    harder = [{**model, "accuracy": 0.4 * model["accuracy"] + 0.02} for model in models]
    assert efficiency.per(harder) == pytest.approx(efficiency.per(models), abs=1e-12)
    fixed, lower = efficiency.per(models, efficiency.FIXED), efficiency.per(harder, efficiency.FIXED)
    assert all(a > b for a, b in zip(fixed, lower, strict=True) if a and b)  # type: ignore[operator]
    uneven = [{**model, "accuracy": model["accuracy"] ** 2} for model in models]
    assert efficiency.per(uneven) != pytest.approx(efficiency.per(models), abs=1e-3)


def test_leaving_one_other_model_out() -> None:
    models = published()
    at = [model["model"] for model in models].index(next(m["model"] for m in models if "1.5B" in m["model"]))
    between = efficiency.leave_one_out(models)[at]
    assert between is not None
    assert between == pytest.approx((0.651, 0.796), abs=0.0006)


def test_costs_in_four_units() -> None:
    model = {"parameters": 1e8, "ms_per_token": 20.0, "memory_mb": 500.0}
    assert costs(model, 100) == {"tokens": 100, "flops": 2e10, "seconds": 2.0, "gb_s": 1.0}


def test_a_budget_is_exact_at_its_boundaries() -> None:
    def model(parameters: float, ms: float, tokens: float = 100.0) -> dict[str, Any]:
        return {"cell": "x", "seed": 0, "parameters": parameters, "ms_per_token": ms, "memory_mb": 1000.0, "passes": {"a": 0.5, "b": 0.0},
                "answer_tokens": tokens}

    told = PerSettings(samples=4, temperature=0.2, max_new_tokens=100, budget_tokens=300)
    rows = {(row["unit"], at): row["k"] for at, some in enumerate((_budgets([model(2e8, 10.0)], told),)) for row in some}
    assert rows == {("tokens", 0): 3, ("flops", 0): 3, ("seconds", 0): 3, ("gb_s", 0): 3}
    less = {row["unit"]: row["k"] for row in _budgets([model(2e8, 10.0)], told.model_copy(update={"budget_tokens": 299}))}
    assert set(less.values()) == {2}
    short = _budgets([model(2e8, 10.0, 75.0)], told)
    assert {row["k"] for row in short} == {4}  # of the tokens that answers have, not of those that they may have
    two = _budgets([model(2e8, 10.0), model(1e8, 5.0)], told)
    assert [row["k"] for row in two] == [3, 3, 3, 3, 3, 6, 6, 6]  # half the size and twice as fast: as many tokens, twice the rest
    assert two[-1]["at_least"]
    assert two[0]["pass_at_k"] == pytest.approx((1 + 0) / 2)  # 2 of 4 pass: any 3 of them hold one


def test_lines_over_size_and_the_order_of_models() -> None:
    def models(*accuracies: float) -> list[dict[str, Any]]:
        return [{"cell": f"m{at}", "seed": 0, "parameters": 10.0 ** (8 + at), "tokens_per_s": 100.0, "ms_per_token": 10.0,
                 "memory_mb": 1000.0, "accuracy": accuracy} for at, accuracy in enumerate(accuracies)]  # fmt: skip

    orders: dict[str, float] = {}
    first = _fits("easy", models(0.2, 0.4, 0.6), orders)
    assert [(row["of"], row["slope"], row["best"], row["tau"]) for row in first[:1]] == [("accuracy", pytest.approx(0.2), "m2", None)]
    assert first[1]["of"] == "per_fixed"
    second = _fits("hard", models(0.3, 0.1, 0.2), orders)
    assert (second[0]["best"], second[0]["tau"], second[0]["n_models"]) == ("m0", pytest.approx(-1 / 3, abs=1e-4), 3)
    flat = _fits("flat", models(0.1, 0.1, 0.1), orders)[0]
    assert (flat["low"], flat["high"], flat["tau"], flat["best"]) == (None,) * 4


def test_few_tasks_leave_the_ratio_with_fixed_ends_wide() -> None:
    def model(n: int, passed: int) -> dict[str, Any]:
        return {"cell": "m", "seed": 0, "parameters": 1e8, "tokens_per_s": 100.0, "ms_per_token": 10.0, "memory_mb": 1000.0,
                "accuracy": passed / n, "passes": {str(at): float(at < passed) for at in range(n)}}  # fmt: skip

    few, many, none = _ratios([model(24, 6), model(2400, 600), model(24, 0)])
    assert few["per_fixed"] == many["per_fixed"]
    assert few["fixed_low"] < many["fixed_low"] < many["per_fixed"] < many["fixed_high"] < few["fixed_high"]
    # the fourth root of accuracy's interval: Wilson's of 6 in 24 is .120 to .449
    assert few["fixed_low"] / few["per_fixed"] == pytest.approx((0.120 / 0.25) ** 0.25, abs=0.003)
    assert none["per_fixed"] == none["fixed_low"] == 0 < 0.5 < none["fixed_high"] / few["fixed_low"]


def test_a_busy_machine_is_seen_in_what_it_measures() -> None:
    def rows(*ms: float) -> list[dict[str, Any]]:
        return [{"cell": cell, "seed": 0, "levels": {"child": cell.replace("parent", "")}, "numbers": {"parameters": n, "ms_per_token": each}}
                for cell, n, each in zip(("parent", "ffn0.1", "ffn0.2"), (3e8, 2e8, 1e8), ms, strict=True)]  # fmt: skip

    assert _slow(rows(90, 80, 85)) == ""
    assert _slow(rows(90, 147, 135)).startswith("ffn0.2 is smaller than parent and was slower (135 ms a token against 90)")
    assert _slow([{"cell": "x", "seed": 0, "levels": {"child": ""}, "numbers": {}}]) == ""


def test_children_and_what_a_plan_reckons_their_sizes_to_be() -> None:
    assert _child("ffn0.2") == (0.2, 0)
    assert _child("depth6") == (0.0, 6)
    for wrong in ("ffn1.5", "ffn", "depth0", "heads2"):
        with pytest.raises(ValueError, match=f"{wrong}|{wrong.strip('fndepthas')}|float"):
            _child(wrong)
    told = PerSettings(benchmarks=("humaneval", "humaneval-pro"))
    found = Per().contrasts(told)
    name = "slope per tenfold size"
    assert [(c.name, c.named) for c in found[::2]] == [
        (f"{name}, humaneval-pro less humaneval", True), (f"{name} on humaneval", False), (f"{name} on humaneval-pro", False)
    ]  # fmt: skip
    assert [(c.name, c.named) for c in Per().contrasts(PerSettings())[::2]] == [(f"{name} on humaneval", True)]
    assert all(abs(sum(term.weight for term in c.terms)) < 1e-6 for c in found)
    assert sum(t.weight for t in found[0].terms if t.score == "pass@humaneval") == pytest.approx(0, abs=1e-6)


def test_where_nothing_is_solved_no_ratio_is_told_as_one() -> None:
    rows = [{"cell": cell, "seed": 0, "levels": {"child": child}, "scores": {"pass@humaneval": {"a": 0.0, "b": 0.0}},
             "numbers": {"parameters": n, "tokens_per_s": 1e9 / n, "ms_per_token": n / 1e7, "memory_mb": n / 1e6,
                         "answer_tokens": [{"benchmark": "humaneval", "value": 9.0}]}}
            for cell, child, n in (("parent", "", 3e8), ("ffn0.1", "ffn0.1", 2e8), ("ffn0.2", "ffn0.2", 1e8))]  # fmt: skip
    found = Per().summary(PerSettings(), rows)
    assert found["Nothing solved"].startswith("on humaneval: PER is of speed and memory alone there")
    assert "no more than pass@1" in found["Budgets"]
    assert [line["best"] for line in found["Over log10 of the parameters"]] == [None, None]
    rows[0]["scores"]["pass@humaneval"]["a"] = 1.0  # type: ignore[index]
    assert "Nothing solved" not in Per().summary(PerSettings(), rows)
