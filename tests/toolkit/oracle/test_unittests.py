"""Test classes: apart from the program, or in its process; no tampering passes in either."""

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox, SandboxError
from toolkit.benchmarks import BENCHMARKS, Benchmark, DataMissing, Options
from toolkit.oracle import Facts, Finding, Oracle, canary, unittests
from toolkit.oracle.unittests import CANARY_SOURCE, names_of, with_decoys
from toolkit.records import Result, Sample, Task, UnitTests, Verdict

DOUBLE = "def double(x):\n    return 2 * x\n"
WIDE = '''
import os
import random
import tempfile
import unittest
from collections import Counter
from datetime import date
from unittest.mock import MagicMock, patch

import numpy as np


class Local:
    def __init__(self):
        self.n = 3


class TestCases(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()

    def test_values(self):
        value = work("values", np.arange(3.0), date(2024, 2, 3))
        self.assertIsInstance(value, dict)
        np.testing.assert_array_equal(value["twice"], np.array([0.0, 2.0, 4.0]))
        self.assertEqual(value["count"], Counter("aab"))
        self.assertEqual(value["day"].month, 2)

    def test_objects(self):
        thing = work("object")
        self.assertEqual(thing.name, "x")
        self.assertEqual([each for each in thing.items], [1, 2])
        self.assertEqual(thing.add(2), 3)
        self.assertTrue(issubclass(work("class"), object))
        self.assertEqual(work("class")().add(1), 2)

    def test_files(self):
        path = os.path.join(self.folder, "in.txt")
        with open(path, "w") as file:
            file.write("abc")
        made = work("file", path)
        with open(made) as file:
            self.assertEqual(file.read(), "ABC")
        self.assertTrue(os.path.exists(path))

    def test_random(self):
        random.seed(5)
        expected = random.random()
        random.seed(5)
        self.assertEqual(work("random"), expected)
        self.assertNotEqual(work("random"), expected)

    def test_raises(self):
        with self.assertRaises(ZeroDivisionError):
            work("raise")

    @patch("os.listdir")
    def test_patch(self, listed):
        listed.return_value = ["b", "a"]
        self.assertEqual(work("list", "/nowhere"), ["a", "b"])
        listed.assert_called_once_with("/nowhere")

    def test_mock_of_an_object(self):
        with patch("subprocess.run") as run:
            run.return_value = MagicMock(stdout="said", returncode=0)
            self.assertEqual(work("run"), "said")
        self.assertEqual(run.call_args[0][0], ["ls"])

    def test_side_effect(self):
        with patch("builtins.open", side_effect=FileNotFoundError("no")):
            self.assertEqual(work("open"), "missing")

    def test_a_function_is_called_back(self):
        self.assertEqual(work("map", lambda x: x + Local().n), [3, 4])

    def test_a_list_is_changed_in_place(self):
        given = [3, 1]
        work("sort", given)
        self.assertEqual(given, [1, 3])

    def test_arrays_in_a_list(self):
        given = [np.array([1, 2]), np.array([[3], [4]])]
        self.assertEqual(work("sums", given), [3, 7])
        self.assertEqual([array.sum() for array in given], [3, 14])
'''
WORK = '''
import os
import random
import subprocess
from collections import Counter


class Thing:
    name = "x"
    items = [1, 2]

    def add(self, n):
        return n + 1


def work(what, *given):
    if what == "values":
        return {"twice": given[0] * 2, "count": Counter("aab"), "day": given[1]}
    if what == "object":
        return Thing()
    if what == "class":
        return Thing
    if what == "file":
        with open(given[0]) as file, open(given[0] + ".out", "w") as out:
            out.write(file.read().upper())
        return given[0] + ".out"
    if what == "random":
        return random.random()
    if what == "raise":
        return 1 / 0
    if what == "list":
        return sorted(os.listdir(given[0]))
    if what == "run":
        return subprocess.run(["ls"]).stdout
    if what == "open":
        try:
            open("x")
        except FileNotFoundError:
            return "missing"
    if what == "map":
        return [given[0](n) for n in range(2)]
    if what == "sort":
        given[0].sort()
    if what == "sums":
        found = [int(array.sum()) for array in given[0]]
        given[0][1] *= 2
        return found
'''


def task(name: str, source: str, entry_point: str, shared: bool) -> Task:
    tests = UnitTests(source=source, classes=("TestCases",), shared=shared)
    return Task(task_id=name, prompt="", entry_point=entry_point, canonical_solution="", tests=tests)


TASKS = {
    name: task(name, source, entry, name.endswith("shared"))
    for source, entry, stem in ((CANARY_SOURCE, "double", "double"), (WIDE, "work", "work"))
    for name in (f"{stem}/apart", f"{stem}/shared")
}


@pytest.fixture(scope="module")
def oracle(engine: DockerEngine) -> Iterator[Oracle]:
    with Sandbox(engine, 1, Limits(memory_bytes=1 << 30)) as pool:
        yield Oracle(pool, Benchmark(name="own", load=BENCHMARKS["humaneval"].load), TASKS, "", timeout_s=2)


