"""What is told of a failed call: true, the same each time, bounded, and of no influence on the verdict."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.oracle import Oracle, shown
from toolkit.records import Check, FailedCall, Result, Sample, Table, Task, Verdict
from toolkit.store.cache import VerdictCache

TABLE = Task(
    task_id="Own/0", prompt="def squares(xs):\n", entry_point="squares", canonical_solution="    return [x * x for x in xs]\n",
    tests=Table(base=([[1, 2]], [[]]), plus=([[3]], [[-1]])),
)  # fmt: skip
CHECK = Task(
    task_id="Own/1", prompt="def double(x):\n", entry_point="double", canonical_solution="    return 2 * x\n",
    tests=Check(source="def check(candidate):\n    assert candidate(0) == 0\n    assert candidate('ab') == 'abab'\n"),
)  # fmt: skip
TASKS = {task.task_id: task for task in (TABLE, CHECK)}
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""), has_plus=True)


@pytest.fixture(scope="module")
def pool(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    patch = pytest.MonkeyPatch()
    patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    with Sandbox(engine, 1, Limits(memory_bytes=4 << 30)) as pool:
        yield pool
    patch.undo()


def judge(
    pool: Sandbox, solution: str, task: Task = TABLE, *, cache: VerdictCache | None = None, fail_fast: bool = False,
    show_tests: bool = True, timeout_s: float = 5,
) -> Result:  # fmt: skip
    oracle = Oracle(
        pool, OWN, TASKS, "failed-1", timeout_s=timeout_s, cache=cache, fail_fast=fail_fast, show_tests=show_tests
    )
    ((_, result, _),) = oracle.judge_many([Sample(task_id=task.task_id, sample_id=0, solution=solution)])
    assert not oracle.defects, oracle.defects[0]
    return result


def body(code: str) -> str:
    return f"import os, time\ndef squares(xs):\n    {code}\n    return [x * x for x in xs]\n"


def test_the_first_failed_call_is_told(pool: Sandbox) -> None:
    result = judge(pool, body("if xs == [3]: return (9,)"))
    assert (result.base, result.plus, result.base_call, result.plus_call) == ("passed", "wrong_answer", None, 2)
    assert result.failed == FailedCall(call=2, input="[3]", expected="[9]", got="(9,)")
    result = judge(pool, body("if xs: raise KeyError('\\x1b[2J')"))
    assert result.failed == FailedCall(call=0, input="[1, 2]", expected="[1, 4]", got="KeyError: '\\x1b[2J'")
    assert (result.base_call, result.plus_call) == (0, 2)
    result = judge(pool, body("if not xs: os._exit(0)"))
    assert result.failed == FailedCall(call=1, input="[]", expected="[]", got=None)
    assert (result.base_call, result.plus_call) == (1, None)
    for whole in (judge(pool, "def squares(xs"), judge(pool, TABLE.prompt + TABLE.canonical_solution)):
        assert (whole.failed, whole.base_call, whole.plus_call) == (None, None, None)


def test_of_a_check_the_last_call_is_told(pool: Sandbox) -> None:
    result = judge(pool, "def double(x):\n    return 0", CHECK)
    assert result.failed == FailedCall(call=1, input="'ab'", expected=None, got="0")
    result = judge(pool, "def double(x):\n    return 2 // x", CHECK)
    assert result.failed
    assert result.failed.input == "0"
    assert result.failed.got == "ZeroDivisionError: integer division or modulo by zero"
    assert judge(pool, "import nothing", CHECK).failed is None


@pytest.mark.parametrize(
    "code",
    [
        "squares=lambda _:range(9**99)", "squares=lambda _:'a'*10**7", "squares=lambda _:9**9**6", "squares=lambda _:[0]*10**6",
        "squares=lambda _:b'x'*10**6", "def squares(_):raise ValueError('\\x1b'*10**7)", "squares=lambda _:{1:{2:[(3,)]*9**5}}",
        "squares=lambda _:eval('['*150+']'*150)", "class C:__slots__=()\nsquares=lambda _:C()", "squares=lambda _:'\\ud83d'*9**6",
    ],
)  # fmt: skip
def test_an_answer_that_is_long_to_write_costs_nothing(pool: Sandbox, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is made in no time, whatever a small program answers, and the verdict does not depend on it."""
    seconds = []

    def timed(wire: bytes, made: object = shown.value) -> str:
        started = time.process_time()
        line: str = made(wire)  # type: ignore[operator]
        seconds.append(time.process_time() - started)
        return line

    monkeypatch.setattr(shown, "value", timed)
    told = judge(pool, code)
    assert told.failed is not None
    assert max(map(len, (told.failed.input, told.failed.expected or "", told.failed.got or ""))) <= 200
    assert (told.failed.got or "").isprintable()
    assert max(seconds) < 0.05
    monkeypatch.setattr(shown, "value", lambda _: 1 / 0)
    monkeypatch.setattr(shown, "text", lambda _: 1 / 0)
    untold = judge(pool, code)
    assert untold.failed is None
    assert (untold.verdict, untold.base, untold.plus, untold.detail) == (told.verdict, told.base, told.plus, told.detail)


