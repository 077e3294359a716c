"""Clients that misbehave, keys, and how a server ends: each has the status that docs/serve.md says, and the server goes on."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
import requests

from sandbox import DockerEngine
from tests import inside
from tests.toolkit.service.live import Server, server

HEAD = b"POST /run_code HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def dialled(one: Server) -> socket.socket:
    host, port = one.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def works(one: Server, prefix: str = "") -> bool:
    return bool(one.post(f"{prefix}/run_code", {"code": "print(1)"}).json()["run_result"]["stdout"] == "1\n")


@pytest.mark.parametrize(("data", "status"), [
    (b"", 422), (b"{", 422), (b"\xff\xfe", 422), (b"[" * 100_000, 422), (b'{"code":' + b'{"a":' * 50_000, 422),
    (b'{"code": ' + b"1" * 10_000 + b"}", 422), (b"{\"code\": \"" + b"x" * (4 << 20) + b'"}', 413),
])  # fmt: skip
def test_bodies(plain: Server, data: bytes, status: int) -> None:
    assert plain.post("/run_code", None, data=data).status_code == status
    assert plain.post("/judge", None, data=data).status_code == status
    assert works(plain)
    assert plain.metric("exogate_held_bytes") == 0


@pytest.mark.parametrize(("path", "body"), [
    ("/run_code", {"code": "", "fetch_files": [1] * 500_000}), ("/run_code", {"code": "", "fetch_files": ["a"] * 500_000}),
    ("/run_code", {"code": "", "files": {str(n): 1 for n in range(100_000)}}), ("/get_metrics", {"dataset": "humaneval", "results": [1] * 500_000}),
    ("/list_ids", {"dataset": "humaneval", "config": {"provided_data": [1] * 500_000}}),
])  # fmt: skip
def test_many_wrong_items_are_one_short_answer(plain: Server, path: str, body: dict[str, object]) -> None:
    before = plain.rss_bytes(), plain.cpu_s()
    said = plain.post(path, body)
    assert (said.status_code, len(said.content) < 5000) == (422, True)
    assert plain.cpu_s() - before[1] < 2
    assert plain.rss_bytes() - before[0] < 64 << 20


def test_a_body_of_gigabytes_is_not_taken(plain: Server) -> None:
    before = plain.rss_bytes()
    with dialled(plain) as client:
        client.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n{")
        client.shutdown(socket.SHUT_WR)
        client.settimeout(60)
        assert client.recv(100)[:12] in (b"HTTP/1.1 413", b"")
    with pytest.raises(requests.RequestException):  # hung up on, or answered while it still writes
        plain.post("/run_code", None, data=(b"x" * (1 << 20) for _ in range(64))).raise_for_status()
    assert works(plain)
    assert plain.rss_bytes() - before < 64 << 20


def test_no_http_and_half_closed_and_gone(plain: Server) -> None:
    for data in (b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/" * 200_000, HEAD + b"Content-Length: 5\r\n\r\n{", HEAD):
        with dialled(plain) as client:
            said = b""
            with contextlib.suppress(OSError):  # it may have hung up by then
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                said = client.recv(100)
            assert said[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 408", b"")
    code = json.dumps({"code": "import time\ntime.sleep(60)", "run_timeout": 60}).encode()
    client = dialled(plain)
    client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(code) + code)
    deadline = time.monotonic() + 60
    while plain.metric("exogate_in_flight") < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    client.close()
    while plain.metric("exogate_in_flight") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert plain.metric("exogate_in_flight") == 0, "a client that goes takes its program along"
    assert works(plain)


def test_who_never_finishes_a_head_is_hung_up_on(plain: Server) -> None:
    clients = [dialled(plain) for _ in range(30)]
    for at, client in enumerate(clients):
        client.sendall(HEAD[: 10 + at])
        client.settimeout(120)
    assert works(plain), "they are in nobody's way"
    assert {client.recv(1) for client in clients} == {b""}
    for client in clients:
        client.close()


def test_other_paths_and_methods(plain: Server) -> None:
    assert plain.get("/nothing").status_code == 404
    assert plain.get("/run_code").status_code == 405
    assert plain.get("/healthz").text == "ok\n"
    assert plain.get("/readyz").json()["ready"] is True
    assert plain.post("/judge?wait=x", {}).status_code == 422


def test_metrics_are_what_prometheus_reads(plain: Server) -> None:
    works(plain)
    lines = plain.get("/metrics").text.splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or float(line.rpartition(" ")[2]) >= 0 for line in lines)
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {line.partition("{")[0].partition(" ")[0] for line in lines if line[0] != "#"} <= names | {
        f"{name}_{part}" for name in names for part in ("bucket", "sum", "count")
    }
    assert plain.metric('exogate_programs_total{status="exited"}') >= 1
    assert plain.metric("exogate_boxes") == 2


# -- keys --------------------------------------------------------------------------------------------------------------


def test_keys(strict: Server) -> None:
    for headers, path in (({}, ""), ({"Authorization": "Bearer nobody's"}, ""), ({}, "/k/nobodys"), ({"Authorization": "Basic key-of-one"}, "")):
        said = strict.post(f"{path}/run_code", {"code": "print(1)"}, headers=headers)
        assert said.status_code == 401
        assert "key" in said.json()["detail"]
    assert works(strict, "//k/key-of-one")
    assert strict.post("/run_code/k/key-of-one", {}).status_code == 401
    assert strict.get("/metrics").status_code == 401
    assert strict.get("/k/key-of-one/metrics").status_code == 200
    assert strict.get("/healthz").status_code == strict.get("/readyz").status_code == 200
    assert works(strict, "/k/key-of-one")
    bearer = {"Authorization": "Bearer key-of-one"}
    assert strict.post("/run_code", {"code": "print(1)"}, headers=bearer).status_code == 200
    log = "".join(strict.log)
    assert "key-of-one" not in log
    assert "print" not in log, "the log has no program's text"
    assert "one POST /run_code 200" in log


def test_limits_of_a_key_are_429_on_judge_and_504_elsewhere(strict: Server) -> None:
    row = {"benchmark": "humaneval", "task_id": 53, "solution": "def add(x, y):\n    return x + y"}
    said = [strict.post("/k/key-of-two/judge", row).status_code for _ in range(4)]
    assert said == [200, 200, 200, 429]
    assert strict.post("/k/key-of-two/run_code", {"code": "print(1)"}).status_code == 504
    assert strict.post("/k/key-of-two/judge", [row]).status_code == 429
    assert strict.post("/k/key-of-one/judge", row).status_code == 200
    assert strict.post("/k/key-of-one/judge", {**row, "benchmark": "mbpp+"}).status_code == 404


def test_refusals_come_at_once_and_are_504(strict: Server) -> None:
    """Two boxes are taken for seconds: who would wait for longer than --max-wait is told so, and succeeds later."""
    endless = {"code": "import time\ntime.sleep(60)", "run_timeout": 6}

    def asked(_: int) -> requests.Response:
        return strict.post("/k/key-of-one/run_code", endless)

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(asked, range(12)))
    assert {each.status_code for each in found} == {200, 504}
    assert {each.json()["run_result"]["status"] for each in found if each.status_code == 200} == {"TimeLimitExceeded"}
    assert all("busy" in each.json()["detail"] for each in found if each.status_code == 504)
    assert works(strict, "/k/key-of-one")


@pytest.mark.parametrize(("flags", "why"), [
    (["--host", "0.0.0.0"], "--key-file"), (["--boxes", "0"], "--boxes"), (["--port", "70000"], "--port"), (["--key-file", "/nothing"], "--key-file"),
    (["--max-wait", "0"], "--max-wait"), (["--host", "no.such.host.invalid"], "--host"), (["--benchmarks", "nothing"], "no benchmark"),
])  # fmt: skip
def test_what_cannot_be_served_is_said_before_anything_starts(flags: list[str], why: str) -> None:
    done = inside.toolkit("serve", *flags)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "why"), [("", "no key"), ("short", ":1:"), ("long-enough x=1", ":1:"), ("key-number-one\nkey-number-one name=b", ":2:")])
def test_a_file_of_keys_is_refused_without_showing_one(tmp_path: Path, text: str, why: str) -> None:
    from toolkit.errors import UsageError
    from toolkit.service.settings import read_keys

    (tmp_path / "keys").write_text(text)
    with pytest.raises(UsageError, match=why) as found:
        read_keys(tmp_path / "keys")
    assert not any(word in str(found.value) for word in text.split() if "key" in word)


# -- ends --------------------------------------------------------------------------------------------------------------


def containers(*, ended: bool = True) -> set[str]:
    client = docker.from_env()
    try:
        return {each.id for each in client.containers.list(all=ended, ignore_removed=True)}
    finally:
        client.close()


def of_process(pid: int) -> Callable[[], set[str]]:
    """Return what tells the containers that a process has started."""
    client = docker.from_env()
    names = {each.id for each in client.containers.list(all=True, ignore_removed=True) if f"/{pid}/" in json.dumps(each.labels)}
    client.close()
    return lambda: names & containers()


def test_a_server_that_is_told_to_end_answers_what_it_took(engine: DockerEngine) -> None:
    with server("--boxes", "1", "--no-cache") as one, ThreadPoolExecutor(2) as threads:
        left = of_process(one.process.pid)
        slow = threads.submit(one.post, "/run_code", {"code": "import time\ntime.sleep(3)\nprint(5)"})
        deadline = time.monotonic() + 60
        while one.metric("exogate_in_flight") < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert one.end() == 0
        assert slow.result().json()["run_result"]["stdout"] == "5\n"
        assert left() == set()


def test_a_killed_server_leaves_no_container(engine: DockerEngine) -> None:
    with server("--boxes", "2", "--no-cache") as one, ThreadPoolExecutor(4) as threads:
        left = of_process(one.process.pid)
        for _ in range(4):
            threads.submit(one.post, "/run_code", {"code": "import time\ntime.sleep(30)", "run_timeout": 30})
        time.sleep(1)
        assert one.end(signal.SIGKILL) == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while left() & containers(ended=False) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left() & containers(ended=False) == set(), "boxes end by themselves"
    engine.sweep()
    assert left() == set(), "and the next one to start removes them"
    assert not os.path.exists(f"/proc/{one.process.pid}")
