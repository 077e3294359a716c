"""What a page of rounds says first: whether correctness fell, never more than its interval allows, and seldom wrongly."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from toolkit.analysis import collapse, seeds
from toolkit.analysis.alarm import rubber_stamps
from toolkit.report import figures, outcome, rounds

FULL = bool(os.environ.get("TOOLKIT_ALL_SAMPLES"))
SETTINGS = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())["settings"]


def run(rng: Any, kept: dict[str, float], *, tasks: int = 100, n_seeds: int = 1, rounds_: int = 2) -> dict[str, Any]:
    """Return what a run leaves in which each regime keeps a share of its pass@1, and acceptance rises."""
    ease = rng.beta(0.5, 0.7, size=tasks)
    rows: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for seed in range(n_seeds):
        for regime, share in {"base": 1.0, **kept}.items():
            for number in [0] if regime == "base" else range(1, rounds_ + 1):
                passed = rng.random(tasks) < np.clip(ease * share ** (number / rounds_), 0, 1)
                counts = {str(i): [int(each), 1] for i, each in enumerate(passed)}
                verdicts.append({"regime": regime, "seed": seed, "round": number, "benchmark": "b", "tasks": counts})
                score = {"value": float(passed.mean()), "low": 0.0, "high": 1.0}
                rows.append({"regime": regime, "seed": seed, "round": number, "scores": {"b": score}, "accepted": 20 + 9 * number,
                             "candidates": 48, "thresholds": {}})  # fmt: skip
    rows = [{**row, "regime": name} for name in kept for row in rows if row["regime"] in (name, "base")]
    return {"settings": {**SETTINGS, "seeds": list(range(n_seeds)), "model": "m", "rounds": rounds_}, "rows": rows, "cells": [],
            "verdicts": verdicts, "comparisons": seeds.comparisons(verdicts), "rubber_stamps": rubber_stamps(rows, verdicts),
            "waiting": []}  # fmt: skip


def by_hand(summary: dict[str, Any]) -> dict[str, str]:
    """Return what is true of each regime, by McNemar's exact test and Holm: independent of `toolkit.analysis`."""
    of = {(row["regime"], row["round"]): {task: c for task, (c, _) in row["tasks"].items()} for row in summary["verdicts"]}
    last = max(number for _, number in of)
    names = [name for name, number in of if number == last]
    pairs = [(name, "base") for name in names] + [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    p_values, changes = [], []
    for a, b in pairs:
        ours, theirs = of[a, last], of[b, 0 if b == "base" else last]
        lost, won = (sum(x[task] > y[task] for task in x) for x, y in ((theirs, ours), (ours, theirs)))
        p_values.append(binomtest(won, won + lost).pvalue if won + lost else 1.0)
        changes.append(won - lost)
    order, highest, adjusted = np.argsort(p_values), 0.0, {}
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[pairs[i]] = highest
    return {name: "no change shown" if adjusted[name, "base"] > 0.05 else "fell" if change < 0 else "rose"
            for (name, b), change in zip(pairs, changes, strict=True) if b == "base"}  # fmt: skip


def test_it_says_what_mcnemar_and_holm_say_and_its_numbers_are_those_of_the_verdicts() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        summary = run(rng, {"none": 0.1, "tests": float(rng.uniform(0.6, 1.6)), "compile": 1.0})
        falls = {row["regime"]: row for row in collapse.falls(summary["rows"], summary["comparisons"])}
        for name, kind in by_hand(summary).items():
            row = falls[name]
            seen.add(row["kind"])
            assert row["kind"] in (kind, "no change shown"), "the interval may hold 0 where p is just below 5 %, never the reverse"
            assert row["kind"] == kind or row["low"] <= 0 <= row["high"]
            assert row["kind"] == "no change shown" or not row["low"] <= 0 <= row["high"]
            for side, at in (("value_a", (name, 2)), ("value_b", ("base", 0))):
                tasks = next(r["tasks"] for r in summary["verdicts"] if (r["regime"], r["round"]) == at)
                assert row[side] == pytest.approx(sum(c for c, _ in tasks.values()) / len(tasks))
    assert seen == {"fell", "rose", "no change shown"}


def test_a_p_value_below_5_percent_is_no_fall_where_the_interval_holds_0() -> None:
    summary = run(np.random.default_rng(4), {"none": 0.1})
    (row,) = summary["comparisons"]
    assert [each["kind"] for each in collapse.falls(summary["rows"], [row])] == ["fell"]
    assert [each["kind"] for each in collapse.falls(summary["rows"], [{**row, "high": 0.001}])] == ["no change shown"]


@pytest.mark.slow
def test_runs_in_which_nothing_changes_are_seldom_said_to_fall() -> None:
    runs = 1000 if FULL else 100
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(runs):
        summary = run(rng, {"none": 1.0, "tests": 1.0, "compile": 1.0})
        wrong += any(row["kind"] != "no change shown" for row in collapse.falls(summary["rows"], summary["comparisons"]))
    assert wrong <= runs * 0.05 + 2 * math.sqrt(runs * 0.05 * 0.95), wrong


def test_the_page_begins_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    summary = run(np.random.default_rng(5), {"none": 0.05, "compile": 1.0}, n_seeds=3)
    page = rounds.html(rounds.named([rounds.Run(summary=summary, verdicts=summary["verdicts"])]))
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads[:3] == ["Did correctness fall? pass@1 on b", "Did a gate become a rubber stamp?", "pass@1 over rounds"]
    (first, second) = rounds.answers(rounds.named([rounds.Run(summary=summary)]))
    assert [line.kind for line in first.lines] == ["fell", "no change shown"]
    row = next(row for row in summary["comparisons"] if row["a"] == "none")
    low, value, high = (f"{100 * row[name]:+.1f}" for name in ("low", "difference", "high"))
    assert f"({value} points [{low}, {high}], over seeds too)" in first.lines[0].says[0]
    least = 100 * collapse.detectable(*(next(r for r in summary["comparisons"] if r["a"] == "compile")[at] for at in ("low", "high")),
                                      level=0.05 / len(summary["comparisons"]))  # fmt: skip
    assert f"80 % of such runs would show one of {least:.0f} points" in first.note
    assert second.lines[0].kind == "shown"
    assert second.lines[0].says[0].startswith("none (acceptance +18.8, pass@1 -")
    assert "<span>none " in page


def test_what_cannot_be_tested_is_not_told_apart_from_nothing() -> None:
    summary = run(np.random.default_rng(3), {"none": 0.05, "tests": 1.0})
    rows = [row | ({"stopped": "nothing was accepted", "scores": {}} if row["regime"] == "tests" and row["round"] else {})
            for row in summary["rows"]]  # fmt: skip
    untested = {**summary, "rows": rows, "comparisons": [], "rubber_stamps": []}
    (answer,) = outcome.answers([("", untested)])
    first, last = (100 * row["scores"]["b"]["value"] for row in (rows[0], rows[2]))
    ends = f"none {first:.1f} → {last:.1f} %"
    assert [(line.kind, line.says) for line in answer.lines] == [("stopped", ["tests: nothing was accepted"]), ("not tested", [ends])]
    assert "nothing can be tested" in answer.note
    assert outcome.told([answer])[1] == f"Did correctness fall? pass@1 on b: not tested: {ends}"
    both = outcome.answers([("one", summary), ("two", summary)])[0]
    assert [each.split(" ")[0] for each in both.lines[0].says] == ["one", "two"]
