"""The oracle: right is right, wrong is wrong, and no trick makes one the other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import Box, BoxLost, DockerEngine, Engine, Limits, Sandbox
from sandbox.wire import codec
from toolkit.benchmarks import BENCHMARKS, Options, humaneval_plus, mbpp_plus
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.benchmarks.compare import matches
from toolkit.oracle import Oracle, canary
from toolkit.records import Check, Result, Sample, Table, Task, Verdict
from toolkit.store.cache import VerdictCache

PROGRAMS = Path(__file__).parents[2] / "programs"
TABLE = Task(
    task_id="Own/0",
    prompt='def pairs(xs):\n    """Pair each number with its square."""\n',
    entry_point="pairs",
    canonical_solution="    return [(x, x * x) for x in xs]\n",
    tests=Table(base=([[1, 2, 3]], [[]]), plus=([[0.5, -1]], [list(range(2000))])),
)
CHECK = Task(
    task_id="Own/1",
    prompt="def twice(x):\n    return 2 * x\n\n\ndef double(x):\n",
    entry_point="double",
    canonical_solution="    return twice(x)\n",
    tests=Check(
        source="def check(candidate):\n    for x in range(3):\n        assert candidate(x) == twice(x)\n    assert candidate('ab') == 'abab'\n"
    ),
)
OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))


@contextmanager
def opened(engine: Engine, cache: Path) -> Iterator[Oracle]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(engine, 1, Limits(memory_bytes=4 << 30)) as pool:
        patch.setenv("TOOLKIT_CACHE", str(cache))
        yield Oracle(pool, OWN, {task.task_id: task for task in (TABLE, CHECK)}, "own-1", timeout_s=1)


@pytest.fixture(scope="module")
def oracle(either: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with opened(either, tmp_path_factory.mktemp("cache")) as oracle:
        yield oracle


def judge(oracle: Oracle, solution: str, task: Task = TABLE) -> Result:
    ((_, result, _),) = oracle.judge_many([Sample(task_id=task.task_id, sample_id=0, solution=solution)])
    assert not oracle.defects, oracle.defects[0]
    return result


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*/*.py")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_folder_is_verdict(path: Path, oracle: Oracle) -> None:
    """Each program in tests/programs/VERDICT/ answers TABLE (`pairs`) or CHECK (`double`)."""
    source = path.read_text()
    result = judge(oracle, source, CHECK if "double" in source else TABLE)
    assert result.verdict == path.parent.name, result
    assert judge(oracle, TABLE.prompt + TABLE.canonical_solution).verdict is Verdict.PASSED


def test_a_check_is_left_by_no_jump_either(oracle: Oracle) -> None:
    jump = (PROGRAMS / "runtime_error" / "jump_in_every_callers_frame.py").read_text()
    source = jump.replace("def pairs(xs)", "def double(x)").replace("[(x, x * x) for x in xs]", "None")
    assert judge(oracle, source, CHECK).verdict is Verdict.RUNTIME_ERROR


def test_base_and_plus_are_told_apart(oracle: Oracle) -> None:
    result = judge(oracle, "def pairs(xs):\n    return [(x, x * x) for x in xs if x == int(x)]")
    assert (result.base, result.plus, result.verdict) == (Verdict.PASSED, Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER)
    result = judge(oracle, "def pairs(xs):\n    if xs == [1, 2, 3]: raise SystemExit(0)\n    return [(x, x * x) for x in xs]")
    assert (result.base, result.plus) == (Verdict.RUNTIME_ERROR, Verdict.PASSED)
    assert result.detail == "in call 0: SystemExit: 0"


def test_base_and_plus_are_judged_apart_also_when_the_process_dies(oracle: Oracle) -> None:
    result = judge(oracle, "import os\ndef pairs(xs):\n    if not xs: os._exit(0)\n    return [(x, x * x) for x in xs]")
    assert (result.base, result.plus) == (Verdict.RUNTIME_ERROR, Verdict.PASSED)
    result = judge(oracle, "def pairs(xs):\n    while not xs: pass\n    return [(x, x * x) for x in xs]")
    assert (result.base, result.plus) == (Verdict.TIME_LIMIT, Verdict.PASSED)


def test_a_wrong_answer_is_seen_before_an_endless_call_has_had_its_time(oracle: Oracle) -> None:
    started = time.monotonic()
    result = judge(oracle, "def pairs(xs):\n    while not xs: pass\n    return xs")
    assert (result.base, result.plus) == (Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER)
    assert time.monotonic() - started < oracle.rules.timeout_s


def test_a_part_is_judged_also_when_the_one_before_failed_with_calls_left(oracle: Oracle) -> None:
    wait = "import time\ndef pairs(xs):\n    time.sleep(0.02 if xs else 0.3)\n"
    result = judge(oracle, f"{wait}    return [(x, x * x) for x in xs] if xs != [1, 2, 3] else None")
    assert (result.base, result.plus) == (Verdict.WRONG_ANSWER, Verdict.PASSED)


@pytest.mark.parametrize("pause", [0, 0.3], ids=["at once", "the host may have stopped it by then"])
@pytest.mark.parametrize("answer", ["xs and [(x, x * x) for x in xs]", "0"], ids=["base is right", "base is wrong"])
def test_what_is_written_after_a_wrong_answer_costs_no_part_that_was_complete(oracle: Oracle, pause: float, answer: str) -> None:
    code = f"""import os, time
