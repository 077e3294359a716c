"""`/judge` and the reward paths: verdicts, many rows, what is wrong with a row, and what a program cannot forge."""

import json
from typing import Any

import pytest

from tests.toolkit.service.live import Server

ADD = "def add(x, y):\n    return x + y\n"
FIRST: dict[str, Any] = {
    "solution": "def f(x):\n    return x if x < 3 else 0",
    "tests": {"kind": "inputs", "entry_point": "f", "inputs": [[1], [5], [2], [9]], "outputs": [1, 5, 2, 9]},
}
LABEL = {"tests": FIRST["tests"]}
ANSWER = {"status", "passed", "score", "tests_passed", "tests", "exogate"}
ASSERTS = {"asserts": ["assert solve(2) == 4", "assert solve(3) == 6"]}
FORGED = {
    "exit before asserts": "import sys\nsys.exit(0)",
    "exit within": "def solve(x):\n    raise SystemExit(0)",
    "patched ==": "class E:\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n\ndef solve(x):\n    return E()",
    "os._exit in a thread": "import os, threading, time\nthreading.Thread(target=os._exit, args=(0,)).start()\ntime.sleep(9)\n",
    "patched builtins": "import builtins\nbuiltins.AssertionError = StopIteration\nbuiltins.__build_class__ = None\ndef solve(x):\n    return 0",
    "answers nobody asked for": "import os\nos.write(4, b'E\\0\\0\\0\\0')\ndef solve(x):\n    return 0",
}


def judged(server: Server, row: Any, path: str = "/judge") -> Any:
    said = server.post(path, row)
    assert said.status_code == 200, said.text
    return said.json()


def test_a_task_of_a_benchmark(plain: Server) -> None:
    right = judged(plain, {"benchmark": "HumanEval", "task_id": "HumanEval/53", "solution": ADD, "id": "x"})
    assert set(right) == ANSWER | {"id"}
    assert (right["status"], right["passed"], right["score"], right["id"]) == ("passed", True, 1.0, "x")
    assert judged(plain, {"benchmark": "humaneval", "task_id": 53, "completion": "    return x + y\n"})["passed"]
    fenced = f"Here it is:\n```python\n{ADD}```\n"
    assert judged(plain, {"benchmark": "humaneval", "task_id": 53, "raw_response": fenced})["passed"]
    wrong = judged(plain, {"benchmark": "humaneval", "task_id": 53, "solution": ADD.replace("+", "-")})
    assert (wrong["status"], wrong["passed"], wrong["score"]) == ("wrong_answer", False, 0.0)
    assert "detail" not in wrong, "hidden tests leak into no prompt"
    endless = {"benchmark": "humaneval", "task_id": 53, "solution": ADD + "import time\ntime.sleep(60)", "timeout": 0.3, "detail": True}
    assert judged(plain, endless)["status"] == "time_limit"
    assert judged(plain, {"benchmark": "humaneval", "task_id": 53, "solution": ADD})["exogate"]["cached"]


def test_shares_are_of_all_tests(plain: Server) -> None:
    whole, share = (judged(plain, FIRST | {"partial": partial}) for partial in (False, True))
    assert (whole["score"], whole["tests_passed"], whole["tests"]) == (0.0, 1, 4)
    assert (share["score"], share["tests_passed"], share["passed"]) == (0.5, 2, False)
    assert judged(plain, FIRST | {"partial": True, "solution": "def f(x):\n    return x"})["score"] == 1.0


def test_tests_that_pass_alone_but_not_together_are_no_whole_reward(plain: Server) -> None:
    tests = {"kind": "inputs", "entry_point": "f", "inputs": [[1], [2]], "outputs": [[1], [2]]}
    remembers = "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n"
    found = judged(plain, {"solution": remembers, "tests": tests, "partial": True})
    assert (found["passed"], found["score"], found["tests_passed"]) == (False, 0.5, 1)


@pytest.mark.parametrize("text", [
    "```python\ndef solve(x):\n    return 2 * x\n", "Here it is:\n\ndef solve(x):\n    return 2 * x\n", "def solve(x):\n    return 2 * x",
])  # fmt: skip
def test_answers_by_own_tests_are_read_as_in_boxes_here(plain: Server, text: str) -> None:
    tests = {"asserts": ["assert solve(2) == 4", "assert solve(3) == 6"]}
    assert judged(plain, {"raw_response": text, "tests": tests})["passed"]
    asked = {"query": [f"Double it.\n{text}<|im_end|>"], "prompts": ["Double it.\n"], "labels": [json.dumps({"tests": tests})]}
    assert judged(plain, asked, "/reward/openrlhf")["rewards"] == 1.0


def test_lines_that_came_are_answered_when_a_later_one_cannot_be_read(plain: Server) -> None:
    slow = {**FIRST, "solution": "import time\ntime.sleep(1)\ndef f(x):\n    return x"}
    lines = f"{json.dumps(slow)}\n" * 3 + "x" * (5 << 20)
    said = plain.post("/judge", None, data=lines, headers={"Content-Type": "application/x-ndjson"})
    by_line = {row["line"]: row["status"] for row in map(json.loads, said.text.splitlines())}
    assert by_line == {1: "passed", 2: "passed", 3: "passed", 4: None}


