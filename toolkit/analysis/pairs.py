"""A base benchmark against the self-invoking one that is built upon it: numbers in, numbers out.

Source of the questions: Yu et al., "HumanEval Pro and MBPP Pro", arXiv 2412.21199: the ratio (equation 1), the confusion
matrix (figure 5), and the error classes (section 5).
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gates.tokens import grams, hashes
from toolkit.analysis import stats

Count = tuple[int, int]
"""(samples scored, samples passed) of a task"""
ERRORS = ("AssertionError", "NameError", "ValueError", "IndexError", "TypeError", "Other")
"""The error classes of the paper; `error_class` says what is in each."""
CELLS = ("both", "base_only", "pro_only", "neither")
"""The confusion matrix: which of the two problems is solved."""
GRAM = 8
"""Tokens in a row that count as shared text."""
_DRAWS = 10_000
_RAISED = re.compile(r"(?:in call \d+|while it was loaded|after call \d+: the test raised):? (\w+)")
_MISSING = re.compile(r"while it was loaded: no \S+ is defined")


def error_class(verdict: str, detail: str) -> str | None:
    """Return the error class of a judged sample, one of `ERRORS`; None if it passed.

    As in the paper, a class is the exception that ends the program with its asserts below it. An answer that is no plain
    data is an `AssertionError`, a function that is not defined a `NameError`, as the assert that calls it raises.
    Exceptions count by their own names: `UnboundLocalError` is `Other`. So are programs that do not compile, hit a limit or
    end themselves.

    Args:
        verdict, detail: of the result, as in `results.jsonl`.

    Source: Yu et al., arXiv 2412.21199, section 5 and table 9.
    """
    if verdict == "passed":
        return None
    if verdict not in ("wrong_answer", "runtime_error"):
        return "Other"
    if _MISSING.match(detail):
        return "NameError"
    found = _RAISED.match(detail)
    if verdict == "wrong_answer" and (found is None or "the test raised" not in found[0]):
        return "AssertionError"
    return found[1] if found and found[1] in ERRORS else "Other"


def contrast(base: Mapping[int, Count], pro: Mapping[int, Count], *, seed: int = 0) -> dict[str, Any]:
    """Set verdicts of a base benchmark beside those of its self-invoking one, on the tasks that both have.

    Args:
        base, pro: counts by the number of the base task.
        seed: of the resampling.

    Returns:
        `n_tasks`; `base` and `pro`: pass@1 with its interval; `matrix`: tasks in each of `CELLS`, which add up to
        `n_tasks`; `ratio`: as `ratio`, of pass@1 on Pro over base; `difference`: Pro less base, -1 to 1, with its interval;
        `p_value` of the difference: McNemar's exact test where each task has one sample, else the sign-flip test.
        With several samples a cell has the expected number of tasks, if one sample of each problem is drawn.

    Raises:
        ValueError: they share no task.

    Source: Yu et al., arXiv 2412.21199, equation 1 and figure 5; McNemar (1947), Psychometrika 12; `stats.compare`.
    """
    shared = sorted(base.keys() & pro.keys())
    compared = stats.compare({str(n): pro[n] for n in shared}, {str(n): base[n] for n in shared}, seed=seed)
    rows = [(base[n][1] / base[n][0], pro[n][1] / pro[n][0]) for n in shared]
    parts = [(a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)) for a, b in rows]
    return {
        "n_tasks": len(shared),
        "base": stats.estimate([base[n] for n in shared]),
        "pro": stats.estimate([pro[n] for n in shared]),
        "matrix": {cell: math.fsum(column) for cell, column in zip(CELLS, zip(*parts, strict=True), strict=True)},
        "ratio": ratio(rows, seed=seed),
        "difference": {"value": compared.difference, "low": compared.low, "high": compared.high},
        "p_value": compared.p_value,
    }


def ratio(rows: Sequence[tuple[float, float]], *, seed: int = 0) -> dict[str, float | None] | None:
    """Return the second column's sum over the first's, with the interval of a bootstrap over rows; None if it has none.

    Rows are drawn with both their numbers, so the pairing counts; draws whose first column is 0 are left out.

    Args:
        rows: a pair of numbers from 0 for each task.

    Returns:
        `value`, and `low` to `high` (95 %), which are None if all draws are the same.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13 (paired, percentiles).
    """
    import numpy as np

    first, second = (math.fsum(column) for column in zip(*rows, strict=True)) if rows else (0.0, 0.0)
    if not first:
        return None
    distinct, times = np.unique(np.array(rows, float), axis=0, return_counts=True)
    sums = np.random.default_rng(seed).multinomial(len(rows), times / len(rows), size=_DRAWS) @ distinct
    draws = sums[sums[:, 0] > 0]
    draws = draws[:, 1] / draws[:, 0]
    low, high = map(float, np.quantile(draws, [0.025, 0.975])) if np.ptp(draws) > 1e-12 else (None, None)
    return {"value": second / first, "low": low, "high": high}


def delta(first: Mapping[int, Count], other: Mapping[int, Count], *, seed: int = 0) -> dict[str, Any]:
    """Return what another run of the same benchmark gains over the first, on the tasks that both have.

    Returns:
        `n_tasks`, `difference` (other less first, with its interval) and `p_value`; see `stats.compare`.

    Raises:
        ValueError: they share no task.
    """
    compared = stats.compare({str(n): count for n, count in other.items()}, {str(n): count for n, count in first.items()},
                             seed=seed)  # fmt: skip
    return {
        "n_tasks": compared.n_tasks, "p_value": compared.p_value,
        "difference": {"value": compared.difference, "low": compared.low, "high": compared.high},
    }  # fmt: skip


def ladder(models: Mapping[str, Mapping[str, Mapping[int, Count]]]) -> dict[str, Any]:
    """Return how models do on ever harder levels, on the tasks that all models have on all levels, and whether ranks agree.

    Args:
        models: counts by number of task, by level (the easiest first, the same for all), by model.

    Returns:
        `n_tasks`; `rows`: `model`, and by level pass@1 as `stats.estimate`; `agreement`: for each two levels `kendall`
        (tau-b) and `spearman` over the models, each -1 to 1; None for fewer than two models, or where all are equal on a
        level.

    Raises:
        ValueError: there is no task that all have.

    Source: Kendall (1945), Biometrika 33; Spearman (1904), American Journal of Psychology 15.
    """
    shared = sorted(set.intersection(*(set(level) for levels in models.values() for level in levels.values())))
    if not shared:
        raise ValueError("there is no task that all runs have")
    scores = {
        model: {name: stats.estimate([level[n] for n in shared]) for name, level in levels.items()}
        for model, levels in models.items()
    }
    by_level = {name: [each[name]["value"] for each in scores.values()] for name in next(iter(scores.values()))}
    return {
        "n_tasks": len(shared),
        "rows": [{"model": model, "levels": levels} for model, levels in scores.items()],
        "agreement": [
            {"levels": f"{one} and {other}", "n_models": len(scores), **agreement(by_level[one], by_level[other])}
            for one, other in itertools.combinations(by_level, 2)
        ],
    }


def agreement(one: Sequence[float], other: Sequence[float]) -> dict[str, float | None]:
    """Return Kendall's tau-b and Spearman's rho of two scores of the same models; None where a score orders nothing."""
    if len(set(one)) < 2 or len(set(other)) < 2:
        return {"kendall": None, "spearman": None}
    from scipy.stats import kendalltau, spearmanr

    return {"kendall": float(kendalltau(one, other).statistic), "spearman": float(spearmanr(one, other).statistic)}


def growth(rows: Sequence[tuple[float, float]], *, seed: int = 0) -> dict[str, Any] | None:
    """Return how much larger programs are: `n`, the means `base` and `pro`, and their `ratio`; None if there is no row.

    Args:
        rows: a measure of the base program and of the Pro program, for each sample that has both.
    """
    if not rows:
        return None
    base, pro = (math.fsum(column) / len(rows) for column in zip(*rows, strict=True))
    return {"n": len(rows), "base": base, "pro": pro, "ratio": ratio(rows, seed=seed)}


def shared_tokens(base: str, text: str) -> float:
    """Return which share of a base solution's runs of `GRAM` tokens is in a text, 0 to 1; each different run counts once.

    A base solution of fewer tokens is one run. Comments and white space are no tokens (`gates.tokens`).

    Source: Broder (1997), "On the resemblance and containment of documents" (containment).
    """
    import numpy as np

    wanted, there = hashes(base), hashes(text)
    if not len(wanted):
        return 0.0
    n = min(GRAM, len(wanted))
    of_base = np.unique(grams(wanted, n))
    return float(np.isin(of_base, grams(there, n)).mean()) if len(there) >= n else 0.0


def shared_tree(base: Sequence[tuple[str, int]], tree: Sequence[tuple[str, int]]) -> float | None:
    """Return which share of a base solution's subtrees is in a syntax tree, weighted by nodes, 0 to 1; None if it has none.

    Args:
        base, tree: (hash, nodes) of each different subtree, the whole file last, as the tool `shape` of a box says: names,
            constants and docstrings are left out, so that a renamed copy is the same. The whole file does not count.
    """
    of_base, there = dict(base[:-1]), dict(tree[:-1])
    total = sum(of_base.values())
    return sum(nodes for name, nodes in of_base.items() if name in there) / total if total else None
