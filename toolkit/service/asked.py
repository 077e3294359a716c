"""Requests on the way in: whose they are, how large they may be, and how long they may take to arrive."""

import asyncio
import contextlib
import json
import logging
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolkit.samples.lines import printable
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.metrics import Metrics
from toolkit.service.settings import NOBODY, Key, Settings, hashed

ACCESS = logging.getLogger("toolkit.serve.access")
OPEN = {"/healthz", "/readyz", "/v1/ping"}
"""Paths that want no key: they say nothing of anybody's programs."""
THREADED_BYTES = 256 << 10
"""A longer body is parsed in a thread, so that others do not wait for it."""
MINUTE_S = 60.0
MOST_IN_FLIGHT = 1 << 30
R = TypeVar("R")


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as JSON, in ASCII: a program's output may hold anything."""
    return Response(json.dumps(value), status, headers, "application/json")


def failed(error: Failed) -> Response:
    """Return the answer of a request that gets none."""
    return answer({"detail": error.detail}, error.status, error.headers)


class Streamed(Response):
    """Lines of JSON as they come. Starlette's own would read the request's body, in search of a client that has gone."""

    media_type = "application/x-ndjson"

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        super().__init__()
        self.parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes."""
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})  # so that the head is not kept back
        async with contextlib.aclosing(self.parts) as parts:  # type: ignore[type-var]
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Door:
    """Asks for keys, strips them from paths, and writes the access log: no program's text, and no key."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        key, path = self._key(scope)

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            if key is None and path not in OPEN:
                said = "a key is needed: Authorization: Bearer KEY, or /k/KEY/ before the path"
                await failed(Failed(401, said, {"WWW-Authenticate": "Bearer"}))(scope, receive, sent)
            else:
                scope = {**scope, "path": path, "raw_path": path.encode("utf-8", "surrogateescape")}
                scope["key"] = key or NOBODY
                await self.app(scope, receive, sent)
        finally:
            if status >= 400:
                self.metrics.count("exogate_refused_total", "status", str(status))
            if ACCESS.isEnabledFor(logging.INFO):
                ms = 1000 * (time.monotonic() - began)
                name = key.name or "-" if key else "?"
                shown = _KEYS.sub("/k/...", printable(path))[:200]
                ACCESS.info("%s %s %s %s %.1f ms", name, scope["method"], shown, status or "gone", ms)

    def _key(self, scope: Scope) -> tuple[Key | None, str]:
        """Return whose a request is (None: nobody's who may ask), and its path without the key."""
        path, shown = scope["path"], ""
        if path.startswith("//"):  # of a base address that ends in one
            path = f"/{path.lstrip('/')}"
        if path.startswith("/k/"):
            shown, _, rest = path[3:].partition("/")
            path = f"/{rest}"
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                shown = value[7:].strip().decode("latin-1")
        if not self.settings.keys:
            return NOBODY, path
        return self.settings.keys.get(hashed(shown)), path


