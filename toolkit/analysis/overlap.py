"""How much programs have in common with benchmarks: from what the gate `decontaminate` measures of each."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

LEVELS = ("ngram", "run", "ast")
_NEAREST = re.compile(r"in common with (?P<name>.*) \((?P<part>prompt|solution|test)\)$")


def summary(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up reports of `decontaminate`, as plain data.

    Returns:
        `n` programs; for each of `ngram` (share of token n-grams), `run` (tokens in a row) and `ast` (share of the
        normalised syntax tree): `n` that have it, `median`, `p90`, `max`, and `over`, the share that reaches the gate's
        threshold; `over` (share that reaches any), `parts` (of those, nearest texts by part: prompt, solution, test), and
        `nearest`, the most frequent tasks among them, as (name, programs).
    """
    import numpy as np

    found: dict[str, Any] = {"n": len(reports)}
    parts: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for level in LEVELS:
        values = [report["values"][level] for report in reports if report["values"].get(level) is not None]
        over = [f for report in reports for f in report["findings"] if f["decisive"] and f["symbol"] == f"{level}-overlap"]
        middle, high = np.quantile(values, [0.5, 0.9]).tolist() if values else (None, None)
        found[level] = {
            "n": len(values), "median": middle, "p90": high, "max": max(values, default=None),
            "over": len(over) / len(values) if values else None,
        }  # fmt: skip
    refused = 0
    for report in reports:
        near = [match for f in report["findings"] if f["decisive"] and (match := _NEAREST.search(f["message"]))]
        refused += bool(near)
        parts.update({match["part"] for match in near})
        tasks.update({match["name"] for match in near})
    found |= {"over": refused / len(reports) if reports else None, "parts": dict(parts), "nearest": tasks.most_common(5)}
    return found
