"""The oracle: says of each sample whether it is right. The answer never enters the box that the sample runs in.

Table benchmarks: inputs go in, outputs come out as plain data, the host compares: equal bytes first (by a digest that
the supervisor forms), decoded values by the benchmark's own rule only where bytes differ. Check benchmarks: the test
runs in a second box and calls the candidate through the host. Nothing that a program exits with, prints or writes is a
verdict.
"""

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sandbox import (
    Batch,
    Box,
    BoxLost,
    BoxOutOfMemory,
    Ending,
    Engine,
    EngineUnavailable,
    Execution,
    Limits,
    SandboxError,
    Session,
    Status,
    codec,
    converse,
)
from sandbox.conversation import text_of
from toolkit import expected as answers
from toolkit.benchmarks.base import Benchmark, matches
from toolkit.cache import VerdictCache
from toolkit.expected import Chunk, Expected
from toolkit.types import Result, Sample, Task, Verdict

VERSION = 1
"""Raised whenever a verdict could come out otherwise than before: stored verdicts are then not used."""
TRIES = 3
"""How often a sample is tried when its box is lost."""
ENGINE_WAIT_S = 60.0
"""How long an engine that has gone may take to come back."""
TEST_S = 60.0
WAKE_S = 0.2
"""How long one waits at a time: a Ctrl-C that comes just before a wait begins is only seen when it ends."""

_ENDS = {
    Status.TIMED_OUT: Verdict.TIME_LIMIT,
    Status.MEMORY_EXCEEDED: Verdict.MEMORY_LIMIT,
    Status.OUTPUT_EXCEEDED: Verdict.OUTPUT_LIMIT,
}


class Refused(Exception):
    """The oracle does not trust itself: a program whose verdict is known was judged otherwise."""


@dataclass(slots=True)
class Finding:
    """What one part of the tests showed."""

    verdict: Verdict
    detail: str = ""


@dataclass(slots=True)
class Facts:
    """What judging one sample took; measured, and so never twice the same.

    Attributes:
        seconds: on the wall.
        charged_s, cpu_s, memory_peak_bytes: of the program, as in `Execution`.
        cached: the verdict had been stored, or was given to an equal solution of this run.
    """

    seconds: float = 0.0
    charged_s: float = 0.0
    cpu_s: float = 0.0
    memory_peak_bytes: int = 0
    cached: bool = False

    def add(self, execution: Execution) -> None:
        """Count one more run of the program."""
        self.charged_s = round(self.charged_s + execution.wall_s, 6)
        self.cpu_s = round(self.cpu_s + execution.cpu_s, 6)
        self.memory_peak_bytes = max(self.memory_peak_bytes, execution.memory_peak_bytes)


@dataclass(slots=True)
class Slot:
    """The boxes of one worker: the candidate's, and one for tests (started when first needed)."""

    candidate: Box
    test: Box

    def close(self) -> None:
        """End both."""
        self.candidate.close()
        self.test.close()


