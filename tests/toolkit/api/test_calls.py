"""The public functions on real boxes: in a script, inside a running event loop, from several threads, cancelled and interrupted."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests.processes import started
from toolkit.benchmarks import BENCHMARKS, Options

pytestmark = pytest.mark.boxes

TASKS = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())
ENDLESS = "    while True:\n        pass\n"
FIVE = [(task.task_id, task.canonical_solution if i % 2 == 0 else "    return None\n") for i, task in enumerate(TASKS[:5])]


def boxes(pid: int = 0) -> set[str]:
    """The containers of a process's boxes, by default of this one (every box is labelled with its owner)."""
    words = ["docker", "ps", "-a", "--filter", "label=exogate.box", "--format", '{{.ID}} {{.Label "exogate.owner"}}']
    lines = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return {line for line in lines if f"/{pid or os.getpid()}/" in line}


def wait_for(n: int, pid: int = 0, then_s: float = 1.5) -> None:
    """Wait until a process has `n` boxes, and then until a program has had time to start in the last of them."""
    deadline = time.monotonic() + 60
    while len(boxes(pid)) < n and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(then_s)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = boxes()
    yield
    assert boxes() == before


def test_judge_takes_rows_pairs_and_paths(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    given: list[Any] = [*FIVE, {"task_id": "HumanEval/0", "raw_response": f"Sure!\n```python\n{TASKS[0].prompt}{TASKS[0].canonical_solution}```"}]
    found = toolkit.judge("humaneval", given, limit=5, use_cache=False, progress=lambda *at: seen.append(at))
    assert [result.verdict for result in found.results] == ["passed", "wrong_answer", "passed", "wrong_answer", "passed", "passed"]
    assert [(result.task_id, result.sample_id) for result in found.results][-2:] == [("HumanEval/4", 0), ("HumanEval/0", 1)]
    assert seen == [(i, 6) for i in range(1, 7)]
    at = found.pass_at_k["base"][1]
    assert at.value == pytest.approx(0.6)
    assert 0 < at.low < at.value < at.high < 1
    assert found.pass_at_k.keys() == {"base"}
    assert (found.n_tasks, found.missing, found.problems, found.bounds) == (164, [], [], {})
    assert str(found) == f"humaneval: base pass@1 0.600 [{at.low:.3f}, {at.high:.3f}], 6 samples of 5 of 164 tasks"
    file = tmp_path / "s.jsonl"
    file.write_text("".join(json.dumps({"task_id": task_id, "completion": text}) + "\n" for task_id, text in FIVE))
    for path in (file, str(file)):
        assert toolkit.judge("humaneval", path, limit=5).results == found.results[:5]


def test_judge_says_what_cannot_be_judged() -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (FIVE, {}, "159 of 164 tasks have no sample"),
        (FIVE, {"timeout": 0}, "--timeout"),
        (FIVE, {"ks": [0]}, "ks"),
        (FIVE, {"limit": 0}, "limit"),
        (FIVE, {"parallel": 0}, "--parallel"),
        (FIVE, {"mini": True}, "--mini"),
        ([], {}, "samples: empty"),
        ({"HumanEval/0": "x"}, {}, "list of pairs"),
        ([5, ("HumanEval/0", "x", "y"), ("HumanEval/999", "x")], {}, r"samples\[0\]: neither.*\n.*samples\[1\].*\n.*unknown task_id"),
        ("/nowhere.jsonl", {}, "nowhere"),
    ]
    for samples, settings, words in cases:
        with pytest.raises(toolkit.UsageError, match=words):
            toolkit.judge("humaneval", samples, **settings)
    with pytest.raises(toolkit.UsageError, match="humanevil"):
        toolkit.judge("humanevil", FIVE)
    found = toolkit.judge("humaneval", [*FIVE, 5], limit=5, skip_bad=True)  # type: ignore[list-item]
    assert list(found.problems) == ["samples[5]: neither a mapping nor a pair (task_id, text) but int"]
    low, high = found.bounds["base"][1]
    assert low < found.pass_at_k["base"][1].value < high


def test_no_engine_is_an_infrastructure_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with toolkit.Oracle("humaneval") as oracle:
        for call in (
            lambda: toolkit.judge("humaneval", FIVE, limit=5), lambda: toolkit.gate("compile", ["x = 1"], use_cache=False),
            lambda: toolkit.Box().run("x = 1"), lambda: oracle.judge(FIVE),
        ):  # fmt: skip
            with pytest.raises(toolkit.InfrastructureError, match="make engine"):
                call()


