"""What fails on our side is 504 and counted, never a reward; what a program does to its box is the program's. No box is needed."""

import asyncio
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from sandbox import BoxDestroyed, BoxLost, EngineUnavailable, Sandbox, Starved
from tests.toolkit.service.conftest import ROW
from toolkit.oracle import Facts, Oracle, unittests
from toolkit.oracle.findings import BrokenTest
from toolkit.records import Result, Sample, Task, UnitTests, Verdict
from toolkit.service import app, boxes, fusion, shapes
from toolkit.service.app import Service
from toolkit.service.asked import Inlet
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.questions import label_of
from toolkit.service.room import Room
from toolkit.service.settings import NOBODY, Key, Settings
from toolkit.store.cache import VerdictCache


def raising(error: Exception) -> Any:
    def attempt(*_: Any, **__: Any) -> Any:
        raise error

    return attempt


async def both(room: Room) -> list[Any]:
    """Ask for a run and for a verdict; return the answers, or what was raised."""
    asked = room.books.question(ROW)
    work = [room.run_code("", shapes.RunCode(code="print(1)"), 30), room.judge("", asked, 30)]
    return list(await asyncio.gather(*work, return_exceptions=True))


@pytest.mark.parametrize(("error", "why"), [
    (BoxLost("gone"), "box"), (Starved("busy"), "box"), (EngineUnavailable("gone"), "box"), (OSError("disk"), "box"),
    (ZeroDivisionError("ours"), "defect"),
])  # fmt: skip
def test_our_own_failure_is_504(room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(error))
    with caplog.at_level(logging.CRITICAL, "toolkit.serve"):
        found = asyncio.run(both(room))
    assert [type(each) for each in found] == [Unanswered, Unanswered], found
    assert {(each.status, each.why) for each in found} == {(504, why)}
    assert room.metrics.of("exogate_unscored_total") == {f'{{reason="{why}"}}': 2}


