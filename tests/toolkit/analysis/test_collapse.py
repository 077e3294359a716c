"""Retention, area, slopes and half-life of a hand example; intervals that cover; comparisons that say what they cannot see."""

import math
import os
from typing import Any

import numpy as np
import pytest

from toolkit.analysis import collapse, stats, temporal, whole

FULL = bool(os.environ.get("TOOLKIT_ALL_SAMPLES"))
"""More runs of each simulation, as `make check-long` has them."""


def test_a_hand_example() -> None:
    found = collapse.measures([0, 1, 2, 4], [0.4, 0.4, 0.16, 0.12])
    assert found["retention"] == pytest.approx(0.3)
    assert found["area"] == pytest.approx((1 + 0.7 + 2 * 0.35) / 4)
    assert found["endpoint_slope"] == pytest.approx(-0.7 / 4)
    assert found["slope"] == pytest.approx(np.polyfit([0, 1, 2, 4], [1, 1, 0.4, 0.3], 1)[0])
    assert found["half_life"] == pytest.approx(1 + 0.5 / 0.6)
    assert math.isinf(collapse.measures([0, 1], [0.5, 0.4])["half_life"])
    many = collapse.measures([0, 1, 2, 4], [[0.4, 0.4, 0.16, 0.12], [0.2, 0.2, 0.2, 0.2]])
    assert many["retention"].tolist() == pytest.approx([0.3, 1.0])
    assert many["half_life"].tolist() == pytest.approx([1 + 0.5 / 0.6, math.inf])


def run(rng: Any, ease: Any, kept: float, *, seeds: int = 1, rounds: int = 3) -> list[dict[str, Any]]:
    def judged(regime: str, seed: int, number: int, chances: Any) -> dict[str, Any]:
        passes = {str(i): [int(c), 1] for i, c in enumerate(rng.random(len(ease)) < chances)}
        return {"regime": regime, "seed": seed, "round": number, "benchmark": "b", "tasks": passes}

    found = []
    for seed in range(seeds):
        found.append(judged("base", seed, 0, ease))
        found += [judged("x", seed, n, ease * (1 - (1 - kept) * n / rounds)) for n in range(1, rounds + 1)]
    return found


def test_a_table_has_each_seed_and_their_mean() -> None:
    rng = np.random.default_rng(0)
    rows = collapse.table(run(rng, rng.beta(1, 1, size=80), 0.5, seeds=3))
    assert [row["seed"] for row in rows] == [0, 1, 2, None]
    assert rows[-1]["seeds"] == 3
    for row in rows:
        assert row["retention"]["low"] <= row["retention"]["value"] <= row["retention"]["high"]
        assert row["retention"]["value"] == pytest.approx(row["scores"][-1] / row["scores"][0], abs=1e-3)
    pooled, alone = (row["retention"]["high"] - row["retention"]["low"] for row in (rows[-1], rows[0]))
    assert pooled < alone, "seeds share their tasks, and more of them say more about these"
    nothing = [{"regime": r, "seed": 0, "round": n, "benchmark": "b", "tasks": {"a": [0, 1]}} for r, n in (("base", 0), ("x", 1))]
    assert collapse.table(nothing)[0]["says"] == "the first model is at 0"
    assert collapse.table(nothing)[0]["retention"] is None


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "kept"), [(164, 0.5), (378, 0.3), (40, 0.02), (164, 0.02)])
def test_the_interval_of_retention_contains_it_in_about_95_percent(tasks: int, kept: float) -> None:
    """Tasks are drawn anew in each run; of this population of tasks, retention is `kept` exactly. Often nothing passes at last."""
    runs = 1000 if FULL else 100
    rng = np.random.default_rng(3)
    held, values, widths = 0, [], []
    for _ in range(runs):
        at = collapse.table(run(rng, rng.beta(0.6, 0.9, size=tasks), kept))[0]["retention"]
        held += at["low"] <= kept <= at["high"]
        values.append(at["value"])
        widths.append(at["high"] - at["low"])
    if kept > 0.1:
        assert np.mean(widths) == pytest.approx(3.92 * np.std(values), rel=0.25), "as wide as need be, and no wider"
    _, high = stats.wilson(runs, held)
    assert high >= 0.95, held / runs
    assert held / runs >= 0.9


def test_neither_a_score_of_0_nor_one_that_stays_is_certain() -> None:
    def told(last: int) -> dict[str, Any]:
        rows = [("base", 0, 7), *(("x", n, last) for n in (1, 2))]
        verdicts = [{"regime": r, "seed": 0, "round": n, "benchmark": "b", "tasks": {str(i): [int(i < c), 1] for i in range(40)}}
                    for r, n, c in rows]  # fmt: skip
        return collapse.table(verdicts)[0]

    gone, kept = told(0), told(7)
    assert (gone["retention"]["value"], gone["retention"]["low"]) == (0, 0)
    assert 0.3 < gone["retention"]["high"] < 0.7, "0 of 40 is at most 8.8 % (Wilson), half of 7 of 40"
    assert gone["half_life"]["value"] == 0.5
    assert kept["retention"]["low"] < 0.9 < kept["retention"]["value"] == 1 < 1.1 < kept["retention"]["high"]


