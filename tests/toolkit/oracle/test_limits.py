"""What a right program may take, to the edge: printed text, time, long numbers; and whose time a costly answer takes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gates import Solution, parse
from sandbox import DockerEngine, Limits, Sandbox
from sandbox.wire import codec
from tests.faults import CHECK, OWN, RIGHT, TABLE, soon
from toolkit.oracle import Oracle, check, table
from toolkit.oracle.judge import PRINTED_BYTES
from toolkit.records import Check, Result, Sample, Stdin, Table, Task, Verdict

MIB = 1 << 20


def task(name: str, source: str, tests: Any, like: Task = TABLE) -> Task:
    prompt, _, body = source.partition("\n")
    entry_point = prompt.removeprefix("def ").partition("(")[0]
    return replace(like, task_id=name, prompt=prompt + "\n", entry_point=entry_point, canonical_solution=body + "\n", tests=tests)


SIX = "def check(candidate):\n    assert [candidate(x) for x in range(6)] == [0, 1, 2, 3, 4, 5]\n"
LONG = "def check(candidate):\n    assert candidate(5000) == [10**5000, -(10**5000), 10**4299]\n"
TASKS = {
    one.task_id: one
    for one in [
        replace(TABLE, task_id="table", tests=Table(base=([[1]],), plus=([[2]],))),
        replace(CHECK, task_id="check"),
        replace(TABLE, task_id="stdin", tests=Stdin(cases=(("1\n", "1\n"), ("2\n", "2\n")))),
        task("six calls", "def same(x):\n    return x", Table(base=tuple([x] for x in range(6)))),
        task("one call", "def same(x):\n    return x", Table(base=([1],))),
        task("six calls of a test", "def same(x):\n    return x", Check(source=SIX)),
        task("long numbers", "def power(n):\n    return [10**n, -(10**n), 10**4299]", Table(base=([5000],), plus=([6000],))),
        task("long numbers of a test", "def power(n):\n    return [10**n, -(10**n), 10**4299]", Check(source=LONG)),
        task("set", "def of(xs):\n    return set(xs)", Table(base=([[*range(30_000)]],), plus=([[1]],))),
        task("dict", "def of(xs):\n    return dict.fromkeys(xs)", Table(base=([[*range(30_000)]],), plus=([[1]],))),
        task("set in a list", "def of(xs):\n    return [frozenset(xs)]", Table(base=([[*range(30_000)]],), plus=([[1]],))),
    ]
}


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One box of each role."""
    with pytest.MonkeyPatch.context() as patch, Sandbox(engine, 1, Limits(memory_bytes=512 * MIB)) as pool:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield pool


def judge(boxes: Sandbox, task_id: str, source: str, timeout_s: float = 10, **more: Any) -> Result:
    by = Oracle(boxes, OWN, TASKS, "limits-1", timeout_s=timeout_s, **more)
    ((_, result, _),) = by.judge_many([Sample(task_id=task_id, sample_id=0, solution=source)])
    assert not by.defects, by.defects[0]
    return result


# -- printed text ------------------------------------------------------------------------------------------------------

PRINTS = {
    "while it is loaded": "{write}\n{right}",
    "in its calls": "{right}inner = pairs\ndef pairs(xs):\n    {write}\n    return inner(xs)\n",
    "in a program": "{write}\nprint(int(input()))\n",
}
WRITE = "import sys; [sys.{stream}.write('x' * (1 << 16)) for _ in range({n} >> 16)]; sys.{stream}.write('x' * ({n} & 65535)); sys.{stream}.flush()"


def printing(how: str, n: int, stream: str) -> str:
    return PRINTS[how].format(write=WRITE.format(n=n, stream=stream), right=RIGHT)


@pytest.mark.parametrize("n", [5_000_000, PRINTED_BYTES - 100], ids=["5 MB", "64 MiB"])
@pytest.mark.parametrize(
    ("kind", "how", "stream"),
    [
        ("table", "while it is loaded", "stdout"), ("table", "in its calls", "stderr"), ("check", "while it is loaded", "stderr"),
        ("check", "in its calls", "stdout"), ("stdin", "in a program", "stderr"),
    ],
)  # fmt: skip
def test_printing_changes_no_verdict(boxes: Sandbox, kind: str, how: str, stream: str, n: int) -> None:
    assert judge(boxes, kind, printing(how, n, stream)).verdict is Verdict.PASSED


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("kind", "how", "n"),
    [
        ("table", "while it is loaded", PRINTED_BYTES + MIB), ("check", "while it is loaded", PRINTED_BYTES + MIB),
        ("stdin", "in a program", PRINTED_BYTES + MIB), ("table", "in its calls", 2 * PRINTED_BYTES + MIB),
    ],
)  # fmt: skip
def test_printing_without_end_does(boxes: Sandbox, kind: str, how: str, n: int, stream: str) -> None:
    """What was not printed while it was loaded may be printed in the first call."""
    assert judge(boxes, kind, printing(how, n, stream)).verdict is Verdict.OUTPUT_LIMIT


def test_an_answer_that_is_printed_and_cut_is_not_compared(boxes: Sandbox) -> None:
    write = WRITE.format(n=2 * MIB, stream="stdout")
    assert judge(boxes, "stdin", f"print(int(input()))\n{write}").verdict is Verdict.OUTPUT_LIMIT


# -- time --------------------------------------------------------------------------------------------------------------

SLOW = "import time\ndef same(x):\n    time.sleep(0.25)\n    return x\n"