def judge(oracle: Oracle, task_id: str, solution: str) -> Result:
    ((_, result, _),) = oracle.judge_many([Sample(task_id=task_id, sample_id=0, solution=solution)])
    assert not oracle.defects, oracle.defects[0]
    assert result.shared == task_id.endswith("shared")
    return result


def test_the_oracle_trusts_itself(oracle: Oracle) -> None:
    canary(oracle)


@pytest.mark.parametrize("form", ["apart", "shared"])
def test_what_tests_of_libraries_do(oracle: Oracle, form: str) -> None:
    assert judge(oracle, f"work/{form}", WORK).verdict == Verdict.PASSED
    for right, wrong in (("* 2", "* 3"), ("aab", "abb"), ("upper()", "lower()"), ("n + 1", "n"), ('["ls"]', '["cat"]'),
                         ("sorted(os.listdir(given[0]))", '["a", "b"]'), ("given[0].sort()", "pass"), ("1 / 0", "1"),
                         ("random.random()", "0.5")):  # fmt: skip
        assert right in WORK
        found = judge(oracle, f"work/{form}", WORK.replace(right, wrong))
        assert found.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), (wrong, found)


EQUAL = "class Equal:\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n"
FORGED = {
    "leaves at once": "import os\nos._exit(0)\n",
    "leaves in a call": "import os\ndef double(x):\n    os._exit(0)\n",
    "no assertion fails": "import unittest\nunittest.TestCase.assertEqual = lambda *_: None\ndef double(x):\n    pass\n",
    "no assertion fails, later": "def double(x):\n    import unittest\n    unittest.TestCase.assertEqual = lambda *_: None\n",
    "no failure is raised": "import unittest\nunittest.TestCase.failureException = ZeroDivisionError\nunittest.TestCase.fail = lambda *_: None\ndef double(x):\n    pass\n",
    "an assertion's code": "import unittest\ndef no(self, *a, **k):\n    pass\nunittest.TestCase.assertEqual.__code__ = no.__code__\ndef double(x):\n    pass\n",
    "no result counts": "import unittest\nfor n in ('addFailure', 'addError'):\n    setattr(unittest.TestResult, n, lambda *_: None)\ndef double(x):\n    pass\n",
    "the test's own result": "import sys\ndef double(x):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()):\n            if hasattr(v, 'addFailure'):\n                v.addFailure = lambda *_: None\n        f = f.f_back\n",
    "equal to all": EQUAL + "def double(x):\n    return Equal()\n",
    "a mock that is equal to all": "from unittest.mock import MagicMock\ndef double(x):\n    found = MagicMock()\n    found.__eq__ = lambda *_: True\n    return found\n",
    "equal to all, in a list": EQUAL + "def double(x):\n    return [Equal()]\n",
    "another unittest": "import sys, types, unittest\nclass T(unittest.TestCase):\n    def assertEqual(self, *_):\n        pass\nm = types.ModuleType('unittest')\nm.__dict__.update(vars(unittest), TestCase=T)\nsys.modules['unittest'] = m\ndef double(x):\n    pass\n",
    "builtins": "import builtins\nbuiltins.isinstance = lambda *_: True\ndef double(x):\n    pass\n",
    "skips": "import unittest\ndef double(x):\n    raise unittest.SkipTest('no')\n",
    "reads the test": "import gc\nfound = [o for o in gc.get_objects() if type(o).__name__ == 'function' and o.__name__ == 'test_number']\ndef double(x):\n    return {1: 2, 'ab': 'abab'}.get(x) if found else 0\n",
    "writes outcomes": "import os\nfor fd in range(3, 60):\n    try:\n        os.write(fd, b'L' + b'\\0' * 80)\n    except OSError:\n        pass\ndef double(x):\n    pass\n",
    "writes outcomes, later": "import os\ndef double(x):\n    for fd in range(3, 60):\n        try:\n            os.write(fd, b'R\\0\\0\\0\\x05[[]]]')\n        except OSError:\n            pass\n",
    "kills its parent": "import os\nos.kill(os.getppid(), 9)\ndef double(x):\n    pass\n",
    "at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef double(x):\n    raise SystemExit(0)\n",
    "a thread": "import os, threading, time\ndef later():\n    time.sleep(0.1)\n    os._exit(0)\nthreading.Thread(target=later).start()\ndef double(x):\n    time.sleep(0.5)\n",
    "a mock of any": "from unittest.mock import ANY\ndef double(x):\n    return ANY\n",
    "traced": "import sys\nsys.settrace(lambda *_: None)\ndef double(x):\n    pass\n",
}  # fmt: skip


@pytest.mark.parametrize("form", ["apart", "shared"])
def test_nothing_is_forged(oracle: Oracle, form: str) -> None:
    found = {}
    for name, program in FORGED.items():
        result = judge(oracle, f"double/{form}", program)
        if result.verdict is Verdict.PASSED or result.error:
            found[name] = result
    assert not found, found
    assert judge(oracle, f"double/{form}", DOUBLE).verdict is Verdict.PASSED


