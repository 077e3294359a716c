"""A run's results in the shape of evalplus's own file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from toolkit.records import Result, Verdict


def parts(
    results: Sequence[Result],
    run: Mapping[str, Any],
    solution: Callable[[tuple[str, int]], str],
    inputs: Callable[[str, int], list[Any]] | None = None,
) -> Iterator[str]:
    """Yield the text of `samples_eval_results.json` as evalplus 0.3.1 writes it, one sample at a time.

    Whatever neither passed nor hit the time limit is `fail`. Unscored samples are left out: evalplus has no word for them.
    The lists of failed inputs have what evalplus puts into them without `--test-details`: the input of the first call that
    failed, and nothing where the program failed at no call. Where evalplus says something else:

    - A call without end is `fail` there, and `timeout` only a program that its alarm did not stop; here both are `timeout`.
    - Of a program that ends itself or that its alarm did not stop, evalplus names the last call that was answered, rightly
      or not, and calls both `timeout`; here it is the first that was not.
    - Plus tests that were left out after a failed base part are `fail`.

    Args:
        results: at most one per sample, in the order of the input.
        run: what `run.json` holds; its first data hash becomes `hash`.
        solution: returns the program of a (task_id, sample_id).
        inputs: returns the input of a call as a list of one, or an empty list if it is not known; None keeps the tests out
            of the file.
    """
    tasks: dict[str, list[Result]] = {}
    for result in results:
        tasks.setdefault(result.task_id, [])
        if result.verdict is not None:
            tasks[result.task_id].append(result)
    date = str(run["date"])[:16].replace("T", " ")
    head = json.dumps({"date": date, "hash": next(iter(run["data"].values()), None)})
    left_out = "fail" if run.get("settings", {}).get("fail_fast") else None

    def failed(task_id: str, call: int | None) -> list[Any]:
        found = [] if call is None or inputs is None else inputs(task_id, call)
        try:
            json.dumps(found, default=repr)
        except (TypeError, ValueError, RecursionError):  # as a dict is whose keys are tuples
            return [repr(each) for each in found]
        return found

    yield head[:-1] + ', "eval": {'
    for i, (task_id, scored) in enumerate(tasks.items()):
        yield f"{', ' if i else ''}{json.dumps(task_id)}: ["
        for j, result in enumerate(scored):
            base = result.base or result.verdict
            row: dict[str, Any] = {
                "task_id": task_id,
                "solution": solution((task_id, result.sample_id)),
                "base_status": _status(base),
                "plus_status": _status(result.plus) or (left_out if base is not Verdict.PASSED else None),
                "base_fail_tests": failed(task_id, result.base_call),
                # of a task without extra tests, both parts failed at the same call
                "plus_fail_tests": failed(task_id, result.plus_call if result.plus_call != result.base_call else None),
            }
            yield (", " if j else "") + json.dumps(row, default=repr)
        yield "]"
    yield "}}"


def _status(verdict: Verdict | None) -> str | None:
    return {None: None, Verdict.PASSED: "pass", Verdict.TIME_LIMIT: "timeout"}.get(verdict, "fail")
