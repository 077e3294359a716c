"""HumanEval Pro and MBPP Pro: solve a base problem, then a harder one that calls that solution.

A program answers both; the asserts call the second function. The prompt is the base problem, which a completion
continues; a question has both problems, in the official words. The official harness runs each program twice, whole and cut
before its own tests, and the better score is reported; here a run has both, and which is the better.

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
    """Make a task from a row. Raises KeyError, TypeError, ValueError or SyntaxError if it is malformed."""
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
        invokes=_root(base + row["raw_solution"]),
    )


def cut(task: Task, program: str) -> str:
    """Return a program as `santize.py` of CodeEval-Pro leaves it: up to the first of its marks, the prompt aside."""
    head = task.prompt if program.startswith(task.prompt) else ""
    text = program[len(head) :]
    for mark, at in (("if __name__", "if __name__"), ("# Test", "# Test"), ("# Example", "# Example ")):
        if mark in text:
            return head + text.split(at, 1)[0]
    return program


def _root(program: str) -> str:
    """Return the last function of a base problem that no other one uses: the one that the problem asks for."""
    functions = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    used = {
        name.id for function in functions for name in ast.walk(function)
        if isinstance(name, ast.Name) and name.id != function.name
    }  # fmt: skip
    return next((function.name for function in reversed(functions) if function.name not in used), "")


def _benchmark(name: str, prefix: str, n_tasks: int, override: str, weak: Mapping[str, str]) -> Benchmark:
    data = Published(stem=name, repo=f"CodeEval-Pro/{name}", override=override, task=partial(task_of, prefix))
    return Benchmark(
        name=name, load=data.load, n_tasks=n_tasks, prefix=prefix, data_file=data.data_file, source=data.clause,
        override=override, weak=weak, cut=cut,
    )  # fmt: skip


_WEAK = {"HumanEvalPro/32": "every assert wants None"}
HUMANEVAL_PRO = _benchmark("humaneval-pro", "HumanEvalPro", 164, "HUMANEVAL_PRO_PATH", _WEAK)
MBPP_PRO = _benchmark("mbpp-pro", "MbppPro", 378, "MBPP_PRO_PATH", {})

BASES = {HUMANEVAL_PRO.name: ("humaneval", "humaneval+"), MBPP_PRO.name: ("mbpp", "mbpp+", "mbpp-sanitized")}
"""The base benchmarks of each: those whose tasks its tasks build upon."""
_MBPP_PLUS = (
    "2-4 6-9 11-12 14 16-20 56-59 61-72 74-75 77 79-80 82 84-106 108-109 111 113 116 118-120 123-133 135 137-142 145 "
    "160-162 165-168 170-172 222-224 226-227 230 232-235 237-240 242 244-245 247 250-253 255-257 259-262 264-274 "
    "276-287 290 292-294 296-297 299-301 305-306 308-312 388-392 394-395 397-398 404-406 409-410 412-415 418-422 "
    "424-430 432-433 435-437 439-441 445-448 450-451 453-460 462-463 465 468 470-479 554-560 562-569 572-573 576-581 "
    "583 585-594 596-600 602-608 610-612 614-616 618-620 622-624 626 628-633 635 637-639 641 643-644 720-726 728 "
    "730-737 739-745 748-755 757-760 762-767 769-773 775 777-778 780-782 784-788 790-794 796-801 803-809"
)


def base_number(name: str, number: int) -> int | None:
    """Return the number of the base task of a Pro benchmark's task; None if there is no such task.

    MBPP Pro counts from 0 through the tasks of MBPP+ v0.2.0; HumanEval Pro has HumanEval's numbers.
    """
    if name != MBPP_PRO.name:
        return number
    spans = [(int(first), int(last or first)) for first, _, last in (each.partition("-") for each in _MBPP_PLUS.split())]
    numbers = [n for first, last in spans for n in range(first, last + 1)]
    return numbers[number] if 0 <= number < len(numbers) else None
