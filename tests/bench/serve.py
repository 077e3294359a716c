"""The service beside the same boxes in process, and beside a SandboxFusion server, if `SANDBOX_FUSION_URL` names one."""

import contextlib
import http.client
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sandbox import DockerEngine, Limits, Sandbox
from tests.toolkit.service.live import Server, server
from tests.toolkit.service.test_under_load import spinning
from toolkit.service import program

N = int(os.environ.get("BENCH_REQUESTS", "600"))
AT_ONCE, RUN_S, WITHIN_S = 512, 1.0, 240.0
"""Requests that come together, the limit of each, and the seconds after which none of them asks again."""
CODE = "print(6 * 7)"
Ask = Callable[[str, float], tuple[int, str, str]]
"""Given a program and its seconds, returns (status of HTTP, status of the run, what it printed)."""


def _client(url: str) -> Ask:
    """Return what asks as verl's client does: a new connection each time, and no longer than it waits."""
    host, _, path = url.removeprefix("http://").partition("/")

    def ask(code: str, run_s: float) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection(host, timeout=10 + run_s + 10)
        try:
            body = {"code": code, "language": "python", "compile_timeout": 10, "run_timeout": run_s, "stdin": ""}
            connection.request("POST", f"/{path}run_code", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            run = (json.loads(said).get("run_result") or {}) if answer.status == 200 else {}
            return answer.status, str(run.get("status")), str(run.get("stdout"))
        except TimeoutError:
            return 0, "read time-out", ""
        except OSError as error:
            return -1, f"connection lost: {error}", ""
        finally:
            connection.close()

    return ask


def _rate(act: Callable[[int], object], n: int, clients: int) -> tuple[float, list[float]]:
    """Return (how many a second, seconds of each)."""
    def one(at: int) -> float:
        started = time.monotonic()
        act(at)
        return time.monotonic() - started

    with ThreadPoolExecutor(clients) as threads:
        started = time.monotonic()
        seconds = list(threads.map(one, range(n)))
        return n / (time.monotonic() - started), seconds


def _small(name: str, ask: Ask, one_server: Server | None) -> float:
    refused = 0

    def one(_: int) -> None:
        nonlocal refused
        while (found := ask(CODE, 10))[0] == 504:
            refused += 1
            time.sleep(0.2)
        assert found[::2] == (200, "42\n"), found

    _rate(one, 40, 4)
    two, of_two = _rate(one, N // 2, 2)
    ours, theirs = time.process_time(), one_server.cpu_s() if one_server else 0.0
    many, of_many = _rate(one, N, 64)
    ours, theirs = time.process_time() - ours, one_server.cpu_s() - theirs if one_server else 0.0
    print(f"serve: {name}: {many:.0f} programs/s of 64 clients, a connection each, p50 {_ms(of_many)}; "
          f"2 clients {two:.0f}/s, p50 {_ms(of_two)}, p99 {1000 * statistics.quantiles(of_two, n=100)[-1]:.1f} ms; {refused} refused")  # fmt: skip
    cores = os.cpu_count() or 1
    said = f"; the server's process takes {1000 * theirs / N:.2f} ms" if one_server else ""
    print(f"serve: {name}: of {1000 * cores / many:.2f} ms of processors that a program has here, the clients take "
          f"{1000 * ours / N:.2f} ms{said}; {N / (N / many - ours / cores):.0f} programs/s if the clients' were another machine's")  # fmt: skip
    return many


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms"


def _at_once(name: str, ask: Ask) -> None:
    """512 requests at once, a fifth of them endless; who is refused asks again, ever more seldom."""
    found: Counter[str] = Counter()
    until = time.monotonic() + WITHIN_S

    def one(n: int) -> None:
        is_endless, pause = n % 5 == 0, 1 + n % 16 / 16
        while True:
            http_status, status, printed = ask("while True: pass" if is_endless else f"print({n})", RUN_S)
            if http_status != 504:
                break
            found["refused with 504"] += 1
            if time.monotonic() + pause > until:
                found["given up"] += 1
                return
            time.sleep(pause)
            pause = min(2 * pause, 8)
        found["read time-outs"] += http_status == 0
        found["lost"] += http_status == -1
        right = status == "TimeLimitExceeded" if is_endless else printed == f"{n}\n"
        found["answers"] += http_status == 200
        found["wrong"] += http_status == 200 and not right

    cpu = time.process_time()
    rate, _ = _rate(one, AT_ONCE, AT_ONCE)
    cpu = time.process_time() - cpu
    said = ", ".join(f"{found[key]} {key}" for key in ("answers", "wrong", "read time-outs", "lost", "given up", "refused with 504"))
    n_endless = -(-AT_ONCE // 5)
    print(f"serve: {name}: {AT_ONCE} at once, a fifth endless: {said}; {AT_ONCE / rate:.0f} s "
          f"({n_endless} x {RUN_S:g} s in 2 boxes are {n_endless * RUN_S / 2:.0f} s at least), clients {cpu:.1f} s of processor")  # fmt: skip


def _beside(name: str, ask: Ask) -> None:
    wrong = 0

    def one(_: int) -> None:
        nonlocal wrong
        while (found := ask("n = 0\nfor i in range(200_000):\n    n += i\nprint(n)", 1.0))[0] == 504:
            time.sleep(1)
        wrong += found[2] != "19999900000\n"

    with spinning(2):
        _rate(one, 1000, 64)
    print(f"serve: {name}: 1,000 right programs beside 2 busy processes: {wrong} judged wrong")


def _megabyte(name: str, ask: Ask) -> None:
    for n in (160_000, 1_000_000):
        _, status, printed = ask(f"print('x' * {n})", 10)
        print(f"serve: {name}: {n:,} bytes of stdout: {status}, {len(printed):,} came")


@contextlib.contextmanager
def _peers() -> Iterator[dict[str, tuple[Ask, Server | None]]]:
    with server("--boxes", "2", "--no-cache", "--no-access-log") as ours:
        peers: dict[str, tuple[Ask, Server | None]] = {"exogate": (_client(f"{ours.url}/"), ours)}
        if other := os.environ.get("SANDBOX_FUSION_URL"):
            peers["SandboxFusion"] = _client(other.rstrip("/") + "/"), None
        yield peers


def serve() -> None:
    """Small programs over HTTP and in process, and long output."""
    with Sandbox(DockerEngine(), 2, Limits(memory_bytes=4 << 30)) as pool:
        limits = replace(pool.limits, charged_s=10, cpu_s=20)

        def bare(_: int) -> None:
            assert pool.attempt(lambda box: box.run(CODE)).stdout == "42\n"

        def same(_: int) -> None:
            assert pool.attempt(lambda box: program.run(box, CODE, limits=limits, wanted=[])).stdout == "42\n"

        _rate(bare, 40, 2)
        inside, seconds = _rate(bare, N, 2)
        alike, of_alike = _rate(same, N, 2)
    print(f"serve: in process, 2 boxes: {inside:.0f} programs/s, p50 {_ms(seconds)}; with files and the note on how it ended, "
          f"as /run_code has them: {alike:.0f}/s, p50 {_ms(of_alike)}")  # fmt: skip
    with _peers() as peers:
        for name, (ask, of) in peers.items():
            rate = _small(name, ask, of)
            if of:
                print(f"serve: HTTP's own share: {100 * (1 - rate / inside):.0f} % of in-process throughput; "
                      f"{100 * (1 - rate / alike):.0f} % of the same programs'")  # fmt: skip
            _megabyte(name, ask)


def serve_load() -> None:
    """Busy processes beside it, and 512 requests at once."""
    with _peers() as peers:
        for name, (ask, _) in peers.items():
            _beside(name, ask)
            _at_once(name, ask)
