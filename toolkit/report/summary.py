"""What a run found, as plain data: the content of `summary.json`, from which terminal and page are made."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from toolkit.analysis import efficiency, stats
from toolkit.records import DEFECT, Result, Verdict
from toolkit.report.text import visible

MAX_REASONS = 10
"""Different reasons for unscored samples that a summary tells apart."""


def counts(results: Iterable[Result], variant: str) -> dict[str, tuple[int, int]]:
    """Return (n, c) by task id: how many samples were scored, and how many passed. Tasks with no scored sample are left out.

    Args:
        variant: `base` counts the original tests, `plus` those and the extra tests.
    """
    n: Counter[str] = Counter()
    c: Counter[str] = Counter()
    for result in results:
        if result.verdict is not None:
            n[result.task_id] += 1
            c[result.task_id] += (result.verdict if variant == "plus" else result.base or result.verdict) == "passed"
    return {task_id: (n[task_id], c[task_id]) for task_id in n}


def is_defect(result: Result) -> bool:
    """Return whether a sample is unscored because of a bug of ours rather than a failing machine."""
    return (result.error or "").startswith(DEFECT)


def bounds(
    results: Iterable[Result], variant: str, k: int, lost: Mapping[str, int], n_stray: int = 0, missing: Collection[str] = ()
) -> dict[str, float]:
    """Return the lowest and highest mean pass@k that judging every sample could have given, as `low` and `high`.

    An unscored sample counts as one more sample of its task, failed for `low` and passed for `high`; so does a bad line
    that names a task. A task with fewer than k known samples counts as failed for `low` and passed for `high`. A bad line
    that names no task counts as the only sample of a task that has none; once there are no such tasks left, as one more
    sample of the task whose value it moves furthest, which is by at most k / (n + 1).

    Args:
        lost: number of bad lines left out, by the task they name.
        n_stray: number of bad lines that could belong to any task.
        missing: tasks that were selected but have no sample.
    """
    results = list(results)
    known = counts(results, variant)
    unknown = Counter(lost) + Counter(result.task_id for result in results if result.verdict is None)
    lows, highs, fewest = [], [], math.inf
    for task_id in known.keys() | unknown.keys():
        n, c = known.get(task_id, (0, 0))
        u = unknown[task_id]
        lows.append(stats.pass_at_k(n + u, c, k) if n + u >= k else 0.0)
        highs.append(stats.pass_at_k(n + u, c + u, k) if n + u >= k else 1.0)
        fewest = min(fewest, n + u) if n + u >= k else fewest
    whole = min(n_stray, len(set(missing) - set(lost)))
    moved = (n_stray - whole) * k / (fewest + 1)
    n_tasks = len(lows) + whole
    return {
        "low": max(0.0, math.fsum([*lows, -moved]) / n_tasks),
        "high": min(1.0, math.fsum([*highs, whole, moved]) / n_tasks),
    }


def at_budget(
    results: Sequence[Result], variants: Iterable[str], budget: tuple[str, float], generation: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of `budget` in `summary.json`: what a unit and an amount for each task buy, and the score of that.

    Raises:
        ValueError: what the samples took is not recorded.
    """
    unit, amount = budget
    spent, n_samples = efficiency.spent(generation, unit)
    k = efficiency.affordable(amount, spent, n_samples)
    tallies = {name: list(counts(results, name).values()) for name in variants}
    bought = {name: efficiency.at_budget(each, k) for name, each in tallies.items() if each}
    return {"unit": unit, "amount": amount, "each": spent / n_samples, "affordable": k, "pass_at_k": bought}


def scores(tallies: Sequence[tuple[int, int]], ks: Iterable[int]) -> dict[str, dict[str, float]]:
    """Return pass@k by k, with its 95 % interval, for each k that all tasks reach; `tallies` are (n, c) of each task."""
    fewest = min((n for n, _ in tallies), default=0)
    return {str(k): stats.estimate(tallies, k) for k in sorted(set(ks)) if k <= fewest}


def cut(whole: Mapping[str, Any], results: Sequence[Result], n_cut: int, ks: Iterable[int]) -> dict[str, Any]:
    """Return the content of `cut` in `summary.json`: the score of programs that were cut, and the better of both by k.

    Args:
        whole: pass@k of the whole programs.
        results: of all programs, `n_cut` of which were cut.
    """
    found = scores(list(counts(results, "base").values()), ks)
    both = {k: (whole[k], found[k]) for k in whole if k in found}
    better = {
        k: {"of": "cut", **short} if short["value"] > long["value"] else {"of": "whole", **long}
        for k, (long, short) in both.items()
    }
    n_unscored = sum(result.verdict is None for result in results)
    return {"n_cut": n_cut, "n_unscored": n_unscored, "pass_at_k": found, "better": better}