@pytest.mark.parametrize(
    ("task_id", "timeout_s", "total_s", "verdict"),
    [
        ("six calls", 0.6, 60.0, Verdict.PASSED),  # 1.5 s in all: more than one call may take, less than six may
        ("six calls", 0.6, 0.8, Verdict.TIME_LIMIT),
        ("six calls", 0.05, 60.0, Verdict.TIME_LIMIT),
        ("six calls of a test", 0.6, 60.0, Verdict.TIME_LIMIT),  # there, the limit is the whole program's
        ("six calls of a test", 3.0, 0.8, Verdict.PASSED),
    ],
)
def test_a_table_has_a_limit_for_each_call_and_one_for_all(
    boxes: Sandbox, task_id: str, timeout_s: float, total_s: float, verdict: Verdict
) -> None:
    result = judge(boxes, task_id, SLOW, timeout_s, total_timeout_s=total_s)
    assert result.verdict is verdict, result


def test_all_calls_together_have_no_more_than_the_sum_of_their_limits(boxes: Sandbox) -> None:
    """Loading and calling take less than a call may, each; together they take more than one call may."""
    slow = "import time\ntime.sleep(0.7)\ndef same(x):\n    time.sleep(0.7 * (x == 1))\n    return x\n"
    assert judge(boxes, "one call", slow, 1.0).verdict is Verdict.TIME_LIMIT
    assert judge(boxes, "six calls", slow, 1.0).verdict is Verdict.PASSED


def test_a_test_of_a_row_ends_after_so_many_calls(boxes: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_CALLS", 30)
    for n, verdict, detail in ((30, Verdict.PASSED, ""), (10**9, Verdict.WRONG_ANSWER, "after call 29: the test raised TooManyCalls")):
        source = f"def check(candidate):\n    for x in range({n}):\n        assert candidate(x) == x\n"
        monkeypatch.setitem(TASKS, "row", replace(TASKS["six calls of a test"], task_id="row", tests=Check(source=source, is_alone=True)))
        result = judge(boxes, "row", f"def same(x):\n    return x  # {n}\n")
        assert (result.verdict, result.detail) == (verdict, detail)


# -- long numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("add", "verdict"), [(0, Verdict.PASSED), (1, Verdict.WRONG_ANSWER)])
@pytest.mark.parametrize("lifted", [True, False])
@pytest.mark.parametrize("task_id", ["long numbers", "long numbers of a test"])
def test_numbers_of_many_digits(boxes: Sandbox, task_id: str, lifted: bool, add: int, verdict: Verdict) -> None:
    lift = "import sys\nsys.set_int_max_str_digits(0)\n" if lifted else ""
    whole = "int('1' + '0' * n)" if lifted else "10**n"
    assert judge(boxes, task_id, f"{lift}def power(n):\n    return [{whole} + {add}, -{whole}, 10**4299]\n").verdict is verdict


# -- answers that are costly to read -----------------------------------------------------------------------------------

COLLIDING = """
class Key(int):
    def __hash__(self): return id(self)
def colliding(n): return [Key(i * (2**61 - 1)) for i in range(n)]
"""
"""Numbers whose hashes are all the same, but not for the program that makes a set of them."""


def test_what_a_test_pays_for_an_answer_is_bounded_and_the_programs_verdict(boxes: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read it, the test's box would need ten seconds and more."""
    monkeypatch.setattr(check, "TEST_S", 0.5)
    monkeypatch.setattr("gates.tests.TEST_S", 1.0)
    code = f"{COLLIDING}\ndef pairs(xs):\n    return {{}}\n"
    started = time.monotonic()
    result = judge(boxes, "check", code.format("[(1, frozenset(colliding(40_000)))]"), 1.0)
    assert (result.verdict, result.detail) == (Verdict.TIME_LIMIT, "in the test, after call 1")
    assert time.monotonic() - started < soon(5)
    assert judge(boxes, "check", RIGHT, 1.0).verdict is Verdict.PASSED
    code = code.format("dict.fromkeys(colliding(40_000))")
    test = "assert pairs([1]) == [(1, 1)]"
    reports = list(parse("tests").check_many([Solution(code=one, test=test) for one in (code, RIGHT)], boxes))
    assert [[finding.symbol for finding in report.findings] for (report,) in reports] == [["time-limit"], []]


@pytest.mark.parametrize(
    ("task_id", "form"),
    [("set", "set({})"), ("set", "frozenset({})"), ("dict", "dict.fromkeys({})"), ("set in a list", "[frozenset({})]"),
     ("set", "{{frozenset({})}}"), ("dict", "{{(1, frozenset({})): None}}")],
)  # fmt: skip
def test_what_the_host_pays_for_an_answer_is_bounded(
    boxes: Sandbox, task_id: str, form: str, monkeypatch: pytest.MonkeyPatch, frozen_heap: None
) -> None:
    """At most 0.2 s of CPU, and 0.1 s a MB, on a machine that reads JSON at 20 MB/s or more; once of three times."""
    spent = list[tuple[float, float]]()
    real = table.matches

    def timed(*given: Any) -> bool:
        expected, got = given[-2:]
        started = time.thread_time()
        codec.read(expected), codec.read(got)
        begun = time.thread_time()
        try:
            return real(*given)
        finally:
            size = (len(expected) + len(got)) / 1e6
            slowness = max(1.0, (begun - started) / (0.05 * size))
            spent.append((time.thread_time() - begun, (0.2 + 0.1 * size) * slowness))

    monkeypatch.setattr(table, "matches", timed)
    code = f"{COLLIDING}\ndef of(xs):\n    return {form.format('colliding(len(xs))')}\n"
    for _ in range(3):
        spent.clear()
        assert judge(boxes, task_id, code).verdict is Verdict.WRONG_ANSWER
        assert spent
        if all(took < most for took, most in spent):
            return
    raise AssertionError(spent)
