"""What a host has only so much of, and waits that are bounded: engines and supervisors without anything behind them."""

import contextlib
import gc
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

import sandbox.box
import sandbox.engines.base
import sandbox.engines.docker
import sandbox.pool
from sandbox import Box, BoxLost, DockerEngine, EngineUnavailable, Limits, Sandbox
from sandbox.engines.attached import AttachedConnection
from sandbox.pool import TRIES
from sandbox.wire import frames
from tests.faults import soon

pytestmark = pytest.mark.usefixtures("known_here")


class Api:
    """What a Docker engine answers, with real sockets."""

    def __init__(self) -> None:
        self.n = 0
        self.running = dict[str, list[str]]()
        self.is_gone = False

    def version(self, **_: Any) -> dict[str, str]:
        return {"ApiVersion": "1.41"}

    def create_host_config(self, **given: Any) -> dict[str, Any]:
        return given

    def create_container(self, _: str, *, command: list[str], labels: dict[str, str], **__: Any) -> dict[str, Any]:
        self.n += 1
        self.running[str(self.n)] = command
        return {"Id": str(self.n), "Warnings": []}

    def attach_socket(self, _: str, **__: Any) -> socket.socket:
        return socket.socket(socket.AF_UNIX)

    def start(self, _: str) -> None:
        if self.is_gone:
            raise docker.errors.APIError("gone")

    def remove_container(self, name: str, **_: Any) -> None:
        if self.is_gone:
            raise docker.errors.APIError("gone")
        self.running.pop(name, None)

    def containers(self, **_: Any) -> list[Any]:
        if self.is_gone:
            raise docker.errors.APIError("gone")
        return []


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DockerEngine, Api]]:
    """An engine with nothing behind it."""
    api = Api()
    found = SimpleNamespace(get=lambda name: SimpleNamespace(id=name))
    client = SimpleNamespace(api=api, images=found, close=lambda: None)
    monkeypatch.setattr(docker, "from_env", lambda **_: client)
    engine = DockerEngine(host="tcp://127.0.0.1:1")
    yield engine, api
    engine.close()


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.slow
def test_a_hundred_thousand_boxes_of_one_engine_exhaust_nothing(stubbed: tuple[DockerEngine, Api]) -> None:
    engine, api = stubbed
    limits, begun = Limits(), time.monotonic()

    def sizes() -> tuple[int, dict[str, int]]:
        return len(os.listdir("/proc/self/fd")), {name: len(it) for name, it in vars(engine).items() if hasattr(it, "__len__")}

    slots = set()
    for _ in range(10_000):
        connection = engine.start(limits)
        slots.add(api.running[connection.name][0])
        connection.close()
    gc.collect()
    before, memory = sizes(), rss_bytes()
    for _ in range(90_000):
        engine.start(limits).close()
    gc.collect()
    assert sizes() == before
    assert rss_bytes() - memory < 12 << 20  # 140 bytes a box; where other tests ran before, the heap is torn
    assert api.n == 100_000
    assert not api.running
    assert len(slots) == 3998  # ranges of user ids, which come round again
    assert time.monotonic() - begun < soon(20)


def test_a_container_that_an_engine_did_not_remove_is_removed_when_it_is_back(stubbed: tuple[DockerEngine, Api]) -> None:
    engine, api = stubbed
    connection = engine.start(Limits())
    api.is_gone = True
    connection.close()
    with pytest.raises(EngineUnavailable):
        engine.start(Limits())
    with pytest.raises(EngineUnavailable):
        engine.sweep()
    assert len(api.running) == 2
    api.is_gone = False
    engine.sweep()
    assert not api.running


# -- waits are bounded -------------------------------------------------------------------------------------------------


class Quiet:
    """An engine whose boxes say `said`, and then what `says` says."""

    def __init__(self, said: bytes = b"", says: Callable[[socket.socket], None] = lambda _: None) -> None:
        self.said, self.says = said, says
        self.n = 0
        self._theirs: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self, *_: Any) -> AttachedConnection:
        self.n += 1
        ours, theirs = socket.socketpair()
        theirs.sendall(self.said)
        self._theirs.append(theirs)
        self._threads.append(threading.Thread(target=self.says, args=[theirs]))
        self._threads[-1].start()
        return AttachedConnection("run.quiet", ours)

    def image_digest(self, _: str = "") -> str:
        return ""

    def capacity(self, _: str, wanted: int) -> int:
        return wanted

    def sweep(self) -> int:
        return 0

    def close(self) -> None:
        for theirs in self._theirs:
            theirs.close()
        for thread in self._threads:
            thread.join()