def test_gate_gives_reasons_in_order(tmp_path: Path) -> None:
    rows: list[Any] = ["x = 1\n", "def f(:\n", {"code": "def f():\n    return 1\n", "test": "assert f() == 2"}, "\0"]
    seen: list[tuple[int, int]] = []
    found = toolkit.gate("compile+tests", rows, thresholds={"timeout": 3}, use_cache=False, progress=lambda *at: seen.append(at))
    assert [decision.accepted for decision in found][1:] == [False, False, False]
    assert found[1].reasons == ("compile: SyntaxError: invalid syntax",)
    assert found[2].reasons[0].startswith("tests: ")
    assert [report.gate for report in found[2].reports] == ["compile", "tests"]
    assert "not-text" in found[3].reasons[0]
    assert seen == [(i, 4) for i in range(1, 5)]
    assert toolkit.gate("compile", []) == []
    (tmp_path / "a.py").write_text("x = 1\n")
    assert [decision.accepted for decision in toolkit.gate("compile", tmp_path)] == [True]
    cases: list[tuple[str, Any, dict[str, Any], str]] = [
        ("compil", rows, {}, "no gate is called 'compil'"),
        ("compile", rows, {"thresholds": {"pylint": 8}}, "pylint"),
        ("compile", [5, {"n": 1}], {}, r"programs\[0\]: neither.*\n.*programs\[1\]: none of"),
        ("compile", "x = 1\n", {}, "give \\[program\\]"),
        ("compile", "/nowhere.jsonl", {}, "nowhere"),
        ("compile", rows, {"parallel": 0}, "parallel"),
    ]
    for kind, programs, settings, words in cases:
        with pytest.raises(toolkit.UsageError, match=words):
            toolkit.gate(kind, programs, **settings)


