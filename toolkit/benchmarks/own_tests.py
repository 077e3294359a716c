"""A row's own tests as a task: asserts, calls with expected outputs, or standard input with the expected output.

Inputs go to the program and values come out, as for every task: the expected side of a test is never in the program's box.
Asserts stay in the test's box, and the functions that they call are proxies. If an assert needs an object of the program
(`Solution().f(1)`, a class, a lambda as an argument), that part of it is evaluated in the program's process and only the
value comes out; comparisons and decisions stay with the test.

    task_of({"tests": {"kind": "inputs", "entry_point": "double", "inputs": [[1]], "outputs": [2]}})
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolkit.benchmarks.base import Benchmark, DataMissing, Loaded, Options
from toolkit.benchmarks.own_asserts import BadTests, check_of
from toolkit.records import Check, Stdin, Task, TaskTests

MAX_TESTS = 4096
"""Most test cases of one row."""
_ENTRY = re.compile(r"[^\W\d]\w*(\(\))?(\.[^\W\d]\w*)*")
_CALLED = "_called"
_AFTER = """
def _called(*given):
    names = globals()
    if {plain!r} and {name!r} not in names and "Solution" in names:
        return getattr(names["Solution"](), {name!r})(*given)
    return {name}(*given)
"""
_CASES = """
import json as _json
import math as _math


def _plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {{one if isinstance(one, str) else _json.dumps(one): _plain(other) for one, other in value.items()}}
    return value


