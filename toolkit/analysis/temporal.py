"""Scores on tasks from before and after a day, such as the day after which a model has seen nothing."""

from collections.abc import Mapping
from typing import Any

from toolkit.analysis import collapse


def split(counts: Mapping[str, tuple[int, int]], dates: Mapping[str, str], day: str) -> dict[str, Any]:
    """Split a score at a day.

    Args:
        counts: (n, c) by task.
        dates: of tasks, as `2024-05-31`; tasks without one are in neither part.
        day: the first of `after`.

    Returns:
        `day`, `undated` (tasks), and what `collapse.unpaired` returns; where a part is empty, only what it `says`.
    """
    dated = {task: dates[task][:10] for task in counts if dates.get(task)}
    before = [counts[task] for task, at in dated.items() if at < day]
    after = [counts[task] for task, at in dated.items() if at >= day]
    about: dict[str, Any] = {"day": day, "undated": len(counts) - len(dated)}
    if not before or not after:
        where = f"tasks are of {min(dated.values())} to {max(dated.values())}" if dated else "no task has a date"
        return about | {"says": f"nothing to compare: {where}"}
    return about | collapse.unpaired(before, after)
