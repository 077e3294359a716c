"""Contrasts over the cells of a study: their size, interval, p-value, and how small an effect could have been seen.

A contrast is a sum over scores of means over tasks of a linear combination of cells. Tasks of one score are paired over
cells, those of different scores are independent. Uncertainty is over tasks and, where there are several, over seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.analysis import stats

DRAWS = 10_000
"""Resamples of tasks, and of seeds, for an interval."""
SEES = 1.959964 + 0.841621
"""Standard errors of an effect that is seen at 5 %, two-sided, with a chance of 80 %."""
SD_NLL, SD_TRUE, DISCORDANT = 0.057, 0.10, 0.10
"""What is expected before anything ran, of a difference of two cells over tasks: standard deviation of the negative
log-likelihood in nats a token, standard deviation of the true pass@1, and share of tasks whose single answers disagree."""


@dataclass(frozen=True, slots=True)
class Term:
    """A cell's score with its weight: `Term(-1.0, "s0.2", "pass@humaneval")`."""

    weight: float
    cell: str
    score: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A named linear combination.

    Attributes:
        terms: at least one; those of a score are over the tasks that all its cells have.
        margin: an interval within plus and minus this says that there is no effect worth naming.
        named: it is of the family that the study is about; the first of each measure is what its last line tells.
    """

    name: str
    terms: tuple[Term, ...]
    margin: float
    named: bool = False

    @property
    def is_pass(self) -> bool:
        """Whether it is of pass@1, rather than of nats a token."""
        return self.terms[0].score.startswith("pass@")


def over(name: str, weights: Mapping[str, float], score: str, margin: float, *, named: bool = False) -> Contrast:
    """Return the contrast of one score: cells with their weights."""
    terms = tuple(Term(weight, cell, score) for cell, weight in weights.items())
    return Contrast(name=name, terms=terms, margin=margin, named=named)


def evaluate(contrast: Contrast, rows: Sequence[Mapping[str, Any]], *, seed: int = 0) -> dict[str, Any] | None:
    """Return what a contrast is in the rows of a study; None while a cell lacks that score for two tasks.

    Args:
        rows: of each cell and seed, `cell`, `seed` and `scores`, by score and task.

    Returns:
        `value` with `low` and `high` (95 %), `p` (sign flips over tasks; of several seeds at least Student's), `se`,
        `visible` (the smallest effect that would have been seen with a chance of 80 %), `tasks`, `seeds`, and `verdict`:
        `answered` (the interval excludes 0), `bounded` (it lies within the margin), or `open`, with `tasks_needed` for an
        effect of the size found, or to show that there is none beyond the margin, whichever is fewer; None where the data
        have no spread at all, or most of it between seeds.
    """
    import numpy as np

    found: dict[tuple[str, int], Mapping[str, Any]] = {(row["cell"], row["seed"]): row["scores"] for row in rows}
    scores = list(dict.fromkeys(term.score for term in contrast.terms))
    seeds = [s for s in sorted({row["seed"] for row in rows})
             if all((found.get((t.cell, s)) or {}).get(t.score) for t in contrast.terms)]  # fmt: skip
    if not seeds:
        return None
    groups = []
    for score in scores:
        terms = [term for term in contrast.terms if term.score == score]
        tasks = [task for task in found[terms[0].cell, seeds[0]][score]
                 if all(task in found[term.cell, s][score] for term in terms for s in seeds)]  # fmt: skip
        if len(tasks) < 2:
            return None
        groups.append(np.array([
            [math.fsum(term.weight * found[term.cell, s][score][task] for term in terms) for task in tasks] for s in seeds
        ]))  # fmt: skip
    value = float(sum(group.mean() for group in groups))
    low, high = _interval(groups, seed)
    n = sum(group.shape[1] for group in groups)
    each = [float(d) * n / group.shape[1] for group in groups for d in group.mean(axis=0)]
    most = max(map(abs, each)) or 1.0
    *_, p, exact = stats.paired([d / most for d in each], seed=seed)
    _, over_both, of_seeds = _student(groups)
    if len(seeds) > 1 and over_both > p:  # flips over tasks know nothing of seeds
        p, exact = over_both, False
    if contrast.is_pass:  # few tasks differ: a resample of none that does says nothing of others
        ends = [_of_few(contrast, score, group.mean(axis=0)) for score, group in zip(scores, groups, strict=True)]
        middle, half = math.fsum(a + b for a, b in ends) / 2, math.hypot(*((b - a) / 2 for a, b in ends))
        low, high = min(low, middle - half), max(high, middle + half)
    se = (high - low) / 2 / 1.959964
    within = is_small({"low": low, "high": high, "margin": contrast.margin})
    verdict = "answered" if low > 0 or high < 0 else "bounded" if within else "open"
    needed = _needed(n, se, value, contrast.margin) if verdict == "open" and of_seeds <= 0.5 else None
    return {
        "contrast": contrast.name, "scores": scores, "named": contrast.named, "value": value, "low": low, "high": high,
        "p": p, "exact": exact, "se": se, "visible": SEES * se, "tasks": n, "seeds": len(seeds), "margin": contrast.margin,
        "verdict": verdict, "tasks_needed": needed,
    }  # fmt: skip


def _of_few(contrast: Contrast, score: str, differences: Sequence[float]) -> tuple[float, float]:
    """Return the interval of one score's part that counts a few more tasks, which differ by as much as they can."""
    reach = math.fsum(abs(term.weight) for term in contrast.terms if term.score == score) / 2
    low, high = stats.paired_interval([max(-1.0, min(1.0, float(d) / reach)) for d in differences])
    return low * reach, high * reach


def _interval(groups: Sequence[Any], seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the sum of means by resampling seeds, together for all groups, and tasks of each.

    It is at least as wide as Student's, see `_student`: of few tasks, or few seeds, a resample knows too little.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    n_seeds = groups[0].shape[0]
    drawn_seeds = rng.multinomial(n_seeds, [1 / n_seeds] * n_seeds, size=DRAWS) / n_seeds
    total = np.zeros(DRAWS)
    for group in groups:
        n = group.shape[1]
        drawn = rng.multinomial(n, [1 / n] * n, size=DRAWS) / n
        total += ((drawn_seeds @ group) * drawn).sum(axis=1)
    low, high = np.quantile(total, [0.025, 0.975])
    middle, half = float(sum(group.mean() for group in groups)), _student(groups)[0]
    return min(float(low), middle - half), max(float(high), middle + half)


def _student(groups: Sequence[Any]) -> tuple[float, float, float]:
    """Return half of Student's interval of the sum of means, its two-sided p-value, and the seeds' share of the variance.

    Variances are those over the tasks of each group and, where there are several, over seeds. Degrees of freedom are Welch's
    and Satterthwaite's: where seeds make all the difference, one less than there are.
    """
    from scipy.stats import t

    by_tasks = [(float(group.mean(axis=0).var(ddof=1)) / group.shape[1], group.shape[1] - 1) for group in groups]
    means = sum(group.mean(axis=1) for group in groups)
    by_seeds = [(float(means.var(ddof=1)) / len(means), len(means) - 1)] if len(means) > 1 else []
    parts = by_tasks + by_seeds
    variance = math.fsum(each for each, _ in parts)
    spread = math.fsum(each**2 / df for each, df in parts)
    value = abs(float(sum(group.mean() for group in groups)))
    if not spread:
        return 0.0, float(value == 0), 0.0
    df, se = variance**2 / spread, math.sqrt(variance)
    return float(t.ppf(0.975, df)) * se, 2 * float(t.sf(value / se, df)), sum(each for each, _ in by_seeds) / variance


def _needed(n: int, se: float, value: float, margin: float) -> int | None:
    ways = [abs(value), margin - abs(value)]
    each = [n * (SEES * se / effect) ** 2 for effect in ways if effect > 1e-12]
    return math.ceil(min(each)) if each and se else None


def with_holm(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each result its p-value after Holm, over those that are named on one measure."""
    for is_pass in (True, False):
        family = [it for it in results if it["named"] and it["scores"][0].startswith("pass@") is is_pass]
        for result, p in zip(family, stats.holm([it["p"] for it in family]), strict=True):
            result["p_holm"] = p
    return [{"p_holm": None, **result} for result in results]


def expected(contrast: Contrast, tasks: int, samples: int, seeds: int) -> float:
    """Return the smallest effect that a run will probably see, before it is made.

    Args:
        tasks: of each score.
        samples: answers of each task.
    """
    pairs = math.fsum(term.weight**2 for term in contrast.terms) / 2
    true = SD_TRUE**2
    one = true + (DISCORDANT - true) / samples / seeds if contrast.is_pass else SD_NLL**2
    return SEES * math.sqrt(pairs * one / max(1, tasks))


def told(results: Sequence[Mapping[str, Any]], samples: int) -> str:
    """Return the one line that a study ends with: its verdict on pass@1, or else on what it has, and that on the other.

    Args:
        samples: answers of each task.
    """
    named = {result["scores"][0].partition("@")[0]: result for result in reversed(results) if result["named"]}
    if not named:
        return "open: nothing that the study is about has been scored yet"
    return "; ".join(_line(named[measure], samples) for measure in sorted(named, reverse=True))


def claims(results: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return a claim for each named result, with its evidence, whether that verifies it, and how far it can be trusted.

    Verified is an effect whose interval excludes 0 and whose p-value after Holm is below 5 %, or one within the margin.
    """
    found = []
    for it in results:
        if not it["named"]:
            continue
        within = f"within {_margin(it)} {_unit(it)}"
        side = f"is {'above' if it['value'] > 0 else 'below'} 0" + f", and {within}" * is_small(it)
        end = {"answered": side, "open": "differs from 0", "bounded": f"is {within}"}[it["verdict"]]
        found.append({
            "claim": f"{it['contrast']}, on {' and '.join(it['scores'])}, {end}",
            "evidence": f"{_measured(it)}, {it['tasks']} tasks, {_counted(it['seeds'], 'seed')}",
            "verified": "no: open" if it["verdict"] == "open" else "no: not after Holm" if _is_chance(it) else "yes",
            "confidence": "-" if it["verdict"] == "open" or _is_chance(it) else trust(it["seeds"]),
        })  # fmt: skip
    return found


def trust(seeds: int) -> str:
    """Return how far a verified claim of so many seeds can be trusted: tasks alone say nothing of another training."""
    return "low: one seed" if seeds == 1 else "medium: two seeds" if seeds == 2 else "high"


def is_small(it: Mapping[str, Any]) -> bool:
    """Whether a result's interval lies within the margin: whatever its sign is, that is no effect worth naming."""
    return bool(-it["margin"] < it["low"] and it["high"] < it["margin"])


def _margin(it: Mapping[str, Any]) -> str:
    return f"+-{_form(it, it['margin']).lstrip('+')}"


def written(p: float) -> str:
    """Return a p-value as a person reads it."""
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def _is_chance(it: Mapping[str, Any]) -> bool:
    """Whether an effect's interval excludes 0, and its p-value after Holm does not."""
    return it["verdict"] == "answered" and (it.get("p_holm") or 0.0) >= 0.05


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _unit(it: Mapping[str, Any]) -> str:
    return "points" if it["scores"][0].startswith("pass@") else "nats"


def _form(it: Mapping[str, Any], value: float) -> str:
    return f"{100 * value:+.1f}" if _unit(it) == "points" else f"{value:+.3f}"


def _measured(it: Mapping[str, Any]) -> str:
    """Return value, interval, and p-value after Holm, where that is another one than before."""
    but = ", which is chance among all that was asked" if _is_chance(it) else ""
    holm = "" if it.get("p_holm") in (None, it["p"]) else f" (p {written(it['p_holm'])} after Holm{but})"
    return f"{_form(it, it['value'])} {_unit(it)} [{_form(it, it['low'])}, {_form(it, it['high'])}]{holm}"


def _line(it: Mapping[str, Any], samples: int) -> str:
    size = _form(it, it["visible"]).lstrip("+")
    is_answered = it["verdict"] == "answered"
    within = f" ({'and ' * is_answered}within {_margin(it)}{': no effect worth naming' * is_answered})" * is_small(it)
    alone = ", so of this run alone" if is_answered and it["seeds"] == 1 else ""
    line = (
        f"{it['verdict']}{within}: {it['contrast']} on {' and '.join(it['scores'])} {_measured(it)}, smallest effect "
        f"visible {size} {_unit(it)} over {it['tasks']} tasks, {_counted(it['seeds'], 'seed')}{alone}"
    )
    if it["verdict"] == "open" and it["tasks_needed"]:
        n = f"{_counted(samples, 'sample')} each" if _unit(it) == "points" else "one reading each"
        line += f"; about {it['tasks_needed']:,} tasks, {n}, would decide it"
    elif it["verdict"] == "open" and it["seeds"] > 1 and it["se"]:
        line += "; more seeds would decide it, not more tasks"
    return line
