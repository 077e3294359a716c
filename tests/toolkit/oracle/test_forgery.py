"""No pass can be forged, whatever the kind of tests: every tampering, on a small task of each kind."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from tests import stdin_tampered
from tests.tamper import ALL, CHANGES, FORGED, LOOPED, SEED, Tampered, is_right, surprises, tampered
from toolkit.benchmarks import BENCHMARKS, Options, mbpp_plus
from toolkit.oracle import Oracle
from toolkit.records import Check, Table, Task

pytestmark = pytest.mark.timeout(300)
LARGE = 17 << 20
"""Of an answer that is longer than this, only the digest is kept."""


def table(name: str, body: str, base: list[Any], plus: list[Any], atol: float = 0) -> Task:
    tests = Table(base=[[x] for x in base], plus=[[x] for x in plus], atol=atol)
    return Task(task_id=f"Own/{name}", prompt=f"def {name}(x):\n", entry_point=name, canonical_solution=f"    {body}\n", tests=tests)


TABLES = [
    table("pairs", "return [(n, n * n) for n in x]", [[1, 2, 3], [], [4]], [[0.5, -1], [7, 8], list(range(2000))]),
    table("large", "return 'ab' * x", [3, 4], [LARGE // 2, 5]),
    table("large_at_last", "return 'ab' * x", [3], [5, LARGE // 2]),
    table("in_pieces", "return [x] * x", [3], [70_000, 5]),
    table("close", "return [[n / 3 for n in x] for _ in x]", [[1, 2], []], [[], [5], [1, 2, 3]], 1e-6),
    table("same", "return 'always'", [1, 2, 3], [4, 5]),
    table("Diff", "return list({*x, 1})", [[1, 2], []], [["a"], [3]]),
]  # fmt: skip


def test_tables(engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tampering is about the last call, and another one, or about the one whose answer is known by its digest alone."""
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    tasks = {task.task_id: task for task in TABLES}
    rng, programs = random.Random(SEED), list[Tampered]()
    with Sandbox(engine, 2, Limits(memory_bytes=1 << 30)) as pool:
        oracle = Oracle(pool, mbpp_plus.BENCHMARK, tasks, "forgery-1", timeout_s=1)
        for task in TABLES:
            n_calls, entry = len(task.tests_as(Table).calls), task.entry_point
            with pool.box() as box:
                unkept = [chunk.first + chunk.n_calls for chunk in oracle.rules.answers.of(task, box).chunks if not chunk.n_bytes]
                assert bool(unkept) == ("large" in entry)
                is_same = bool(unkept) or is_right(oracle.rules, task, box, "the frame before")
                swapped = {name: is_right(oracle.rules, task, box, name) for name in CHANGES}
            names = rng.sample(list(ALL), 6) if entry == "large_at_last" else list(ALL)
            programs += tampered(task, entry, names, unkept[0] if unkept else n_calls, is_same=is_same, swapped=swapped)
            if not unkept:
                programs += tampered(task, entry, FORGED, rng.randint(1, n_calls - 1), kinds=["right"], is_same=is_same)
        found = surprises(oracle, programs)
    assert not found, "\n".join(found)