READY = frames.pack({"op": "ready", "unbounded": []})


def trickle(theirs: socket.socket) -> None:
    """A byte now and then, of a message that never ends."""
    message = iter(frames.pack({"op": "end", "why": "x" * 10000}))
    with contextlib.suppress(OSError):
        while True:
            theirs.sendall(bytes([next(message)]))
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("said", "says", "code", "n_boxes"),
    [
        (b"", lambda _: None, "print(1)", 1),  # nothing: the pool has no box
        (READY, lambda _: None, "print(1)", 1 + TRIES),  # no answer, and none for the known program, each time
        (READY, trickle, "print(1)", 1 + TRIES),
        (READY, lambda _: None, "#" * (8 << 20), 1 + TRIES),  # takes no more than fits into the socket
    ],
)
def test_a_supervisor_that_says_nothing_is_given_up(
    said: bytes, says: Callable[[socket.socket], None], code: str, n_boxes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.box, "START_S", 0.15)
    monkeypatch.setattr(sandbox.box.frames, "longest_s", lambda charged_s, _: 3 * charged_s + 0.03)
    monkeypatch.setattr(sandbox.box, "GRACE_S", 0.03)
    monkeypatch.setattr(sandbox.pool, "KNOWN_S", 0.03)
    monkeypatch.setattr(sandbox.engines.base, "SEND_S", 0.15)
    limits, quiet, threads, begun = Limits(charged_s=0.03), Quiet(said, says), set(threading.enumerate()), time.monotonic()
    with Sandbox(quiet, 1, limits) as own, pytest.raises(BoxLost):
        next(own.map(lambda box, code: box.run(code), [code]))
    most_s = max(0.15, 3 * 0.03 + 0.03 + 0.03)
    assert time.monotonic() - begun < n_boxes * most_s + soon(0.5)
    assert quiet.n == n_boxes
    quiet.close()
    assert set(threading.enumerate()) <= threads


def test_boxes_are_lent_while_those_of_another_image_start() -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow(Quiet):
        def start(self, limits: Limits, image: str) -> AttachedConnection:
            if image == "slow":
                begun.set()
                go.wait(5)
            return super().start()

    slow = Slow(READY)
    with Sandbox(slow, 1) as own, ThreadPoolExecutor(1) as threads:
        own.start("run")
        starting = threads.submit(own.start, "slow")
        assert begun.wait(10)
        with own.box("run"):
            assert not starting.done()
        go.set()
        starting.result()
    slow.close()


class Asked:
    """A box's connection that goes away when it is asked, and remembers how long it would have been waited for."""

    name = "run.asked"

    def __init__(self) -> None:
        self.waits: list[float] = []

    def start(self, *_: Any) -> "Asked":
        self.receive = self._ready
        return self

    def _ready(self, n: int, _: float) -> bytes:
        self.said = getattr(self, "said", b"") or READY
        part, self.said = self.said[:n], self.said[n:]
        if not self.said:
            self.receive = self._gone
        return part

    def _gone(self, _: int, deadline: float) -> bytes:
        self.waits.append(deadline - time.monotonic())
        raise BoxLost("gone")

    def send(self, _: bytes) -> None:
        pass

    def close(self) -> None:
        pass

    def memory_exceeded(self) -> bool:
        return False


@pytest.mark.parametrize("charged_s", [0.1, 1.0, 5.0, 60.0, 85.0])
@pytest.mark.parametrize("call_s", [0.0, 0.1, 5.0, 25.0])
def test_the_host_waits_for_a_program_as_its_own_limits_say(charged_s: float, call_s: float) -> None:
    """Longer than the program may work and than the supervisor lets it, and never longer than is said here."""
    engine: Any = Asked()
    most_s = 3 * charged_s + 10 * (call_s or charged_s) + 10  # a whole program is one call
    longest_s = frames.longest_s(charged_s, call_s or charged_s)
    assert max(charged_s, call_s) < longest_s <= most_s
    limits = Limits(charged_s=charged_s, cpu_s=2 * charged_s)

    def ask(box: Box) -> None:
        if not call_s:
            box.run("pass", limits=limits)
        with box.calls("def f(): pass", "f", limits=limits, call_s=call_s) as session:
            session.batch(b"[]", 1, last=True, call_s=call_s)

    with Box(engine, limits) as box, pytest.raises(BoxLost):
        ask(box)
    (wait_s,) = engine.waits
    assert longest_s < wait_s <= most_s + 20
