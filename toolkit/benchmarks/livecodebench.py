"""LiveCodeBench, code generation: programs that read standard input, and methods of a class `Solution`.

Tests, prelude, comparison and extraction are those of the official harness (lcb_runner, 2025-07): every test may take
`--timeout` (official: 6 s), in a process of its own here; output is compared line by line, without white space around a
line, as text or else as decimal numbers; of an answer the last fenced block is the program, as it is.

Records are as published, or hold `question_id`, `starter_code` and `public_test_cases` alone. Private tests are read
where they are there, and `--base-only` judges without them; packed ones hold a pickle, of which only plain text is taken. A
folder of files is one set, and a release is the first so many of the published files, as in the official loader.

Stricter than official: a program that exits with a code other than 0 fails. Source: Jain et al., arXiv 2403.07974.
"""

import base64
import io
import json
import pickle
import re
import zlib
from collections.abc import Mapping
from typing import Any

from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.published import MAX_BYTES, Published
from toolkit.records import Check, Stdin, Task, TaskTests

_NAMES = "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
PRELUDE = "".join(
    [
        *(f"from {name} import *\n" for name in f"{_NAMES} builtins typing".split()),
        *(f"import {name}\n" for name in _NAMES.split()),
        "sys.setrecursionlimit(50000)\n",
    ]
)
"""Prelude that the official harness puts before a program."""
_ROLE = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a correct "
    "Python program that matches the specification and passes all tests.\n\n"
)
_GIVEN = (
    "You will use the following starter code to write the solution to the problem and enclose your code within delimiters."
)
_FREE = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, it reads the "
    "inputs, runs the algorithm and writes output to STDOUT."
)
_CALLED = "_called"
_METHOD = """
_solution = Solution()


def _called(*arguments):
    return _solution.{}(*arguments)
"""
_TEST = """
import json

for _given, _wanted in json.loads({!r}):
    _got = _called(*_given)
    assert (list(_got) if isinstance(_got, tuple) else _got) == _wanted
"""


def _task(row: Mapping[str, Any]) -> Task:
    """Make a task from a published record. Its tests are the public ones, then the private ones; there may be none."""
    starter = row.get("starter_code") or ""
    public, private = _tests(row["public_test_cases"]), _tests(row.get("private_test_cases") or "[]")
    form = f"### Format: {_GIVEN if starter else _FREE}\n```python\n{starter or '# YOUR CODE HERE'}\n```\n\n"
    content = row.get("question_content") or row.get("question_title") or ""
    return Task(
        task_id=str(row["question_id"]),
        prompt="",
        entry_point=_CALLED if starter else "",
        canonical_solution="",
        tests=_kind(row, [*public, *private]),
        public=_kind(row, public) if private else None,
        question=f"{_ROLE}### Question:\n{content}\n\n{form}### Answer: (use the provided format with backticks)\n\n",
        is_file=True,
        date=str(row.get("contest_date") or "")[:10],
        difficulty=str(row.get("difficulty") or ""),
    )


def _kind(row: Mapping[str, Any], tests: list[dict[str, str]]) -> TaskTests:
    """Return tests by the task's kind: a method is called with an argument in JSON from each line, and answers in JSON."""
    if not (row.get("starter_code") and tests):
        return Stdin(cases=tuple((test["input"], test["output"]) for test in tests), before=PRELUDE)
    name = json.loads(row.get("metadata") or "{}").get("func_name") or _method(row["starter_code"])
    cases = [([json.loads(line) for line in test["input"].split("\n")], json.loads(test["output"])) for test in tests]
    return Check(
        source=_TEST.format(json.dumps(cases)), before=PRELUDE, after=_METHOD.format(name), called=_CALLED,
        n_calls=len(cases), is_alone=True,
    )  # fmt: skip


def _method(starter: str) -> str:
    found = re.findall(r"^ +def +(\w+)\( *self\b", starter, re.MULTILINE)
    if not found:
        raise ValueError("the starter code names no method")
    return str(found[-1])


def _tests(text: str) -> list[dict[str, str]]:
    """Read tests: JSON, or base64 of zlib of a pickle of JSON."""
    if not text.lstrip().startswith("["):
        text = _unpacked(text)
    tests = json.loads(text)
    for test in tests:
        if test.get("testtype") not in ("stdin", "functional"):
            raise ValueError(f"unknown type of test {str(test.get('testtype'))[:40]!r}")
        if not isinstance(test["input"], str) or not isinstance(test["output"], str):
            raise TypeError("the input and the output of a test are text")
    return list(tests)


def _unpacked(text: str) -> str:
    unpacker = zlib.decompressobj()
    try:
        packed = unpacker.decompress(base64.b64decode(text), MAX_BYTES)
        found = "" if unpacker.unconsumed_tail else _Plain(io.BytesIO(packed)).load()
    except Exception as error:  # whatever a damaged pickle makes the standard library raise
        raise ValueError(f"the packed tests cannot be read: {error}") from None
    if not isinstance(found, str) or not found:
        raise ValueError("the packed tests are no text, or too long")
    return found


class _Plain(pickle.Unpickler):
    """Unpickles plain data, and imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"the packed tests want to import {module[:40]}.{name[:40]}, and hold more than plain text")


_DATA = Published(
    stem="livecodebench", repo="livecodebench/code_generation_lite", override="LIVECODEBENCH_PATH",
    files=("test.jsonl", *(f"test{n}.jsonl" for n in range(2, 7))), is_large=True, task=_task,
)
BENCHMARK = Benchmark(
    name="livecodebench", load=_DATA.load, number=lambda _: None, data_file=_DATA.data_file, source=_DATA.clause,
    override=_DATA.override, many_files=True, releases=_DATA.releases,
)  # fmt: skip