def _without_shared(results: Sequence[Result], ks: Iterable[int], refused: str | None) -> dict[str, Any]:
    """Return the content of `shared`; empty if no tests ran in a program's own process."""
    shared = [result for result in results if result.shared]
    if not shared:
        return {}
    tallies = list(counts((result for result in results if not result.shared), "base").values())
    return {
        "tasks": sorted({result.task_id for result in shared}),
        "n_tasks_apart": len(tallies),
        "n_passed": sum(result.verdict is Verdict.PASSED for result in shared),
        "pass_at_k": {} if refused else scores(tallies, ks),
    }


def _said(apart: Mapping[str, Any]) -> str:
    one = apart["pass_at_k"].get("1")
    score = f"; without these tasks pass@1 is {one['value']:.3f} on {apart['n_tasks_apart']} tasks" if one else ""
    return (
        f"the tests of {len(apart['tasks'])} tasks ran in the program's own process, which could forge a pass: "
        f"{apart['n_passed']} samples passed so{score}"
    )


def summarise(
    *,
    benchmark: str,
    results: Sequence[Result],
    ks: Iterable[int],
    n_tasks: int | None = None,
    n_tasks_sampled: int | None = None,
    n_samples: int | None = None,
    has_plus: bool = False,
    seconds: float = 0.0,
    n_cached: int = 0,
    n_skipped: int = 0,
    lost: Mapping[str, int] | None = None,
    n_stray: int = 0,
    missing: Collection[str] = (),
    warnings: Iterable[str] = (),
    refused: str | None = None,
    **about: Any,
) -> dict[str, Any]:
    """Return the content of `summary.json`.

    pass@k is the mean over the tasks with a scored sample, n being the scored samples, for each k that all of these tasks
    reach; unscored samples count as neither passed nor failed. If there are any, or bad lines were left out, `bounds` has
    the range that pass@k could have had (see the function), else it is empty. The caller may add `comparison` (what
    `comparison.Other.compare` returns), `budget` (what `at_budget` returns), `cut` (what `cut` returns) and `interrupted`
    (how far an interrupted run got).

    Args:
        results: at most one per sample.
        n_tasks: tasks of the benchmark, selected or not [default: those in `results`].
        n_tasks_sampled: tasks that have samples [default: those in `results`].
        n_samples: samples to judge [default: those in `results`].
        has_plus: score the extra tests as a second variant; `base` is always scored.
        seconds: wall time since the toolkit was started.
        n_cached: verdicts that were known without a run.
        n_skipped: bad lines of the input that were left out.
        lost, n_stray, missing: as for `bounds`.
        warnings: reasons to trust the score less.
        refused: reason not to trust the score at all; there is no pass@k then.
        about: recorded unchanged: `folder`, `timeout_s`, `parallel`, and `generation`: what it took to write the samples,
            as `cost.total` has it, with `n_judged` samples that were judged and their tokens, `n_judged_tokens`.
    """
    shares: dict[str, dict[str, dict[str, float]]] = {}
    between: dict[str, dict[str, dict[str, float]]] = {}
    lost = lost or {}
    n_lost = sum(lost.values()) + n_stray
    for variant in ("base", "plus") if has_plus else ("base",):
        shares[variant] = {} if refused else scores(list(counts(results, variant).values()), ks)
        if shares[variant] and (n_lost or any(result.verdict is None for result in results)):
            between[variant] = {k: bounds(results, variant, int(k), lost, n_stray, missing) for k in shares[variant]}
    if apart := _without_shared(results, sorted(set(ks)), refused):
        about, warnings = {**about, "shared": apart}, [*warnings, _said(apart)]
    verdicts = Counter(result.verdict for result in results if result.verdict)
    reasons = Counter(visible(result.error)[:500] for result in results if result.error is not None)
    unscored = dict(reasons.most_common(MAX_REASONS))
    if len(reasons) > len(unscored):
        unscored["other reasons"] = reasons.total() - sum(unscored.values())
    n_seen = len({result.task_id for result in results})
    return {
        "benchmark": benchmark,
        "n_tasks": n_seen if n_tasks is None else n_tasks,
        "n_tasks_sampled": n_seen if n_tasks_sampled is None else n_tasks_sampled,
        "n_tasks_missing": len(missing),
        "n_tasks_scored": len({result.task_id for result in results if result.verdict}),
        "n_samples": len(results) if n_samples is None else n_samples,
        "n_scored": verdicts.total(),
        "n_unscored": reasons.total(),
        "n_defects": sum(map(is_defect, results)),
        "n_skipped": n_skipped,
        "n_lost": n_lost,
        "refused": refused,
        "warnings": list(warnings),
        "pass_at_k": shares,
        "bounds": between,
        "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        "unscored": unscored,
        "seconds": round(seconds, 3),
        "n_cached": n_cached,
        **about,
    }
