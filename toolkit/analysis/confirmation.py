"""Is a gate self-confirming: does it decide the same about whatever the current model writes for a prompt?

Assumption 2.2 of arXiv 2606.28438 is r(x, c) = kappa(x) for almost every answer c. r is a chance of being accepted, so a
gate that accepts at random meets it too. Two numbers say how far off a gate is, on prompts that nothing is trained on:

- AUC of decision against execution among answers to one prompt: 1/2 + (TPR - FPR) / 2, prompts weighted as Mantel and
  Haenszel do. Differences between prompts do not count: kappa may depend on the prompt.
- Excess sd: the standard deviation of r within a prompt. Of a gate that always decides alike about a text, that of its
  decisions. Of one that draws, decisions on the same texts drawn again tell r's part of their variance from the draw's.

"yes": the AUC's interval lies within 1/2 +- `AUC`, and the excess sd is at most `SD`. "no": the interval lies outside, or
that of the sd lies above. Else "undecided", with about how many answers would decide.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from toolkit.analysis import heldout, stats

AUC, SD = 0.05, 0.1
"""Default delta: how far from 1/2 the AUC's interval may reach, and the largest excess sd."""
BINS = 10
Estimate = dict[str, float]


def verdict(
    rows: Sequence[Mapping[str, Any]], ran: Sequence[bool], again: Sequence[bool] | None = None, *, delta_auc: float = AUC,
    delta_sd: float = SD,
) -> dict[str, Any]:  # fmt: skip
    """Return the verdict on a gate from several answers to each of some prompts.

    Args:
        rows: `task_id`, `accepted` and perhaps `reports` of each answer.
        ran: whether each runs (the execution oracle).
        again: decisions on the same answers, drawn anew; None for a gate that always decides alike.
        delta_auc, delta_sd: see `AUC` and `SD`.

    Returns:
        `verdict` (yes, no, undecided), what it `says`, `delta_auc`, `delta_sd`, `prompts`, `answers`, `needed` (answers that
        would decide, or None), `mass` (share accepted), `auc` and `excess_sd` with 95 % intervals, `variance` (of decisions
        within a prompt), `variance_null` (between prompts), `agrees_p` (exact permutation test of decision against
        execution within prompts), `calibration`, `tv_at_most` (total variation of gated and ungated law, from the sd), and
        `bound` (Theorem 2.6; see `bound`).

    Raises:
        ValueError: the lists differ in length.
    """
    if len(rows) != len(ran) or (again is not None and len(again) != len(rows)):
        raise ValueError(f"{len(rows)} answers, but {len(ran)} executions, or another number of decisions drawn again")
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row["task_id"], []).append(i)
    accepted = [bool(row["accepted"]) for row in rows]
    tables = [(len(g), sum(accepted[i] for i in g), sum(ran[i] for i in g), sum(accepted[i] and ran[i] for i in g))
              for g in groups.values()]  # fmt: skip
    auc = within_auc(tables)
    variance, null = heldout.within([(n, a) for n, a, _, _ in tables]) if rows else (None, None)
    sd = _sd(variance) if again is None else _redrawn([[(accepted[i], again[i]) for i in g] for g in groups.values()])
    says, needed = _decide(auc, sd, len(rows), delta_auc, delta_sd)
    found, _, why = says.partition(": ")
    mass = sum(accepted) / len(rows) if rows else 0.0
    return {
        "verdict": found, "says": why, "delta_auc": delta_auc, "delta_sd": delta_sd, "prompts": len(groups),
        "answers": len(rows), "needed": needed, "mass": _share(len(rows), sum(accepted)), "auc": auc, "excess_sd": sd,
        "variance": variance, "variance_null": null, "agrees_p": heldout.matched(tables)[1] if rows else None,
        "calibration": calibration([_chance(row) for row in rows], ran),
        "tv_at_most": round(min(1.0, sd["value"] / (2 * mass)), 4) if sd and mass else None,
        "bound": bound([([accepted[i] for i in g], [ran[i] for i in g]) for g in groups.values()]),
    }  # fmt: skip


