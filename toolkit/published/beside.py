"""A run beside the published numbers of its benchmark."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.published import numbers
from toolkit.store.run_folder import SUMMARY


def of_run(run: Path, like: str = "") -> list[dict[str, Any]]:
    """Return a row for each part of a run's tests, with its interval and the published numbers of that benchmark.

    Each row has `benchmark`, `percent`, `low`, `high` (the 95 % interval), `n_tasks`, `n_usual` (tasks of the benchmark's
    usual data, which published numbers are of; 0 if nobody knows), and `published`: rows of `model`, `setting`, `percent`,
    `source` and `inside` (the number is in the interval), the largest first.

    Args:
        like: only models whose names contain this, in any case.

    Raises:
        UsageError: no run folder, or one without a score.
    """
    from toolkit.benchmarks import BENCHMARKS

    file = run / SUMMARY
    try:
        summary: Mapping[str, Any] = json.loads(file.read_bytes())
        scores = {part: each["1"] for part, each in summary["pass_at_k"].items() if "1" in each}
        name, n_tasks = str(summary["benchmark"]), int(summary["n_tasks_sampled"])
    except OSError as error:
        raise UsageError(f"{run} is no finished run: {file}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not as toolkit eval writes it: {error}") from None
    if not scores:
        raise UsageError(f"{run} has no pass@1: its samples were not scored")
    n_usual = BENCHMARKS[name].n_tasks if name in BENCHMARKS else 0
    rows = []
    for part, score in scores.items():
        benchmark = name.removesuffix("+") if part == "base" else name
        low, high = 100 * score["low"], 100 * score["high"]
        found = [
            {"model": each.model, "setting": each.setting, "percent": each.percent, "source": each.source,
             "inside": low <= each.percent <= high}
            for each in numbers() if each.benchmark == benchmark and like.lower() in each.model.lower()
        ]  # fmt: skip
        rows.append({
            "benchmark": benchmark, "percent": 100 * score["value"], "low": low, "high": high, "n_tasks": n_tasks,
            "n_usual": n_usual, "published": sorted(found, key=lambda row: -row["percent"]),
        })  # fmt: skip
    return rows