def test_many_rows(plain: Server) -> None:
    rows = [{**FIRST, "id": 1}, {"id": 2}, {"id": 3, **FIRST, "solution": "def f(x):\n    return x"}, 4]
    found = judged(plain, rows)
    assert [(row.get("id"), row["status"]) for row in found] == [(1, "wrong_answer"), (2, None), (3, "passed"), (None, None)]
    assert "names a benchmark" in found[1]["error"]
    lines = [*map(json.dumps, rows), "{bad", "", json.dumps({**FIRST, "id": 6})]
    said = plain.post("/judge", None, data="\n".join(lines), headers={"Content-Type": "application/x-ndjson"})
    assert said.headers["content-type"] == "application/x-ndjson"
    by_line = {row["line"]: row for row in map(json.loads, said.text.splitlines())}
    assert sorted(by_line) == [1, 2, 3, 4, 5, 6]
    assert [by_line[n]["status"] for n in sorted(by_line)] == ["wrong_answer", None, "passed", None, None, "wrong_answer"]


def test_lines_are_answered_while_others_are_still_to_come(plain: Server) -> None:
    import http.client

    line = json.dumps({**FIRST, "solution": "def f(x):\n    return x"}).encode() + b"\n"
    connection = http.client.HTTPConnection(plain.url.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/judge")
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"%x\r\n%s\r\n" % (len(line), line))
    answer = connection.getresponse()
    assert json.loads(answer.readline())["status"] == "passed"
    connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
    assert [json.loads(each)["line"] for each in answer.read().splitlines()] == [2]
    connection.close()


@pytest.mark.parametrize("name", FORGED)
def test_nothing_is_forged(plain: Server, name: str) -> None:
    found = judged(plain, {"solution": FORGED[name], "tests": ASSERTS, "timeout": 1})
    assert found["passed"] is False


def test_empty_expectations_and_prefixes_pass_nothing(plain: Server) -> None:
    raising = {"solution": "def solve(x):\n    raise ValueError", "tests": {"entry_point": "solve", "inputs": [[1]], "outputs": [""]}}
    assert judged(plain, raising)["status"] == "runtime_error"
    prefix = {"solution": "print(1)\nprint(2)", "tests": {"inputs": ["x"], "outputs": ["1\n2\n3\n"]}}
    assert judged(plain, prefix)["status"] == "wrong_answer"


@pytest.mark.parametrize(("row", "status", "why"), [
    ({"benchmark": "humaneval", "task_id": "HumanEval/999", "solution": ""}, 404, "no task"),
    ({"benchmark": "humanevil", "task_id": 1, "solution": ""}, 404, "did you mean 'humaneval'"),
    ({"benchmark": "humaneval", "task_id": 1}, 422, "one of solution"),
    ({"benchmark": "humaneval", "task_id": 1, "solution": 5}, 422, "solution: must be a text"),
    ({"benchmark": "humaneval", "task_id": 1, "solution": "", "timeout": -1}, 422, "timeout"),
    ({"benchmark": "humaneval", "task_id": 1, "solution": "", "timeout": "x"}, 422, "timeout"),
    ({"benchmark": "humaneval", "task_id": 1, "solution": "", "fail_fast": 1}, 422, "fail_fast"),
    ({"solution": ""}, 422, "names a benchmark"), ("x", 422, "a row is an object"), (None, 422, "JSON decode error"),
    ({"solution": "", "tests": {"asserts": ["assert ("]}}, 422, "does not parse"),
    ({"solution": "", "tests": {"asserts": ["import nothing_here\nassert f(1)"]}}, 422, "fails before its first call"),
    ({"solution": "", "tests": []}, 422, "tests: an object"),
])  # fmt: skip
def test_what_is_wrong_with_a_row_is_said(plain: Server, row: Any, status: int, why: str) -> None:
    said = plain.post("/judge", row)
    assert said.status_code == status
    assert why in json.dumps(said.json()["detail"])


def test_texts_that_are_no_programs_have_verdicts(plain: Server) -> None:
    for text in ("a\0b", "\ud800", "x" * (1 << 20 | 1), ""):
        found = judged(plain, {"solution": text, "tests": ASSERTS})
        assert found["status"] in ("compile_error", "runtime_error")


def test_openrlhf(plain: Server) -> None:
    """Its agent puts a single answer into a list itself: a bare number is wanted."""
    query = "<|user|>Write f.<|assistant|>```python\ndef f(x):\n    return x\n```<|end|>"
    asked = {"query": [query], "prompts": ["<|user|>Write f.<|assistant|>"], "labels": [json.dumps(LABEL)]}
    assert judged(plain, asked, "/reward/openrlhf") == {"rewards": 1.0, "scores": 1.0, "extra_logs": {"passed": 1.0}}
    two = {"query": [query, "no program"], "prompts": ["", ""], "labels": [LABEL, "humaneval:HumanEval/53"]}
    assert judged(plain, two, "/reward/openrlhf")["rewards"] == [1.0, 0.0]
    assert plain.post("/reward/openrlhf", {"query": [query], "labels": ["?"]}).status_code == 422
    assert plain.post("/reward/openrlhf", {"query": query}).status_code == 422


def test_slime(plain: Server) -> None:
    """The answer itself is the reward."""
    asked = {"prompt": "Write f.", "response": "```python\ndef f(x):\n    return x if x < 3 else 0\n```", "label": json.dumps(LABEL | {"partial": True})}
    assert judged(plain, asked, "/reward/slime") == 0.5
    assert judged(plain, {**asked, "label": LABEL}, "/reward/slime") == 0.0
    assert plain.post("/reward/slime", {"prompt": ""}).status_code == 422
