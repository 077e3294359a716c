"""Has the text changed, or the model's opinion of it: who judges, and whose text, apart.

A gate that asks the model being trained judges round t's texts with round t's model: r_t(texts_t). More acceptance may come
from other texts or from another judge. So the first model also judges today's texts, r_0(texts_t), and today's model those
of round 1, which the first model wrote: r_t(texts_0). All are judged by the threshold of round 1 where a fraction was kept.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gates import fields_of, prefers_low
from toolkit.analysis.stats import wilson
from toolkit.analysis.trend import quantiles
from toolkit.store.files import read_rows

Ask = Callable[[str, Path, Path, bool], object]
"""Runs a stage of that name, which judges one file into another with the first model or (False) with today's."""


def cut(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return, as a threshold, the worst score kept by the gate that keeps a fraction; {} if no gate does."""
    for name in {report["gate"] for row in rows for report in row["reports"]}:
        values = [report["values"] for row in rows for report in row["reports"] if report["gate"] == name]
        cuts = [each["threshold"] for each in values if each.get("fraction") is not None and each["threshold"] is not None]
        if cuts:
            return {"threshold": (max if prefers_low(name) else min)(cuts)}
    return {}


def opinions(regime: str, number: int, folder: Path, threshold: Mapping[str, float], ask: Ask) -> dict[str, Any] | None:
    """Let today's and the first model judge today's first candidates and those of round 1.

    Args:
        folder: of the round; that of round 1 is beside it.
        threshold: of round 1 (see `cut`).

    Returns:
        `now_of_now`, `first_of_now`, `now_of_first`, `first_of_first`, each with `n` texts, the share `accepted` with a 95 %
        interval, and quantiles of the `score` of the gate that asks the model; None for a regime that does not ask the model
        being trained, or has several gates that keep a fraction.
    """
    if "model" not in fields_of(regime) or sum("fraction" in fields_of(name) for name in regime.split("+")) > 1:
        return None
    first = folder.parent / "round1"
    now_of_now, first_of_first = folder / "reports-0.jsonl", first / "reports-0.jsonl"
    now_of_first, first_of_now = folder / "reports-now-of-first.jsonl", folder / "reports-first-of-now.jsonl"
    if number == 1:
        now_of_first = first_of_now = now_of_now
    else:  # today's model is loaded already
        ask("gate-now-of-first", first / "candidates-0.jsonl", now_of_first, False)
        ask("gate-first-of-now", folder / "candidates-0.jsonl", first_of_now, True)
    named = {"now_of_now": now_of_now, "first_of_now": first_of_now, "now_of_first": now_of_first,
             "first_of_first": first_of_first}  # fmt: skip
    return {name: _told(read_rows(file), threshold) for name, file in named.items()}


def _told(rows: Sequence[Mapping[str, Any]], threshold: Mapping[str, float]) -> dict[str, Any]:
    accepted = sum(all(_passed(report, threshold) for report in row["reports"]) for row in rows)
    low, high = wilson(len(rows), accepted)
    ranked = [report for row in rows for report in row["reports"] if "fraction" in report["values"]]
    scores = [report["score"] for report in ranked if report["score"] is not None]
    share = {"value": round(accepted / len(rows), 4), "low": round(low, 4), "high": round(high, 4)}
    return {"n": len(rows), "accepted": share, "score": quantiles(scores)}


def _passed(report: Mapping[str, Any], threshold: Mapping[str, float]) -> bool:
    """Return a report's decision; that of a gate which kept a fraction is taken by the threshold."""
    if not threshold or report["values"].get("fraction") is None:
        return bool(report["passed"])
    sign = -1 if prefers_low(report["gate"]) else 1
    return report["score"] is not None and sign * report["score"] >= sign * threshold["threshold"]