def test_a_stored_verdict_tells_the_same_and_hides_the_same(pool: Sandbox, tmp_path: Path) -> None:
    code = body("if xs: return {2, 1}")
    cache = VerdictCache(tmp_path)
    try:
        hidden = judge(pool, code, cache=cache, show_tests=False)
        told = judge(pool, code, cache=cache)
        assert (hidden.failed, hidden.base_call, hidden.detail) == (None, 0, told.detail)
        assert told == judge(pool, code)
        assert told.failed == FailedCall(call=0, input="[1, 2]", expected="[1, 4]", got="{1, 2}")
        assert judge(pool, code, cache=cache, show_tests=False) == hidden
        assert judge(pool, code, cache=cache, fail_fast=True).plus is None  # another question
        assert judge(pool, code, cache=cache).plus is Verdict.WRONG_ANSWER
    finally:
        cache.close()


@pytest.mark.parametrize(
    ("code", "base", "plus"),
    [
        ("if xs == [1, 2]: return 0", Verdict.WRONG_ANSWER, None),
        ("if xs == [1, 2]: raise KeyError", Verdict.RUNTIME_ERROR, None),
        ("if not xs: os._exit(0)", Verdict.RUNTIME_ERROR, None),
        ("if xs == [1, 2]: os.write(4, b'?' * 99)", Verdict.RUNTIME_ERROR, None),
        ("if xs == [3]: return 0", Verdict.PASSED, Verdict.WRONG_ANSWER),
        ("if xs == [3]: os._exit(0)", Verdict.PASSED, Verdict.RUNTIME_ERROR),
        ("0", Verdict.PASSED, Verdict.PASSED),
        ("return", Verdict.WRONG_ANSWER, None),
    ],
)
def test_failing_fast_leaves_out_the_plus_part_and_nothing_else(
    pool: Sandbox, code: str, base: Verdict, plus: Verdict | None
) -> None:
    fast, slow = judge(pool, body(code), fail_fast=True), judge(pool, body(code))
    assert (fast.base, fast.plus) == (base, plus)
    assert (fast.verdict, fast.base, fast.detail, fast.failed) == (slow.verdict, slow.base, slow.detail, slow.failed)
    assert fast.plus in (None, slow.plus)


def test_failing_fast_pays_one_limit(pool: Sandbox) -> None:
    endless = body("while True: pass")
    charged = {}
    for fail_fast in (False, True):
        oracle = Oracle(pool, OWN, TASKS, "failed-1", timeout_s=1, fail_fast=fail_fast)
        ((_, result, facts),) = oracle.judge_many([Sample(task_id="Own/0", sample_id=0, solution=endless)])
        assert result.verdict is Verdict.TIME_LIMIT
        charged[fail_fast] = facts.charged_s
    assert charged[True] < 0.7 * charged[False]
    broken = judge(pool, "def squares(xs", fail_fast=True)
    assert (broken.base, broken.plus) == (Verdict.COMPILE_ERROR, None)
