"""`Judge`: what passes scores 1, nothing forged does, what cannot be judged is None; from threads, tasks and processes."""

import asyncio
import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import BoxLost, Limits, UsageError
from toolkit.benchmarks import BENCHMARKS
from toolkit.oracle import Oracle, counted
from toolkit.records import Result, Sample, Task, UnitTests, Verdict
from toolkit.reward import Judge, local

ASSERTS = {"kind": "asserts", "asserts": ["assert double(1) == 2", "assert double(2) == 4", "assert double('a') == 'aa'"]}
CALLS = {"kind": "inputs", "entry_point": "double", "inputs": [[1], [2], ["a"]], "outputs": [2, 4, "aa"]}
EMPTY = {"kind": "inputs", "entry_point": "double", "inputs": [[1]], "outputs": [None]}
LINES = {"kind": "stdin", "inputs": ["1 2\n", "3\n"], "outputs": ["2\n4\n", "6\n"]}
NOTHING = {"kind": "stdin", "inputs": ["1\n"], "outputs": [""]}
DOUBLE = "def double(x):\n    return 2 * x\n"
PRINT = "for word in input().split():\n    print(2 * int(word))\n"
TASK = ("HumanEval/2", "    return number % 1.0\n")
EQUAL = "class Same:\n    def __eq__(self, other):\n        return True\n    __ne__ = lambda self, other: False\n"
EXITS = "import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\n"
RAISES = "def double(x):\n    raise ValueError\n"
FORGED = {
    "sys.exit(0) before asserts": "import sys\nsys.exit(0)\n",
    "sys.exit(0) in the function": "import sys\ndef double(x):\n    sys.exit(0)\n",
    "a raising function": RAISES,
    "a patched __eq__": f"{EQUAL}def double(x):\n    return Same()\n",
    "a str that equals": "class S(str):\n    def __eq__(self, other):\n        return True\ndef double(x):\n    return S('2')\n",
    "os._exit in a thread": f"{EXITS}def double(x):\n    return 0\n",
    "os._exit in a thread, later": "import os, threading\ndef double(x):\n    threading.Timer(0.01, os._exit, [0]).start()\n    return 0\n",
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef double(x):\n    return 0\n",
    "printed verdicts": "print('passed')\nprint('{\"passed\": true}')\ndef double(x):\n    return 0\n",
    "asserts taken away": "import builtins, sys\nbuiltins.AssertionError = Exception\nsys.settrace(None)\ndef double(x):\n    return 0\n",
}


def judge(**settings: Any) -> Judge:
    return Judge.tests(parallel=2, timeout=2, **settings)


@pytest.mark.parametrize("tests", [ASSERTS, CALLS, EMPTY], ids=["asserts", "calls", "nothing expected"])
def test_forged_answers_score_nothing(boxes: None, tests: dict[str, Any]) -> None:
    forged = list(FORGED.values())
    found = judge(partial=1.0).scores([(tests, text) for text in forged])
    assert dict(zip(FORGED, found, strict=True)) == dict.fromkeys(FORGED, 0.0)


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        (LINES, "print(2)\n"),  # a prefix of the right lines
        (LINES, "import sys\nsys.exit(0)\n"),
        (LINES, f"{EXITS}print(2)\nprint(4)\nprint(6)"),
        (NOTHING, "raise ValueError\n"),
        (NOTHING, "def solve():\n    raise ValueError\nsolve()\n"),
        (NOTHING, "import os\nos._exit(1)\n"),
    ],
)
def test_forged_output_scores_nothing(boxes: None, tests: dict[str, Any], text: str) -> None:
    assert judge().score(tests, text) == 0.0


def test_a_benchmarks_tasks_cannot_be_forged_either(boxes: None) -> None:
    humaneval = Judge("humaneval", parallel=2, timeout=2)
    texts = ["import sys\nsys.exit(0)\n", *(text.replace("def double(x)", "def truncate_number(number)") for text in FORGED.values())]
    assert set(humaneval.scores([("HumanEval/2", text) for text in texts])) == {0.0}
    assert humaneval.score(*TASK) == 1.0


@pytest.mark.parametrize("tests", [ASSERTS, CALLS], ids=["asserts", "calls"])
@pytest.mark.parametrize(
    "text", [DOUBLE, f"Here:\n```python\n{DOUBLE}```\nand not\n```\n{RAISES}".removesuffix(f"and not\n```\n{RAISES}"), f"<think>no</think>\n```py\n{DOUBLE}```"]
)
def test_right_answers_score_one_however_they_are_written(boxes: None, tests: dict[str, Any], text: str) -> None:
    assert judge().score(tests, text) == 1.0
    assert judge().score(LINES, f"```python\n{PRINT}```") == 1.0


