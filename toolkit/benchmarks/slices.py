"""Selection of a benchmark's tasks: by number, date or difficulty, and the first so many of those."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from toolkit.benchmarks.base import Benchmark, is_tested
from toolkit.benchmarks.published import records
from toolkit.errors import UsageError, nearest
from toolkit.records import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A selection of tasks; each field that is set excludes some.

    Attributes:
        id_range: `FIRST-LAST`, numbers of tasks, both included.
        since, until: days such as `2024-05-31`, both included; every task then needs a date.
        dates: a file of records with `question_id` (or `task_id`) and `contest_date` (or `date`), for tasks without a date.
        difficulty: names, separated by commas.
        limit: keep only the first so many of the remaining tasks.
    """

    id_range: str | None = None
    since: str | None = None
    until: str | None = None
    dates: Path | None = None
    difficulty: str | None = None
    limit: int | None = None

    def asked(self) -> dict[str, Any]:
        """Return the fields that are set as plain data, and the two that every run records."""
        told = {name: value if value is None else str(value) for name, value in asdict(self).items() if name != "limit"}
        return {name: value for name, value in told.items() if value or name == "id_range"} | {"limit": self.limit}


def select(benchmark: Benchmark, tasks: Mapping[str, Task], chosen: Slice) -> dict[str, Task]:
    """Return the selected tasks that have tests, in order. Raises `UsageError` if `chosen` is invalid or leaves none."""
    left = {name: task for name, task in tasks.items() if is_tested(task)}
    if not left:
        raise UsageError(f"no task of {benchmark.name} has a test in this data")
    if chosen.limit is not None and chosen.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {chosen.limit}")
    if chosen.id_range is not None:
        left = _numbered(benchmark, left, chosen.id_range)
    if chosen.since is not None or chosen.until is not None:
        left = _between(_dated(left, chosen.dates), chosen)
    elif chosen.dates is not None:
        raise UsageError("--dates has no effect without --from or --to")
    if chosen.difficulty is not None:
        left = _as_difficult(benchmark, left, [name.strip() for name in chosen.difficulty.split(",")])
    return dict(list(left.items())[: chosen.limit])


def left_out(tasks: Mapping[str, Task]) -> list[str]:
    """Return a warning if there are tasks without a test: their samples cannot be judged."""
    names = [name for name, task in tasks.items() if not is_tested(task)]
    several = f" and {len(names) - 5} more" if len(names) > 5 else ""
    said = f"{len(names)} of {len(tasks)} tasks have no test in this data, and are left out: {', '.join(names[:5])}{several}"
    return [said] if names else []


def _numbered(benchmark: Benchmark, tasks: Mapping[str, Task], id_range: str) -> dict[str, Task]:
    try:
        first, last = (int(part) for part in id_range.replace(",", "-").strip("[]").split("-"))
    except ValueError:
        raise UsageError(f"--id-range wants FIRST-LAST, such as 0-9; got {id_range!r}") from None
    numbers = {task_id: benchmark.number(task_id) for task_id in tasks}
    chosen = {task_id: tasks[task_id] for task_id, n in numbers.items() if n is not None and first <= n <= last}
    if not chosen:
        raise UsageError(f"--id-range {id_range}: no task has such a number")
    return chosen


def _dated(tasks: dict[str, Task], file: Path | None) -> dict[str, Task]:
    """Return the tasks, with dates from a file for those without. Raises `UsageError` if one still has none."""
    if file is not None:
        known = days(file)
        tasks = {name: task if task.date else replace(task, date=known.get(name, "")) for name, task in tasks.items()}
    undated = [name for name, task in tasks.items() if not task.date]
    if undated:
        remedy = f"not in {file} either" if file else "name a file that has them with --dates"
        raise UsageError(f"--from and --to: {len(undated)} of {len(tasks)} tasks have no date, {undated[0]} first: {remedy}")
    return tasks


def days(file: Path) -> dict[str, str]:
    """Return the day of each task that a file of records names. Raises `UsageError`."""
    known: dict[str, str] = {}
    try:
        for number, row in enumerate(records(file), 1):
            try:
                name = str(row["question_id"] if "question_id" in row else row["task_id"])
                known[name] = day(row["contest_date"] if "contest_date" in row else row["date"])
            except (KeyError, TypeError, ValueError) as error:
                what = f"no column {error}" if isinstance(error, KeyError) else str(error)
                raise UsageError(f"--dates {file}, record {number}: {what}") from None
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise UsageError(f"--dates {file}: {getattr(error, 'strerror', None) or error}") from None
    return known


def day(text: object) -> str:
    """Return a day as `2024-05-31`. Raises ValueError."""
    return date.fromisoformat(str(text)[:10]).isoformat()


def _between(tasks: Mapping[str, Task], chosen: Slice) -> dict[str, Task]:
    ends = []
    for flag, text in (("--from", chosen.since), ("--to", chosen.until)):
        try:
            ends.append(None if text is None else date.fromisoformat(text).isoformat())
        except ValueError:
            raise UsageError(f"{flag} wants a day such as 2024-05-31, not {text!r}") from None
    since, until = ends
    found = {name: it for name, it in tasks.items() if (since or "") <= it.date[:10] <= (until or "9999")}
    if not found:
        there = sorted(task.date[:10] for task in tasks.values())
        raise UsageError(f"no task is of a day {_window(since, until)}: they are of {there[0]} to {there[-1]}")
    return found


def _window(since: str | None, until: str | None) -> str:
    return " and ".join([*([f"from {since} on"] if since else []), *([f"until {until}"] if until else [])])


def _as_difficult(benchmark: Benchmark, tasks: Mapping[str, Task], names: list[str]) -> dict[str, Task]:
    there = Counter(task.difficulty for task in tasks.values() if task.difficulty)
    if not there:
        raise UsageError(f"--difficulty: the tasks of {benchmark.name} have none")
    for name in names:
        if name not in there:
            raise UsageError(f"--difficulty {name}: tasks are {', '.join(there)}{nearest(name, there)}")
    return {name: task for name, task in tasks.items() if task.difficulty in names}
