"""What programs do, as hashes: alike if all answers are, whatever the text."""

import json
from pathlib import Path

import pytest

from sandbox import Sandbox
from toolkit.commands import looked
from toolkit.commands.analyze import analyze
from toolkit.errors import UsageError
from toolkit.oracle.behaviour import MOST_CALLS, behaviour, calls_of
from toolkit.records import Check, Table, Task

CALLS = [[3], [0], [-1]]
ALIKE = [
    "def f(x):\n    return x + x",
    "import math\ndef f(y):\n    z = y * 2\n    return z",
    "print('loud')\nf = lambda x: sum([x, x])",
]
OTHER = {
    "another value": "def f(x):\n    return x * x",
    "another type": "def f(x):\n    return float(x + x)",
    "an exception": "def f(x):\n    return x + x if x else 1 / 0",
    "another exception": "def f(x):\n    return x + x if x else int('a')",
    "an end": "import os\ndef f(x):\n    return x + x if x else os._exit(0)",
    "no end": "def f(x):\n    while not x: pass\n    return x + x",
    "no value": "def f(x):\n    return x + x if x else object()",
}


def test_programs_behave_alike_whatever_their_text(pool: Sandbox) -> None:
    with pool.box() as box:
        alike = {behaviour(box, code, "f", CALLS) for code in ALIKE}
        assert len(alike) == 1
        assert None not in alike
        other = {name: behaviour(box, code, "f", CALLS) for name, code in OTHER.items()}
        assert other == {name: behaviour(box, code, "f", CALLS) for name, code in OTHER.items()}, "twice the same"
        assert len({*alike, *other.values()}) == 1 + len(OTHER)
        for broken in ("def f(x:", "1 / 0", "def g(x): return x"):
            assert behaviour(box, broken, "f", CALLS) is None, broken
        said = {behaviour(box, f"def f(x):\n    raise ValueError(object(), {n})", "f", CALLS) for n in range(2)}
        assert len(said) == 1, "what an exception says may have an address in it"


def test_calls_are_those_of_a_table_or_literals_of_a_test() -> None:
    task = Task(task_id="a", prompt="", entry_point="f", canonical_solution="", tests=Table(base=[[n] for n in range(30)]))
    assert calls_of(task, "") == [[n] for n in range(MOST_CALLS)]
    asserts = Task(task_id="a", prompt="", entry_point="f", canonical_solution="", tests=Check(source=""))
    text = "def check(candidate):\n    assert candidate([1, 'a']) == f(2, -3)\nx = 1\nf(x)\nf(1, y=2)\ng(4)\nf()"
    assert sorted(calls_of(asserts, text), key=str) == [[2, -3], [[1, "a"]], []]
    assert calls_of(asserts, "def f(:") == []


def test_behaviours_of_a_run(tmp_path: Path, pool: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.commands import evaluate

    data = tmp_path / "samples.jsonl"
    again = "def has_close_elements(numbers, threshold):\n    return {}"
    rows = [{"task_id": "HumanEval/0", "solution": again.format(value)} for value in ("True", "not False", "False", "1 / 0")]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = tmp_path / "run"
    evaluate.evaluate(evaluate.Settings(
        benchmark="humaneval", samples=data, timeout_s=5, output=run, parallel=1, allow_missing=True, allow_uniform=True, ks=(1,),
    ))  # fmt: skip
    found = analyze(run, more=lambda folder, read: looked.behaviours(folder, read, lambda *_: None, 1))
    (row,) = found["behaviours"]
    assert (row["programs"], row["loaded"], row["prompts"], row["k"], row["distinct"]) == (4, 4, 1, 4, 3)
    said = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(said | {"data": {"humaneval": "of another file"}}))
    with pytest.raises(UsageError, match=r"judged on other data of humaneval than is here$"):
        analyze(run, more=lambda folder, read: looked.behaviours(folder, read, lambda *_: None, 1))
    one = tmp_path / "one"
    data.write_text(json.dumps(rows[0]) + "\n")
    evaluate.evaluate(evaluate.Settings(
        benchmark="humaneval", samples=data, timeout_s=5, output=one, parallel=1, allow_missing=True, allow_uniform=True, ks=(1,),
    ))  # fmt: skip
    with pytest.raises(UsageError, match="no prompt with two programs"):
        analyze(one, more=lambda folder, read: looked.behaviours(folder, read, lambda *_: None, 1))
