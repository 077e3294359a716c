"""HumanEval Pro and MBPP Pro: solve a base problem, then a harder one that calls that solution.

A program answers both; the asserts call the second function. The prompt is the base problem, which a completion
continues; a question has both problems, in the official words. The official harness reports the better of raw and
sanitized text; here each is a run of its own (`--samples` of the raw text, or of what `toolkit sanitize` leaves of it).

Source: Yu et al., "HumanEval Pro and MBPP Pro", arXiv 2412.21199; data of CodeEval-Pro/CodeEval-Pro, MIT.
"""

import ast
from collections.abc import Mapping
from functools import partial
from typing import Any

from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.published import Published
from toolkit.records import Check, Task

_ASK = (
    "Write a solution of python file to the following problems, the solution of the second problem requires single or "
    "multiple calls to the first solution.\n```python\n{}\n{}\n```"
)


def task_of(prefix: str, row: Mapping[str, Any]) -> Task:
    """Make a task of a row. Raises KeyError, TypeError, ValueError or SyntaxError where it is malformed."""
    base, new, tests = row["raw_problem"], row["new_problem"], row["test_code"]
    solution = f"{row['raw_solution']}\n{new}{row['new_solution']}"
    defined = {node.name for node in ast.parse(base + solution).body if isinstance(node, ast.FunctionDef)}
    called = [node.func for node in ast.walk(ast.parse(tests.strip())) if isinstance(node, ast.Call)]
    names = [function.id for function in called if isinstance(function, ast.Name) and function.id in defined]
    if not names:
        raise ValueError("no assert calls a function that the solution defines")
    return Task(
        task_id=f"{prefix}/{int(row['id'])}",
        prompt=base,
        entry_point=names[0],
        canonical_solution=solution,
        tests=Check(source=tests.strip() + "\n", raises=True),
        question=_ASK.format(base.strip(), new.strip()),
    )


def _benchmark(name: str, prefix: str, n_tasks: int, override: str, weak: Mapping[str, str]) -> Benchmark:
    data = Published(stem=name, repo=f"CodeEval-Pro/{name}", override=override, task=partial(task_of, prefix))
    return Benchmark(
        name=name, load=data.load, n_tasks=n_tasks, prefix=prefix, data_file=data.data_file, source=data.clause,
        override=override, weak=weak,
    )  # fmt: skip


_WEAK = {"HumanEvalPro/32": "every assert wants None"}
HUMANEVAL_PRO = _benchmark("humaneval-pro", "HumanEvalPro", 164, "HUMANEVAL_PRO_PATH", _WEAK)
MBPP_PRO = _benchmark("mbpp-pro", "MbppPro", 378, "MBPP_PRO_PATH", {})
