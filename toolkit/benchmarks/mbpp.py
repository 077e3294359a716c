"""MBPP, 974 tasks, and its sanitized part, 427: asserts that call the program's function by name.

The asserts run in a box of their own. If one passes the function something that only the program's process can hold (an
object of a class that the program defines, or a type), its left side is evaluated there, after the task's set-up code, as in
the official harness; its right side and the comparison stay with the test.

The prompt is that of bigcode-evaluation-harness: the text and the first assert, in a docstring.

Source: Austin et al., "Program Synthesis with Large Language Models", arXiv 2108.07732; CC-BY-4.0.
"""

import ast
import builtins
from collections.abc import Mapping
from functools import partial
from typing import Any

from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.published import Published
from toolkit.records import Check, Task

_CALLED = "_called"


def _task(prefix: str, row: Mapping[str, Any]) -> Task:
    """Make a task from a row in either format: `text` and `test_setup_code`, or `prompt` and `test_imports`."""
    code, asserts = row["code"].replace("\r\n", "\n"), [text.strip() for text in row["test_list"]]
    before = "\n".join(row.get("test_imports") or [row.get("test_setup_code") or ""]).replace("\r\n", "\n")
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    calls = [node.func for text in asserts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    called = [function.id for function in calls if isinstance(function, ast.Name) and function.id in defined]
    if not called:
        raise ValueError("no assert calls a function that the solution defines")
    text = (row["text"] if "text" in row else row["prompt"]).strip()
    return Task(
        task_id=f"{prefix}/{int(row['task_id'])}",
        prompt=f'"""\n{text}\n{asserts[0]}\n"""\n',
        entry_point=called[0],
        canonical_solution=code.strip("\n") + "\n",
        tests=_tests(asserts, before, defined, called[0]),
    )


def _tests(asserts: list[str], before: str, defined: set[str], entry_point: str) -> Check:
    """Return the asserts; the left side of each is evaluated in the program's process where necessary."""
    names = [node for node in ast.walk(ast.parse(before)) if isinstance(node, ast.Name)]
    theirs = (defined | {name.id for name in names if isinstance(name.ctx, ast.Store)}) - {entry_point}
    tests = [ast.parse(text).body[0] for text in asserts]
    if not any(_holds_an_object(test, theirs) for test in tests):
        return Check(source="\n".join([before, *asserts, ""]), after=before, raises=True)
    lefts = []
    for at, test in enumerate(tests):
        if not (isinstance(test, ast.Assert) and isinstance(test.test, ast.Compare)):
            raise ValueError(f"`{asserts[at]}` is no comparison")
        lefts.append(f"lambda: {ast.unparse(test.test.left)}")
        test.test.left = ast.parse(f"{_CALLED}({at})", mode="eval").body
    after = f"{before}\n\n\ndef {_CALLED}(n):\n    return [{', '.join(lefts)}][n]()\n"
    return Check(source="\n".join(map(ast.unparse, tests)) + "\n", after=after, called=_CALLED, raises=True)


def _holds_an_object(test: ast.AST, theirs: set[str]) -> bool:
    """Return whether a test names one of `theirs`, or passes a type or a function as an argument."""
    names = [node.id for node in ast.walk(test) if isinstance(node, ast.Name)]
    given = [one for node in ast.walk(test) if isinstance(node, ast.Call) for one in node.args if isinstance(one, ast.Name)]
    return bool(theirs & set(names)) or any(callable(vars(builtins).get(name.id)) for name in given)


def _published(stem: str, prefix: str, config: str, override: str) -> Published:
    return Published(
        stem=stem, repo="google-research-datasets/mbpp", config=config, override=override, task=partial(_task, prefix)
    )


_ALL = _published("mbpp", "MBPP", "full", "MBPP_PATH")
_SANITIZED = _published("mbpp-sanitized", "MBPP-sanitized", "sanitized", "MBPP_SANITIZED_PATH")
BENCHMARK = Benchmark(
    name="mbpp", load=_ALL.load, n_tasks=974, prefix="MBPP", data_file=_ALL.data_file, source=_ALL.clause,
    override=_ALL.override,
)  # fmt: skip
SANITIZED = Benchmark(
    name="mbpp-sanitized", load=_SANITIZED.load, n_tasks=427, prefix="MBPP-sanitized", data_file=_SANITIZED.data_file,
    source=_SANITIZED.clause, override=_SANITIZED.override,
)  # fmt: skip
