"""Whether a solution calls the base function, by its text and when it runs; sizes counted by hand."""

import ast

import pytest

from images.structure import examine, invokes
from sandbox import DockerEngine, Limits, Sandbox
from toolkit.samples import examined as module
from toolkit.samples.examined import examined, traced

BASE = "def base(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("def new(xs):\n    return [base(x) for x in xs]\n", "direct"),
        ("def new(xs):\n    def inner(x):\n        return base(x)\n    return [inner(x) for x in xs]\n", "direct"),
        ("def new(xs):\n    if not xs:\n        return 0\n    return base(xs[0])\n", "direct"),
        ("def new(xs):\n    return list(map(base, xs))\n", "indirect"),
        ("def each(x):\n    return base(x)\ndef new(xs):\n    return [each(x) for x in xs]\n", "indirect"),
        ("again = base\ndef new(x):\n    return again(x)\n", "indirect"),
        ("class A:\n    def f(self, x):\n        return base(x)\ndef new(x):\n    return A().f(x)\n", "indirect"),
        ("def new(x):\n    return x + 1\n", "no"),
        ("def new(x):\n    return x + 1\n    return base(x)\n", "no"),
        ("def new(x):\n    raise ValueError\n    base(x)\n", "no"),
        ("def new(x):\n    if False:\n        return base(x)\n    return x + 1\n", "no"),
        ("def new(x, base=abs):\n    return base(x)\n", "no"),
        ("def new(x):\n    def base(y):\n        return y\n    return base(x)\n", "no"),
        ("def new(x):\n    'base(x)'\n    return x  # base(x)\n", "no"),
        ("def other(x):\n    return base(x)\ndef new(x):\n    return x\n", "no"),
        ("def new(x):\n    return new(x - 1) if x else 0\n", "no"),
        ("def newer(x):\n    return base(x)\n", "undefined"),
    ],
)
def test_the_text_says_whether_the_base_function_is_called(rest: str, found: str) -> None:
    assert invokes(ast.parse(BASE + rest), "new", "base") == found


def test_sizes_are_without_docstrings_and_layout() -> None:
    program = '"""A module."""\n\ndef f(\n    x,  # a comment\n):\n    """Say."""\n\n    return x\n'
    (found, broken, empty) = examine([(program, "", ""), ("def f(:", "", ""), ("", "", "")], lambda _: 7)
    # def f(x): / return x; Module, FunctionDef, arguments, arg, Return, Name
    assert found == {"lines": 2, "nodes": 6, "cyclomatic": 7, "invokes": None}
    assert broken is None
    assert empty == {"lines": 0, "nodes": 1, "cyclomatic": 7, "invokes": None}


def test_boxes_say_how_large_programs_are_and_what_is_called(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRACE", Limits(charged_s=0.5, cpu_s=1.0))
    calls = "def new(xs):\n    print('{}', flush=True)\n    return [base(x) for x in xs if x]\n"
    never = "def new(xs):\n    if len(xs) > 99:\n        return base(xs)\n    return []\n"
    rows = [(BASE + calls, "new", "base"), (BASE + never, "new", "base"), ("def new(:", "new", "base"), (BASE, "", "")]
    late = "def new(xs):\n    while not xs:\n        pass\n    return base(1)\n"
    tests = "assert base(1) == 2\nassert new([]) == [1]\nassert new([1]) == [2]\n"
    with Sandbox(engine, 2) as pool:
        found = list(examined(pool, [*rows, ("(" * 5000 + ")" * 5000, "new", "base")]))
        assert [one and (one.lines, one.cyclomatic, one.invokes) for one in found] == [
            (5, 3, "direct"), (6, 2, "direct"), None, (2, 1, None), None
        ]  # fmt: skip
        assert [len(one.tree) > 1 for one in found if one] == [True, True, False]  # subtrees of 12 nodes or more
        programs = [*rows[:2], (BASE + late, "new", "base"), (BASE, "new", "base"), ("import sys\nsys.exit()", "new", "base")]
        assert list(traced(pool, [(row, tests) for row in programs])) == [True, False, None, None, None]