def test_partial_credit_is_the_share_of_tests_and_a_pass_stays_apart(boxes: None) -> None:
    third, text = "def double(x):\n    return 2 if x == 1 else None\n", "print(2)\nprint(4)\n"
    half = judge(partial=0.5)
    rows = [(ASSERTS, third), (CALLS, third), (LINES, text), (ASSERTS, DOUBLE), (ASSERTS, "def double(x:\n")]
    found = half.judge(rows)
    assert [(each.tests_passed, each.tests) for each in found] == [(1, 3), (1, 3), (1, 2), (3, 3), (0, 3)]
    assert [each.score for each in found] == [0.5 / 3, 0.5 / 3, 0.25, 1.0, 0.0]
    assert half.judge(rows) == found  # from the cache
    assert [each.score for each in judge().judge(rows)] == [0.0, 0.0, 0.0, 1.0, 0.0]


def test_what_passes_each_test_but_not_all_scores_less_than_what_passes(boxes: None) -> None:
    remembers = "def double(x, seen=[]):\n    seen.append(x)\n    return 2 * x if len(seen) < 2 else None\n"
    found = judge(partial=1.0).judge([(CALLS, remembers), (ASSERTS, remembers)])
    assert all(not each.passed and each.score is not None and each.score < 1 for each in found)


def test_partial_credit_counts_calls_after_one_that_ends_the_program(boxes: None) -> None:
    ends = "import os\ndef double(x):\n    if x == 2:\n        os._exit(0)\n    return 2 * x\n"
    assert judge(partial=1.0).judge([(CALLS, ends)])[0].tests_passed == 2
    humaneval = Judge("humaneval", parallel=2, partial=1.0)
    found = humaneval.judge([("HumanEval/0", "    return False\n"), ("HumanEval/0", "    return True\n")])
    assert [(each.tests_passed, each.tests) for each in found] == [(3, 7), (4, 7)]


