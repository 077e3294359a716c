"""The server's endpoints, and what goes on beside them: known programs are judged again and again."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from toolkit.reward.formats import answer_of
from toolkit.service import fusion
from toolkit.service.asked import Door, Gone, Inlet, Quotas, Streamed, answer, failed, gone, parsed, unless_gone
from toolkit.service.boxes import KNOWN
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.questions import label_of
from toolkit.service.room import Room, unjudged
from toolkit.service.settings import NOBODY, Key

LOG = logging.getLogger("toolkit.serve")
OPENRLHF_S, SLIME_S = 180.0, 120.0
"""Seconds that these trainers wait for an answer."""
MAX_ROWS = 100_000
"""Rows of one request."""
AHEAD = 4
"""Rows of one request that wait or run at a time, for each box."""
PROVE_S, COUNT_S = 300.0, 1.0
"""Seconds between two looks at known programs; at the nodes of a cluster."""
GONE = 499
NDJSON = ("application/x-ndjson", "application/jsonl")
Handler = Callable[[Room, Key, Any], Awaitable[Any]]
ABOUT = "exogate: a judge outside the model. POST /judge gives verdicts; /run_code is SandboxFusion's. See docs/serve.md.\n"


class Service:
    """The endpoints over a room of boxes."""

    def __init__(self, room: Room) -> None:
        self.room, self.settings = room, room.settings
        self.inlet, self.quotas = Inlet(room.settings), Quotas()

    def app(self) -> ASGIApp:
        """Return the application."""
        runs = {"/run_code": self._held(fusion.run_code), "/submit": self._held(fusion.submit)}
        runs |= {"/reward/openrlhf": self._openrlhf, "/reward/slime": self._slime}
        reads = {
            "/run_jupyter": fusion.run_jupyter, "/list_ids": fusion.list_ids, "/get_prompts": fusion.get_prompts,
            "/get_prompt_by_id": fusion.get_prompt_by_id, "/get_metrics": fusion.get_metrics,
            "/get_metrics_function": fusion.get_metrics_function,
        }  # fmt: skip
        handlers = {path: self._quota(handler) for path, handler in runs.items()}
        handlers |= {path: partial(_named, handler) for path, handler in reads.items()}
        routes = [Route(path, self._legacy(handler), methods=["POST"]) for path, handler in handlers.items()]
        routes += [
            Route("/list_datasets", self._datasets),
            Route("/judge", self._judge, methods=["POST"]),
            Route("/v1/ping", lambda _: answer("pong")),
            Route("/healthz", lambda _: PlainTextResponse("ok\n")),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
            Route("/", lambda _: PlainTextResponse(ABOUT)),
        ]
        return Door(Router(routes, lifespan=self._life), self.settings, self.room.metrics)

    @contextlib.asynccontextmanager
    async def _life(self, _app: Router) -> AsyncIterator[None]:
        beside = [asyncio.create_task(self._prove()), *([asyncio.create_task(self._count())] if self.settings.ray else [])]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            self.room.admission.end()
            await asyncio.to_thread(self.room.admission.join)

    async def _count(self) -> None:
        """Follow the nodes that join a cluster, and those that leave it."""
        while True:
            await asyncio.sleep(COUNT_S)
            self.room.count(await asyncio.to_thread(self.room.look))

    async def _prove(self) -> None:
        """Judge known programs every few minutes; while one is judged otherwise, nothing is."""
        wrong = {**KNOWN[0], "solution": "def double(x):\n    return x\n"}
        rows = [*((row, "passed") for row in KNOWN), (wrong, "wrong_answer")]
        while True:
            await asyncio.sleep(PROVE_S)
            why = ""
            try:
                for row, wanted in rows:
                    asked = await self.room.question(row, self.settings.client_s)
                    asked.oracle.cache = None  # a stored verdict says nothing of the boxes
                    found = await self.room.judge("/known", asked, self.settings.client_s, is_late=True, is_proof=True)
                    if found["status"] != wanted:
                        why = f"a program known to be {wanted} was judged {found['status']}"
            except Failed:  # busy, or boxes fail: that says nothing of verdicts
                continue
            self.room.trust(why)

    # -- what is there -------------------------------------------------------------------------------------------------

    async def _ready(self, _request: Request) -> Response:
        why = "going down" if self.room.admission.is_draining else self.room.why_not_ready
        wait = round(self.room.admission.expected_wait_s("/new"), 3)
        return answer({"ready": not why, "why": why, "expected_wait_s": wait}, 503 if why else 200)

    async def _metrics(self, _request: Request) -> Response:
        gauges = self.room.gauges() | {"exogate_held_bytes": self.inlet.held}
        return PlainTextResponse(self.room.metrics.text(gauges), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _datasets(self, request: Request) -> Response:
        return answer(await fusion.list_datasets(self.room, "", request))

    # -- SandboxFusion's and trainers' paths ---------------------------------------------------------------------------

    def _legacy(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Serve a path whose clients know nothing of ours: a full queue, a limit and our own failure are all 504."""

        async def serve(request: Request) -> Response:
            key: Key = request.scope.get("key", NOBODY)
            try:
                async with self.inlet.body(request) as body:
                    self._log(request, body)
                    return answer(await unless_gone(request, handler(self.room, key, body)))
            except Failed as error:
                return failed(error)
            except Gone:
                return Response(status_code=GONE)
            except Exception:
                return failed(self.room.defect())

        return serve

    def _quota(self, handler: Handler) -> Handler:
        """Count a request's programs as their key's, or refuse them."""

        async def handle(room: Room, key: Key, body: Any) -> Any:
            if why := self.quotas.take(key, n := _n_programs(body)):
                room.metrics.count("exogate_unscored_total", "reason", "key")
                raise Unanswered("key", why)
            with self.quotas.counted(key, n):
                return await handler(room, key, body)

        return handle

    def _held(self, handler: Callable[[Room, str, Any], Awaitable[Any]]) -> Handler:
        """Do a request's one program in a slot of its key."""

        async def handle(room: Room, key: Key, body: Any) -> Any:
            async with self.quotas.slots(key):
                return await handler(room, key.name, body)

        return handle

    def _log(self, request: Request, body: Any) -> None:
        if self.settings.log_programs:
            LOG.info("%s %s", request.scope["path"], json.dumps(body))

    async def _openrlhf(self, _room: Room, key: Key, body: Any) -> Any:
        """OpenRLHF's remote reward: `query` is prompt and response, `labels` say by which tests."""
        queries = _texts(body, "query")
        prompts = _texts(body, "prompts", len(queries)) if body.get("prompts") is not None else [""] * len(queries)
        labels = body.get("labels")
        if not isinstance(labels, list) or len(labels) != len(queries):
            raise Failed(422, f"labels: must be a list of {len(queries)}, one for each query")
        texts = [answer_of(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
        pairs = zip(labels, texts, strict=True)
        found = await asyncio.gather(*(self._reward(key, label, text, OPENRLHF_S) for label, text in pairs))
        scores = [one["score"] for one in found]
        passed = [float(one["passed"]) for one in found]
        if len(found) == 1:  # it puts what comes into a list itself
            return {"rewards": scores[0], "scores": scores[0], "extra_logs": {"passed": passed[0]}}
        return {"rewards": scores, "scores": scores, "extra_logs": {"passed": passed}}

    async def _slime(self, _room: Room, key: Key, body: Any) -> Any:
        """slime's remote reward: the answer is the number."""
        if not isinstance(body, dict) or not isinstance(body.get("response"), str):
            raise Failed(422, "the body must be an object with response, a text, and label")
        return (await self._reward(key, body.get("label"), body["response"], SLIME_S))["score"]

    async def _reward(self, key: Key, label: Any, text: str, patience_s: float) -> dict[str, Any]:
        row = {**label_of(label), "raw_response": text}
        for name in ("solution", "completion"):
            row.pop(name, None)
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s
        async with self.quotas.slots(key):
            return await self.room.reward(key.name, await self.room.question(row, patience_s), until - loop.time())

    # -- /judge --------------------------------------------------------------------------------------------------------

    async def _judge(self, request: Request) -> Response:
        key: Key = request.scope.get("key", NOBODY)
        try:
            patience_s = _wait(request, self.settings.client_s)
            if request.headers.get("content-type", "").partition(";")[0].strip() in NDJSON:
                return Streamed(self._stream(request, key))
            async with self.inlet.body(request) as body:
                self._log(request, body)
                if isinstance(body, list):
                    if len(body) > MAX_ROWS:
                        raise Failed(422, f"{len(body)} rows are more than the {MAX_ROWS} of a request; send them in parts")
                    return answer(await unless_gone(request, self._listed(body, key, patience_s)))
                self._take(key)
                with self.quotas.counted(key):
                    async with self.quotas.slots(key):
                        asked = await self.room.question(body, patience_s)
                        found = await unless_gone(request, self.room.judge(key.name, asked, patience_s))
                return answer({"id": body["id"], **found} if "id" in body else found)
        except Failed as error:
            return failed(error)
        except Gone:
            return Response(status_code=GONE)
        except Exception:
            return failed(self.room.defect())

    def _take(self, key: Key, n: int = 1, *, waits: bool = False) -> None:
        if why := self.quotas.take(key, n, waits=waits):
            raise Failed(429, why, {"Retry-After": "1"})

    async def _listed(self, rows: list[Any], key: Key, patience_s: float) -> list[Any]:
        """Judge rows, and give their answers in order; those that are not judged in time say so."""
        self._take(key, len(rows), waits=True)
        turns = asyncio.Semaphore(AHEAD * self.room.admission.boxes)
        until = asyncio.get_running_loop().time() + patience_s

        async def one(row: Any) -> Any:
            async with turns, self.quotas.slots(key):
                return await self._row(row, key, patience_s, until - asyncio.get_running_loop().time())

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(row)) for row in rows]
        return [task.result() for task in tasks]

    async def _row(self, row: Any, key: Key, patience_s: float, left_s: float) -> dict[str, Any]:
        """Judge one row of many; what is wrong with it, or with us, is in its answer."""
        try:
            with self.quotas.counted(key):
                asked = await self.room.question(row, patience_s)
                found = await self.room.judge(key.name, asked, left_s, is_late=True)
        except Failed as error:
            return unjudged(row, error.detail if isinstance(error.detail, str) else json.dumps(error.detail))
        return {"id": row["id"], **found} if "id" in row else found

    async def _stream(self, request: Request, key: Key) -> AsyncIterator[bytes]:
        """Yield the answers of lines as they come, in any order: `line` says of which."""
        done: asyncio.Queue[bytes | None] = asyncio.Queue()
        turns = asyncio.Semaphore(AHEAD * self.room.admission.boxes)
        tasks: set[asyncio.Task[None]] = set()

        async def one(number: int, line: bytes) -> None:
            try:
                row = parsed(line)
            except Failed as error:
                found = unjudged(None, f"line {number}: {error.detail[0]['ctx']['error']}")
            else:
                async with self.quotas.slots(key):
                    why = self.quotas.take(key, waits=True)
                    found = unjudged(row, why) if why else await self._row(row, key, float("inf"), float("inf"))
            await done.put(json.dumps({"line": number, **found}).encode() + b"\n")
            turns.release()

        def over(n_bytes: int, task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            self.inlet.held -= n_bytes

        async def read() -> None:
            number = 0
            try:
                try:
                    async for line in self.inlet.lines(request):
                        number += 1
                        if number > MAX_ROWS:
                            raise Failed(413, f"more than {MAX_ROWS} lines")
                        await turns.acquire()
                        tasks.add(task := asyncio.create_task(one(number, line)))
                        self.inlet.held += len(line)
                        task.add_done_callback(partial(over, len(line)))
                        while tasks and self.inlet.held > self.settings.max_held_bytes // 2:
                            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                except Failed as error:  # no more lines; those that came are answered
                    await done.put(json.dumps({"line": number + 1, **unjudged(None, str(error.detail))}).encode() + b"\n")
                leaving = asyncio.create_task(gone(request))
                while tasks and not leaving.done():
                    await asyncio.wait({*tasks, leaving}, return_when=asyncio.FIRST_COMPLETED)
                leaving.cancel()
            except Gone:
                pass
            finally:
                await done.put(None)

        reading = asyncio.create_task(read())
        try:
            while (line := await done.get()) is not None:
                yield line
        finally:
            for task in (reading, *tasks):
                task.cancel()


async def _named(handler: Callable[[Room, str, Any], Awaitable[Any]], room: Room, key: Key, body: Any) -> Any:
    """Do a request that runs no program."""
    return await handler(room, key.name, body)


def _n_programs(body: Any) -> int:
    queries = body.get("query") if isinstance(body, dict) else None
    return len(queries) or 1 if isinstance(queries, list) else 1


def _texts(body: Any, name: str, n: int | None = None) -> list[str]:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise Failed(422, f"{name}: must be a list of texts")
    if n is not None and len(found) != n:
        raise Failed(422, f"{name}: must be a list of {n}, one for each query")
    return found


def _wait(request: Request, default: float) -> float:
    given = request.query_params.get("wait")
    try:
        seconds = default if given is None else float(given)
    except ValueError:
        seconds = 0.0
    if not 2 <= seconds <= 3600:
        raise Failed(422, f"wait: must be the seconds that the client waits, 2 to 3600, not {str(given)[:40]!r}")
    return seconds

