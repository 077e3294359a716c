"""How answers go out: a head with its body, and not for ever to a client that does not read. No box is needed."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from toolkit.service import protocol
from toolkit.service.protocol import Bounded, Whole

LARGE = 64 << 20
UNREAD_S = 0.7


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with as many bytes as the path says; to a path of -1 with a head, and lines that come later."""
    n = int(scope["path"][1:])
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", str(n).encode())] if n >= 0 else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if n < 0:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await receive()
    await send({"type": "http.response.body", "body": b"x" * max(n, 0)})


@pytest.fixture(scope="module", params=["httptools", "h11"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[tuple[str, int], uvicorn.Server]]:
    made = protocol.protocol(10, UNREAD_S)
    if request.param == "h11":
        from uvicorn.protocols.http.h11_impl import H11Protocol

        made = type("BoundedProtocol", (Bounded, H11Protocol), {"header_s": 10.0, "unread_s": UNREAD_S})
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=made, ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    yield bound.getsockname(), server
    server.should_exit = server.force_exit = True
    thread.join(30)
    bound.close()


def asked(address: tuple[str, int], head: bytes) -> socket.socket:
    client = socket.create_connection(address, timeout=4)
    client.sendall(head + b"\r\nHost: x\r\n\r\n")
    return client


def test_a_head_goes_with_its_body() -> None:
    sent: list[bytes] = []
    real: Any = type("Transport", (), {"write": lambda _, data: sent.append(data), "close": lambda _: sent.append(b"closed")})()
    whole = Whole(real)
    for data in (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 ", b"more", b"HTTP/1.1 204 No Content\r\n\r\n"):
        whole.write(data)
    whole.close()
    assert sent == [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 ", b"more", b"HTTP/1.1 204 No Content\r\n\r\n", b"closed"]


@pytest.mark.parametrize("head", [b"HEAD /0 HTTP/1.1", b"GET /0 HTTP/1.1", b"HEAD /9 HTTP/1.1", b"GET /-1 HTTP/1.1"])
def test_a_head_that_no_body_follows_is_sent(served: Any, head: bytes) -> None:
    with asked(served[0], head) as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_who_reads_nothing_is_hung_up_on(served: Any) -> None:
    address, server = served
    deadline = time.monotonic() + 60
    with asked(address, b"GET /%d HTTP/1.1" % LARGE) as client:
        while not server.server_state.connections:
            assert time.monotonic() < deadline
        while server.server_state.connections:
            assert time.monotonic() < deadline
            time.sleep(UNREAD_S / 10)
        n = 0
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(1 << 20):
                n += len(part)
        assert n < LARGE


def test_who_reads_slowly_is_not() -> None:
    """As long as something was read since the last look; and who has read most of it is looked at no more."""
    left, looks, ended = 100, list[Any](), list[str]()
    base = type("Base", (), {"pause_writing": lambda _: None, "resume_writing": lambda _: None})
    bounded: Any = type("Made", (Bounded, base), {"unread_s": 3.0})()
    bounded.transport = SimpleNamespace(get_write_buffer_size=lambda: left, abort=lambda: ended.append("aborted"))
    handle = SimpleNamespace(cancel=lambda: ended.append("looked at no more"))
    bounded.loop = SimpleNamespace(call_later=lambda *about: (looks.append(about), handle)[1])
    bounded.pause_writing()
    for now in (60, 59, 59):
        assert ended == []
        left = now
        after_s, look, before = looks.pop()
        assert after_s == 3.0
        look(before)
    assert ended == ["aborted"]
    bounded.pause_writing()
    bounded.resume_writing()
    assert ended == ["aborted", "looked at no more"]