def test_equal_rows_are_judged_once(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = Oracle.judge
    monkeypatch.setattr(Oracle, "judge", lambda self, sample, box: (asked.append(sample.solution), real(self, sample, box))[1])
    texts = [DOUBLE, RAISES, DOUBLE, f"```python\n{DOUBLE}```"]
    assert judge(use_cache=False).scores([(ASSERTS, text) for text in texts]) == [1.0, 0.0, 1.0, 1.0]
    assert sorted(asked) == sorted({DOUBLE, RAISES, DOUBLE.rstrip()})


def test_what_cannot_be_judged_is_none(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: Oracle, sample: Any, box: Any) -> Any:
        raise OSError("the disk is full")

    assert judge(use_cache=False).score(ASSERTS, DOUBLE) == 1.0
    monkeypatch.setattr(Oracle, "judge", lost)
    (found,) = judge(use_cache=False).judge([(ASSERTS, DOUBLE)])
    assert (found.score, found.verdict, found.passed) == (None, None, None)
    assert "the disk is full" in str(found.error)
    monkeypatch.undo()
    monkeypatch.setattr(counted, "count", lambda *_: (_ for _ in ()).throw(BoxLost("gone")))
    assert judge(use_cache=False, partial=1.0).scores([(CALLS, DOUBLE), (CALLS, "double = abs")])[0] == 1.0


def test_a_count_that_failed_is_no_zero(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "count", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
    assert judge(use_cache=False, partial=1.0).scores([(CALLS, DOUBLE), (CALLS, "double = abs")]) == [1.0, None]


def test_hidden_tests_do_not_leak_and_visible_ones_are_told(boxes: None) -> None:
    humaneval = Judge("humaneval", parallel=2)
    wrong = ("HumanEval/0", "    return False\n")
    (hidden,), (visible,) = humaneval.judge([wrong]), humaneval.visible([wrong])
    assert hidden.detail == ""
    assert (visible.verdict, visible.tests) == ("wrong_answer", 2)
    assert "[1.0, 2.8, 3.0, 4.0, 5.0, 2.0]" in visible.detail
    (seen,) = replace(humaneval, show_detail=True).judge([wrong])
    assert seen.detail
    row = {"tests": CALLS, "visible_tests": {**CALLS, "inputs": [[1]], "outputs": [2]}, "solution": "def double(x):\n    return 2\n"}
    own = judge()
    assert (own.judge([row])[0].verdict, own.visible([row])[0].verdict) == ("wrong_answer", "passed")
    assert humaneval.visible([("HumanEval/47", "    pass\n")])[0].score is None  # its examples are wrong


def test_a_pass_that_shared_a_process_is_no_reward_unless_allowed(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Oracle._result
    monkeypatch.setattr(Oracle, "_result", lambda *about: replace(real(*about), shared=True))
    rows = [(ASSERTS, DOUBLE), (ASSERTS, RAISES)]
    assert judge(use_cache=False).scores(rows) == [None, 0.0]
    assert judge(use_cache=False, allow_shared=True).scores(rows) == [1.0, 0.0]


def test_test_classes_are_one_test_and_are_counted_in_boxes_of_their_image() -> None:
    asked: list[str] = []

    def over(act: Callable[[None, str], object], keys: Iterable[str], image: str, **_: object) -> list[object]:
        asked.append(image)
        return [act(None, key) for key in keys]

    pool: Any = SimpleNamespace(engine=SimpleNamespace(image_digest=str), limits=Limits(), map=over)
    task = Task(task_id="x", prompt="", entry_point="f", canonical_solution="", tests=UnitTests(source="", classes=("T",)))
    oracle = Oracle(pool, BENCHMARKS["bigcodebench"], {"x": task}, "data")
    assert counted.count_many(oracle, [Sample(task_id="x", sample_id=3, solution="")], {}) == {3: 0}
    assert asked == ["bigcodebench"]
    passed = Result(task_id="x", sample_id=0, verdict=Verdict.PASSED, base=Verdict.PASSED, shared=True)
    for allow_shared, score in ((False, None), (True, 1.0)):
        said = local._judgement(Judge("bigcodebench", allow_shared=allow_shared), oracle, passed, None)
        assert (said.score, said.tests) == (score, 1)


# -- from everywhere -----------------------------------------------------------------------------------------------------


def test_threads_share_boxes(boxes: None) -> None:
    one = judge(use_cache=False)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: one.score(ASSERTS, f"{DOUBLE}# {n}" if n % 2 else f"{RAISES}# {n}"), range(16)))
    assert found == [0.0, 1.0] * 8
    assert len(local._open) == 1


def test_tasks_of_asyncio_share_boxes_and_a_cancelled_one_costs_no_other(boxes: None) -> None:
    async def several() -> list[Any]:
        one = judge(use_cache=False)
        endless = asyncio.ensure_future(replace(one, timeout=60.0).score_async(ASSERTS, "def double(x):\n    while True: pass\n"))
        await asyncio.sleep(0.3)
        others = [asyncio.ensure_future(one.score_async(ASSERTS, f"{DOUBLE}# {n}")) for n in range(4)]
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return await asyncio.gather(*others)

    assert asyncio.run(several()) == [1.0] * 4


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_processes_get_boxes_of_their_own(boxes: None, how: str) -> None:
    one = Judge.tests(parallel=1, timeout=2, use_cache=False)
    assert pickle.loads(pickle.dumps(one)) == one
    assert judge().score(ASSERTS, DOUBLE) == 1.0  # boxes are open here, and must stay whole
    with ProcessPoolExecutor(2, multiprocessing.get_context(how)) as processes:
        assert list(processes.map(one.score, [ASSERTS] * 3, [DOUBLE, RAISES, f"{DOUBLE}# 2"])) == [1.0, 0.0, 1.0]
    assert judge(use_cache=False).score(ASSERTS, DOUBLE) == 1.0


def test_boxes_come_back_after_they_were_closed(boxes: None) -> None:
    one = judge(use_cache=False)
    for _ in range(2):
        assert one.score(ASSERTS, DOUBLE) == 1.0
        one.close()


# -- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("HumanEval/9999", "x")], "no task"),
        ([("HumanEval/0", 3)], "completion is not a string but int"),
        ([{"task_id": "HumanEval/0"}], "none of solution, completion, raw_response"),
        ([{"solution": "x"}], "task_id is not a string but NoneType"),
        ({"task_id": "HumanEval/0"}, "rows must be a list"),
        ([3], "neither a mapping nor a pair"),
    ],
)
def test_a_row_that_says_nothing_is_named(rows: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Judge("humaneval").judge(rows)


@pytest.mark.parametrize("tests", [None, 3, "no json", {}, {"kind": "asserts", "asserts": ["assert ("]}, {"kind": "stdin", "inputs": ["1"], "outputs": []}])
def test_tests_that_are_none_are_named(tests: Any) -> None:
    with pytest.raises(UsageError):
        Judge.tests().score(tests, DOUBLE)


@pytest.mark.parametrize("settings", [{"partial": 2}, {"timeout": 0}, {"parallel": 0}, {"partial": 1, "fail_fast": True}])
def test_settings_out_of_range_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        Judge(**settings)


def test_no_rows_need_no_boxes() -> None:
    assert Judge("humaneval").scores([]) == []


@pytest.fixture(autouse=True)
def nothing_is_open() -> Iterator[None]:
    yield
    assert len(local._inherited) == 0
