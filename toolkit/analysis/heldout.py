"""Does a gate tell answers to the same prompt apart: its decisions on prompts that nothing is trained on.

arXiv 2606.28438 assumes that it cannot: the decision r(x, c) is some kappa(x), the same for whatever the model answers. Two
numbers say how far that is from what is seen. The variance of r within a prompt is 0 under the assumption, and equals the
variance between answers to different prompts if the prompt does not matter. And of two answers to one prompt of which one
runs and one is accepted, it is the same one in half of the cases if decisions know nothing of execution.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolkit.analysis import ranking, stats


def held_out(
    rows: Sequence[Mapping[str, Any]], ran: Sequence[bool], prefers_low: Callable[[str], bool] = lambda _: False
) -> dict[str, Any] | None:
    """Measure how a gate decides on several answers to each of some prompts.

    Args:
        rows: `task_id`, `accepted` and `reports` of each answer.
        ran: whether each answer runs.
        prefers_low: whether a gate takes low scores for the best, by its name.

    Returns:
        None without rows. Else counts and shares, and
        `variance`: of the decision within a prompt, unbiased (M / (M - 1) for M answers), with a 95 % interval over prompts;
        `variance_null`: the same between answers to different prompts;
        `agrees`: chance that of two answers to one prompt, one of which runs and one accepted, it is the same one, with the
        exact 95 % interval, and `agrees_p`, two-sided, of the permutation test within prompts (see `matched`);
        `gates`: by name, `auc` (see `ranking.auc`) and `score_spread`, the mean standard deviation within a prompt.
    """
    if not rows:
        return None
    groups: dict[str, list[int]] = {}
    prompts = [row["task_id"] for row in rows]
    for i, prompt in enumerate(prompts):
        groups.setdefault(prompt, []).append(i)
    tables = [
        (len(group), sum(bool(rows[i]["accepted"]) for i in group), sum(ran[i] for i in group),
         sum(bool(rows[i]["accepted"]) and ran[i] for i in group)) for group in groups.values()
    ]  # fmt: skip
    shares = [accepted / n for n, accepted, _, _ in tables]
    variance, null = within([(n, accepted) for n, accepted, _, _ in tables])
    agrees, p_value = matched(tables)
    return {
        "prompts": len(groups),
        "answers": len(rows),
        "accepted": round(sum(bool(row["accepted"]) for row in rows) / len(rows), 4),
        "ran": round(sum(ran) / len(ran), 4),
        "same_decision": round(sum(share in (0, 1) for share in shares) / len(shares), 4),
        "none_accepted": shares.count(0),
        "variance": variance,
        "variance_null": null,
        "agrees": agrees,
        "agrees_p": p_value,
        "gates": {
            name: {"auc": ranking.auc(ranking.places(rows, name, prefers_low), ran, prompts),
                   "score_spread": _spread(rows, groups.values(), name)} for name in ranking.names(rows)
        },
    }  # fmt: skip


def within(decisions: Sequence[tuple[int, int]]) -> tuple[dict[str, float] | None, float | None]:
    """Return the variance of a yes-or-no decision within a prompt, with its interval, and that between different prompts.

    A variance is half the chance that two answers get different decisions: n / (n - 1) * p * (1 - p) of n answers to one
    prompt. The first is the mean over prompts; None where none has two answers, or there is one prompt only.

    Args:
        decisions: (answers, accepted) of each prompt.
    """
    differ = [2 * a * (n - a) / (n * (n - 1)) for n, a in decisions if n > 1]
    found = None
    if differ:
        mean = math.fsum(differ) / len(differ)
        least = math.fsum(2 / (n * (n - 1)) for n, _ in decisions if n > 1) / len(differ)
        low, high = stats.mean_interval(differ, least)
        found = {"value": round(mean / 2, 4), "low": round(low / 2, 4), "high": round(high / 2, 4)}
    answers, accepted = (sum(column) for column in zip(*decisions, strict=True))
    pairs = math.comb(answers, 2) - sum(math.comb(n, 2) for n, _ in decisions)
    unlike = accepted * (answers - accepted) - sum(a * (n - a) for n, a in decisions)
    return found, round(unlike / pairs / 2, 4) if pairs else None


def matched(
    tables: Sequence[tuple[int, int, int, int]], *, level: float = 0.95
) -> tuple[dict[str, float] | None, float | None]:
    """Test whether a decision goes with the truth among answers to the same prompt.

    Given how many answers to each prompt are accepted and how many run, all ways to pair these are equally likely if the
    decision knows nothing of the truth. The p-value is exact and two-sided; the estimate is odds / (1 + odds) of the odds
    ratio that all prompts are taken to share, by conditional maximum likelihood, and the interval inverts the test.

    Args:
        tables: (answers, accepted, that run, that are both) of each prompt.

    Returns:
        `value`, `low`, `high`, and the p-value; None, None where no prompt has answers of both kinds on both sides.

    Source: Birch (1964), JRSS B 26; Mehta, Patel and Gray (1985), JASA 80.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import expit, logsumexp
    from scipy.stats import hypergeom

    logs, seen = np.zeros(1), 0  # of the chances of all counts: with many answers, those far out are no floats
    for n, accepted, good, both in tables:
        first = max(0, accepted + good - n)
        parts = hypergeom.logpmf(np.arange(first, min(accepted, good) + 1), n, accepted, good)
        wider = np.full((len(parts), len(logs) + len(parts) - 1), -np.inf)
        for i, part in enumerate(parts):
            wider[i, i : i + len(logs)] = logs + part
        logs = logsumexp(wider, axis=0)
        seen += both - first
    most = len(logs) - 1
    if not most:
        return None, None
    p_value = float(min(1.0, np.exp(logsumexp(logs[logs <= logs[seen] + 1e-7]))))
    counts = np.arange(most + 1)

    def at(odds: float) -> Any:
        tilted = logs + counts * odds
        return np.exp(tilted - logsumexp(tilted))

    def solve(wrong: Callable[[float], float]) -> float:
        return float(expit(brentq(wrong, -60, 60)))

    tail = (1 - level) / 2
    value = float(seen > 0) if seen in (0, most) else solve(lambda odds: float(at(odds) @ counts) - seen)
    low = solve(lambda odds: float(at(odds)[seen:].sum()) - tail) if seen else 0.0
    high = solve(lambda odds: float(at(odds)[: seen + 1].sum()) - tail) if seen < most else 1.0
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}, round(p_value, 6)


def _spread(rows: Sequence[Mapping[str, Any]], groups: Any, gate: str) -> float | None:
    """Return the mean over prompts of the standard deviation of a gate's scores; None if no prompt has two."""
    found = []
    for group in groups:
        reports = [report for i in group for report in rows[i]["reports"] if report["gate"] == gate]
        scores = [report["score"] for report in reports if report["score"] is not None]
        found += [statistics.stdev(scores)] if len(scores) > 1 else []
    return round(statistics.fmean(found), 4) if found else None