def test_an_oracle_stays_warm_and_is_used_from_several_threads() -> None:
    with toolkit.Oracle("humaneval", use_cache=False, limit=5) as oracle:
        assert oracle.judge([]) == []
        assert boxes() == set()
        first = oracle.judge(FIVE)
        warm = boxes()
        assert len(warm) >= 2
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(lambda _: oracle.judge(FIVE), range(4))) == [first] * 4
        assert boxes() == warm
        with pytest.raises(ZeroDivisionError):  # of the caller's own callback
            oracle.judge(FIVE, progress=lambda *_: 1 // 0)
        assert oracle.judge(FIVE) == first
        assert len(boxes()) == len(warm)
        oracle.check()
    with pytest.raises(toolkit.UsageError, match="closed"):
        oracle.judge(FIVE)
    oracle.close()


def test_a_box_runs_programs() -> None:
    with toolkit.Box(toolkit.Limits(memory_bytes=128 << 20)) as box:
        assert box.run("print(input())", stdin="hi").stdout == "hi\n"
        assert box.run(b"import sys; print(sys.stdin.buffer.read())", stdin=b"\xff").stdout == "b'\\xff'\n"
        assert box.run("while True: pass", timeout=0.5).status is toolkit.Status.TIMED_OUT
        assert box.run("x = bytearray(1 << 30)").status in (toolkit.Status.MEMORY_EXCEEDED, toolkit.Status.EXITED)
        with pytest.raises(toolkit.UsageError, match="charged_s"):
            box.run("", timeout=-1)
        assert len(boxes()) == 1
    for _ in range(2):
        with pytest.raises(toolkit.UsageError, match="closed"):
            box.run("print(1)")
        box.close()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_box_is_gone_whatever_ends_the_block(error: type[BaseException]) -> None:
    seen = set()

    def block() -> None:
        with toolkit.Box():
            seen.update(boxes())
            raise error

    with pytest.raises(error):
        block()
    assert len(seen) == 1
    assert boxes() == set()


def test_several_boxes_and_a_box_shared_by_threads() -> None:
    with toolkit.Box() as one, toolkit.Box() as other, ThreadPoolExecutor(4) as threads:
        assert len(boxes()) == 2
        found = threads.map(lambda i: (one, other)[i % 2].run(f"print({i})").stdout, range(20))
        assert list(found) == [f"{i}\n" for i in range(20)]


def test_closing_a_box_ends_its_program() -> None:
    box, started_at = toolkit.Box(), time.monotonic()
    with box:
        threading.Timer(3, box.close).start()
        with pytest.raises(toolkit.InfrastructureError):
            box.run("import time; time.sleep(60)", timeout=100)
    assert time.monotonic() - started_at < 30


def test_inside_a_running_loop_blocking_and_awaitable_calls_agree() -> None:
    async def cell() -> None:
        blocking = toolkit.judge("humaneval", FIVE, limit=5)
        awaited, decisions = await asyncio.gather(
            toolkit.judge_async("humaneval", FIVE, limit=5), toolkit.gate_async("compile", ["x = 1", "x ="], use_cache=False)
        )
        assert awaited.results == blocking.results
        assert awaited.pass_at_k == blocking.pass_at_k
        assert [decision.accepted for decision in decisions] == [True, False]
        assert toolkit.gate("compile", ["x = 1", "x ="]) is not None
        with toolkit.Oracle("humaneval", limit=5) as oracle, toolkit.Box() as box, toolkit.Box() as other:
            results, execution, second = await asyncio.gather(
                oracle.judge_async(FIVE), box.run_async("print(1)"), other.run_async("print(2)")
            )
            assert results == blocking.results
            assert (execution.stdout, second.stdout) == ("1\n", "2\n")
            assert box.run("print(3)").stdout == "3\n"
            with pytest.raises(toolkit.UsageError, match="unknown task_id"):
                await oracle.judge_async([("HumanEval/999", "")])

    asyncio.run(cell())


def test_the_loop_goes_on_while_something_is_awaited() -> None:
    async def ticks() -> int:
        with toolkit.Box() as box:
            running = asyncio.create_task(box.run_async("import time; time.sleep(2)"))
            n = 0
            while not running.done():
                await asyncio.sleep(0.05)
                n += 1
            return n

    assert asyncio.run(ticks()) >= 10


def test_cancelling_ends_the_programs() -> None:
    async def cancelled(call: Any, n_boxes: int, then_s: float = 1.5) -> float:
        task = asyncio.create_task(call)
        await asyncio.to_thread(wait_for, n_boxes, then_s=then_s)
        assert not task.done()
        at = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - at

    async def main() -> None:
        endless = [("HumanEval/0", ENDLESS)]
        test = {"code": "def f(): return 1", "test": "while True: pass"}
        judging = toolkit.judge_async("humaneval", endless, limit=1, timeout=300, total_timeout=300, use_cache=False)
        assert await cancelled(judging, 2, then_s=4) < 30  # known programs come first
        assert await cancelled(toolkit.gate_async("tests", [test], thresholds={"timeout": 300}, use_cache=False), 2) < 30
        with toolkit.Box(toolkit.Limits(charged_s=300)) as box:
            assert await cancelled(box.run_async("while True: pass"), 1) < 30
            assert box.run("print(1)").stdout == "1\n"
        with toolkit.Oracle("humaneval", limit=5, timeout=300, total_timeout=300, use_cache=False) as oracle:
            first = oracle.judge(FIVE)
            warm = boxes()
            other = asyncio.create_task(oracle.judge_async(FIVE))
            assert await cancelled(oracle.judge_async(endless), 2) < 30
            assert await other == first  # a call that was not cancelled goes on
            assert oracle.judge(FIVE) == first
            assert len(boxes()) == len(warm)

    asyncio.run(main())


INTERRUPTED = """
import sys, time, toolkit
oracle = toolkit.Oracle("humaneval", limit=1, timeout=300, total_timeout=300, use_cache=False)
with toolkit.Box(toolkit.Limits(charged_s=300)) as box, oracle:
    for call in (lambda: box.run("while True: pass"), lambda: oracle.judge([("HumanEval/0", "    while True: pass")])):
        try:
            print("begun", flush=True)
            call()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    print(box.run("print(6 * 7)").stdout, oracle.judge([("HumanEval/0", "    return 5")])[0].verdict, flush=True)
"""


def test_ctrl_c_ends_a_call_and_leaves_what_it_was_called_on_usable() -> None:
    with started([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for n_boxes in (1, 3):
            assert process.stdout.readline() == "begun\n"
            wait_for(n_boxes, process.pid)
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == "42\n wrong_answer\n"
