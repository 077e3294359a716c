"""What a ledger records of each round, and what the rounds of a cell show together.

Definitions. Acceptance mass: accepted candidates over all candidates, of every chunk. Retention: pass@1 over that of the
first model. Retention area: trapezoids under it over rounds, 1 where nothing is lost. A regime that stopped because nothing
was accepted has neither. Trends are Kendall's tau over rounds: they describe, and `alarm` tests.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gates import Report
from toolkit.analysis.trend import trend


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
        stopped = next((row["round"] for row in mine if row.get("stopped")), None)
        for benchmark in dict.fromkeys(name for row in mine for name in row.get("scores", {})):
            scored = [row for row in mine if benchmark in row.get("scores", {})]
            scores = [(row["round"], row["scores"][benchmark]["value"]) for row in scored]
            (start, first), (end, last) = scores[0], scores[-1]
            kept = [(number, score / first) for number, score in scores] if first and end > start and not stopped else []
            area = sum((x + y) / 2 * (j - i) for (i, x), (j, y) in itertools.pairwise(kept))
            found.append({
                "regime": regime, "seed": seed, "benchmark": benchmark, "rounds": end, "first": first,
                "last": last if end > start else None, "retention": round(kept[-1][1], 4) if kept else None,
                "area": round(area / (end - start), 4) if kept else None,
                "below_half_from": next((number for number, value in kept if value < 0.5), None),
                "acceptance_trend": trend(accepted)[0], "score_trend": trend([score for _, score in scores])[0],
                "stopped_in": stopped,
            })  # fmt: skip
    return found