def _same(got, wanted):
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(_same, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(_same(got[key], wanted[key]) for key in wanted)
    if isinstance(wanted, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        is_near = _math.isclose(got, wanted, rel_tol=1e-7, abs_tol=1e-6)
        return is_near or (_math.isnan(wanted) and isinstance(got, float) and _math.isnan(got))
    return got == wanted


for _given, _wanted in _json.loads({cases!r}):
    assert _same(_plain(_called(*_given)), _wanted)
"""


def task_of(row: Mapping[str, Any]) -> Task:
    """Return the tests of a row as a task.

    Args:
        row: `tests` has a `kind`; for `asserts`: `asserts` (a text or a list of texts), optionally `entry_point`; for
            `inputs`: `entry_point` (`f`, or `Solution().f`), `inputs` (a list of arguments per call) and `outputs`; for
            `stdin`: `inputs` and `outputs`, texts. A missing kind is inferred from the other fields. The row's `prompt`, if
            present, is the text that a completion continues.

    The id is a hash of the tests: equal tests are the same task. Outputs are compared as JSON values, so a tuple is a list;
    a float may differ by 1e-6, or by a relative 1e-7.

    Raises:
        BadTests: the tests are not of this form, do not parse, call nothing, or cannot be judged from outside the program.
    """
    tests = row.get("tests")
    if not isinstance(tests, Mapping):
        raise BadTests(f"tests: an object is wanted, not {_kind_of(tests)}")
    kind = tests.get("kind", _inferred(tests))
    if not isinstance(kind, str) or kind not in _MAKERS:
        raise BadTests(f"tests.kind: one of asserts, inputs or stdin is wanted, not {str(kind)[:40]!r}")
    prompt = row.get("prompt") or ""
    if not isinstance(prompt, str):
        raise BadTests(f"prompt: a text is wanted, not {_kind_of(prompt)}")
    entry_point, made = _MAKERS[kind](tests)
    digest = hashlib.sha256(repr((kind, entry_point, made)).encode("utf-8", "surrogatepass")).hexdigest()
    return Task(
        task_id=f"own/{digest[:32]}", prompt=prompt, entry_point=entry_point, canonical_solution="", tests=made,
        is_file=True,
    )  # fmt: skip


def read_as(task: Task, text: str) -> Task:
    """Return the task by which a text is made a program: own tests name no function; fences decide, else what parses."""
    return replace(task, entry_point="", is_file=text.count("```") > 1)


def count(task: Task) -> int:
    """Return how many tests a task has: cases, calls or asserts; for a benchmark's check, the asserts in its source."""
    tests = task.tests
    if isinstance(tests, Stdin):
        return len(tests.cases)
    if isinstance(tests, Check):
        return tests.n_calls if tests.n_calls > 1 else max(len(re.findall(r"^\s*assert\b", tests.source, re.MULTILINE)), 1)
    return len(getattr(tests, "calls", ())) or 1


def singles(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each test of `row`, or only `row` itself if its tests cannot be separated.

    For partial credit: asserts are separated only if they are given as a list of nothing but asserts. Raises as `task_of`.
    """
    tests = row["tests"]
    kind = tests.get("kind", _inferred(tests))
    if kind == "asserts":
        texts = tests["asserts"]
        if isinstance(texts, str) or not all(text.lstrip().startswith("assert") for text in texts):
            return [dict(row)]
        return [{**row, "tests": {**tests, "asserts": [text]}} for text in texts]
    pairs = zip(tests["inputs"], tests["outputs"], strict=True)
    return [{**row, "tests": {**tests, "inputs": [given], "outputs": [wanted]}} for given, wanted in pairs]


def _inferred(tests: Mapping[str, Any]) -> str:
    if "asserts" in tests:
        return "asserts"
    return "inputs" if "entry_point" in tests else "stdin" if "inputs" in tests else ""


def _kind_of(value: object) -> str:
    return "nothing" if value is None else "an empty one" if value == [] else type(value).__name__


def _list(tests: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = tests.get(name)
    if not isinstance(found, list | tuple) or not found:
        raise BadTests(f"tests.{name}: a list with something in it is wanted, not {_kind_of(found)}")
    if len(found) > MAX_TESTS:
        raise BadTests(f"tests.{name}: {len(found)} tests are over the bound of {MAX_TESTS}")
    return found


def _pairs(tests: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    inputs, outputs = _list(tests, "inputs"), _list(tests, "outputs")
    if len(inputs) != len(outputs):
        raise BadTests(f"tests: {len(inputs)} inputs and {len(outputs)} outputs; each input needs its output")
    return list(zip(inputs, outputs, strict=True))


def _stdin(tests: Mapping[str, Any]) -> tuple[str, TaskTests]:
    pairs = _pairs(tests)
    for at, pair in enumerate(pairs):
        for name, text in zip(("inputs", "outputs"), pair, strict=True):
            if not isinstance(text, str):
                raise BadTests(f"tests.{name}[{at}]: a text is wanted, not {_kind_of(text)}")
            _encodable(text, f"tests.{name}[{at}]")
    return "", Stdin(cases=tuple(pairs))


def _inputs(tests: Mapping[str, Any]) -> tuple[str, TaskTests]:
    name = tests.get("entry_point")
    if not isinstance(name, str) or not _ENTRY.fullmatch(name) or len(name) > 200:
        raise BadTests(f"tests.entry_point: a function's name is wanted, such as f or Solution().f, not {str(name)[:40]!r}")
    pairs = _pairs(tests)
    for at, (given, _) in enumerate(pairs):
        if not isinstance(given, list | tuple):
            raise BadTests(f"tests.inputs[{at}]: a list of the call's arguments is wanted, not {_kind_of(given)}")
    try:
        cases = json.dumps(pairs)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadTests(f"tests: inputs and outputs are JSON values: {str(error)[:100]}") from None
    after = _AFTER.format(name=name, plain=name.isidentifier())
    return _CALLED, Check(
        source=_CASES.format(cases=cases), after=after, called=_CALLED, raises=False, n_calls=len(pairs), is_alone=True
    )


def _asserts(tests: Mapping[str, Any]) -> tuple[str, TaskTests]:
    texts = tests.get("asserts")
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadTests("tests.asserts: a text or a list of texts is wanted")
    if len(texts) > MAX_TESTS:
        raise BadTests(f"tests.asserts: {len(texts)} are over the bound of {MAX_TESTS}")
    name = tests.get("entry_point")
    if name is not None and not (isinstance(name, str) and name.isidentifier()):
        raise BadTests(f"tests.entry_point: a function's name is wanted, not {str(name)[:40]!r}")
    for at, text in enumerate(texts):
        _encodable(text, f"tests.asserts[{at}]")
    return _CALLED, check_of(texts, name)


def _encodable(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadTests(f"{where}: half of a surrogate pair is no text") from None


_MAKERS = {"asserts": _asserts, "inputs": _inputs, "stdin": _stdin}


def _none(_: Options) -> Loaded:
    raise DataMissing("own tests come with each row; there is no data to load")


BENCHMARK = Benchmark(name="own-tests", load=_none, private=True)
"""The benchmark for an `Oracle` on tasks from `task_of`; commands cannot name it."""