TREE = "class Node:\n    def __init__(self, next):\n        self.next = next\ndef length(node):\n    return 1 + length(node.next) if node else 0\n"
STARTER = "class Solution:\n    def addAll(self, xs: List[int], more: int) -> List[int]:\n        "
CASES = [("[1, 2]\n3", "[4, 5]"), ("[]\n1", "[]"), ("[7]\n-7", "[0]")]
ROWS: dict[str, list[dict[str, Any]]] = {
    "mbpp": [
        {"task_id": 1, "text": "Sum.", "code": "def add(a, b):\n    return a + b", "test_setup_code": "",
         "test_list": ["assert add(1, 2) == 3", "assert set(add([1], [2])) == {1, 2}", "assert add('a', 'b') == 'ab'"]},
        {"task_id": 2, "text": "Length.", "code": TREE, "test_setup_code": "one = Node(None)\ntwo = Node(one)",
         "test_list": ["assert length(two) == 2", "assert length(one) == 1", "assert length(None) == 0"]},
        {"task_id": 3, "text": "Type.", "code": "def without(xs, kind):\n    return [x for x in xs if type(x) is not kind]", "test_setup_code": "",
         "test_list": ["assert without((1, 'a'), int) == ['a']", "assert without((1, 'a'), str) == [1]"]},
    ],
    "mbpp-sanitized": [
        {"task_id": 1, "prompt": "Root.", "code": "import math\ndef root(x):\n    return math.sqrt(x)", "test_imports": ["import math"],
         "test_list": ["assert math.isclose(root(4), 2)", "assert math.isclose(root(9), 3)"]},
    ],
    "humaneval-pro": [{
        "id": 0, "raw_problem": 'def half(x: int) -> int:\n    """ Halve an even number. """\n',
        "raw_solution": "    if x % 2:\n        raise ValueError('odd')\n    return x // 2\n",
        "new_problem": "# Halve each.\ndef halves(xs):\n", "new_solution": "    return [half(x) for x in xs]\n",
        "test_code": "assert halves([2, 4]) == [1, 2]\ntry:\n    halves([1])\n    assert False\nexcept ValueError:\n    pass\nassert halves([6]) == [3]\n",
    }],
    "mbpp-pro": [{
        "id": 3, "raw_problem": "def twice(x):\n", "raw_solution": "    return 2 * x\n", "new_problem": "def last(xs):\n", "new_solution": "    return twice(xs[-1])\n",
        "test_code": "assert last([1]) == 2\nassert last(['a', 'b']) == 'bb'\nassert last([1, [2]]) == [2, 2]\n",
    }],
    "livecodebench": [{
        "question_id": "7", "question_title": "Add.", "starter_code": STARTER,
        "public_test_cases": json.dumps([{"input": given, "output": wanted, "testtype": "functional"} for given, wanted in CASES]),
    }],
}  # fmt: skip
ANSWERED: Mapping[str, tuple[int, ...]] = {"MBPP/3": (1, 2), "MBPP-sanitized/1": (1, 2), "HumanEvalPro/0": (1, 3)}
"""Calls that a right solution answers with a value, where they are not three."""
SOLUTIONS = {"7": STARTER + "return [x + more for x in xs]\n"}


@pytest.mark.parametrize("name", ROWS)
def test_checks(name: str, engine: DockerEngine, tmp_path: Path) -> None:
    """The tampering is about the last call, and another one."""
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(ROWS[name]))
    loaded = BENCHMARKS[name].load(Options(data=path))
    rng, programs = random.Random(SEED), list[Tampered]()
    tasks = {key: replace(task, canonical_solution=SOLUTIONS.get(key, task.canonical_solution)) for key, task in loaded.tasks.items()}
    for task in tasks.values():
        is_method = name == "livecodebench"
        is_behind = bool(task.tests_as(Check).called) and not is_method
        names = [one for one in ALL if not (is_behind and one in LOOPED)]
        one_call = {change: "before" not in change for change in CHANGES}
        *others, last = ANSWERED.get(task.task_id, (1, 2, 3))
        entry = "Solution.addAll" if is_method else task.entry_point
        programs += tampered(task, entry, names, last, swapped=one_call)
        programs += tampered(task, entry, [one for one in names if one in FORGED], rng.choice(others), kinds=["right"])
    with Sandbox(engine, 2, Limits(memory_bytes=1 << 30)) as pool:
        found = surprises(Oracle(pool, BENCHMARKS[name], tasks, loaded.data_hash, timeout_s=1), programs)
    assert not found, "\n".join(found)


def test_programs_that_print(engine: DockerEngine) -> None:
    tasks = {task.task_id: task for task in stdin_tampered.TASKS}
    with Sandbox(engine, 2, Limits(memory_bytes=1 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS["livecodebench"], tasks, "forgery-1", timeout_s=1)
        found = surprises(oracle, stdin_tampered.programs())
    assert not found, "\n".join(found)
