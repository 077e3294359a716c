"""`evaluate.load("code_eval")`, in boxes: for lm-eval, CodeEval-Pro and whoever else asks that metric.

`toolkit shim code_eval DIR` writes `DIR/code_eval/code_eval.py`, which evaluate finds before the hub's where the harness is
started in DIR. What is said of a program is the gate `tests`'s: tests run in one box, the program in another, and only plain
data goes between. Tests that hand the program objects of its own classes cannot be judged so: such a program fails, and why
is in its result.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gates.base import DEFECT, Report, Solution
from gates.tests import Tests
from toolkit.analysis.stats import pass_at_k
from toolkit.api.threads import ended_by
from toolkit.errors import InfrastructureError, UsageError
from toolkit.reward import local

SHIM = '''"""code_eval, judged in boxes: written by `toolkit shim code_eval`, needs exogate, evaluate and datasets."""

import datasets
import evaluate

from toolkit.reward.code_eval import compute


class CodeEval(evaluate.Metric):
    """pass@k of programs and tests that are text."""

    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": datasets.Sequence(text), "references": text})
        return evaluate.MetricInfo(description=__doc__, citation="", inputs_description=compute.__doc__, features=features)

    def _compute(self, predictions, references, k=(1, 10, 100), num_workers=4, timeout=3.0):
        return compute(predictions, references, k=k, num_workers=num_workers, timeout=timeout)
'''
_SAID = {"time-limit": "timed out", "memory-limit": "failed: memory limit"}


def write(folder: Path) -> Path:
    """Write the metric's file below `folder`, and return its path. Raises `InfrastructureError` if it cannot be written."""
    path = folder / "code_eval" / "code_eval.py"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SHIM)
    except OSError as error:
        raise InfrastructureError(f"{path}: {error.strerror}; name a folder that can be written") from None
    return path


def compute(
    predictions: Sequence[Sequence[str]],
    references: Sequence[str],
    k: int | Iterable[int] = (1, 10, 100),
    num_workers: int = 4,
    timeout: float = 3.0,
) -> tuple[dict[str, float], dict[int, list[tuple[int, dict[str, Any]]]]]:
    """Judge programs, and return ({"pass@k": a share}, results by number of the task), as `code_eval` does.

    Args:
        predictions: programs of each task.
        references: tests of each task: asserts, or a `check(candidate)` and its call.
        k: which pass@k, as far as every task has so many programs.
        num_workers: ignored; the boxes of this process judge, as many at a time as there are processors.
        timeout: charged seconds of a program for all its tests.

    Raises:
        UsageError: as many tests as tasks are wanted.
        InfrastructureError: boxes cannot be started, or a program could not be judged: there is no score then.
    """
    if len(predictions) != len(references):
        raise UsageError(f"{len(predictions)} lists of predictions, and {len(references)} references")
    places = [(task, n) for task, texts in enumerate(predictions) for n in range(len(texts))]
    solutions = [Solution(code=predictions[task][n], test=references[task]) for task, n in places]
    found: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for (task, n), report in zip(places, _reports(solutions, timeout), strict=True):
        said = {"task_id": task, "passed": report.passed, "result": _result(report), "completion_id": n}
        found[task].append((n, said))
    counts = [(len(each), sum(said["passed"] for _, said in each)) for each in found.values()]
    wanted = [k] if isinstance(k, int) else list(k)
    scores = {
        f"pass@{each}": sum(pass_at_k(n, c, each) for n, c in counts) / len(counts)
        for each in wanted if counts and all(n >= each for n, _ in counts)
    }  # fmt: skip
    return scores, dict(found)


def _reports(solutions: Sequence[Solution], timeout: float) -> list[Report]:
    """Return the gate's reports; equal questions are asked once."""
    distinct = list(dict.fromkeys(solutions))
    pool = local.boxes(None, None).pool()
    with ended_by(pool.close):
        reports = Tests(timeout=timeout).check_many(distinct, pool)
        found: Mapping[Solution, Report] = dict(zip(distinct, reports, strict=True))
    return [found[solution] for solution in solutions]


def _result(report: Report) -> str:
    """Return `passed`, `timed out` or `failed: WHY`. Raises `InfrastructureError` for a defect of ours."""
    if report.passed:
        return "passed"
    finding = next(each for each in report.findings if each.decisive)
    if finding.symbol == DEFECT:
        raise InfrastructureError(f"a program could not be judged: {finding.message}")
    return _SAID.get(finding.symbol, f"failed: {finding.symbol}: {finding.message}")
