"""What a key may have in flight and in a minute, and what of it a request takes. No box is needed."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.toolkit.service.conftest import ROW
from toolkit.service.app import Service
from toolkit.service.asked import Quotas
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.room import Room
from toolkit.service.settings import Key


async def asked(service: Service, path: str, body: Any, key: Key) -> int:
    """Return the status of an answer. What follows a blank in the path is only a name of the case."""
    app: Any = service.app()
    said: list[Any] = []

    async def receive() -> Any:
        if not said:
            said.append(None)
            return {"type": "http.request", "body": json.dumps(body).encode()}
        return await asyncio.sleep(60)

    async def send(message: Any) -> None:
        said.append(message.get("status"))

    scope = {"type": "http", "method": "POST", "path": path.split()[0], "headers": [], "query_string": b"", "key": key}
    await app.app({**scope, "root_path": "", "state": {}}, receive, send)
    return int(said[1])


def test_a_key_in_flight_and_a_minute() -> None:
    async def act() -> None:
        quotas, key = Quotas(), Key(name="a", in_flight=2, per_minute=3)
        async with quotas.slots(key):
            assert quotas.take(key) == ""
            async with quotas.slots(key):
                assert "2 programs in flight" in quotas.take(key)
                assert quotas.take(key, waits=True) == ""
        assert "a minute" in quotas.take(key, 2)
        assert quotas.take(key) == ""
        assert "a minute" in quotas.take(key)
        assert quotas.take(Key(name="b"), 10**6) == ""

    asyncio.run(act())


@pytest.mark.parametrize("path", ["/judge", "/judge of many", "/reward/slime", "/run_code"])
@pytest.mark.parametrize(
    ("error", "is_spent"),
    [(Failed(404, "no task"), False), (Unanswered("busy", ""), False), (Unanswered("late", ""), True), (Unanswered("box", ""), True)],
)
def test_what_never_began_is_not_counted(
    room: Room, monkeypatch: pytest.MonkeyPatch, path: str, error: Failed, is_spent: bool
) -> None:
    key = Key(name="a", per_minute=1)
    body: Any = {"/run_code": {"code": ""}, "/reward/slime": {"response": "x", "label": ROW}}.get(path, [ROW] if "many" in path else ROW)

    async def fails(*_: Any, **__: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(room, "judge", fails)
    monkeypatch.setattr(room, "run_code", fails)
    service = Service(room)
    asyncio.run(asked(service, path, body, key))
    assert bool(service.quotas.take(key)) is is_spent


def test_who_only_reads_begins_no_program(room: Room) -> None:
    key, service = Key(name="a", per_minute=1), Service(room)
    for _ in range(3):
        asyncio.run(asked(service, "/get_metrics_function", {"dataset": "humaneval"}, key))
    assert not service.quotas.take(key)


@pytest.mark.parametrize("path", ["/judge", "/judge of many", "/reward/openrlhf", "/run_code"])
def test_a_burst_of_a_key_has_no_more_in_flight_than_it_may(room: Room, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """All come before the first has been read in its thread, which is where what it asks is found."""
    key, most, flying, release = Key(name="a", in_flight=2), 0, 0, asyncio.Event()
    rows = [ROW] * 6 if "many" in path else ROW
    body: Any = {"/run_code": {"code": ""}, "/reward/openrlhf": {"query": ["x"] * 6, "labels": [ROW] * 6}}.get(path, rows)
    n_asked = 1 if "many" in path or "openrlhf" in path else 6

    async def found(*_: Any, **__: Any) -> dict[str, Any]:
        nonlocal most, flying
        flying += 1
        most = max(most, flying)
        await release.wait()
        flying -= 1
        return {"score": 1.0, "passed": True}

    async def act() -> list[int]:
        app = Service(room)
        tasks, until = [asyncio.create_task(asked(app, path, body, key)) for _ in range(n_asked)], time.monotonic() + 20
        while (flying < 2 or sum(task.done() for task in tasks) < n_asked - 2) and time.monotonic() < until:
            await asyncio.sleep(0.01)
        release.set()
        return await asyncio.gather(*tasks)

    for name in ("judge", "run_code"):
        monkeypatch.setattr(room, name, found)
    statuses = sorted(asyncio.run(act()))
    assert most == 2
    assert statuses == ([200] if n_asked == 1 else [200] * 2 + [429 if path == "/judge" else 504] * 4)