def _decide(auc: Any, sd: Any, n: int, delta_auc: float, delta_sd: float) -> tuple[str, int | None]:
    if sd is None:
        return "undecided: no prompt has two answers", None
    if sd["low"] > delta_sd:
        return f"no: decisions differ within a prompt, by {sd['value']:.2f} (sd)", None
    if auc is None:
        return "undecided: no prompt has answers that run and answers that do not", None
    if auc["low"] > 0.5 + delta_auc or auc["high"] < 0.5 - delta_auc:
        return f"no: decisions go with execution, AUC {auc['value']:.2f}", None
    reach = max(auc["high"] - 0.5, 0.5 - auc["low"])
    if reach <= delta_auc and sd["value"] <= delta_sd:
        told = f"AUC {auc['low']:.2f} to {auc['high']:.2f}"
        return (f"yes: within a prompt, decisions tell next to nothing of execution ({told}), and r differs by "
                f"{sd['value']:.2f} (sd; 95 %: at most {sd['high']:.2f})"), None  # fmt: skip
    half = (auc["high"] - auc["low"]) / 2
    room = abs(delta_auc - abs(auc["value"] - 0.5))
    more = math.ceil(n * (half / room) ** 2) if reach > delta_auc and room > half / 30 else None
    return "undecided: " + ("too few answers" if more else "close to delta"), more


# -- the two numbers ---------------------------------------------------------------------------------------------------


def within_auc(tables: Sequence[tuple[int, int, int, int]], *, level: float = 0.95) -> dict[str, float] | None:
    """Return the AUC of a decision against execution among answers to the same prompt, with its interval.

    Args:
        tables: (answers, accepted, that run, that are both) of each prompt; those of one kind only say nothing.

    Returns:
        `value`, `low`, `high`, and `good` and `bad` (answers to prompts of both kinds); None where there is no such prompt.
        The interval is Newcombe's for a difference of two shares, with as many trials as the weighted answers are worth;
        it always has a width.

    Source: Mantel and Haenszel (1959), JNCI 22; Newcombe (1998), Statistics in Medicine 17, method 10.
    """
    mixed = [(n, a, g, b) for n, a, g, b in tables if 0 < g < n]
    if not mixed:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    weights = [g * (n - g) / n for n, _, g, _ in mixed]
    total = math.fsum(weights)
    hit = math.fsum(w * b / g for w, (_, _, g, b) in zip(weights, mixed, strict=True)) / total
    false = math.fsum(w * (a - b) / (n - g) for w, (n, a, g, b) in zip(weights, mixed, strict=True)) / total
    middle = (hit + false) / 2
    seen = math.fsum(w * (a / n) * (1 - a / n) * n / (n - 1) for w, (n, a, _, _) in zip(weights, mixed, strict=True))
    unseen = z * z / 16  # what z^2 / 2 answers that were not seen would add, half of them accepted
    share = min(1.0, (seen + unseen) / (total * middle * (1 - middle) + unseen))
    n_good = total**2 / math.fsum(w * w / g for w, (_, _, g, _) in zip(weights, mixed, strict=True)) / share
    n_bad = total**2 / math.fsum(w * w / (n - g) for w, (n, _, g, _) in zip(weights, mixed, strict=True)) / share
    low1, high1 = stats.wilson(n_good, min(1.0, hit) * n_good, level)
    low2, high2 = stats.wilson(n_bad, min(1.0, false) * n_bad, level)
    value = hit - false
    low, high = value - math.hypot(hit - low1, high2 - false), value + math.hypot(high1 - hit, false - low2)
    return {"value": round(0.5 + value / 2, 4), "low": round(max(0.0, 0.5 + low / 2), 4),
            "high": round(min(1.0, 0.5 + high / 2), 4), "good": sum(g for _, _, g, _ in mixed),
            "bad": sum(n - g for n, _, g, _ in mixed)}  # fmt: skip


def _sd(variance: Mapping[str, float] | None) -> Estimate | None:
    return None if variance is None else {name: round(math.sqrt(max(0.0, value)), 4) for name, value in variance.items()}