def pairs(xs):
    if xs == [0.5, -1]:
        return 0
    if len(xs) > 9:
        time.sleep({pause}), os.write(4, b"R\\0\\0\\0\\x011")
    return {answer}
"""
    result = judge(oracle, code)
    assert result.plus is Verdict.WRONG_ANSWER
    assert result.base is (Verdict.WRONG_ANSWER if answer == "0" else Verdict.PASSED)


def test_an_answer_too_many_fails_all_parts_that_no_wrong_answer_did(oracle: Oracle) -> None:
    code = "import os\ndef pairs(xs):\n    len(xs) > 9 and os.write(4, b'?\\0\\0\\0\\0')\n    return xs and [(x, x * x) for x in xs]"
    result = judge(oracle, code)
    assert (result.base, result.plus) == (Verdict.RUNTIME_ERROR, Verdict.RUNTIME_ERROR)


def test_equal_solutions_run_once_and_verdicts_are_kept(oracle: Oracle, tmp_path: Path) -> None:
    source = TABLE.prompt + TABLE.canonical_solution
    samples = [Sample(task_id="Own/0", sample_id=i, solution=source) for i in range(5)]
    oracle.cache = VerdictCache(tmp_path)
    try:
        first = {s.sample_id: (r, f) for s, r, f in _judge_many(oracle, samples)}
        again = {s.sample_id: (r, f) for s, r, f in _judge_many(oracle, samples)}
    finally:
        oracle.cache.close()
        oracle.cache = None
    assert sum(not facts.cached for _, facts in first.values()) == 1
    assert all(facts.cached for _, facts in again.values())
    assert [first[i][0] for i in range(5)] == [again[i][0] for i in range(5)]


def _judge_many(oracle: Oracle, samples: list[Sample]) -> list[Any]:
    return list(oracle.judge_many(samples))


def test_boxes_that_are_lost_with_a_known_program_too_are_no_verdict(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_args: object, **_more: object) -> Any:
        raise BoxLost("gone")

    monkeypatch.setattr(Box, "calls", lost)
    monkeypatch.setattr(Box, "run", lost)
    result = judge(oracle, TABLE.prompt + TABLE.canonical_solution)
    assert result.verdict is None
    assert result.error == "not judged: gone"


def test_a_program_whose_box_is_lost_twice_has_a_verdict(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known program runs in between: so it is the program's doing."""

    def lost(*_args: object, **_more: object) -> Any:
        raise BoxLost("gone")

    monkeypatch.setattr(Box, "calls", lost)
    result = judge(oracle, TABLE.prompt + TABLE.canonical_solution)
    assert (result.verdict, result.base, result.plus) == (Verdict.RUNTIME_ERROR,) * 3
    assert result.detail == "its box did not survive it, twice"


