"""A run's results in the shape of evalplus's own file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from toolkit.records import Result, Verdict


def parts(results: Sequence[Result], run: Mapping[str, Any], solution: Callable[[tuple[str, int]], str]) -> Iterator[str]:
    """Yield the text of `samples_eval_results.json` as evalplus 0.3.1 writes it, one sample at a time.

    Whatever neither passed nor hit the time limit is `fail`. Unscored samples are left out: evalplus has no word for them.
    The lists of failed inputs stay empty, as they do in evalplus for samples without details.

    Args:
        results: at most one per sample, in the order of the input.
        run: what `run.json` holds; its first data hash becomes `hash`.
        solution: returns the program of a (task_id, sample_id).
    """
    tasks: dict[str, list[Result]] = {}
    for result in results:
        tasks.setdefault(result.task_id, [])
        if result.verdict is not None:
            tasks[result.task_id].append(result)
    date = str(run["date"])[:16].replace("T", " ")
    head = json.dumps({"date": date, "hash": next(iter(run["data"].values()), None)})
    yield head[:-1] + ', "eval": {'
    for i, (task_id, scored) in enumerate(tasks.items()):
        yield f"{', ' if i else ''}{json.dumps(task_id)}: ["
        for j, result in enumerate(scored):
            row: dict[str, Any] = {
                "task_id": task_id,
                "solution": solution((task_id, result.sample_id)),
                "base_status": _status(result.base or result.verdict),
                "plus_status": _status(result.plus),
                "base_fail_tests": [],
                "plus_fail_tests": [],
            }
            yield (", " if j else "") + json.dumps(row)
        yield "]"
    yield "}}"


def _status(verdict: Verdict | None) -> str | None:
    return {None: None, Verdict.PASSED: "pass", Verdict.TIME_LIMIT: "timeout"}.get(verdict, "fail")