def _redrawn(groups: Sequence[Sequence[tuple[bool, bool]]]) -> Estimate | None:
    """Return the sd of r within a prompt, from two decisions about each answer: their covariance less that of two answers.

    The mean of products of two decisions about one text, less that of decisions about two texts, is r's variance, unbiased.
    """
    values = []
    for pairs in groups:
        n = len(pairs)
        if n > 1:
            both = sum(a and b for a, b in pairs)
            others = sum(a for a, _ in pairs) * sum(b for _, b in pairs) - both
            values.append(both / n - others / (n * (n - 1)))
    if not values:
        return None
    low, high, _, _ = stats.paired(values)
    return _sd({"value": math.fsum(values) / len(values), "low": low, "high": high})


# -- calibration and Theorem 2.6 ---------------------------------------------------------------------------------------


def _chance(row: Mapping[str, Any]) -> float:
    """Return what a gate says is the chance that a program is good; its decision where it says none."""
    for report in reversed(row.get("reports") or ()):
        chance = (report.get("values") or {}).get("probability")
        if chance is not None:
            return float(chance)
    return float(row["accepted"])


def calibration(chances: Sequence[float], ran: Sequence[bool]) -> dict[str, Any] | None:
    """Compare stated chances with what happened; None without any.

    Returns:
        `ece` (mean distance of chance and share that runs, weighted by the programs of each of `BINS` equal intervals of
        [0, 1]), `brier` (mean square), and `bins`: `n`, mean `chance`, share `ran`, of those that are not empty.
    """
    if not chances:
        return None
    bins: dict[int, list[int]] = {}
    for i, chance in enumerate(chances):
        bins.setdefault(min(BINS - 1, int(chance * BINS)), []).append(i)
    rows = [{"n": len(at), "chance": sum(chances[i] for i in at) / len(at), "ran": sum(ran[i] for i in at) / len(at)}
            for _, at in sorted(bins.items())]  # fmt: skip
    ece = math.fsum(row["n"] * abs(row["chance"] - row["ran"]) for row in rows) / len(chances)
    brier = math.fsum((chance - done) ** 2 for chance, done in zip(chances, ran, strict=True)) / len(chances)
    return {"ece": round(ece, 4), "brier": round(brier, 4),
            "bins": [{name: round(value, 4) for name, value in row.items()} for row in rows]}  # fmt: skip


def bound(groups: Sequence[tuple[Sequence[bool], Sequence[bool]]]) -> dict[str, Any] | None:
    """Compute and check Theorem 2.6 on the law of the answers seen: ||q_A - q_H||_1 <= 2 eps / Z_H, for each prompt.

    A is the gate, H execution; eps is the largest |r_A - r_H| over the answers. With decisions it is 0 or 1, and the bound
    at least 2 wherever they differ, so the sharper one that the proof also gives stands beside it: eps as the mean.

    Args:
        groups: decisions of A and of H about the answers to each prompt.

    Returns:
        `prompts` with something accepted by both, of them the mean `distance`, mean `bound`, mean `sharper`, and how often
        either was `violated`; None where there is no such prompt.
    """
    found = []
    for ours, theirs in groups:
        n, n_ours, n_theirs = len(ours), sum(ours), sum(theirs)
        if n_ours and n_theirs:
            distance = math.fsum(abs(a / n_ours - h / n_theirs) for a, h in zip(ours, theirs, strict=True))
            differ = [a != h for a, h in zip(ours, theirs, strict=True)]
            found.append((distance, 2 * any(differ) * n / n_theirs, 2 * sum(differ) / n_theirs))
    if not found:
        return None
    means = [round(math.fsum(column) / len(found), 4) for column in zip(*found, strict=True)]
    violated = sum(distance > min(wide, sharp) * (1 + 1e-12) for distance, wide, sharp in found)
    return {"prompts": len(found), "distance": means[0], "bound": means[1], "sharper": means[2], "violated": violated}


def _share(n: int, c: int) -> Estimate | None:
    if not n:
        return None
    low, high = stats.wilson(n, c)
    return {"value": round(c / n, 4), "low": round(low, 4), "high": round(high, 4)}
