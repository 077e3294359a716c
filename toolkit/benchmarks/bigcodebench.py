"""BigCodeBench, 1,140 tasks; its hard part, 148; and BigCodeBench-Lite Pro, 57: programs that use 139 libraries.

A task's tests are classes of `unittest`. They run in a box of their own and call the program through the host; those that
patch what the program uses, or look into its process, run in the program's own process, and what passes there is marked
`shared` (docs/judging.md). Both kinds of boxes hold the libraries of the official harness, for Python 3.9.

As there, a program is put behind the task's signature with an empty body ("calibrated"), random numbers are the test's,
and a task may take 240 s. A chat is asked in the official words. Lite Pro asks for a second function that calls the first.

Source: Zhuo et al., "BigCodeBench", arXiv 2406.15877; Yu et al., arXiv 2412.21199; data Apache-2.0 and MIT.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from toolkit.benchmarks import pro
from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.published import Published
from toolkit.records import Task, UnitTests

IMAGE = "bigcodebench"
_ASK = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
    "```\n{}\n```\n"
)
_OF_THE_PROCESS = re.compile(
    r"\b(pyfakefs|requests_mock|assertLogs|assertWarns|redirect_stdout|redirect_stderr|caplog|capsys|sys\.stdout|sys\.stderr|"
    r"sys\.argv|sys\.modules|globals\(\)|__main__|inspect|pickle|joblib|shelve|dill|read_pickle|load_model|importlib|"
    r"allow_pickle|yaml\.load|yaml\.unsafe_load|threading|signal|plt\.gcf|plt\.gca|plt\.get_fignums|settrace|gc)\b"
)
"""Names in a test that patches the program's modules or reads state of its process. Unpickling a file runs code."""
_NO_NETWORK = "it needs a network, and a box has none"
_NO_SOCKET = "it opens a socket of the network, which a box has not"
_NO_FILES = "scripts in /tmp cannot be executed"
UNSOLVED = {
    "BigCodeBench/14": "its test calls unzip, which the image has not",
    "BigCodeBench/101": _NO_NETWORK,
    "BigCodeBench/147": _NO_SOCKET,
    "BigCodeBench/176": _NO_NETWORK,
    "BigCodeBench/220": "its test imports tkinter: there is no display",
    "BigCodeBench/314": _NO_NETWORK,
    "BigCodeBench/459": _NO_FILES,
    "BigCodeBench/460": _NO_FILES,
    "BigCodeBench/461": "one of its tests watches for 100 s a process that has ended",
    "BigCodeBench/562": "it calls pip, which the image has not",
    "BigCodeBench/590": _NO_NETWORK,
    "BigCodeBench/726": "it reads a list of words that nltk downloads",
    "BigCodeBench/734": "it reads a tagger that nltk downloads",
    "BigCodeBench/781": "its test compares the time of a file with the clock's, which at times is a second later",
    "BigCodeBench/1005": _NO_NETWORK,
    "BigCodeBench/1006": _NO_NETWORK,
    "BigCodeBench/1012": _NO_NETWORK,
    "BigCodeBench/1038": _NO_SOCKET,
    "BigCodeBench/1040": _NO_SOCKET,
    "BigCodeBench/1104": "its test waits for a minute, and calls pkill, which the image has not",
    "BigCodeBenchLitePro/551": "its numbers are of a machine in the time zone of China",
}
"""Tasks whose own solution does not pass in a box."""
WEAK = {
    "BigCodeBench/59": "its tests want None, or nothing",
    "BigCodeBench/272": "its tests call a mock, and never the program",
    "BigCodeBenchLitePro/217": "its test is a function that nothing calls",
    "BigCodeBenchLitePro/316": "its test calls its own copy of the solution",
    "BigCodeBenchLitePro/355": "its test asserts nothing",
}
"""Tasks that an empty body passes."""