class Inlet:
    """Reads bodies, within bounds of size, time and of all that is held at a time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.held = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[Any]:
        """Give a request's JSON; its bytes count as held until the end of the block. Raises `Failed`."""
        size = 0
        try:
            said = request.headers.get("content-length", "")
            if said.isdecimal() and int(said) > self.settings.max_body_bytes:
                await self._discard(request)
                raise self._too_large()
            parts: list[bytes] = []
            try:
                async with asyncio.timeout(self.settings.body_s):
                    async for part in request.stream():
                        parts.append(part)
                        size, self.held = size + len(part), self.held + len(part)
                        if size > self.settings.max_body_bytes:
                            parts.clear()
                            await self._discard(request)
                            raise self._too_large()
                        if self.held > self.settings.max_held_bytes:
                            parts.clear()
                            await self._discard(request)
                            raise Unanswered("busy", _FULL)
            except TimeoutError:
                raise Failed(408, f"the body did not arrive within {self.settings.body_s:g} s", _CLOSE) from None
            except ClientDisconnect:
                raise Gone from None
            data = b"".join(parts)
            parts.clear()
            yield await asyncio.to_thread(parsed, data) if len(data) > THREADED_BYTES else parsed(data)
        finally:
            self.held -= size

    def _too_large(self) -> Failed:
        return Failed(413, f"the body has more than {self.settings.max_body_bytes >> 10} KiB", _CLOSE)

    async def _discard(self, request: Request) -> None:
        """Read on for a moment: a client that is still writing would not see the answer."""
        left = 2 * self.settings.max_body_bytes
        with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
            async with asyncio.timeout(self.settings.body_s):
                while left > 0:
                    message = await request.receive()
                    left -= len(message.get("body", b"")) or 1
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return

    async def lines(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the lines of a body as they come; what is there of one counts as held. Raises `Failed`."""
        rest = bytearray()
        stream = request.stream()
        try:
            while True:
                try:
                    async with asyncio.timeout(self.settings.body_s):
                        part = await anext(stream)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    raise Failed(408, f"no line came for {self.settings.body_s:g} s") from None
                except ClientDisconnect:
                    raise Gone from None
                *ends, begun = part.split(b"\n")
                for end in ends:
                    line = bytes(rest + end)
                    self.held -= len(rest)
                    rest.clear()
                    if line.strip():
                        yield line
                rest += begun
                self.held += len(begun)
                if len(rest) > self.settings.max_body_bytes:
                    raise self._too_large()
                if self.held > self.settings.max_held_bytes:
                    raise Unanswered("busy", _FULL)
            if rest.strip():
                yield bytes(rest)
        finally:
            self.held -= len(rest)


_FULL = "busy: the bodies of requests under way fill the memory kept for them"
_KEYS = re.compile(r"/k/[^/]*")
_CLOSE = {"Connection": "close"}


class Gone(Exception):
    """The client has gone: there is nobody to answer."""


def parsed(data: bytes) -> Any:
    """Return the JSON of a body. Raises `Failed` (422)."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else str(error)[:100]
        at = getattr(error, "pos", 0)
        about = {"type": "json_invalid", "loc": ["body", at], "msg": "JSON decode error", "input": {}, "ctx": {"error": why}}
        raise Failed(422, [about]) from None


async def unless_gone(request: Request, work: Awaitable[R]) -> R:
    """Return what `work` does, unless the client goes away first: then it is cancelled. Raises `Gone`."""
    this, is_over = asyncio.current_task(), False
    assert this is not None

    def left(_: "asyncio.Future[None]") -> None:
        if not is_over:
            this.cancel()

    leaving = asyncio.ensure_future(gone(request))
    leaving.add_done_callback(left)
    try:
        return await work
    except asyncio.CancelledError:
        if leaving.done() and this.uncancel() == 0:
            raise Gone from None
        raise
    finally:
        is_over = True
        leaving.cancel()


async def gone(request: Request) -> None:
    """Wait until the client has gone. The body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Quotas:
    """What keys have used of what they may. For one event loop."""

    def __init__(self) -> None:
        self._begun: dict[str, deque[float]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}

    def slots(self, key: Key) -> asyncio.Semaphore:
        """Return what is held while a program of a key is in flight."""
        if key.name not in self._slots:
            self._slots[key.name] = asyncio.Semaphore(key.in_flight or MOST_IN_FLIGHT)
        return self._slots[key.name]

    def take(self, key: Key, n: int = 1, *, waits: bool = False) -> str:
        """Count `n` programs of a key; return why it may not have them now, or nothing. Some wait for their slots."""
        if not waits and self.slots(key).locked():
            return f"the key {key.name} has {key.in_flight} programs in flight, and may have no more"
        if key.per_minute is None:
            return ""
        now, begun = time.monotonic(), self._begun.setdefault(key.name, deque())
        while begun and now - begun[0] > MINUTE_S:
            begun.popleft()
        if len(begun) + n > key.per_minute:
            return f"the key {key.name} may begin {key.per_minute} programs a minute"
        begun.extend([now] * n)
        return ""

    @contextlib.contextmanager
    def counted(self, key: Key, n: int = 1) -> Iterator[None]:
        """Forget the program of a block that fails before it has begun. Of several, some may have: they stay counted."""
        try:
            yield
        except Failed as error:
            if n == 1 and not error.began and (begun := self._begun.get(key.name)):
                begun.pop()
            raise