class Oracle:
    """Judges samples of one benchmark, several at a time.

    Args:
        engine: starts the boxes.
        benchmark: its rules.
        tasks: by id.
        data_hash: of the benchmark's data.
        timeout_s: of one call of the candidate in table benchmarks, of the whole program elsewhere; to a sample's
            total, four times what the canonical solution took is added.
        parallel: samples judged at one time.
        cache: stored verdicts; None judges all anew.
        base_only: leaves the plus inputs out.
    """

    def __init__(
        self,
        engine: Engine,
        benchmark: Benchmark,
        tasks: Mapping[str, Task],
        data_hash: str,
        *,
        timeout_s: float = 5.0,
        parallel: int = 2,
        cache: VerdictCache | None = None,
        base_only: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if parallel < 1:
            raise ValueError(f"parallel must be at least 1, not {parallel}")
        self.limits = replace(limits or Limits(memory_bytes=4 << 30), wall_s=timeout_s, cpu_s=2 * timeout_s)
        self.engine, self.benchmark, self.tasks, self.data_hash = engine, benchmark, tasks, data_hash
        self.timeout_s, self.cache, self.base_only = timeout_s, cache, base_only
        n_slots = engine.capacity("run", parallel)
        self.slots = [Slot(Box(engine, self.limits), Box(engine, self.limits)) for _ in range(n_slots)]
        self._expected: dict[str, Expected] = {}
        self._computing: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._engine_error: str | None = None

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def start(self) -> None:
        """Sweep orphans and start the candidates' boxes, all at once. Raises `SandboxError`."""
        errors: list[BaseException] = []

        def attempt(act: Callable[[], object]) -> None:
            try:
                act()
            except BaseException as error:
                errors.append(error)

        boxes = [slot.candidate for slot in self.slots]
        if any(task.test for task in self.tasks.values()):
            boxes += [slot.test for slot in self.slots]
        acts: list[Callable[[], object]] = [self.engine.sweep, *(box.start for box in boxes)]
        self._together([partial(attempt, act) for act in acts])
        if errors:
            self.close()
            raise errors[0]

    @staticmethod
    def _together(acts: list[Callable[[], object]]) -> None:
        threads = [threading.Thread(target=act, daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """End all boxes, at once and also in the middle of a program. Never raises."""
        self._stopping.set()
        self._together([slot.close for slot in self.slots])

    # -- many samples --------------------------------------------------------------------------------------------------

    def judge_many(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Result, Facts]]:
        """Judge samples as boxes come free; yields in order of completion.

        Equal solutions of a task are run once. A sample that cannot be judged yields a result with `error`; nothing
        is raised for it.
        """
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(self._key(sample), []).append(sample)
        waiting: dict[str, list[Sample]] = {}
        for key, group in groups.items():
            stored = self.cache.get(key) if self.cache else None
            if stored is None:
                waiting[key] = group
            else:
                for sample in group:
                    yield sample, _from_stored(stored, sample), Facts(cached=True)
        del groups
        order = sorted(waiting, key=lambda key: -self._cost(waiting[key][0]))
        work: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        for key in order:
            work.put(key)
        for _ in self.slots:
            work.put(None)
        done: queue.SimpleQueue[tuple[str, Result, Facts] | None] = queue.SimpleQueue()

        def worker(slot: Slot) -> None:
            while (key := work.get()) is not None and not self._stopping.is_set():
                done.put((key, *self.judge(waiting[key][0], slot)))
            done.put(None)

        for slot in self.slots:
            threading.Thread(target=worker, args=(slot,), daemon=True).start()
        working = len(self.slots)
        while working:
            try:
                item = done.get(timeout=WAKE_S)
            except queue.Empty:
                continue
            if item is None:
                working -= 1
                continue
            key, result, facts = item
            if self.cache and result.error is None:
                self.cache.put(key, _to_stored(result))
            for sample in waiting.pop(key):
                yield sample, replace(result, sample_id=sample.sample_id), facts
                facts = Facts(cached=True)

    def _key(self, sample: Sample) -> str:
        parts = (
            str(VERSION),
            self.engine.image_digest(),
            self.benchmark.name,
            self.data_hash,
            sample.task_id,
            f"{self.base_only} {self.limits}",
            sample.solution,
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _cost(self, sample: Sample) -> float:
        """Estimate what a sample takes, so that the longest are begun first and no box is idle at the end."""
        known = self._known(self.tasks[sample.task_id])
        return known.charged_s if known else 0.0

    # -- one sample ----------------------------------------------------------------------------------------------------

    def judge(self, sample: Sample, slot: Slot) -> tuple[Result, Facts]:
        """Judge one sample in the boxes of `slot`; a failure of ours is in the result's `error`."""
        facts = Facts()
        started = time.monotonic()
        task = self.tasks[sample.task_id]
        error = ""
        for _ in range(TRIES):
            try:
                facts = Facts()
                result = (self._by_check if task.test else self._by_table)(task, sample, slot, facts)
                facts.seconds = round(time.monotonic() - started, 6)
                return result, facts
            except EngineUnavailable as failure:
                error = str(failure)
                if not self._engine_came_back():
                    break
            except (BoxLost, codec.CodecError) as failure:
                error = str(failure)
                slot.close()
                if self._stopping.is_set():
                    break
            except (SandboxError, OSError) as failure:
                error = str(failure)
                break
        facts.seconds = round(time.monotonic() - started, 6)
        error = f"not judged: {error}" if error else "not judged"
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error=error), facts

    def _engine_came_back(self) -> bool:
        """Wait for an engine that has gone; once it is given up, nobody waits again."""
        with self._lock:
            deadline = time.monotonic() + (0 if self._engine_error else ENGINE_WAIT_S)
            while not self._stopping.is_set():
                try:
                    self.engine.sweep()
                    return True
                except EngineUnavailable as error:
                    if time.monotonic() > deadline:
                        self._engine_error = str(error)
                        return False
                    self._stopping.wait(1)
            return False

    # -- tables of calls -----------------------------------------------------------------------------------------------

    def _known(self, task: Task) -> Expected | None:
        found = self._expected.get(task.task_id)
        if found is None and not task.test:
            found = answers.load(answers.key_of(task, self.data_hash, self.engine.image_digest()))
            if found is not None:
                self._expected[task.task_id] = found
        return found

    def expected(self, task: Task, box: Box) -> Expected:
        """Return the right answers of `task`, computed once. Raises `SandboxError` or OSError."""
        with self._lock:
            lock = self._computing.setdefault(task.task_id, threading.Lock())
        with lock:
            found = self._known(task)
            if found is None:
                key = answers.key_of(task, self.data_hash, self.engine.image_digest())
                found = self._expected[task.task_id] = answers.compute(task, key, box)
            return found

    def _by_table(self, task: Task, sample: Sample, slot: Slot, facts: Facts) -> Result:
        right = self.expected(task, slot.candidate)
        chunks = [chunk for chunk in right.chunks if not (self.base_only and chunk.plus)]
        found: dict[bool, Finding] = {}
        while chunks:
            judged = self._run_chunks(task, sample.solution, slot.candidate, right, chunks, facts)
            found = judged | found
            chunks = [chunk for chunk in chunks if chunk.plus not in found]
        passed = Finding(Verdict.PASSED)
        base, plus = found.get(False, passed), found.get(True, passed)
        worst = plus if base.verdict == Verdict.PASSED and not self.base_only else base
        return Result(
            task_id=sample.task_id,
            sample_id=sample.sample_id,
            verdict=worst.verdict,
            base=base.verdict,
            plus=None if self.base_only else plus.verdict,
            detail=worst.detail,
        )

    def _run_chunks(
        self, task: Task, solution: str, box: Box, right: Expected, chunks: list[Chunk], facts: Facts
    ) -> dict[bool, Finding]:
        """Run one process of the program over chunks; {plus?: finding} for each part that this settled.

        When the process ends before its time, the part in which that happened is settled as failed, and parts that
        it did not come to are left out: the caller runs those in a new process, as EvalPlus does.
        """
        found: dict[bool, Finding] = {}
        limits = answers.limits_for(self.limits, self.timeout_s, right.charged_s)
        calls = answers.inputs(task)
        try:
            with box.calls(solution, task.entry_point, limits=limits, call_s=self.timeout_s) as session:
                for chunk in chunks:
                    if chunk.plus in found:
                        continue
                    arguments = calls[chunk.first : chunk.first + chunk.n_calls]
                    last = chunk is chunks[-1]
                    call_s = self.timeout_s + 4 * chunk.charged_s
                    batch = session.batch(codec.encode_batch(arguments), chunk.n_calls, last=last, call_s=call_s)
                    if batch.n_frames == chunk.n_calls and batch.digest == chunk.digest:
                        continue
                    finding = self._compare(task, right, chunk, batch, session)
                    if not batch.loaded:
                        found = {False: finding, True: finding}
                        break
                    if finding.verdict != Verdict.PASSED:
                        found[chunk.plus] = finding
                    if batch.n_frames < chunk.n_calls:
                        break
                else:
                    for chunk in chunks:
                        found.setdefault(chunk.plus, Finding(Verdict.PASSED))
                facts.add(session.end())
        except BoxOutOfMemory as error:
            at = next(chunk.plus for chunk in chunks if chunk.plus not in found)
            found[at] = Finding(Verdict.MEMORY_LIMIT, str(error))
        return found

    def _compare(self, task: Task, right: Expected, chunk: Chunk, batch: Batch, session: Session) -> Finding:
        """Look at the answers of a chunk one by one, as far as there are any."""
        if not batch.loaded and not batch.n_frames:
            return _of_end(session.end(), "while it was loaded")
        try:
            stream = session.fetch() if batch.stream is None else batch.stream
            if batch.n_frames == chunk.n_calls and (not stream or not chunk.n_bytes):
                where = f"in calls {chunk.first} to {chunk.first + chunk.n_calls - 1}"
                return Finding(Verdict.WRONG_ANSWER, f"{where}: other values than expected, by their digest")
            got = codec.split_frames(stream)
        except codec.CodecError as error:
            return Finding(Verdict.RUNTIME_ERROR, str(error))
        if not batch.loaded:
            return _of_frame(*got[0], "while it was loaded") if got else _of_end(session.end(), "while it was loaded")
        calls = answers.inputs(task)[chunk.first : chunk.first + chunk.n_calls]
        wanted = right.frames(chunk)
        for i, (kind, body) in enumerate(got[: len(wanted)]):
            if (kind, body) == wanted[i]:
                continue
            where = f"in call {chunk.first + i}"
            if kind != codec.RETURNED:
                return _of_frame(kind, body, where)
            if not matches(self.benchmark, task, calls[i], codec.decode(wanted[i][1]), _decoded(body, wanted[i][1])):
                return Finding(Verdict.WRONG_ANSWER, f"{where}: another value than expected")
        if len(got) < chunk.n_calls:
            return _of_end(session.end(), f"in call {chunk.first + len(got)}")
        return Finding(Verdict.PASSED)

    # -- checks --------------------------------------------------------------------------------------------------------

    def _by_check(self, task: Task, sample: Sample, slot: Slot, facts: Facts) -> Result:
        try:
            finding = self._run_check(task, sample.solution, slot, facts)
        except BoxOutOfMemory as error:
            finding = Finding(Verdict.MEMORY_LIMIT, str(error))
        return Result(
            task_id=sample.task_id, sample_id=sample.sample_id, verdict=finding.verdict, base=finding.verdict,
            detail=finding.detail,
        )  # fmt: skip

    def _run_check(self, task: Task, solution: str, slot: Slot, facts: Facts) -> Finding:
        limits = answers.limits_for(self.limits, self.timeout_s, 0.0)
        prelude = task.prompt + task.canonical_solution
        tests = replace(self.limits, wall_s=TEST_S, cpu_s=TEST_S)
        with (
            slot.candidate.calls(solution, task.entry_point, limits=limits) as candidate,
            slot.test.check(prelude, task.test, task.entry_point, limits=tests) as test,
        ):
            ending = converse(candidate, test)
            facts.add(candidate.end())
            return _of_ending(ending)

    # -- canaries ------------------------------------------------------------------------------------------------------

    def canary(self, slot: Slot) -> None:
        """Judge a right, a wrong, a raising and an endless program, and believe the oracle only if it tells them apart.

        Raises:
            Refused: it does not.
            SandboxError: they could not be run.
        """
        task = Task(
            task_id="canary",
            prompt="def double(x):\n",
            entry_point="double",
            canonical_solution="    return 2 * x\n",
            base_inputs=([1], [2.5]),
            plus_inputs=(["ab"],),
        )
        programs = {
            Verdict.PASSED: task.prompt + task.canonical_solution,
            Verdict.WRONG_ANSWER: "def double(x):\n    return x\n",
            Verdict.TIME_LIMIT: "def double(x):\n    while True:\n        pass\n",
        }
        key = hashlib.sha256(f"canary {self.engine.image_digest()}".encode()).hexdigest()
        right = answers.load(key) or answers.compute(task, key, slot.candidate)
        for wanted, solution in programs.items():
            timeout_s = self.timeout_s
            try:
                self.timeout_s = min(0.2, timeout_s) if wanted is Verdict.TIME_LIMIT else timeout_s
                found = self._run_chunks(task, solution, slot.candidate, right, list(right.chunks[:1]), Facts())
            finally:
                self.timeout_s = timeout_s
            if found[False].verdict != wanted:
                raise Refused(f"a program known to be {wanted} was judged {found[False].verdict} ({found[False].detail})")


def _decoded(body: bytes, wanted: bytes) -> Any:
    """Decode an answer; one that is no value, or far too long to be right, becomes a value equal to nothing."""
    if len(body) > 64 * len(wanted) + (1 << 16):
        return codec.Opaque("a value far larger than expected")
    try:
        return codec.decode(body)
    except codec.CodecError as error:
        return codec.Opaque(str(error))


def _of_frame(kind: bytes, body: bytes, where: str) -> Finding:
    """Judge an answer that is no value."""
    text = text_of(body)
    if text.startswith("MemoryError"):
        return Finding(Verdict.MEMORY_LIMIT, f"{where}: {text}")
    if kind == codec.COMPILE_ERROR:
        return Finding(Verdict.COMPILE_ERROR, text)
    if kind == codec.UNENCODABLE:
        return Finding(Verdict.WRONG_ANSWER, f"{where}: the value is no plain data ({text})")
    return Finding(Verdict.RUNTIME_ERROR, f"{where}: {text}")


def _of_end(execution: Execution, where: str) -> Finding:
    """Judge a program that ended when it should have answered."""
    if execution.status in _ENDS:
        return Finding(_ENDS[execution.status], where)
    code = execution.exit_code or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Finding(Verdict.RUNTIME_ERROR, f"{where}: the program ended itself ({how})")


def _of_ending(ending: Ending) -> Finding:
    """Judge by how the benchmark's test ended. Raises `SandboxError` where that is the test's own fault."""
    if not ending.by_test:
        where = f"in call {ending.n_calls - 1}" if ending.loaded else "while it was loaded"
        if ending.execution is not None:
            return _of_end(ending.execution, where)
        if not ending.kind:
            return Finding(Verdict.RUNTIME_ERROR, text_of(ending.body))
        return _of_frame(ending.kind, ending.body, where)
    if ending.execution is not None:
        return _of_end(ending.execution, f"in the test, after call {ending.n_calls}")
    if not ending.n_calls and ending.kind == codec.RAISED:
        raise SandboxError(f"the benchmark's test fails before its first call: {ending.body[:200]!r}")
    if not ending.n_calls:
        raise SandboxError("the benchmark's test ended without a call of the candidate")
    if ending.kind == codec.RAISED:
        name = ending.body.decode("utf-8", "replace").split(":")[0]
        return Finding(Verdict.WRONG_ANSWER, f"after call {ending.n_calls - 1}: the test raised {name}")
    return Finding(Verdict.PASSED)


def _to_stored(result: Result) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "base": result.base,
        "plus": result.plus,
        "detail": result.detail,
    }


def _from_stored(stored: dict[str, Any], sample: Sample) -> Result:
    return Result(
        task_id=sample.task_id,
        sample_id=sample.sample_id,
        verdict=Verdict(stored["verdict"]),
        base=Verdict(stored["base"]) if stored["base"] else None,
        plus=Verdict(stored["plus"]) if stored["plus"] else None,
        detail=str(stored["detail"]),
    )
