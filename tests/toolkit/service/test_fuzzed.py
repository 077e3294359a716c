"""Random requests: each gets a documented status, or is hung up on; the server goes on, and its memory stays flat.

Five seconds here; `TOOLKIT_FUZZ_S` seconds in `make check-long`.
"""

import contextlib
import json
import os
import random
import socket
import time
from typing import Any

from tests.toolkit.service.live import Server

SECONDS = float(os.environ.get("TOOLKIT_FUZZ_S", "5"))
SEED = int(os.environ.get("TOOLKIT_SEED", "0")) or random.randrange(1 << 32)
DOCUMENTED = {200, 400, 401, 404, 405, 408, 413, 422, 429, 504}
PATHS = "/run_code /judge /submit /reward/openrlhf /reward/slime /get_prompts /list_ids /get_metrics /k/x/judge /metrics /judge?wait=3 /".split()
TYPES = ["application/json", "application/x-ndjson", "text/plain", ""]
STARTS: list[Any] = [
    {"code": "print(1)", "run_timeout": 1, "files": {"a": "eA=="}, "fetch_files": ["a"], "stdin": "x", "language": "python"},
    {"solution": "def f(x):\n    return x", "tests": {"kind": "asserts", "asserts": ["assert f(1) == 1"]}, "timeout": 1, "partial": True},
    {"solution": "def f(x):\n    return x", "tests": {"entry_point": "f", "inputs": [[1]], "outputs": [1]}, "timeout": 1},
    {"benchmark": "humaneval", "task_id": "HumanEval/53", "completion": "    return x + y", "timeout": 1},
    {"dataset": "humaneval", "id": 53, "completion": "```python\n```", "config": {"run_timeout": 1}},
    {"query": ["x"], "prompts": [""], "labels": ["humaneval:53"]}, {"prompt": "", "response": "x", "label": {"benchmark": "humaneval", "task_id": 1}},
]  # fmt: skip
ODD: list[Any] = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**40, "", "\0", "\ud800", "é" * 50, "../x", "(" * 500, [], {}, [[]], {"a": {}},
    "assert f(1)", "x" * 5000, ["assert g(*[1])"], "def f(:", "cpp",
]  # fmt: skip


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a value with something in it replaced, left out or put in."""
    if chance.random() < 0.15:
        return chance.choice(ODD)
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        if chance.random() < 0.2:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: mutated(value[name], chance)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], mutated(value[at], chance), *value[at + chance.randrange(2) :]]
    return chance.choice(ODD) if chance.random() < 0.5 else value


def body(chance: random.Random) -> bytes:
    """Return one body, most of which are JSON."""
    value = chance.choice(STARTS)
    for _ in range(chance.randrange(4)):
        value = mutated(value, chance)
    if chance.random() < 0.2:
        value = [value] * chance.randrange(4)
    data = bytearray(json.dumps(value).encode())
    if chance.random() < 0.2 and data:
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.1 else data)


def asked(server: Server, chance: random.Random) -> int:
    """Send a request, at times a broken one; return its status, 0 if there was none."""
    host, port = server.url.removeprefix("http://").split(":")
    data = body(chance)
    size = chance.choice([len(data)] * 20 + [0, len(data) + 5, -1, 10**12])
    kind, method = chance.choice(TYPES), chance.choice(["POST"] * 20 + ["GET", "PUT", "X"])
    head = f"{method} {chance.choice(PATHS)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as client:
        with contextlib.suppress(OSError):
            client.sendall(head.encode() + data)
            if size != len(data) or chance.random() < 0.05:
                client.shutdown(socket.SHUT_WR)
        try:
            said = client.recv(12)
        except OSError:
            return 0
    return int(said[9:12]) if said[:5] == b"HTTP/" else 0


def test_random_requests(plain: Server) -> None:
    chance = random.Random(SEED)
    for _ in range(20):
        asked(plain, chance)
    before, until, seen = plain.rss_bytes(), time.monotonic() + SECONDS, set()
    while time.monotonic() < until:
        state = chance.getstate()
        status = asked(plain, chance)
        seen.add(status)
        assert status in DOCUMENTED | {0}, (SEED, status, state[1][-1])
    assert {200, 422} <= seen, seen
    assert "defect" not in plain.get("/metrics").text, "".join(plain.log)[-3000:]
    assert plain.post("/run_code", {"code": "print(1)"}).json()["run_result"]["stdout"] == "1\n"
    assert plain.rss_bytes() - before < 64 << 20