def test_a_defect_in_reading_a_row_is_504_and_counted(room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(room.books, "question", raising(TypeError("ours")))
    with caplog.at_level(logging.CRITICAL, "toolkit.serve"), pytest.raises(Unanswered) as caught:
        asyncio.run(room.question(ROW, 30))
    assert (caught.value.status, caught.value.why) == (504, "defect")
    assert room.metrics.of("exogate_unscored_total") == {'{reason="defect"}': 1}


def test_a_box_that_fails_once_costs_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def attempt(*_: Any, **__: Any) -> Any:
        tried.append(1)
        raise Starved("busy")

    monkeypatch.setattr(Sandbox, "attempt", attempt)
    asyncio.run(both(room))
    assert len(tried) == 2 * boxes.TRIES


def test_what_a_program_does_to_its_box_is_its_own(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(BoxDestroyed("twice")))
    ran, judged = asyncio.run(both(room))
    assert (ran["status"], ran["run_result"]["return_code"]) == ("Failed", -9)
    assert (judged["status"], judged["passed"]) == ("runtime_error", False)


def test_a_row_whose_program_may_outlast_its_client_is_refused(room: Room) -> None:
    assert asyncio.run(room.question(ROW | {"timeout": 28}, 30)).oracle.rules.timeout_s == 28
    with pytest.raises(Failed, match=r"^timeout: 29.5 s is too long for a client that waits 30 s") as refused:
        asyncio.run(room.question(ROW | {"timeout": 29.5}, 30))
    assert refused.value.status == 422


def test_shares_take_no_longer_than_one_verdict_may(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of /judge waits for 120 s: 64 endless tests of 5 s each, one by one, would never be answered."""
    slow = Result(task_id="own", sample_id=0, verdict=Verdict.TIME_LIMIT, base=Verdict.TIME_LIMIT, base_call=0)
    asked: list[int] = []
    monkeypatch.setattr(Oracle, "judge_one", lambda *_: (asked.append(1), (slow, Facts(charged_s=5.0)))[1])
    row = {**ROW, "tests": {"asserts": [f"assert f({n}) == {n}" for n in range(64)]}, "partial": True}
    question = room.books.question(row)
    assert question.oracle.rules.fail_fast, "nor do tests that cannot change the verdict any more"
    found = asyncio.run(room.judge("", question, 120))
    assert (found["status"], found["tests_passed"], found["tests"]) == ("time_limit", 0, 64)
    assert 5.0 * len(asked) == question.oracle.rules.total_timeout_s


def test_nothing_is_judged_while_known_programs_are_judged_wrongly(room: Room) -> None:
    room.trust("a program known to be passed was judged wrong_answer")
    assert {(each.status, each.why) for each in asyncio.run(both(room))} == {(504, "canary")}
    assert room.metrics.of("exogate_canary_failures_total") == {"": 1}


def test_known_programs_are_judged_anew_although_verdicts_are_stored(room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    is_right = True

    def judge(_oracle: Oracle, sample: Sample, _box: Any) -> tuple[Result, Facts]:
        verdict = Verdict.PASSED if is_right and "2 * " in sample.solution else Verdict.WRONG_ANSWER
        return Result(task_id=sample.task_id, sample_id=0, verdict=verdict, base=verdict), Facts()

    async def act() -> None:
        nonlocal is_right
        proving, deadline = asyncio.create_task(Service(room)._prove()), time.monotonic() + 10
        while room.metrics.of("exogate_verdicts_total").get('{verdict="wrong_answer"}', 0) < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert room.why_not_ready == ""
        is_right = False
        while not room.why_not_ready and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        proving.cancel()

    monkeypatch.setattr(app, "PROVE_S", 0)
    monkeypatch.setattr(Sandbox, "attempt", lambda _pool, act, *_, **__: act(None))
    monkeypatch.setattr(Oracle, "judge", judge)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    room.cache = VerdictCache()
    with caplog.at_level(logging.CRITICAL, "toolkit.serve"):
        asyncio.run(act())
    assert room.why_not_ready == "a program known to be passed was judged wrong_answer"


def test_broken_tests_are_the_rows_own(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sandbox, "attempt", raising(BrokenTest("the test fails before its first call")))
    assert isinstance(asyncio.run(both(room))[1], Failed)
    assert room.metrics.of("exogate_unscored_total") == {}


@pytest.mark.parametrize(("verdict", "allowed", "score"), [
    (Verdict.PASSED, False, None), (Verdict.PASSED, True, 1.0), (Verdict.WRONG_ANSWER, False, 0.0),
])  # fmt: skip
def test_a_shared_pass_is_no_reward_unless_allowed(room: Room, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, allowed: bool, score: float | None) -> None:
    said = Result(task_id="own", sample_id=0, verdict=verdict, base=verdict, shared=True)
    monkeypatch.setattr(Oracle, "judge_one", lambda *_: (said, Facts()))
    room.settings = replace(room.settings, allow_shared=allowed)
    found = asyncio.run(room.judge("", room.books.question(ROW), 30))
    assert (found["status"], found["score"], found["passed"], found["shared"]) == (verdict, score, score and bool(score), True)
    assert ("error" in found) == (score is None)
    provided = {"dataset_type": "CommonOJDataset", "provided_data": {"id": 1, "test": [{"input": {"stdin": ""}, "output": {"stdout": ""}}]}}
    for path, key, body, name in (
        (Service(room)._openrlhf, NOBODY, {"query": ["x"], "labels": [ROW]}, "rewards"),
        (Service(room)._slime, NOBODY, {"response": "x", "label": ROW}, ""),
        (fusion.submit, "", {"dataset": "own", "id": 1, "completion": "", "config": provided}, "accepted"),
    ):  # fmt: skip
        if score is None:
            with pytest.raises(Unanswered, match="shared a process"):
                asyncio.run(path(room, key, body))
        else:
            told = asyncio.run(path(room, key, body))
            assert (told[name] if name else told) == score
    assert room.metrics.of("exogate_unscored_total") == ({'{reason="shared"}': 3} if score is None else {})


def test_a_benchmark_is_judged_in_boxes_of_its_image(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def attempt(_pool: Sandbox, _act: Any, image: str, **_: Any) -> Any:
        asked.append(image)
        raise BoxDestroyed("twice")

    monkeypatch.setattr(Sandbox, "attempt", attempt)
    question = room.books.question(ROW)
    question.oracle.rules = replace(question.oracle.rules, benchmark=replace(question.oracle.rules.benchmark, image="other"))
    asyncio.run(room.judge("", question, 30))
    question.oracle.judge_one(question.sample)
    assert asked == ["other", "other"]


def test_test_classes_may_take_what_the_oracle_gives_them(room: Room) -> None:
    task = Task(task_id="x", prompt="", entry_point="f", canonical_solution="", tests=UnitTests(source="", classes=("T",)))
    oracle = room.books.question(ROW).oracle
    assert room.books._asked(oracle, task, "", {}, 5.0, shows=False).limit_s == unittests.MOST_S


def test_labels_are_rows_tasks_or_tests_as_adapters_read_them() -> None:
    tests = {"kind": "asserts", "asserts": ["assert f(1)"]}
    for label in ({"tests": tests}, json.dumps({"tests": tests}), tests, json.dumps(tests), tests["asserts"], {"assert_case": tests["asserts"]}):
        assert label_of(label) == {"tests": tests}
    assert label_of("humaneval+:HumanEval/0") == {"benchmark": "humaneval+", "task_id": "HumanEval/0"}
    assert label_of({"benchmark": "x", "task_id": 1, "partial": True})["partial"]
    for label in (None, 5, "", "x", "{", {}, [], [1], {"test_cases": [1]}, {"inputs": ["1"], "outputs": [None]}, "[" * 100_000):
        with pytest.raises(Failed, match="label: a row"):
            label_of(label)


@pytest.mark.parametrize(("body", "wanted"), [
    ({"code": ""}, (30, 30)), ({"code": "", "compile_timeout": 1, "run_timeout": 2}, (13, 13)),
    ({"code": "", "language": "python", "stdin": "", "run_timeout": 30}, (50, 1)),
])  # fmt: skip
def test_how_long_clients_wait(body: dict[str, Any], wanted: tuple[float, float]) -> None:
    assert fusion.patience_s(shapes.RunCode.model_validate(body)) == wanted


async def read(parts: list[bytes], settings: Settings, *, is_over: bool = True, length: int | None = None) -> Any:
    """Return what a body is read as; after the parts come nothing, or nothing more."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        return {"type": "http.request", "body": b"", "more_body": False} if is_over else await asyncio.sleep(60)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    inlet = Inlet(settings)
    try:
        async with inlet.body(Request({"type": "http", "headers": headers}, receive)) as body:
            assert inlet.held == sum(map(len, parts))
            return body
    finally:
        assert inlet.held == 0


@pytest.mark.parametrize(("parts", "more", "status"), [
    ([b'{"a":', b"1}"], {}, 200), ([b"{"], {"is_over": False}, 408), ([b"x" * 600, b"x" * 600], {}, 413), ([], {"length": 9999}, 413),
    ([b"[1, "], {}, 422), ([b"x" * 500, b"x" * 400], {}, 504),
])  # fmt: skip
def test_bodies_are_bounded_in_size_in_time_and_together(parts: list[bytes], more: dict[str, Any], status: int) -> None:
    settings = Settings(max_body_bytes=1000, max_held_bytes=800 if status == 504 else 5000, body_s=0.2)
    if status == 200:
        assert asyncio.run(read(parts, settings, **more)) == {"a": 1}
        return
    with pytest.raises(Failed) as found:
        asyncio.run(read(parts, settings, **more))
    assert found.value.status == status


def test_a_line_in_many_parts_takes_no_longer_than_in_one_and_counts_as_held() -> None:
    async def lines(parts: list[bytes], settings: Settings) -> list[bytes]:
        left = [*parts]

        async def receive() -> Any:
            return {"type": "http.request", "body": left.pop() if left else b"", "more_body": bool(left)}

        inlet, found = Inlet(settings), []
        try:
            found += [line async for line in inlet.lines(Request({"type": "http", "headers": []}, receive))]
        finally:
            await asyncio.sleep(0)
            assert inlet.held == 0
        return found

    began = time.process_time()
    assert asyncio.run(lines([b"b\n\na", *[b"x" * 2048] * 4096], Settings())) == [b"x" * (8 << 20) + b"b", b"a"]
    assert time.process_time() - began < 2
    for settings, status in ((Settings(max_body_bytes=4000), 413), (Settings(max_held_bytes=4000), 504)):
        with pytest.raises(Failed) as refused:
            asyncio.run(lines([b"x" * 1000] * 5, settings))
        assert refused.value.status == status


def test_lines_that_are_judged_count_as_held_and_more_are_read_when_there_is_room(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    body, seen = [json.dumps({"x": "y" * 1000}).encode() + b"\n"] * 20, []
    service = Service(room)
    service.settings = replace(service.settings, max_held_bytes=4000)
    left = [*body]

    async def receive() -> Any:
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)} if left else await asyncio.sleep(60)

    async def row(*_: Any) -> dict[str, Any]:
        seen.append(service.inlet.held)
        await asyncio.sleep(0.01)
        return {}

    async def answered() -> int:
        return len([line async for line in service._stream(Request({"type": "http", "headers": []}, receive), Key(name=""))])

    monkeypatch.setattr(service, "_row", row)
    assert asyncio.run(answered()) == len(body)
    assert max(seen) == 2 * len(body[0].strip()), "two are over half of what may be held"
    assert service.inlet.held == 0
