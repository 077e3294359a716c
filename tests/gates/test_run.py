"""The gates that run a program, import and tests: what is right passes, and no trick of a program decides.

After each hostile program a right one must still pass, in the same boxes.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from gates import GATES, Report, Solution, parse
from sandbox import DockerEngine, Engine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.examples import WRONG, public_tests
from toolkit.records import Task, TaskTests

DOUBLE = "def double(x):\n    return 2 * x\n"
ASSERTS = "assert double(2) == 4\nassert abs(double(x=2.5) - 5) < 1e-9\n"
RIGHT = Solution(code=DOUBLE, test=ASSERTS)


@pytest.fixture(scope="module")
def sandbox(either: Engine) -> Iterator[Sandbox]:
    with Sandbox(either, parallel=2, limits=Limits(memory_bytes=256 << 20)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, parallel=2, limits=Limits(memory_bytes=256 << 20)) as sandbox:
        yield sandbox


def ask(sandbox: Sandbox, gate: str, solution: Solution, **thresholds: float) -> tuple[str, str]:
    """Return the symbol and message of the finding that refused, or `passed`; then a right program must pass."""
    asked = GATES[gate](**thresholds)
    report, after = asked.check_many([solution, RIGHT], sandbox)
    assert after.passed, after
    assert report.passed == (report.score == 1.0) == (not report.findings)
    return (report.findings[0].symbol, report.findings[0].message) if report.findings else ("passed", "")


# -- import ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (DOUBLE, "passed"),
        ("x = 1", "passed"),
        ("class A:\n    pass", "passed"),
        ("from __future__ import annotations\nimport math\nprint('hello')\ny: A = math.pi", "passed"),
        ("try:\n    import nothing_such\nexcept ImportError:\n    x = 1", "passed"),
        ("if __name__ == '__main__':\n    raise SystemExit(1)\nx = 1", "passed"),
        ("def f():\n    return 1\n# no newline at the end \\", "passed"),
        ("", "no-definitions"),
        ("import math\nfrom os import path, sep\nprint(1)", "no-definitions"),
        ("_hidden = 1\nif False:\n    def f(): pass", "no-definitions"),
        ("def f():\n    pass\ndel f", "no-definitions"),
        ("x = 1 / 0", "ZeroDivisionError"),
        ("import nothing_such\nx = 1", "import-missing"),
        ("from os import nothing_such\nx = 1", "import-missing"),
        ("def f(:\n    pass", "SyntaxError"),
        ("def f():\n    pass\n@staticmethod", "SyntaxError"),
        ("x = 1\nraise SystemExit(0)", "exit"),
        ("import sys\nx = 1\nsys.exit()", "exit"),
        ("import os\nx = 1\nos._exit(0)", "exit"),
        ("import os\nx = 1\nos.kill(os.getpid(), 9)", "crash"),
        ("x = 1\nraise type('not a name', (Exception,), {})", "crash"),
        ("x = 1\nwhile True: pass", "time-limit"),
        ("x = bytearray(1 << 40)", "memory-limit"),
        ("x = [1]\nwhile True: x += x", "memory-limit"),
        ("x = 1\nwhile True: print('x' * 10000)", "output-limit"),
        ("import os\nos.write(4, b'L\\0\\0\\0\\0' + b'R\\0\\0\\0\\x05[1,1]' * 9)\nos._exit(0)", "crash"),
        ("import os, time\nos.write(4, b'L\\0\\0\\0\\0')\ntime.sleep(0.2)\nos.write(4, b'R\\0\\0\\0\\x05[1,1]')", "crash"),
        ("import os\nos.write(4, b'nonsense' * 9)\nx = 1", "crash"),
        ("import symtable\nsymtable.symtable = None", "TypeError"),
        ("def _exogate_asked(source, word):\n    return [word, 1]\nimport os", "no-definitions"),
    ],
)  # fmt: skip
def test_import(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str, symbol: str) -> None:
    monkeypatch.setattr("gates.import_.LOAD_S", 1.5)
    assert ask(sandbox, "import", Solution(code=code))[0] == symbol


# -- tests: forms ------------------------------------------------------------------------------------------------------

HUMANEVAL = "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate(2) == 4\n    assert candidate('ab') == 'abab'\n"
TWO = "def one(x, *, by=1):\n    return x + by\n\n\ndef two(xs):\n    return [one(x) for x in xs]\n"
FORMS = [
    (DOUBLE, HUMANEVAL, "double", "passed"),
    (DOUBLE, HUMANEVAL, None, "passed"),
    (DOUBLE + "def other():\n    pass\n", HUMANEVAL + "\ncheck(double)\n", None, "passed"),
    (DOUBLE + "def other():\n    pass\n", HUMANEVAL, None, "TypeError"),
    (DOUBLE + "def other():\n    pass\n", HUMANEVAL + "\nif __name__ == '__main__':\n    check(double)\n", "double", "passed"),
    (DOUBLE, "assert candidate(2) == 4", None, "passed"),
    ("def math(x):\n    return 1\n" + DOUBLE, "assert math.isclose(double(1), 2) and math(0) == 1", None, "passed"),
    (DOUBLE, "import math\nassert math.isclose(double(0.5), 1)", None, "passed"),
    (DOUBLE, "assert math.isclose(double(0.5), 1)", None, "passed"),
    (DOUBLE, "from solution import double\ndef test_a():\n    assert double(1) == 2\n", None, "passed"),
    (DOUBLE, "import solution\nassert solution.double(1) == 2\n", None, "passed"),
    (DOUBLE, "def same(a, b):\n    return a == b\n\ndef test_a():\n    assert same(double(1), 2)\n", None, "passed"),
    (DOUBLE, "def check(a, b):\n    assert a == b\n\ndef test_a():\n    check(double(1), 2)\n", None, "passed"),
    (DOUBLE, "def test_a():\n    assert double(1) == 3\n", None, "wrong-answer"),
    (DOUBLE, "class Cases:\n    def go(self):\n        return [double(x) for x in (1, 2)]\nassert Cases().go() == [2, 4]", None, "passed"),
    (TWO, "assert two([1, 2]) == [2, 3]\nassert one(1, by=2) == 3\nassert one(x=1) == 2", None, "passed"),
    (TWO, "assert one(1, 2) == 3", None, "TypeError"),
    ("def sort(xs):\n    return sorted(xs)", "assert sort((2, 1)) == [1, 2]", None, "passed"),
    ("def sum(xs):\n    return 7", "assert sum([1, 2]) == 7", "sum", "passed"),
    ("def pairs(d):\n    return {(k, v) for k, v in d.items()}", "assert pairs({1: 'a'}) == {(1, 'a')}", None, "passed"),
    ("def bisect(x):\n    return x / 2", "assert bisect(4) == 2", None, "passed"),
    ("from collections import Counter\ndef f(s):\n    return Counter(s)", "assert f('aa') == Counter('aa')", None, "passed"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "test", "entry_point", "symbol"), FORMS)
def test_forms(sandbox: Sandbox, code: str, test: str, entry_point: str | None, symbol: str) -> None:
    assert ask(sandbox, "tests", Solution(code=code, test=test, entry_point=entry_point))[0] == symbol


@pytest.mark.parametrize(
    ("code", "test", "symbol", "message"),
    [
        (DOUBLE, None, "no-tests", ""),
        (DOUBLE, " \n", "no-tests", ""),
        (DOUBLE, "assert 1 + 1 == 2", "test-calls-nothing", ""),
        ("x = 1 / 0", "assert 1 + 1 == 2", "test-calls-nothing", ""),
        (DOUBLE, "# nothing\n", "test-calls-nothing", ""),
        (DOUBLE, "def test_a(:\n    pass", "test-broken", "SyntaxError"),
        (DOUBLE, "import pytest\nassert double(1) == 2", "test-broken", "ModuleNotFoundError: No module named 'pytest'"),
        (DOUBLE, "import os\nos._exit(0)", "exit", "in the test, after 0 calls: ended with exit code 0"),
        (DOUBLE, "import os\nassert double(1) == 2\nos.write(4, b'nonsense')", "test-broken", "no answer"),
        (DOUBLE, "while True:\n    pass", "time-limit", "in the test"),
        (DOUBLE, "assert double(2) == 4\nassert double(3) == 7", "wrong-answer", "line 2 of the test, `assert double(3) == 7`: AssertionError"),
        (DOUBLE, "assert doble(2) == 4", "NameError", "in call 0, doble(2): NameError: doble is not defined"),
        (DOUBLE, "assert double({}) == 4", "TypeError", "in call 0, double({}): TypeError"),
        (DOUBLE, "try:\n    double(None)\nexcept TypeError:\n    pass", "TypeError", "in call 0, double(None)"),
        (DOUBLE, "assert double(lambda x: x) == 1", "test-not-applicable", "an argument of double"),
        ("class Stack(list):\n    pass", "s = Stack()\ns.append(1)\nassert s == [1]", "test-not-applicable", "Stack is a class"),
        ("def f():\n    return (x for x in 'ab')", "assert list(f()) == ['a', 'b']", "wrong-answer", "an answer is a builtins.generator"),
        ("def f(x):\n    raise ValueError('at ' + repr(object()))", "f(1)", "ValueError", "in call 0, f(1): ValueError: at <object object at 0x...>"),
        ("def f(x):\n    while True: pass", "assert f([1]) == 1", "time-limit", "in call 0, f([1]): took longer"),
        ("import time\ntime.sleep(9)", "assert f(1) == 1", "time-limit", "while it was loaded: took longer"),
        ("x = [1]\nwhile True: x += x", "assert f(1) == 1", "memory-limit", ""),
        ("def f(x):\n    return bytes(1 << 28)", "assert f(1) == 1", "memory-limit", ""),
        ("def f(x):\n    while True: print('x' * 10000)", "assert f(1) == 1", "output-limit", "in call 0"),
        ("def f(:", "assert f(1) == 1", "SyntaxError", "while it was loaded"),
        ("import nothing_such", "assert f(1) == 1", "import-missing", "while it was loaded"),
    ],
)  # fmt: skip
def test_refusals(
    boxes: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str, test: str | None, symbol: str, message: str
) -> None:
    monkeypatch.setattr("gates.tests.TEST_S", 1.5)
    found = ask(boxes, "tests", Solution(code=code, test=test), timeout=1.0)
    assert found[0] == symbol, found
    assert message in found[1]


def test_what_cannot_be_read_is_no_exception_for_the_test_to_catch(sandbox: Sandbox) -> None:
    code = "import os\ndef double(x):\n    x == 1 or os.write(4, b'R\\0\\0\\0\\1x') and {}\n    return 2"
    test = "assert double(1) == 2\ntry:\n    double(2)\nexcept:\n    pass\n"
    symbol, message = ask(sandbox, "tests", Solution(code=code.format("os._exit(0)"), test=test))
    assert symbol == "wrong-answer"
    assert message.startswith("the answer of double cannot be read")
    found = ask(sandbox, "tests", Solution(code=code.format("0"), test=test))
    assert found == ("crash", "beside its answers: what the program wrote as its answers is none, or too many")


def test_a_long_message_is_cut(boxes: Sandbox) -> None:
    code = "import os\ndef double(x):\n    os.write(4, b'X\\0\\0\\x40\\0' + b'A' * 0x4000)\n"
    assert len(ask(boxes, "tests", Solution(code=code, test=ASSERTS))[1]) < 1100


def test_endless_calls_end(boxes: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gates.tests.TEST_S", 0.2)
    assert ask(boxes, "tests", Solution(code=DOUBLE, test="while True:\n    double(1)"))[0] == "time-limit"


# -- tests: forgeries --------------------------------------------------------------------------------------------------

FORGERIES = {
    "exits at import": "import sys\nsys.exit(0)",
    "exits in a call": "import sys\ndef double(x):\n    sys.exit(0)",
    "ends at import": "import os\nos._exit(0)",
    "ends in a call": "import os\ndef double(x):\n    os._exit(0)",
    "says it passed": "import os\nprint('PASSED')\ndef double(x):\n    print('OK', flush=True)\n    open('result.json', 'w').write('{\"passed\": true}')",
    "equals everything": "class Yes(int):\n    __eq__ = lambda *a: True\n    __lt__ = __gt__ = __eq__\n    __sub__ = __abs__ = lambda *a: Yes()\ndef double(x):\n    return Yes()",
    "is everything": "class Yes:\n    __class__ = int\n    __eq__ = lambda *a: True\n    __hash__ = None\ndef double(x):\n    return Yes()",
    "patches builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = ValueError\nbuiltins.__build_class__ = None\ndef double(x):\n    return x + 2",
    "defines builtins": "def abs(x):\n    return 0\ndef double(x):\n    return x + 2",
    "defines builtins last": "def double(x):\n    return x + 2\ndef abs(x):\n    return 0",
    "defines modules": "def double(x):\n    return x + 2\nclass math:\n    isclose = lambda *a: True\ndef builtins(): pass",
    "patches the codec": "import json, sys\ncodec = sys._getframe(1).f_globals['codec']\nfor m in (codec, json):\n    for n in ('encode', '_encode', '_dumps', 'dumps'):\n        if hasattr(m, n): setattr(m, n, lambda *a, **k: b'[]')\ndef double(x):\n    return 4",
    "patches the frames": "import sys\ncodec = sys._getframe(1).f_globals['codec']\nfor n in ('RETURNED', 'RAISED', 'LOADED'): setattr(codec, n, b'D')\ndef double(x):\n    return 4",
    "ends the test": "import os\ndef double(x):\n    os.write(4, b'D\\0\\0\\0\\0' * 99)\n    os._exit(0)",
    "raises for the test": "import os\ndef double(x):\n    os.write(4, b'Q\\0\\0\\0\\0' * 99)",
    "writes everywhere": "import os\nfor fd in range(64):\n    try:\n        os.write(fd, b'L\\0\\0\\0\\0' + b'D\\0\\0\\0\\0' * 9 + b'R\\0\\0\\0\\x014' * 9)\n    except OSError: pass\ndef double(x):\n    return 0",
    "takes over the caller": "def _exogate_called(*a):\n    return 4\nimport sys, threading\ndef double(x):\n    globals()['_exogate_called'] = _exogate_called\n    return 4",
    "looks for the test": "import gc, sys\ndef double(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'TEST' in o: o['TEST'] = 'double(1)'\n    sys.modules.get('check', sys).__dict__.update(TEST='double(1)')\n    return 0",
    "kills everything": "import os\ndef double(x):\n    os.kill(-1, 9)",
    "forks": "import os\ndef double(x):\n    if os.fork(): os._exit(0)\n    os.setsid()\n    return 0",
    "is not a number": "def double(x):\n    return float('nan')",
    "is an array": "import numpy\ndef double(x):\n    return numpy.array([])",
    "raises nothing": "class Nothing(BaseException):\n    __str__ = None\ndef double(x):\n    raise Nothing",
    "raises an assertion": "def double(x):\n    raise AssertionError",
    "passes as a test would": "class NotApplicable(Exception): pass\ndef double(x):\n    raise NotApplicable",
    "a deep value": "def double(x):\n    x = []\n    for _ in range(10**5): x = [x]\n    return x",
    "colliding keys": "def double(x):\n    return {i * (2**61 - 1): 0 for i in range(190_000)}",
}  # fmt: skip


@pytest.mark.parametrize("code", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("test", [ASSERTS, "try:\n    " + ASSERTS.replace("\n", "\n    ") + "pass\nexcept ValueError:\n    assert False\n"])
def test_forgeries(boxes: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str, test: str) -> None:
    monkeypatch.setattr("gates.tests.TEST_S", 1.5)
    assert ask(boxes, "tests", Solution(code=code, test=test), timeout=1.0)[0] != "passed"


# -- tests: many -------------------------------------------------------------------------------------------------------


def test_two_boxes_each_and_no_deadlock(boxes: Sandbox) -> None:
    hostile = [Solution(code=code, test=ASSERTS) for code in list(FORGERIES.values())[:5]]
    solutions = [*([RIGHT] * 9), hostile[0], *([RIGHT] * 9), hostile[1], *([RIGHT] * 28), *hostile[2:4]]
    reports: list[list[Report]] = []
    gates = parse("import+tests", all_findings=True)
    worker = threading.Thread(target=lambda: reports.extend(gates.check_many(solutions, boxes)), daemon=True)
    worker.start()
    worker.join(120)
    assert not worker.is_alive()
    assert len(reports) == len(solutions) == 50
    assert [row[-1].passed for row in reports] == [solution is RIGHT for solution in solutions]


def test_the_boxes_of_tests_are_their_own(sandbox: Sandbox) -> None:
    with sandbox.box() as one, sandbox.box() as two, sandbox.box(role="test") as three, sandbox.box(role="test") as four:
        assert len({id(box) for box in (one, two, three, four)}) == 4


def test_a_wrong_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout of the gate 'tests' must be above 0 and at most 3600, not 0"):
        parse("tests", {"timeout": 0})


def test_a_report_depends_on_the_tests(sandbox: Sandbox) -> None:
    gate = GATES["tests"]()
    parts = [gate.depends(replace(RIGHT, **{name: "x"})) for name in ("code", "test", "entry_point")]
    assert len({tuple(part) for part in [*parts, gate.depends(RIGHT)]}) == 4


# -- public tests ------------------------------------------------------------------------------------------------------


def public_tests_pass(sandbox: Sandbox, tasks: Mapping[str, Task], n: int) -> None:
    """Canonical solutions pass the examples of their tasks' prompts, of which n tasks have some."""
    solutions = [
        Solution(code=task.prompt + task.canonical_solution, test=test, entry_point=task.entry_point)
        for task in tasks.values()
        if (test := public_tests(task))
    ]
    assert len(solutions) == n
    reports = list(GATES["tests"]().check_many(solutions, sandbox))
    assert [report for report in reports if not report.passed] == []


