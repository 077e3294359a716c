"""A server that has more to do than it can: nobody's reward is a time-out of ours, and nothing is lost or flipped.

Small here; `TOOLKIT_LOAD=1` (`make check-long`) asks for 512 requests at once, a thousand programs beside busy processes,
and a hundred thousand with a box killed every hundred.
"""

import multiprocessing
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import docker
import pytest
import requests

from sandbox import DockerEngine
from tests.toolkit.service.live import Server, server

FULL = bool(os.environ.get("TOOLKIT_LOAD"))
AT_ONCE, BESIDE, LONG = (512, 1000, 100_000) if FULL else (40, 24, 80)
EVERY = 100 if FULL else 40
COMPILE_S = 10.0 if FULL else 200.0
"""What clients allow beside the run, less ten seconds: as verl does, or so long that a busy machine has no say in it."""


@pytest.fixture(scope="module")
def busy(engine: DockerEngine) -> Iterator[Server]:
    with server("--boxes", "2", "--no-cache", "--no-access-log") as one:
        yield one


ENDLESS = "while True: pass" if FULL else "import time\ntime.sleep(600)"
"""The second takes its time without a processor, however busy the machine is."""


def until_answered(one: Server, code: str, statuses: Counter[int], run_s: float = 1.0) -> dict[str, object]:
    """Ask as verl does, with a new connection each time, but again for as long as the answer is 504."""
    deadline = time.monotonic() + 3600
    while time.monotonic() < deadline:
        body = {"code": code, "run_timeout": run_s, "compile_timeout": COMPILE_S, "language": "python"}
        said = one.post("/run_code", body, timeout=run_s + COMPILE_S + 10.0)
        statuses[said.status_code] += 1
        if said.status_code != 504:
            assert said.status_code == 200
            return dict(said.json()["run_result"])
        time.sleep(1)
    raise AssertionError("never answered")


def test_many_at_once_a_fifth_of_them_endless(busy: Server) -> None:
    statuses: Counter[int] = Counter()

    def asked(n: int) -> bool:
        code = ENDLESS if n % 5 == 0 else f"print({n} * 2)"
        found = until_answered(busy, code, statuses)
        return found["status"] == "TimeLimitExceeded" if n % 5 == 0 else found["stdout"] == f"{2 * n}\n"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert all(threads.map(asked, range(AT_ONCE))), "a verdict is wrong"
    assert set(statuses) <= {200, 504}
    assert statuses[200] == AT_ONCE
    assert busy.metric("exogate_queue_depth") == busy.metric("exogate_held_bytes") == 0


def _spin() -> None:
    while True:
        pass


@contextmanager
def spinning(n: int) -> Iterator[None]:
    others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(n)]
    for each in others:
        each.start()
    yield
    for each in others:
        each.kill()
        each.join()


def test_right_programs_beside_busy_processes(busy: Server) -> None:
    code = "n = 0\nfor i in range(200_000):\n    n += i\nprint(n)"
    statuses: Counter[int] = Counter()
    with spinning(2), ThreadPoolExecutor(64 if FULL else 8) as threads:
        found = list(threads.map(lambda _: until_answered(busy, code, statuses, 5.0), range(BESIDE)))
    assert Counter((each["status"], each["stdout"]) for each in found) == {("Finished", "19999900000\n"): BESIDE}


def test_boxes_that_are_killed_cost_no_request(busy: Server, docker_engine: DockerEngine) -> None:
    """A box is killed from outside every so often: memory stays flat, nothing is lost, nobody is left."""
    statuses: Counter[int] = Counter()
    client = docker.from_env()
    killed, seconds = 0, []
    until_answered(busy, "print(1)", statuses)
    before = busy.rss_bytes()

    def own() -> list[docker.models.containers.Container]:
        found = client.containers.list(filters={"label": "exogate.box"})
        return [each for each in found if f"/{busy.process.pid}/" in each.labels["exogate.owner"]]

    def asked(n: int) -> bool:
        started = time.monotonic()
        found = until_answered(busy, f"print({n})", statuses, 5.0)
        seconds.append(time.monotonic() - started)
        return found["stdout"] == f"{n}\n"

    with ThreadPoolExecutor(4) as threads:
        for first in range(0, LONG, EVERY):
            answers = [threads.submit(asked, n) for n in range(first, first + EVERY)]
            if boxes := own():
                try:
                    boxes[first // EVERY % len(boxes)].kill()
                    killed += 1
                except docker.errors.APIError:
                    pass
            assert all(answer.result() for answer in answers)
    assert killed >= LONG // EVERY // 2
    grown, half = busy.rss_bytes() - before, len(seconds) // 2
    first, later = (statistics.quantiles(each, n=100)[-1] for each in (seconds[:half], seconds[half:]))
    print(f"{LONG} programs, {killed} boxes killed: answers {dict(statuses)}, memory {grown / 2**20:+.1f} MiB, p99 {first:.2f} s, later {later:.2f} s")
    assert grown < (10 << 20 if FULL else 48 << 20)
    assert not FULL or later <= 1.5 * first, "the slowest hundredth grows"
    children = [pid for pid in os.listdir("/proc") if pid.isdigit() and _is_zombie_of(int(pid), busy.process.pid)]
    assert children == []
    assert busy.metric("exogate_box_restarts_total") >= killed // 2
    client.close()


def _is_zombie_of(pid: int, parent: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, of = file.read().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return state == "Z" and int(of) == parent


def test_clients_that_try_again_lose_nothing_when_a_server_dies(engine: DockerEngine) -> None:
    port = 0
    with server("--boxes", "1", "--no-cache") as first, ThreadPoolExecutor(4) as threads:
        port = int(first.url.rpartition(":")[2])

        def asked(n: int) -> str:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline:
                try:
                    said = requests.post(first.url + "/run_code", json={"code": f"print({n})"}, timeout=30)
                    if said.status_code == 200:
                        return str(said.json()["run_result"]["stdout"])
                except requests.RequestException:
                    pass
                time.sleep(0.3)
            raise AssertionError("lost")

        answers = [threads.submit(asked, n) for n in range(40)]
        time.sleep(0.3)
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
        with server("--boxes", "1", "--no-cache", "--port", str(port)):
            assert [answer.result() for answer in answers] == [f"{n}\n" for n in range(40)]
