"""The service beside the same boxes in process, and beside a SandboxFusion server, if `SANDBOX_FUSION_URL` names one."""

import http.client
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sandbox import DockerEngine, Limits, Sandbox
from tests.toolkit.service.live import server
from tests.toolkit.service.test_under_load import spinning

N = int(os.environ.get("BENCH_REQUESTS", "600"))
AT_ONCE = 512
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


def _small(name: str, ask: Ask) -> float:
    refused = 0

    def one(_: int) -> None:
        nonlocal refused
        while (found := ask(CODE, 10))[0] == 504:
            refused += 1
            time.sleep(0.2)
        assert found[::2] == (200, "42\n"), found

    _rate(one, 40, 4)
    two, of_two = _rate(one, N // 2, 2)
    many, of_many = _rate(one, N, 64)
    print(f"serve: {name}: {many:.0f} programs/s of 64 clients, a connection each, p50 {_ms(of_many)}; "
          f"2 clients {two:.0f}/s, p50 {_ms(of_two)}, p99 {1000 * statistics.quantiles(of_two, n=100)[-1]:.1f} ms; {refused} refused")  # fmt: skip
    return many


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms"


def _at_once(name: str, ask: Ask) -> None:
    """512 requests at once, a fifth of them endless."""
    found: Counter[str] = Counter()

    def one(n: int) -> None:
        is_endless = n % 5 == 0
        for attempt in range(200):
            http_status, status, printed = ask("while True: pass" if is_endless else f"print({n})", 1.0)
            found["refused with 504"] += http_status == 504
            if http_status != 504:
                break
            time.sleep(1 + attempt % 2)
        found["read time-outs"] += http_status == 0
        right = status == "TimeLimitExceeded" if is_endless else printed == f"{n}\n"
        found["answers"] += http_status == 200
        found["wrong"] += http_status == 200 and not right

    rate, _ = _rate(one, AT_ONCE, AT_ONCE)
    said = ", ".join(f"{found[key]} {key}" for key in ("answers", "wrong", "read time-outs", "refused with 504"))
    print(f"serve: {name}: {AT_ONCE} at once, a fifth endless: {said}; {AT_ONCE / rate:.0f} s")


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


def serve() -> None:
    """The figures of docs/serve.md."""
    with Sandbox(DockerEngine(), 2, Limits(memory_bytes=4 << 30)) as pool:
        def one(_: int) -> None:
            assert pool.attempt(lambda box: box.run(CODE)).stdout == "42\n"

        _rate(one, 40, 2)
        inside, seconds = _rate(one, N, 2)
    print(f"serve: in process, 2 boxes: {inside:.0f} programs/s, p50 {_ms(seconds)}")
    with server("--boxes", "2", "--no-cache", "--no-access-log") as ours:
        peers = {"exogate": f"{ours.url}/"}
        if other := os.environ.get("SANDBOX_FUSION_URL"):
            peers["SandboxFusion"] = other.rstrip("/") + "/"
        for name, url in peers.items():
            ask = _client(url)
            rate = _small(name, ask)
            if name == "exogate":
                print(f"serve: HTTP's own share: {100 * (1 - rate / inside):.0f} % of in-process throughput")
            _megabyte(name, ask)
            _beside(name, ask)
            _at_once(name, ask)