def test_public_tests_pass_on_canonical_solutions(boxes: Sandbox) -> None:
    public_tests_pass(boxes, BENCHMARKS["humaneval"].load(Options()).tasks, 148)


def test_public_tests_are_of_the_prompt_alone() -> None:
    tasks = BENCHMARKS["humaneval"].load(Options()).tasks
    for task in tasks.values():
        assert public_tests(task) == public_tests(replace(task, tests=TaskTests(), canonical_solution=""))
        assert (task.task_id in WRONG) <= (public_tests(task) is None)


@pytest.mark.parametrize(
    ("example", "test"),
    [
        (">>> f(1)\n2\n>>> f('a\\n')\n[1,\n 2]", "assert f(1) == 2\nassert f('a\\n') == [1, 2]"),
        (">>> round(f(1), 2) # why\n0.5", "assert abs(round(f(1), 2) - 0.5) <= 1e-06"),
        (">>> f(1) == 2", "assert f(1) == 2"),
        ("assert set(f(1)) == set((2, 3))", "assert set(f(1)) == set((2, 3))"),
        ("assert f(1) == 2.5", "assert abs(f(1) - 2.5) <= 1e-06"),
        ("f(1) => true\nf(2) -> 3 # why\nf(3) ➞ -1\nf(4)   # returns 'x'", "assert f(1) == True\nassert f(2) == 3\nassert f(3) == -1\nassert f(4) == 'x'"),
        ("f([1,\n  2]) = 3\nf(4) should return 5.", "assert f([1, 2]) == 3\nassert f(4) == 5"),
        ("Input: a = 1, b = [2]\nOutput: 3 # why", "assert f(a=1, b=[2]) == 3"),
        ("For s = 'x', c = 'y', the result should be ('z', True)", "assert f(s='x', c='y') == ('z', True)"),
        ("f(a) => 1\nf(1) = 1 + 2\nf(2) == \"\"x\"\nfor f(3), see below.\ng(1) == 2\nassert f(", None),
    ],
)  # fmt: skip
def test_forms_of_examples(example: str, test: str | None) -> None:
    prompt = f'def f(x):\n    """Do it.\n\n    {example}\n    """\n'
    assert public_tests(Task(task_id="Own/0", prompt=prompt, entry_point="f", canonical_solution="")) == test
