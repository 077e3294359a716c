"""What a ledger records of each round, and what the rounds of a cell show together.

Definitions. Acceptance mass: accepted candidates over all candidates, of every chunk. AUC: the chance that the gate
prefers, by its score, a candidate that runs to one that does not; 0.5 is no discrimination. Retention: pass@1 over that
of the first model. Retention area: trapezoids under it over rounds, 1 where nothing is lost. Rubber stamp: acceptance
rises while pass@1 falls, by the sign of Kendall's tau over rounds, with its exact one-sided p-value.
"""

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gates import Report
from toolkit.analysis.trend import auc, trend


def classes(reports: Sequence[Sequence[Report]]) -> dict[str, Any]:
    """Count how programs ended: `ran` (they loaded, and passed their tests if they have any) or what stopped them.

    `strict` is the share that ran; `relaxed` adds those that only lack a package. `classes` has the 20 most frequent ends.
    """
    counted = Counter(
        next((f.symbol for report in each for f in report.findings if f.decisive), "ran") for each in reports
    )
    n = max(1, counted.total())
    return {
        "n": counted.total(),
        "strict": round(counted["ran"] / n, 4),
        "relaxed": round((counted["ran"] + counted["import-missing"]) / n, 4),
        "classes": dict(counted.most_common(20)),
    }


def reasons(reports: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Count the symbols of decisive findings, each once a program; return the 20 most frequent, in that order.

    Args:
        reports: those of each program, as plain data.
    """
    counted: Counter[str] = Counter()
    for each in reports:
        counted.update({f["symbol"] for report in each for f in report["findings"] if f["decisive"]})
    return dict(counted.most_common(20))


def ran(reports: Sequence[Report]) -> bool:
    """Return whether a program passed everything it was given."""
    return all(report.passed for report in reports)


def held_out(rows: Sequence[Mapping[str, Any]], ran: Sequence[bool], sign: int = 1) -> dict[str, Any] | None:
    """Measure how well the gate tells answers to the same held-out prompt apart; arXiv 2606.28438 assumes it cannot.

    For a prompt x whose answers c the model draws from p, the gate's decisions r leave q(c) = r(c) p(c) / Z. On the answers
    drawn, the total variation between q and p is 1 - Z if any was accepted; it is 0 if all were, so that filtering changes
    nothing (exactly the assumption of self-confirming acceptance). A prompt with no accepted answer has no q; such prompts
    are counted in `none_accepted`.

    Args:
        rows: `task_id`, `accepted` and `score` of each answer.
        ran: whether each answer runs.
        sign: -1 if the gate prefers low scores.

    Returns:
        Shares and means rounded to 4 digits; None without rows.
    """
    if not rows:
        return None
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row["task_id"], []).append(i)
    shares = [sum(bool(rows[i]["accepted"]) for i in group) / len(group) for group in groups.values()]
    spreads = [statistics.pstdev(scores) for group in groups.values()
               if len(scores := [rows[i]["score"] for i in group if rows[i]["score"] is not None]) > 1]  # fmt: skip
    tv = [1 - share for share in shares if share]
    known = [(sign * row["score"], good) for row, good in zip(rows, ran, strict=True) if row["score"] is not None]
    return {
        "prompts": len(groups),
        "answers": len(rows),
        "accepted": round(sum(bool(row["accepted"]) for row in rows) / len(rows), 4),
        "ran": round(sum(ran) / len(ran), 4),
        "same_decision": round(sum(share in (0, 1) for share in shares) / len(shares), 4),
        "none_accepted": shares.count(0),
        "entropy_bits": round(sum(map(_entropy, shares)) / len(shares), 4),
        "score_spread": round(sum(spreads) / len(spreads), 4) if spreads else None,
        "tv": round(sum(tv) / len(tv), 4) if tv else None,
        "tv_max": round(max(tv), 4) if tv else None,
        "auc": auc([score for score, _ in known], [good for _, good in known]),
    }


def _entropy(share: float) -> float:
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Summarise the rounds of each regime, seed and benchmark: retention, its area, and trends of acceptance and pass@1.

    Args:
        rows: of all ledgers, each with `regime`, `seed`, `round`, `scores` and, from round 1, `acceptance_mass`.
    """
    found = []
    names = dict.fromkeys((row["regime"], row["seed"]) for row in rows)
    for regime, seed in names:
        mine = sorted((r for r in rows if (r["regime"], r["seed"]) == (regime, seed)), key=lambda r: r["round"])
        accepted = [row["acceptance_mass"] for row in mine if row.get("acceptance_mass") is not None]
        for benchmark in dict.fromkeys(name for row in mine for name in row.get("scores", {})):
            scores = [row["scores"][benchmark]["value"] for row in mine if benchmark in row.get("scores", {})]
            first = scores[0]
            kept = [score / first for score in scores] if first else []
            up, p_up = trend(accepted)
            down, p_down = trend(scores)
            area = sum((a + b) / 2 for a, b in itertools.pairwise(kept)) / (len(kept) - 1) if len(kept) > 1 else None
            found.append({
                "regime": regime, "seed": seed, "benchmark": benchmark, "rounds": len(scores) - 1,
                "first": first, "last": scores[-1], "retention": round(kept[-1], 4) if kept else None,
                "area": None if area is None else round(area, 4),
                "below_half_from": next((i for i, value in enumerate(kept) if value < 0.5), None),
                "acceptance_trend": up, "acceptance_p": p_up, "score_trend": down, "score_p": p_down,
                "rubber_stamp": up > 0 > down,
            })  # fmt: skip
    return found