MOCKED = '''
import unittest
from unittest.mock import patch


class TestCases(unittest.TestCase):
    @patch("os.listdir")
    def test_asked_once(self, listed):
        listed.return_value = ["a"]
        self.assertEqual(double("/there"), ["a"])
        listed.assert_called_once_with("/there")

    def test_calls_back(self):
        said = []
        self.assertEqual(double(lambda x: said.append(x) or 7), ["a"])
        self.assertEqual(said, [3])
'''
LIST = "import os\ndef double(x):\n    if callable(x):\n        x(3)\n        return ['a']\n    {}\n"


@pytest.mark.parametrize(
    "act",
    [
        "return ['a']",
        "os.listdir.assert_called_once_with = lambda *_: None\n    return ['a']",
        "os.listdir.called = True\n    os.listdir.call_count = 1\n    return ['a']",
        "os.listdir.side_effect = None\n    return ['a']",
        "os.listdir._mock_parent.x = 1\n    return os.listdir(x)",
        "m = type(os.listdir)._ask(os.listdir, 'get', '__class__')\n    return os.listdir(x)",
        "type(os.listdir)._ask(os.listdir, 'set', 'assert_called_once_with', print)\n    return ['a']",
        "return os.listdir(x) and os.listdir(x)",
    ],
)
def test_a_mock_says_what_was_asked(oracle: Oracle, act: str) -> None:
    oracle.tasks = {**TASKS, "mocked": task("mocked", MOCKED, "double", False)}
    assert judge(oracle, "mocked", LIST.format(act)).verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)
    if act.startswith("return ['a']"):
        assert judge(oracle, "mocked", LIST.format("return os.listdir(x)")).verdict is Verdict.PASSED


def test_an_empty_body_passes_nowhere(oracle: Oracle) -> None:
    for name, each in TASKS.items():
        assert judge(oracle, name, f"def {each.entry_point}(*_):\n    pass\n").verdict is not Verdict.PASSED


@pytest.mark.parametrize("timeout_s", [0.01, 9.0])
def test_where_tests_run_is_not_for_a_short_limit_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> None:
    asked: list[float] = []

    def act(*about: Any) -> Finding:
        asked.append(about[4].timeout_s)
        return Finding(Verdict.PASSED)

    monkeypatch.setattr(unittests, "_apart", act)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    pool: Any = SimpleNamespace(engine=SimpleNamespace(image_digest=lambda _: f"{timeout_s}"), limits=Limits())
    own = Oracle(pool, Benchmark(name="own", load=BENCHMARKS["humaneval"].load), {}, "data", timeout_s=timeout_s)
    one = task("own", CANARY_SOURCE, "double", shared=False)
    own.findings(replace(one, canonical_solution=DOUBLE), DOUBLE, pool, Facts())
    assert asked == [max(timeout_s, unittests.PLACE_S), timeout_s]


def test_an_escape_that_python_warns_of_is_no_matter_of_ours() -> None:
    source = CANARY_SOURCE.replace('"ab"', '"\\d"')
    with pytest.warns((DeprecationWarning, SyntaxWarning)):
        ast.parse(source)
    assert names_of(UnitTests(source=source, classes=("TestCases",))) == ["TestCases.test_number", "TestCases.test_text"]
    assert len(with_decoys(UnitTests(source=source, classes=("TestCases",)))[1]) == 2


def test_decoys_are_copies_that_fail() -> None:
    tests = TASKS["work/shared"].tests_as(UnitTests)
    seen = set()
    for _ in range(20):
        source, decoys = with_decoys(tests)
        more = names_of(UnitTests(source=source, classes=("TestCases",)))
        assert sorted(more) == sorted([*names_of(tests), *decoys])
        assert len(decoys) == 2
        seen |= decoys
    assert len(seen) > 5  # chance decides
    with pytest.raises(SandboxError, match="no tests"):
        names_of(UnitTests(source="class TestCases:\n    pass\n", classes=("TestCases",)))


ROW = {
    "task_id": "BigCodeBench/3", "complete_prompt": 'def task_func(x):\n    """Double."""\n', "canonical_solution": "    return 2 * x\n",
    "code_prompt": "def task_func(x):\n", "entry_point": "task_func", "test": CANARY_SOURCE.replace("double", "task_func"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task_id": "HumanEval/3"}, "no id of BigCodeBench"),
        ({"test": "def test_it():\n    assert task_func(1) == 2\n"}, "this kind of test is not known"),
        ({"test": "class TestCases(\n"}, "never closed"),
        ({"code_prompt": 3}, "strip"),
        ({"complete_prompt": None}, "no column 'complete_prompt'"),
    ],
)
def test_a_bad_record_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "bcb.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    assert BENCHMARKS["bigcodebench"].load(Options(data=path)).tasks["BigCodeBench/3"].tests_as(UnitTests).shared is False
    row = {name: value for name, value in {**ROW, **change}.items() if value is not None}
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(DataMissing, match="record 2") as raised:
        BENCHMARKS["bigcodebench"].load(Options(data=path))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
