"""`toolkit show`, as a function: what a run found about one task, from its folder alone."""

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import UsageError, nearest
from toolkit.records import Result
from toolkit.samples.lines import Problems, lines, printable
from toolkit.store import refusals
from toolkit.store import run_folder as runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A result and its program; None if the folder does not have the program."""

    result: Result
    solution: str | None = None


def show(folder: Path, task: str, sample: int | None = None) -> list[Judged]:
    """Return the judged samples of a task in order, or one of them.

    Args:
        folder: a run folder, which may still be written to.
        task: an id, or the part of one after its last "/" if only one id ends in it.
        sample: its number within the task.

    Raises:
        UsageError: there is no such run, task or sample; the text names what there is.
    """
    try:
        results = runs.read(folder)
    except refusals.RunFolderError as error:
        raise UsageError(f"{error}; name the folder that `toolkit eval` wrote") from None
    task_id = _task_id(task, list(dict.fromkeys(task_id for task_id, _ in results)), folder)
    found = {key: result for key, result in sorted(results.items()) if key[0] == task_id}
    if sample is not None:
        if (task_id, sample) not in found:
            numbers = ", ".join(str(number) for _, number in list(found)[:20]) + (", ..." if len(found) > 20 else "")
            raise UsageError(f"{folder}: no sample {sample} of {printable(task_id)} was judged; there are {numbers}")
        found = {(task_id, sample): found[task_id, sample]}
    solutions = {}
    for _, _, row in lines(folder / runs.SAMPLES, Problems()):  # without it, or with bad lines in it, verdicts are left
        key = row.get("task_id"), row.get("sample_id")
        if key in found and isinstance(row.get("solution"), str):
            solutions[key] = row["solution"]
    return [Judged(result=result, solution=solutions.get(key)) for key, result in found.items()]


def _task_id(task: str, known: list[str], folder: Path) -> str:
    if task in known:
        return task
    ends = [task_id for task_id in known if task_id.rsplit("/", 1)[-1] == task]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise UsageError(f"{folder}: {len(ends)} tasks end in {task!r}, such as {printable(ends[0])}: name one in full")
    some = ", ".join(printable(task_id) for task_id in known[:5]) + (", ..." if len(known) > 5 else "")
    raise UsageError(
        f"{folder}: no sample of task {task!r} was judged{nearest(task, known)}; there are {some or 'none at all'}"
    )
