"""A judge that is a server (`toolkit serve`): a request a text, on kept connections, tried again while it is busy."""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from toolkit.api.threads import ended_by
from toolkit.errors import UsageError
from toolkit.reward.rows import Asked, Judgement

if TYPE_CHECKING:
    from toolkit.reward.judge import Judge

CONNECTIONS = 32
"""Requests at a time of one call."""
READ_S = 600.0
"""Seconds without an answer after which a server counts as gone."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
_REFUSED = {400, 401, 403, 404, 405, 413, 422}
"""Statuses that say that the question is wrong; asking again would not help."""


def judged(judge: "Judge", questions: Sequence[Asked]) -> Mapping[Asked, Judgement]:
    """Have the server judge distinct questions. Raises `UsageError` if it refuses one."""
    stop = threading.Event()
    clients: dict[int, _Client] = {}

    def one(question: Asked) -> Judgement:
        client = clients.setdefault(threading.get_ident(), _Client(judge))
        return _judgement(judge, client.ask(_body(judge, question), stop))

    with ended_by(stop.set):
        try:
            with ThreadPoolExecutor(min(CONNECTIONS, len(questions)), "judge") as threads:
                try:
                    return dict(zip(questions, threads.map(one, questions), strict=True))
                except BaseException:
                    stop.set()
                    raise
        finally:
            for client in clients.values():
                client.connection.close()


def _body(judge: "Judge", question: Asked) -> bytes:
    what: dict[str, Any] = {"benchmark": judge.benchmark, "task_id": question.task_id}
    if not judge.benchmark:
        what = json.loads(question.tests)
    rules = {"timeout": judge.timeout, "fail_fast": judge.fail_fast}
    rules |= {"partial": bool(judge.partial), "detail": judge.show_detail}
    return json.dumps({**what, **rules, question.field: question.text}).encode()


def _judgement(judge: "Judge", answer: Mapping[str, Any]) -> Judgement:
    verdict, n = answer.get("status"), answer.get("tests_passed")
    return judge.scored(
        verdict if isinstance(verdict, str) else None, passed_tests=n if isinstance(n, int) else None,
        tests=int(answer.get("tests") or 0), detail=str(answer.get("detail") or ""),
        error=str(answer["error"]) if answer.get("error") else None, shared=bool(answer.get("shared")),
    )  # fmt: skip


class _Client:
    """One connection, used by one thread."""

    def __init__(self, judge: "Judge") -> None:
        at = urlsplit(judge.url or "")
        if at.scheme not in ("http", "https") or not at.hostname:
            raise UsageError(f"url must be http://HOST:PORT of a `toolkit serve`, not {judge.url!r}")
        kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(at.hostname, at.port, timeout=READ_S)
        self.path = f"{at.path.rstrip('/')}/judge?wait={READ_S:g}"
        self.headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {judge.key}"} if judge.key else {})
        self.patience = judge.patience

    def ask(self, body: bytes, stop: threading.Event) -> Mapping[str, Any]:
        """Return the server's answer, or one that says why there is none. Raises `UsageError` if it refuses the question."""
        deadline, wait_s, why = time.monotonic() + self.patience, FIRST_WAIT_S, "stopped"
        while not stop.is_set():
            try:
                self.connection.request("POST", self.path, body, self.headers)
                response = self.connection.getresponse()
                status, said = response.status, response.read()
                if status == 200:
                    found = json.loads(said)
                    if isinstance(found, dict):
                        return found
                why = f"the server answered {status}: {said[:200].decode('utf-8', 'replace')}"
                if status in _REFUSED:
                    raise UsageError(why)
            except (OSError, http.client.HTTPException, ValueError) as error:
                if isinstance(error, UsageError):
                    raise
                self.connection.close()
                why = f"the server cannot be reached: {error or type(error).__name__}"
            wait_s = min(wait_s * (1 + random.random()), LONGEST_WAIT_S)
            if time.monotonic() + wait_s > deadline or stop.wait(wait_s):
                break
        return {"status": None, "error": f"not judged: {why}"}
