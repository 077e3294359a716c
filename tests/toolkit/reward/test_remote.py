"""A judge that is a server: asked again while it is busy, believed about nothing but verdicts, and no 0 where it fails."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sandbox import UsageError
from tests.toolkit.reward.test_judge import ASSERTS, DOUBLE
from toolkit.reward import Judge, remote

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


class Served:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = lambda _: (200, {"status": "passed", "passed": True, "score": 1.0, "tests_passed": 3, "tests": 3})
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                served.asked.append(body)
                served.headers.append({**self.headers, "path": self.path})
                status, said = served.answer(body)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.01)
    made = Served()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def test_questions_and_answers(served: Served) -> None:
    judge = Judge("humaneval+", url=f"{served.url}/k/team", key="secret")
    assert judge.scores([("HumanEval/0", "a"), ("HumanEval/1", "b"), ("HumanEval/0", "a")]) == [1.0, 1.0, 1.0]
    rules = {"timeout": 5.0, "fail_fast": True, "partial": False, "detail": False}
    wanted = [{**rules, "benchmark": "humaneval+", "task_id": f"HumanEval/{n}", "completion": text} for n, text in ((0, "a"), (1, "b"))]
    assert sorted(served.asked, key=str) == wanted
    assert {(each["path"], each["Authorization"]) for each in served.headers} == {("/k/team/judge?wait=600", "Bearer secret")}
    assert "secret" not in repr(judge)
    Judge.tests(url=served.url).judge([{"tests": ASSERTS, "solution": DOUBLE}])
    assert served.asked[-1] == {**rules, "tests": ASSERTS, "prompt": "", "solution": DOUBLE}


def test_partial_credit_and_details_are_this_sides_affair(served: Served) -> None:
    said = {"status": "wrong_answer", "passed": False, "score": 1.0, "tests_passed": 2, "tests": 4, "detail": "in call 2"}
    served.answer = lambda _: (200, said)
    (plain,), (told,) = (Judge("x", url=served.url, **more).judge([("x/0", "a")]) for more in ({}, {"partial": 0.5, "show_detail": True}))
    assert (plain.score, plain.detail) == (0.0, "")
    assert (told.score, told.detail) == (0.25, "in call 2")


def test_a_busy_server_is_asked_again(served: Served) -> None:
    n = iter(range(9))
    passed = served.answer
    served.answer = lambda body: (504, {"detail": "busy"}) if next(n) < 3 else passed(body)
    assert Judge("x", url=served.url).score("x/0", "a") == 1.0
    assert len(served.asked) == 4


@pytest.mark.parametrize("answer", [(504, {}), (500, {}), (200, {"status": None, "error": "box lost"}), (200, {})])
def test_what_a_server_cannot_judge_is_none(served: Served, answer: tuple[int, dict[str, Any]]) -> None:
    served.answer = lambda _: answer
    (found,) = Judge("x", url=served.url, patience=0.2).judge([("x/0", "a")])
    assert (found.score, found.verdict) == (None, None)
    assert found.error


def test_no_server_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.01)
    (found,) = Judge("x", url="http://127.0.0.1:9", patience=0.1).judge([("x/0", "a")])
    assert found.score is None
    assert "cannot be reached" in str(found.error)


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_question_that_is_refused_is_an_error(served: Served, status: int) -> None:
    served.answer = lambda _: (status, {"detail": "no such task"})
    with pytest.raises(UsageError, match=f"{status}.*no such task"):
        Judge("x", url=served.url).score("x/0", "a")
    assert len(served.asked) == 1


def test_a_shared_pass_is_no_reward_unless_allowed(served: Served) -> None:
    served.answer = lambda _: (200, {"status": "passed", "shared": True, "tests": 1, "tests_passed": 1})
    assert Judge("x", url=served.url).score("x/0", "a") is None
    assert Judge("x", url=served.url, allow_shared=True).score("x/0", "a") == 1.0


@pytest.mark.parametrize("url", ["host:8080", "ftp://host", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match="url must be"):
        Judge("x", url=url).score("x/0", "a")