def test_a_box_killed_under_a_sample_is_replaced(engine: DockerEngine, tmp_path: Path) -> None:
    with opened(engine, tmp_path) as oracle:
        is_replaced(oracle, engine)


def is_replaced(oracle: Oracle, engine: DockerEngine) -> None:
    source = "import time\ndef pairs(xs):\n    time.sleep(0.3)\n    return [(x, x * x) for x in xs]"
    with oracle.pool.box() as box:
        box.start()
    assert box._connection is not None
    name = box._connection.name
    threading.Timer(0.2, lambda: engine.client.api.kill(name)).start()
    assert judge(oracle, source).verdict in (Verdict.PASSED, Verdict.TIME_LIMIT)
    assert box._connection is None or box._connection.name != name


def test_canary(oracle: Oracle) -> None:
    before = vars(oracle).copy()
    canary(oracle)
    assert vars(oracle) == before


def equal(benchmark: Benchmark, entry_point: str, arguments: list[Any], expected: Any, got: Any, atol: float = 0) -> bool:
    task = replace(TABLE, entry_point=entry_point, tests=Table(atol=atol))
    return matches(benchmark, task, arguments, codec.encode(expected), codec.encode(got, listed=benchmark.is_set(task)))


@pytest.mark.parametrize(
    ("expected", "got", "right"),
    [
        (1, 1, True), (1, True, True), (1, 1.0, True), (1.5, 1.5 + 1e-9, True), (1.5, 1.6, False),
        (1.5, float("nan"), False), ([1.5, 2.5], [1.5, 2.5 + 1e-8], True), ([1.5], (1.5,), False), ("a", "b", False),
        ((1, 2), [1, 2], False), ({1: 2}, {1: 2.0}, True), (float("inf"), float("inf"), True), (None, 0, False),
        ([1.5, 2.5], [1.5], False), (1.5, "1.5", False), (1.5, None, False),
    ],
)  # fmt: skip
def test_plain_comparison(expected: Any, got: Any, right: bool) -> None:
    assert equal(OWN, "pairs", [], expected, got) is right


@pytest.mark.parametrize(
    ("name", "arguments", "expected", "got", "right"),
    [
        ("Diff", [], [1, 2], [2, 1, 1], True),
        ("similar_elements", [], (1, 2), [2, 1], True),
        ("Diff", [], [1, 2], 5, False),
        ("Diff", [], [1, 2], range(10**15), False),
        ("Diff", [], [1, 2], range(10**30), False),
        ("check_str", [], "found", True, True),
        ("check_str", [], None, "x", False),
        ("check_str", [], "found", None, False),
        ("are_equivalent", [], True, False, True),
        ("are_equivalent", [], True, None, False),
        ("sum_div", [8], 7, 0, True),
        ("surface_Area", [3, 4], 33, 35, True),
        ("digit_distance_nums", [1, 23], 3, 4, True),
        ("anything", [], 1, 2, False),
    ],
)
def test_special_rules_of_mbpp(name: str, arguments: list[Any], expected: Any, got: Any, right: bool) -> None:
    assert equal(mbpp_plus.BENCHMARK, name, arguments, expected, got) is right


def test_any_zero_of_the_polynomial_is_right() -> None:
    coefficients = [-6, 11, -6, 1]
    for got, right in ((1.0, True), (2.0, True), (3, True), (1.1, False), (float("nan"), False), ("1", False)):
        assert equal(humaneval_plus.BENCHMARK, "find_zero", [coefficients], 1.0, got, 1e-4) is right


def test_humaneval_loads() -> None:
    assert len(BENCHMARKS["humaneval"].load(Options()).tasks) == 164
