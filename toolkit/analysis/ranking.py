"""How well each gate ranks programs that run above those that do not: one number a gate, in the order in which it decides.

Gates of a chain have scores in units of their own, and some prefer low ones, so no number is taken over several gates'
scores. In the order of a gate, what an earlier gate refused is worse than all that reached it, the earlier the worse; then
comes what it refused, then what it accepted; those that the same gate refused or accepted are in the order of its own score.
The AUC of the last gate is therefore that of the whole chain.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from toolkit.analysis.trend import quantiles

Place = tuple[int, bool, float]
"""How many gates were asked, whether the last of them accepted, its score with the sign that makes higher better."""


def names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the gates that any row has a report of, in the order of the chain."""
    return [report["gate"] for report in max((row["reports"] for row in rows), key=len, default=[])]


def places(rows: Sequence[Mapping[str, Any]], gate: str, prefers_low: Callable[[str], bool]) -> list[Place]:
    """Return the place of each row in the order of a gate; a missing score is the worst."""
    asked = names(rows).index(gate) + 1
    found = []
    for row in rows:
        *before, last = row["reports"][:asked]
        score = -math.inf if last["score"] is None else -last["score"] if prefers_low(last["gate"]) else last["score"]
        found.append((len(before) + 1, bool(last["passed"]), score))
    return found


def gates(
    rows: Sequence[Mapping[str, Any]], ran: Sequence[bool], prefers_low: Callable[[str], bool]
) -> dict[str, dict[str, Any]]:
    """Describe each gate of a chain by the programs that it was asked about.

    Args:
        rows: `reports` and `task_id` of each program.
        ran: whether each of the first so many rows runs; the AUC is over these.
        prefers_low: whether a gate takes low scores for the best, by its name.

    Returns:
        By gate: `asked` and `passed` (programs), `score` (quantiles), `above_zero` (share of scores above 0, where the score
        is a difference of two answers' logits) and `auc` (see `auc`).
    """
    found: dict[str, dict[str, Any]] = {}
    labelled = rows[: len(ran)]
    prompts = [row["task_id"] for row in labelled]
    for name in names(rows):
        reports = [report for row in rows for report in row["reports"] if report["gate"] == name]
        scores = [report["score"] for report in reports if report["score"] is not None]
        signed = scores and any("probability" in (report.get("values") or {}) for report in reports)
        found[name] = {
            "asked": len(reports),
            "passed": sum(report["passed"] for report in reports),
            "score": quantiles(scores),
            "above_zero": round(sum(score > 0 for score in scores) / len(scores), 4) if signed else None,
            "auc": auc(places(labelled, name, prefers_low), ran, prompts) if name in names(labelled) else None,
        }
    return found


def auc(
    places: Sequence[Any], labels: Sequence[bool], groups: Sequence[Hashable] = (), *, level: float = 0.95
) -> dict[str, float] | None:
    """Return the area under the ROC curve with its interval; None unless both labels occur. Ties count half.

    It is the chance that a program that runs has a better place than one that does not. The interval is Newcombe's score
    interval, which also holds for a handful of programs and never has no width. Where several programs answer one prompt,
    their numbers are divided by what that costs in precision (variance by prompts over variance by programs, at least 1).

    Args:
        places: of each program; they need only be comparable.
        groups: the prompt of each program.

    Returns:
        `value`, `low`, `high`, and the programs that run (`good`) and that do not (`bad`).

    Source: Newcombe (2006), Statistics in Medicine 25, method 5; Obuchowski (1997), Biometrics 53.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.stats import norm, rankdata

    good = np.array(labels, bool)
    n_good, n_bad = int(good.sum()), int((~good).sum())
    if not n_good or not n_bad:
        return None
    order = {place: at for at, place in enumerate(sorted(set(places)))}
    x = np.array([order[place] for place in places])
    ranks = rankdata(x)
    above = np.empty(len(x))  # of a good one: share of the bad below it; of a bad one: share of the good above it
    above[good] = (ranks[good] - rankdata(x[good])) / n_bad
    above[~good] = 1 - (ranks[~good] - rankdata(x[~good])) / n_good
    value = float(above[good].mean())
    parts = (above - value) / np.where(good, n_good, n_bad)
    alone = float((parts**2).sum())
    _, which = np.unique([str(group) for group in groups] or np.arange(len(x)), return_inverse=True)
    cost = max(1.0, float((np.bincount(which, parts) ** 2).sum()) / alone) if alone else 1.0
    n_good_worth, n_bad_worth = max(1.0, n_good / cost), max(1.0, n_bad / cost)
    others = (n_good_worth + n_bad_worth) / 2 - 1
    z = float(norm.ppf((1 + level) / 2))

    def outside(at: float) -> float:
        spread = at * (1 - at) * (1 + others * ((1 - at) / (2 - at) + at / (1 + at))) / (n_good_worth * n_bad_worth)
        return float((at - value) ** 2 - z * z * spread)

    low = float(brentq(outside, 0.0, min(value, 1 - 1e-9))) if value > 0 else 0.0
    high = float(brentq(outside, max(value, 1e-9), 1.0)) if value < 1 else 1.0
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "good": n_good, "bad": n_bad}
