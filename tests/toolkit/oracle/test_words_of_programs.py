"""What a program says by name (a class, a function, an exception) moves nothing in the process of its test."""

import sys
from collections.abc import Iterator

import pytest

from images.box import values
from sandbox import Engine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, Benchmark
from toolkit.oracle import Oracle
from toolkit.records import Check, Sample, Table, Task, UnitTests, Verdict

LENT = """
import unittest
import numpy.testing


def doubled(x):
    return 2 * x


class TestCases(unittest.TestCase):
    def test_lent(self):
        \"\"\"Nothing to skip.\"\"\"
        self.assertEqual(double("a function")(21), doubled(21))
"""
LOOPS = """
import unittest


class TestCases(unittest.TestCase):
    def test_all(self):
        self.assertTrue(all(map(double, [1, 2])))
"""


def task(name: str, tests: UnitTests | Check | Table) -> Task:
    return Task(task_id=name, prompt="", entry_point="double", canonical_solution="def double(x):\n    return 2 * x\n", tests=tests)


TASKS = {
    one.task_id: one
    for one in (
        task("lent", UnitTests(source=LENT, classes=("TestCases",))),
        task("loops", UnitTests(source=LOOPS, classes=("TestCases",))),
        task("asserts", Check(source="assert all(map(double, [1, 2]))\n", raises=True)),
        task("table", Table(base=([1],), plus=([[1.5]],))),
    )
}
RIGHT = {"lent": "def double(x):\n    return lambda y: 2 * y\n"}
FORGED = {
    "a function of the test": ("lent", "def double(x):\n    say(['global', '__test__', 'doubled'])\n"),
    "the module of the test": ("lent", "def double(x):\n    say(['module', '__test__'])\n"),
    "a class of the test": ("lent", "def double(x):\n    say(['global', '__test__', 'TestCases'])\n"),
    "a skipped test by another name": ("lent", "def double(x):\n    server(2)._raised = lambda _: [[['numpy.testing', 'SkipTest']], ['list', []], '']\n    raise ValueError\n"),
    "the end of a loop": ("loops", "def double(x):\n    raise StopIteration\n"),
    "the end of a loop of another kind": ("loops", "class Mine(StopIteration):\n    pass\ndef double(x):\n    raise Mine(1)\n"),
    "the end of a loop of asserts": ("asserts", "def double(x):\n    raise StopIteration\n"),
    "the end of an asynchronous loop": ("asserts", "def double(x):\n    raise StopAsyncIteration\n"),
}  # fmt: skip
SAY = """
import sys
def server(n):
    return sys._getframe(n).f_locals["self"]
def say(tree):
    values = sys._getframe(2).f_globals["values"]
    real = values.pack
    def once(*_):
        values.pack = real
        return tree
    values.pack = once
"""


@pytest.fixture(scope="module")
def oracle(engine: Engine) -> Iterator[Oracle]:
    with Sandbox(engine, 1, Limits(memory_bytes=1 << 30)) as pool:
        yield Oracle(pool, Benchmark(name="own", load=BENCHMARKS["humaneval"].load), TASKS, "words-1", timeout_s=2)


def judged(oracle: Oracle, task_id: str, solution: str) -> Verdict | None:
    ((_, result, _),) = oracle.judge_many([Sample(task_id=task_id, sample_id=0, solution=solution)])
    assert not oracle.defects, oracle.defects[0]
    return result.verdict


def test_no_word_is_a_pass(oracle: Oracle) -> None:
    found = {name: judged(oracle, task_id, SAY + program) for name, (task_id, program) in FORGED.items()}
    assert set(found.values()) <= {Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR}, found
    for name, each in TASKS.items():
        assert judged(oracle, name, RIGHT.get(name, each.canonical_solution)) is Verdict.PASSED, name


def test_nothing_is_imported_because_a_program_names_it() -> None:
    name = "xml.dom.pulldom"  # of a package that is there, and not loaded
    import xml.dom  # noqa: F401

    for held in (sys.modules.pop(name, None), None):
        with pytest.raises(values.NoData):
            values.unpack(["global", name, "parse"], lambda _: None)
        assert values.class_named(name, "PullDOM") is None
        assert name not in sys.modules
        sys.modules.update({name: held} if held else {})


@pytest.mark.parametrize("line", ["# -*- coding: latin-1 -*-", "# coding: no-such-thing", "# vim: set fileencoding=utf-7 :", "\ufeff"])
def test_no_line_of_a_program_says_how_it_is_read(oracle: Oracle, line: str) -> None:
    """As evalplus, which runs text and not bytes."""
    program = f"{line}\ndef double(x):\n    return 2 * x if len('\u00e9\u20ac+AOk-') == 7 else None\n"
    assert judged(oracle, "table", program) is Verdict.PASSED


@pytest.mark.parametrize("kind", ["longdouble", "clongdouble"])
def test_a_longer_float_is_the_number_that_it_holds(oracle: Oracle, kind: str) -> None:
    right = f"import numpy\ndef double(x):\n    return 2 * x if type(x) is list else numpy.{kind}(2 * x)\n"
    assert judged(oracle, "table", right) is Verdict.PASSED
    assert judged(oracle, "table", right.replace("(2 * x)", "(2) + numpy.longdouble(2) ** -60")) is Verdict.WRONG_ANSWER