def _task(row: Mapping[str, Any]) -> Task:
    """Make a task from a row. Raises KeyError, TypeError, ValueError or SyntaxError if it is malformed."""
    name, test, entry = row["task_id"], row["test"], row["entry_point"]
    found = re.fullmatch(r"BigCodeBench/(\d+)", name)
    if not found:
        raise ValueError(f"{str(name)[:40]!r} is no id of BigCodeBench")
    classes = [
        node.name for node in ast.parse(test).body
        if isinstance(node, ast.ClassDef) and any("TestCase" in ast.unparse(base) for base in node.bases)
    ]  # fmt: skip
    if not classes:
        raise ValueError(f"the test of {name} is no class of unittest: this kind of test is not known")
    classes = ["TestCases"] if "TestCases" in classes else classes
    before = f"{row['code_prompt'].rstrip()}\n    pass\n"
    ast.parse(before)
    return Task(
        task_id=name,
        prompt=row["complete_prompt"],
        entry_point=entry,
        canonical_solution=row["canonical_solution"],
        tests=UnitTests(
            source=test, before=before, classes=tuple(classes), shared=_OF_THE_PROCESS.search(test) is not None,
        ),
        question=_ASK.format(row["complete_prompt"].strip()),
    )  # fmt: skip


def _lite_pro(row: Mapping[str, Any]) -> Task:
    """Make a task from a row of Lite Pro, whose asserts become one test. Raises as `_task`."""
    base, new, test = row["raw_problem"], row["new_problem"], ast.parse(row["test_code"].strip())
    solution = f"{row['raw_solution']}\n{new}{row['new_solution']}"
    program = ast.parse(base + solution).body
    kept: list[ast.stmt] = [node for node in program if isinstance(node, ast.Import | ast.ImportFrom | ast.Try | ast.Assign)]
    kept += [node for node in test.body if isinstance(node, ast.Import | ast.ImportFrom)]  # there, both are one module
    defined = [node.name for node in program if isinstance(node, ast.FunctionDef)]
    whole = ast.parse("import unittest\n\nclass TestCases(unittest.TestCase):\n    def test_all(self):\n        pass\n")
    method: Any = whole.body[1].body[0]  # type: ignore[attr-defined]
    method.body = test.body or method.body
    return Task(
        task_id=row["id"].replace("BigCodeBench/", "BigCodeBenchLitePro/"),
        prompt=base,
        entry_point=defined[-1],
        canonical_solution=solution,
        tests=UnitTests(source=ast.unparse(whole), before=ast.unparse(ast.Module(kept, [])) + "\n", classes=("TestCases",)),
        question=_ASK.format(f"{base.strip()}\n{new.strip()}"),
        invokes=defined[0],
    )


def _benchmark(name: str, repo: str, n_tasks: int, override: str, task: Any, split: str, prefix: str) -> Benchmark:
    data = Published(stem=name, repo=repo, split=split, override=override, task=task)
    return Benchmark(
        name=name, load=data.load, n_tasks=n_tasks, prefix=prefix, data_file=data.data_file, source=data.clause,
        override=override, image=IMAGE, unsolved=UNSOLVED, weak=WEAK, cut=pro.cut if task is _lite_pro else None,
    )  # fmt: skip


FULL = _benchmark("bigcodebench", "bigcode/bigcodebench", 1140, "BIGCODEBENCH_PATH", _task, "v0.1.4", "BigCodeBench")
HARD = _benchmark(
    "bigcodebench-hard", "bigcode/bigcodebench-hard", 148, "BIGCODEBENCH_HARD_PATH", _task, "v0.1.4", "BigCodeBench"
)
LITE_PRO = _benchmark(
    "bigcodebench-lite-pro", "CodeEval-Pro/bigcodebench-lite-pro", 57, "BIGCODEBENCH_LITE_PRO_PATH", _lite_pro, "",
    "BigCodeBenchLitePro",
)  # fmt: skip
