"""The service beside the same boxes in process, and beside a SandboxFusion server, if `SANDBOX_FUSION_URL` names one."""

import contextlib
import http.client
import json
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench.tables import REPEAT
from tests.toolkit.service.live import Server, server
from tests.toolkit.service.test_under_load import spinning
from toolkit.service import program

N = int(os.environ.get("BENCH_REQUESTS", "400"))
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


def _one(ask: Ask, counts: Counter[str]) -> Callable[[int], None]:
    """Return what runs one small program, asking again where that is refused; it counts refusals and wrong answers."""
    def one(_: int) -> None:
        while (found := ask(CODE, 10))[0] == 504:
            counts["refused"] += 1
            time.sleep(0.2)
        counts["wrong"] += found[::2] != (200, "42\n")

    return one


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
    """Small programs over HTTP and in process, taking turns, and long output."""
    own = Limits(memory_bytes=4 << 30)
    with contextlib.closing(DockerEngine()) as engine, Sandbox(engine, 2, own) as pool, _peers() as peers:
        limits = replace(pool.limits, charged_s=10, cpu_s=20, output_bytes=program.OUTPUT_BYTES)

        def bare(_: int) -> None:
            assert pool.attempt(lambda box: box.run(CODE)).stdout == "42\n"

        def alike(_: int) -> None:
            assert pool.attempt(lambda box: program.run(box, CODE, limits=limits, wanted=[])).stdout == "42\n"

        counts = {name: Counter[str]() for name in peers}
        ours = {name: _one(ask, counts[name]) for name, (ask, _) in peers.items()}
        ways = {"in process": (bare, 2), "in process, as /run_code runs it": (alike, 2)}
        ways |= {f"{name}, {n} clients": (one, n) for name, one in ours.items() for n in (2, 64)}
        for act, _ in ways.values():
            _rate(act, 40, 2)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        of_each: dict[str, list[float]] = {name: [] for name in ways}
        cpu_s: defaultdict[str, float] = defaultdict(float)
        for _ in range(REPEAT):
            for name, (act, clients) in ways.items():
                of = peers["exogate"][1]
                own, theirs = time.process_time(), of.cpu_s() if of else 0.0
                rate, seconds = _rate(act, N, clients)
                cpu_s[f"{name}, clients"] += time.process_time() - own
                cpu_s[f"{name}, server"] += of.cpu_s() - theirs if of else 0.0
                rates[name].append(rate)
                of_each[name] += seconds
        for name, found in rates.items():
            print(f"serve: {name}: {statistics.median(found):.0f} programs/s (medians of {REPEAT}), p50 {_ms(of_each[name])}, "
                  f"p99 {1000 * statistics.quantiles(of_each[name], n=100)[-1]:.1f} ms")  # fmt: skip
        for name in peers:
            print(f"serve: {name}: {counts[name]['refused']} refused, {counts[name]['wrong']} answered wrongly")
        many = rates["exogate, 64 clients"]
        for name in ("in process", "in process, as /run_code runs it"):
            shares = [100 * (1 - over / inside) for over, inside in zip(many, rates[name], strict=True)]
            print(f"serve: HTTP's own share: {statistics.median(shares):.0f} % of {name} ({', '.join(f'{each:.0f}' for each in shares)})")
        each, cores = REPEAT * N / 1000, os.cpu_count() or 1
        whole = 1000 * cores / statistics.median(many)
        clients, of_server = (cpu_s[f"exogate, 64 clients, {whose}"] / each for whose in ("clients", "server"))
        print(f"serve: of {whole:.2f} ms of processors that a program has there, the clients take {clients:.2f} ms, the server's process "
              f"{of_server:.2f} ms; {1000 * cores / (whole - clients):.0f} programs/s if the clients' were another machine's")  # fmt: skip
        for name, (ask, _) in peers.items():
            _megabyte(name, ask)


def serve_load() -> None:
    """Busy processes beside it, and 512 requests at once."""
    with _peers() as peers:
        for name, (ask, _) in peers.items():
            _beside(name, ask)
            _at_once(name, ask)
