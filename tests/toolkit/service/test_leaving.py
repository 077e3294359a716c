"""A server that is told to end, and has more under way than it can answer in time: 504, not uvicorn's 500. No box is needed."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.toolkit.service.conftest import ROW, Engine
from toolkit.service import boxes
from toolkit.service.admission import Job
from toolkit.service.room import Room
from toolkit.service.serve import _Server, configured
from toolkit.service.settings import Settings

ENDLESS = {"code": "while True: pass"}


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """A server whose one box is busy until nobody wants its result; and what tells it to end."""

    def endless(job: Job, *_: Any) -> None:
        deadline = time.monotonic() + 30
        while not job.is_over and time.monotonic() < deadline:
            time.sleep(0.01)

    monkeypatch.setattr(boxes, "open_engine", lambda _: Engine())
    room = Room(Settings(boxes=1, use_cache=False, drain_s=0.5))
    room.why_not_ready = ""
    for name in ("run", "judge"):
        monkeypatch.setattr(room.boxes, name, endless)
    started, loops = threading.Event(), list[asyncio.AbstractEventLoop]()
    server = _Server(configured(room), room, lambda _: started.set())

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve([bound])

    bound = socket.create_server(("127.0.0.1", 0))
    host, port = bound.getsockname()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(20)
    yield f"http://{host}:{port}", lambda: loops[0].call_soon_threadsafe(server.leave)
    thread.join(30)
    assert not thread.is_alive()
    room.close()


def test_what_is_not_done_in_time_is_504(leaving: tuple[str, Any]) -> None:
    url, leave = leaving
    answers: list[Any] = []
    asked = [("/run_code", ENDLESS), ("/run_code", ENDLESS), ("/judge", ROW), ("/judge", [ROW] * 9)]
    threads = [
        threading.Thread(target=lambda path=path, body=body: answers.append(requests.post(url + path, json=body, timeout=30)))  # type: ignore[misc]
        for path, body in asked
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while "exogate_queue_depth 6\n" not in requests.get(f"{url}/metrics", timeout=20).text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    leave()
    for thread in threads:
        thread.join(30)
    assert sorted(each.status_code for each in answers) == [200, 504, 504, 504]
    (many,) = [each.json() for each in answers if each.status_code == 200]
    assert {(each["status"], each["error"]) for each in many} == {(None, "the server is going down")}
