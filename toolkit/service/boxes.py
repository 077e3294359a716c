"""Where a server's programs run: in boxes of this machine, or in those of the nodes of a Ray cluster."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from sandbox import Box, BoxLost, EngineUnavailable, Limits, Sandbox, SandboxError, Starved, open_engine
from sandbox.errors import Stopped
from toolkit.benchmarks import Benchmark, own_tests
from toolkit.benchmarks.load import benchmark_named
from toolkit.oracle import Facts, Oracle, canary
from toolkit.oracle.cluster import Cluster
from toolkit.oracle.ray import Away
from toolkit.records import Result, Sample, Task
from toolkit.service import program
from toolkit.service.admission import Job
from toolkit.service.settings import Settings

R = TypeVar("R")
TRIES = 3
"""Attempts at a program while boxes fail for reasons of their own."""
MAX_ORACLES = 64
"""Oracles that a node keeps."""
KNOWN = (
    {"solution": "def double(x):\n    return 2 * x\n", "tests": {"asserts": ["assert double(2) == 4"]}},
    {"solution": "print(2 * int(input()))", "tests": {"inputs": ["2"], "outputs": ["4"]}},
)


def prove(make: Callable[[Benchmark, Mapping[str, Task], str], Oracle]) -> None:
    """Judge programs whose verdicts are known. Raises `Refused` if one is judged otherwise."""
    for row in KNOWN:
        task = own_tests.task_of(row)
        canary(make(own_tests.BENCHMARK, {task.task_id: task}, task.task_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Runs one program of `/run_code` (`program.run`)."""

    code: str
    limits: Limits
    stdin: str
    files: list[tuple[str, bytes]]
    wanted: list[str]
    image: ClassVar[str] = "run"

    def __call__(self, _worker: "Worker | None", box: Box) -> program.Ran:
        """Run it. Raises as `Box.run`."""
        return program.run(box, self.code, limits=self.limits, stdin=self.stdin, files=self.files, wanted=self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Judges one sample on a node; all that an oracle needs but boxes."""

    benchmark: Benchmark
    task: Task
    data_hash: str
    settings: Mapping[str, Any]
    sample: Sample

    @property
    def image(self) -> str:
        """The image that it is judged in."""
        return self.benchmark.image

    def __call__(self, worker: "Worker", box: Box) -> tuple[Result, Facts]:
        """Judge it. Raises as `Oracle.judge`."""
        return worker.oracle(self).judge(self.sample, box)


def _tried(pool: Any, job: Job, act: Callable[[], R]) -> R:
    """Return what `act` does, which is tried again while boxes fail for reasons of their own."""
    for left in reversed(range(TRIES)):
        try:
            return act()
        except (BoxLost, Starved, EngineUnavailable):
            if not left or job.is_over or pool.is_closed:
                raise
    raise AssertionError


class Here:
    """Boxes of an engine on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.engine = open_engine(settings.runtime)
        self.n_boxes = self.engine.capacity("run", settings.boxes)
        self.pool = Sandbox(self.engine, self.n_boxes, Limits(memory_bytes=settings.memory_bytes))

    def start(self, make: Callable[[Benchmark, Mapping[str, Task], str], Oracle]) -> None:
        """Start all boxes, and judge known programs. Raises `InfrastructureError`."""
        self.pool.start("run")
        self.pool.start("run", "test")
        prove(make)

    @property
    def n_started(self) -> int:
        """How many boxes were started so far."""
        return self.pool.n_started

    def look(self) -> int:
        """Return how many programs may run at a time."""
        return self.n_boxes

    def run(self, job: Job, asked: Program) -> program.Ran:
        """Run a program. Raises as `Sandbox.attempt`."""
        return self._attempt(job, lambda box: asked(None, box))

    def judge(self, job: Job, oracle: Oracle, sample: Sample) -> tuple[Result, Facts]:
        """Judge a sample. Raises as `Oracle.judge_one`."""
        return oracle.judge_one(sample, lambda act: self._attempt(job, act, oracle.rules.benchmark.image))

    def _attempt(self, job: Job, act: Callable[[Box], R], image: str = "run") -> R:
        """Do as `Sandbox.attempt` does, in a box that is closed once nobody wants the result."""

        def held(box: Box) -> R:
            job.lent(box)
            try:
                if job.is_over:
                    raise BoxLost("nobody wants the result")
                return act(box)
            finally:
                job.given_back()

        return _tried(self.pool, job, lambda: self.pool.attempt(held, image, is_unwanted=lambda: job.is_over))

    def close(self) -> None:
        """Remove the boxes. Never raises."""
        self.pool.close()
        self.engine.close()


class Worker:
    """A node's boxes, and the oracles that were asked for last."""

    def __init__(self, pool: Sandbox) -> None:
        self.pool = pool
        self._oracles: OrderedDict[Any, Oracle] = OrderedDict()
        self._lock = threading.Lock()

    def prove(self) -> None:
        """Start the boxes and judge known programs in them. Raises `InfrastructureError`."""
        self.pool.start("run")
        self.pool.start("run", "test")
        prove(lambda *about: Oracle(self.pool, *about))

    def oracle(self, asked: Judged) -> Oracle:
        """Return the oracle of a benchmark and its settings: right answers are computed and kept on each node."""
        key = asked.benchmark.name, asked.data_hash, *asked.settings.values()
        with self._lock:
            if key not in self._oracles:
                self._oracles[key] = Oracle(self.pool, asked.benchmark, {}, asked.data_hash, **asked.settings)
            found = self._oracles[key]
            self._oracles.move_to_end(key)
            while len(self._oracles) > MAX_ORACLES:
                self._oracles.popitem(last=False)
            if asked.task.task_id not in found.tasks:
                found.tasks = {**found.tasks, asked.task.task_id: asked.task}
            return found

    def work(self, chunk: Sequence[Program | Judged], stop: threading.Event) -> list[Any]:
        """Return the result of each piece of work, all for one image, or its error: that is no reason to leave the node."""
        try:
            return list(self.pool.map(lambda box, act: act(self, box), chunk, chunk[0].image, failed=_told, stop=stop))
        except Stopped:
            return [BoxLost("nobody wants the result") for _ in chunk]


def _told(_act: object, error: Exception) -> Exception:
    """Return an error that can travel."""
    if isinstance(error, SandboxError | OSError):
        return error
    return RuntimeError(f"{type(error).__name__}: {str(error)[:300]}")


class Nodes:
    """Boxes of the nodes of a Ray cluster, of all that are ready."""

    def __init__(self, settings: Settings) -> None:
        limits = Limits(memory_bytes=settings.memory_bytes)
        self.images = sorted({Program.image, *(benchmark_named(name).image for name in settings.benchmarks or ())})
        self.cluster = Cluster(
            settings.ray or "", Worker, n_boxes=settings.boxes_a_node, limits=limits, images=self.images,
            at_once=None,
        )  # fmt: skip
        self.pool: Any = Away(self.cluster)
        self.n_started = 0
        self._known: set[str] = set()

    def start(self, _make: Any) -> None:
        """Wait for the first nodes, each of which proves itself. Raises `InfrastructureError` if there is none."""
        for image in self.images:  # kept: later on, threads ask for it
            self.cluster.image_digest(image)
        self.look()

    def look(self) -> int:
        """Return how many programs may run at a time, now."""
        ready = {about.node: about.n_boxes for about in self.cluster.look()}
        self.n_started += sum(n for name, n in ready.items() if name not in self._known)
        self._known = set(ready)
        return sum(ready.values())

    def run(self, job: Job, asked: Program) -> program.Ran:
        """Run a program on a node. Raises as `Sandbox.attempt`."""
        return self._attempt(job, asked)  # type: ignore[no-any-return]

    def judge(self, job: Job, oracle: Oracle, sample: Sample) -> tuple[Result, Facts]:
        """Judge a sample on a node, unless its verdict is stored here. Raises as `Oracle.judge_one`."""
        rules = oracle.rules
        settings = {"timeout_s": rules.timeout_s, "total_timeout_s": rules.total_timeout_s, "fail_fast": rules.fail_fast}
        asked = Judged(
            benchmark=rules.benchmark, task=oracle.tasks[sample.task_id], data_hash=oracle.data_hash, settings=settings,
            sample=sample,
        )  # fmt: skip
        return oracle.judge_one(sample, lambda _: self._attempt(job, asked))

    def _attempt(self, job: Job, act: Program | Judged) -> Any:
        avoid: set[str] = set()

        def once() -> Any:
            found = self.cluster.one(act, lambda: job.is_over, avoid)
            if isinstance(found, Exception):
                raise found
            return found

        return _tried(self.pool, job, once)

    def close(self) -> None:
        """Let go of the nodes, whose boxes then end. Never raises."""
        with contextlib.suppress(Exception):
            self.cluster.close()


def boxes(settings: Settings) -> Here | Nodes:
    """Return the boxes that settings name. Raises `UsageError`, or `EngineUnavailable`."""
    return Nodes(settings) if settings.ray else Here(settings)