def test_a_comparison_that_finds_nothing_says_what_it_would_find() -> None:
    rng = np.random.default_rng(4)
    alike = collapse.comparisons(run(rng, rng.beta(1, 1, size=100), 1.0))[0]
    assert alike["says"].startswith("these do not differ")
    assert 0.05 < alike["detectable"] < 0.4
    assert f"{100 * alike['detectable']:.0f} points" in alike["says"]
    apart = collapse.comparisons(run(rng, rng.beta(1, 1, size=100), 0.1))[0]
    assert apart["says"].startswith("differ by -")


def test_a_difference_of_the_detectable_size_is_found_in_80_percent() -> None:
    runs = 4000 if FULL else 400
    rng = np.random.default_rng(6)
    n, spread = 200, 0.6
    size = 2.8016 * spread / math.sqrt(n)
    assert collapse.detectable(-1.96 * spread / math.sqrt(n), 1.96 * spread / math.sqrt(n)) == pytest.approx(size, rel=1e-3)
    found = 0
    for _ in range(runs):
        differences = rng.normal(size, spread, size=n).clip(-1, 1)
        mean, error = differences.mean(), differences.std(ddof=1) / math.sqrt(n)
        found += abs(mean) > 1.96 * error
    assert found / runs == pytest.approx(0.8, abs=0.07)


def test_one_of_many_comparisons_has_to_be_larger_to_be_found() -> None:
    assert collapse.detectable(-0.1, 0.1, level=0.005) > 1.2 * collapse.detectable(-0.1, 0.1)
    rng = np.random.default_rng(4)
    verdicts = run(rng, rng.beta(1, 1, size=100), 1.0)
    more = verdicts + [{**row, "regime": f"again {n}"} for n in range(4) for row in verdicts if row["regime"] != "base"]
    one, many = (collapse.comparisons(each)[0] for each in (verdicts, more))
    assert (one["low"], one["high"]) == (many["low"], many["high"])
    assert many["detectable"] > 1.2 * one["detectable"]


def test_a_split_of_many_rounds_is_after_holm() -> None:
    def row(number: int, new: int) -> dict[str, Any]:
        return {"regime": "x", "seed": 0, "round": number, "benchmark": "b",
                "tasks": {str(i): [int(i % 2 if i < 60 else i < 60 + new), 1] for i in range(120)}}  # fmt: skip

    dates = {str(i): "2024-01-01" if i < 60 else "2024-03-01" for i in range(120)}
    alone, many = (
        whole.analyze(whole.Run(about={}, verdicts=verdicts, dates=dates), day="2024-02-01")["temporal"]
        for verdicts in ([row(1, 18)], [row(1, 18), *(row(n, 30) for n in range(2, 8))])
    )
    assert alone[0]["says"].startswith("differ by -20.0 points")
    assert many[0]["p"] == alone[0]["p"] == alone[0]["p_holm"] < 0.05
    assert many[0]["p_holm"] == pytest.approx(7 * alone[0]["p"])
    assert many[0]["says"].startswith("these do not differ")
    assert many[0]["detectable"] > 1.2 * alone[0]["detectable"]


def test_scores_are_split_at_a_day_with_an_interval_that_covers() -> None:
    runs = 2000 if FULL else 150
    dates = {str(i): "2024-01-31" if i < 60 else "2024-02-01" for i in range(160)}
    counts = {str(i): (1, int(i < 30 or 60 <= i < 70)) for i in range(160)}
    found = temporal.split(counts | {"z": (1, 1)}, dates, "2024-02-01")
    assert (found["undated"], found["before"]["tasks"], found["after"]["tasks"]) == (1, 60, 100)
    assert found["difference"] == pytest.approx(0.1 - 0.5)
    assert found["low"] < found["difference"] < found["high"] < 0
    assert found["p"] < 0.001
    assert found["says"].startswith("differ by -40.0 points")
    assert temporal.split(counts, dates, "2025-01-01")["says"] == "nothing to compare: tasks are of 2024-01-31 to 2024-02-01"
    assert temporal.split(counts, {}, "2025-01-01")["says"] == "nothing to compare: no task has a date"
    rng = np.random.default_rng(7)
    held = rejected = 0
    for _ in range(runs):
        passed = rng.random(160) < np.where(np.arange(160) < 60, 0.3, 0.2)
        at = temporal.split({str(i): (1, int(c)) for i, c in enumerate(passed)}, dates, "2024-02-01")
        held += at["low"] <= -0.1 <= at["high"]
        same = temporal.split({str(i): (1, int(c)) for i, c in enumerate(rng.random(160) < 0.25)}, dates, "2024-02-01")
        rejected += same["p"] <= 0.05
    assert held / runs >= 0.9
    assert rejected / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)
