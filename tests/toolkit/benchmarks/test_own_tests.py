"""A row's own tests: what they accept, what they refuse, and that no program decides for them."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks.own_tests import BENCHMARK, BadTests, count, singles, task_of
from toolkit.oracle import Oracle
from toolkit.records import Check, Sample

DOUBLE = "def double(x):\n    return 2 * x\n"
METHOD = "class Solution:\n    def double(self, x):\n        return 2 * x\n"
STACK = """
class Stack:
    def __init__(self):
        self.items = []

    def push(self, x):
        self.items.append(x)

    def pop(self):
        return self.items.pop()


def apply(f, x):
    return f(x)


def up_to(n):
    yield from range(n)
"""
KEEPS = "class S:\n    def f(self, x):\n        return x\n"
IN_TWO = "s = S()\nx = s.f({})\na = sorted(s.f(x), key=lambda x: x)\nassert a == s.f(x)\nassert s.f(a) == s.f(x)"
ASKED: list[tuple[str, dict[str, Any], str]] = [
    (DOUBLE, {"asserts": ["assert double(2) == 4", "assert double(x=3) == 6"]}, "passed"),
    (DOUBLE, {"asserts": ["assert double(2) == 4", "assert double(x=3) == 7"]}, "wrong_answer"),
    (DOUBLE, {"asserts": "from solution import double as d\n\ndef test_a():\n    for i in range(5):\n        assert d(i) == 2 * i"}, "passed"),
    (DOUBLE, {"asserts": "def check(candidate):\n    assert candidate(2) == 4", "entry_point": "double"}, "passed"),
    (DOUBLE, {"asserts": "def check(candidate):\n    assert candidate(2) == 5", "entry_point": "double"}, "wrong_answer"),
    (DOUBLE, {"asserts": "def check(c):\n    assert c(2) == 4\ncheck(double)", "entry_point": "double"}, "passed"),
    (METHOD, {"asserts": "assert Solution().double(2) == 4"}, "passed"),
    (METHOD, {"asserts": "assert Solution().double(2) == 5"}, "wrong_answer"),
    (METHOD, {"asserts": "want, xs = 4, [1]\nys = xs\nys[0] = 2\ndef last():\n    return xs[-1]\ns = Solution()\nassert s.double(last()) == want"}, "passed"),
    (STACK, {"asserts": ["s = Stack()", "s.push(3)", "s.push(4)", "assert s.pop() == 4", "assert s.pop() == 3"]}, "passed"),
    (STACK, {"asserts": ["s = Stack()", "s.push(3)", "assert s.pop() == 4"]}, "wrong_answer"),
    (STACK, {"asserts": ["assert apply(lambda x: x + 1, 3) == 4", "assert list(up_to(3)) == [0, 1, 2]"]}, "passed"),
    (STACK, {"asserts": ["assert sorted(set(up_to(3)), key=lambda x: -x) == [2, 1, 0]", "assert next(up_to(3)) == 0"]}, "passed"),
    ("def eval(x):\n    return x\n\ndef len(x):\n    return 1\ncompile = globals = getattr = len\n" + METHOD, {"asserts": ["assert Solution().double(2) == 4"]}, "passed"),
    (STACK, {"asserts": "try:\n    apply(3)\nexcept TypeError:\n    pass\nelse:\n    assert False"}, "passed"),
    (DOUBLE, {"entry_point": "double", "inputs": [[1], [2.5], ["ab"]], "outputs": [2, 5.0000001, "abab"]}, "passed"),
    (METHOD, {"entry_point": "double", "inputs": [[1]], "outputs": [2]}, "passed"),
    (METHOD, {"entry_point": "Solution().double", "inputs": [[1], ["ab"]], "outputs": [2, "aba"]}, "wrong_answer"),
    ("def f(x):\n    return (x, {1: x})\n", {"entry_point": "f", "inputs": [[1]], "outputs": [[1, {"1": 1}]]}, "passed"),
    ("print(int(input()) * 2)", {"inputs": ["1\n", "2\n"], "outputs": ["2", "4\n"]}, "passed"),
    ("print(int(input()) * 2, 1)", {"inputs": ["1\n"], "outputs": ["2"]}, "wrong_answer"),
]  # fmt: skip
FORGED: list[tuple[str, dict[str, Any], str]] = [
    ("class E:\n    def __eq__(self, o):\n        return True\ndef double(x):\n    return E()", ASKED[0][1], "wrong_answer"),
    ("import builtins\nbuiltins.isinstance = lambda *_: True\ndef double(x):\n    return 3", ASKED[0][1], "wrong_answer"),
    ("import sys\nsys.exit(0)", ASKED[0][1], "runtime_error"),
    ("import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\ndef double(x):\n    return 2 * x\nwhile 1: pass", ASKED[0][1], "runtime_error"),
    ("def f(x):\n    raise ValueError", {"entry_point": "f", "inputs": [[1]], "outputs": [""]}, "runtime_error"),
    ("print(2)\nprint(open('/dev/null'))", {"inputs": ["1\n"], "outputs": ["2\n3"]}, "wrong_answer"),
    (f"{KEEPS}def sorted(x, **_):\n    return x", {"asserts": IN_TWO.format([2, 1])}, "wrong_answer"),
    (KEEPS, {"asserts": IN_TWO.format([1, 2])}, "passed"),
    ("def f(x):\n    return x\ndef sorted(x, **_):\n    return x", {"asserts": "assert sorted(f([2, 1])) == f([2, 1])"}, "wrong_answer"),
    ("import builtins\nbuiltins.set = lambda x: x\nclass S:\n    def f(self):\n        return [1, 1]", {"asserts": "assert len(sorted(set(S().f()))) == len(S().f())"}, "wrong_answer"),
    (METHOD + "_called = lambda n: 5\n", {"asserts": "assert Solution().double(2) == 5"}, "wrong_answer"),
    (METHOD.replace("2 * x", "eval(next((text[9:] for _, text in _steps if text[:6] == 'wanted'), '0'))"), {"asserts": "wanted = 5\nwanted += 1\ns = Solution()\nassert s.double(2) == wanted - 1"}, "wrong_answer"),
]  # fmt: skip
REFUSED: list[tuple[Any, str]] = [
    (None, "tests: an object"),
    ({}, "tests.kind"),
    ({"kind": "x"}, "tests.kind"),
    ({"kind": ["asserts"], "asserts": ["assert f(1)"]}, "tests.kind"),
    ({"asserts": []}, "tests.asserts: a text"),
    ({"asserts": ["assert f(1) == 1", "assert ("]}, r"tests.asserts\[1\] does not parse"),
    ({"asserts": "assert 1 == 1"}, "calls a function"),
    ({"asserts": "assert isinstance(f(1), Foo)"}, "a class that only the program has"),
    ({"asserts": "right = Solution().f(1) == 2\nassert right"}, "compares where the program is"),
    ({"asserts": "for x in [1]:\n    s = Stack(x)\n    assert s.pop() == 1"}, "needs objects"),
    ({"asserts": "def check(candidate):\n    assert candidate(1)"}, "tests.entry_point"),
    ({"asserts": "(" * 100_000}, "nested deeper"),
    ({"asserts": "-" * 100_000 + "1"}, "nested deeper"),
    ({"asserts": "a+" * 60_000 + "b"}, "does not parse"),
    ({"asserts": "assert f('\ud800') == 1"}, "surrogate"),
    ({"asserts": "assert f(1) == 1\0"}, "does not parse"),
    ({"asserts": "#" * (1 << 18) + "\nassert f(1)"}, "over the bound"),
    ({"entry_point": "f(", "inputs": [[1]], "outputs": [1]}, "tests.entry_point"),
    ({"entry_point": "f", "inputs": [[1]], "outputs": []}, "tests.outputs"),
    ({"entry_point": "f", "inputs": [[1]], "outputs": [1, 2]}, "1 inputs and 2 outputs"),
    ({"entry_point": "f", "inputs": [1], "outputs": [1]}, r"tests.inputs\[0\]"),
    ({"kind": "stdin", "inputs": [1], "outputs": ["2"]}, r"tests.inputs\[0\]"),
]


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 1, Limits(charged_s=2)) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("program", "tests", "wanted"), ASKED + FORGED)
def test_verdicts(boxes: Sandbox, program: str, tests: dict[str, Any], wanted: str) -> None:
    task = task_of({"tests": tests})
    oracle = Oracle(boxes, BENCHMARK, {task.task_id: task}, task.task_id, timeout_s=1)
    with boxes.box() as box:
        result, _ = oracle.judge(Sample(task_id=task.task_id, sample_id=0, solution=program), box)
    assert result.verdict == wanted, result


@pytest.mark.parametrize(("tests", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_judged_is_refused_in_one_line(tests: Any, why: str) -> None:
    with pytest.raises(BadTests, match=why) as found:
        task_of({"tests": tests})
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["asserts", "inputs", "stdin", "f", "assert f(1)"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "args"]), inner, max_size=2), max_leaves=5,
)
KEYS = ("kind", "asserts", "inputs", "outputs", "entry_point", "fn_name")


@given(JSON | st.dictionaries(st.sampled_from(KEYS), JSON), JSON)
def test_whatever_a_row_says_is_a_task_or_refused(tests: Any, prompt: Any) -> None:
    row = {"tests": tests, "prompt": prompt}
    with contextlib.suppress(BadTests):
        assert count(task_of(row)) >= 1
        singles(row)


@pytest.mark.slow
def test_reading_asserts_takes_no_longer_than_they_are_long() -> None:
    chain = "a0 = 1\n" + "".join(f"a{i} = a{i - 1} + 1\n" for i in range(1, 9000)) + "assert S().f(a8999) == 1\n" * 2000
    began = time.process_time()
    assert task_of({"tests": {"asserts": chain}}).tests_as(Check).after.count("'pass'") == 0
    assert time.process_time() - began < 15


def test_what_is_changed_by_another_name_is_changed_for_the_program_too() -> None:
    asserts = "row: list\ngrid = [[2], [1]]\nrow = grid[0]\nrow[0] = 3\nwant = 3\nwanted = grid[:]\nwanted.sort()\nassert S().f(grid) == wanted[:want]"
    after = task_of({"tests": {"asserts": asserts}}).tests_as(Check).after
    assert "row[0] = 3" in after
    assert "want" not in after


@pytest.mark.parametrize("asserts", ["assert Solution().double(2) == 4", "assert double(2) == 4"])
def test_names_of_builtins_are_the_programs_to_take(asserts: str) -> None:
    """A calculator may well be a function `eval`."""
    check, names = task_of({"tests": {"asserts": asserts}}).tests_as(Check), dict[str, Any]()
    exec("eval = compile = len = globals = getattr = None\n" + METHOD + check.after, names)
    assert names["_called"](0) == 4 if "Solution" in asserts else names["_called"]("double", [2], {}) == 4


def test_what_cannot_be_done_in_steps_leaves_nothing_of_them() -> None:
    """The first assert is one for steps, the second is not: a right program was a runtime error."""
    asserts = ["assert sorted(f(2)) == [0, 1]", "assert all(isinstance(x, int) for x in f(5))"]
    check = task_of({"tests": {"asserts": asserts}}).tests_as(Check)
    assert check.source.splitlines()[-2:] == ["assert sorted(f(2)) == [0, 1]", "assert all((isinstance(x, int) for x in f(5)))"]
    assert "def _called(name," in check.after


def test_equal_tests_are_one_task() -> None:
    one, other = (task_of({"tests": {"inputs": ["1"], "outputs": [out]}}) for out in "12")
    assert one.task_id == task_of({"tests": {"kind": "stdin", "inputs": ["1"], "outputs": ["1"]}, "solution": "x"}).task_id
    assert one.task_id != other.task_id


def test_tests_are_counted_and_parted() -> None:
    rows = [{"tests": tests} for _, tests, _ in ASKED]
    assert [count(task_of(row)) for row in rows] == [2, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 2, 1, 1, 3, 1, 2, 1, 2, 1]
    assert [len(singles(row)) for row in rows] == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 3, 1, 2, 1, 2, 1]
    assert all(task_of(each) for row in rows for each in singles(row))
