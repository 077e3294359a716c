"""The oracle: says of each sample whether it is right. The answer never enters the box that the sample runs in.

Table benchmarks: inputs go in, outputs come out as plain data, the host compares: equal bytes first (by a digest that
the supervisor forms), values by the benchmark's own rule only where bytes differ. Check benchmarks: the test runs in a
second box and calls the candidate through the host. Nothing that a program exits with, prints or writes is a verdict.
"""

import contextlib
import hashlib
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sandbox import Box, BoxDestroyed, Sandbox, SandboxError
from toolkit.benchmarks.base import Benchmark
from toolkit.oracle import expected as answers
from toolkit.oracle.check import judge_by_check
from toolkit.oracle.expected import Expected
from toolkit.oracle.findings import Facts, Finding
from toolkit.oracle.table import Table
from toolkit.records import DEFECT, Result, Sample, Task, Verdict
from toolkit.samples.lines import unjudgeable
from toolkit.store.cache import VerdictCache

VERSION = 3
"""Raised whenever a verdict could come out otherwise than before: stored verdicts are then not used."""
TOTAL_TIMEOUT_S = 60.0
PRINTED_BYTES = 64 << 20
"""What a program may print while it answers one call."""
MAX_DEFECTS = 10


class Oracle:
    """Judges samples of one benchmark, several at a time.

    Args:
        pool: lends the boxes; its limits hold for programs, except for times. Not closed here.
        benchmark: its rules.
        tasks: by id.
        data_hash: of the benchmark's data.
        timeout_s: of one call of the candidate in table benchmarks, of the whole program elsewhere.
        total_timeout_s: of all calls of a table together; four times what the canonical solution took is added.
        cache: stored verdicts; None judges all anew.
        base_only: leaves the plus inputs out.

    Attributes:
        defects: tracebacks of the first exceptions that nobody has foreseen, each of which cost one sample its verdict.
    """

    def __init__(
        self,
        pool: Sandbox,
        benchmark: Benchmark,
        tasks: Mapping[str, Task],
        data_hash: str,
        *,
        timeout_s: float = 5.0,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
        cache: VerdictCache | None = None,
        base_only: bool = False,
    ) -> None:
        self.pool, self.benchmark, self.tasks, self.data_hash = pool, benchmark, tasks, data_hash
        self.limits = replace(pool.limits, output_bytes=PRINTED_BYTES)
        self.timeout_s, self.total_timeout_s, self.cache, self.base_only = timeout_s, total_timeout_s, cache, base_only
        self.defects: list[str] = []
        self._expected: dict[str, Expected] = {}
        self._computing: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the boxes that will be needed. Raises `SandboxError`."""
        self.pool.start("run")
        if any(task.test for task in self.tasks.values()):
            self.pool.start("run", "test")

    # -- many samples --------------------------------------------------------------------------------------------------

    def judge_many(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Result, Facts]]:
        """Judge samples as boxes come free; yields in order of completion.

        Equal solutions of a task are run once. A sample that cannot be judged yields a result with `error`; nothing
        is raised for it.

        Raises:
            SandboxError: there is no image to judge with.
        """
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(self._key(sample), []).append(sample)
        waiting: dict[str, list[Sample]] = {}
        for key, group in groups.items():
            stored = self._stored(key, group[0])
            if stored is None:
                waiting[key] = group
            else:
                for sample in group:
                    yield sample, replace(stored, sample_id=sample.sample_id), Facts(cached=True)
        del groups
        order = sorted(waiting, key=lambda key: -self._cost(waiting[key][0]))

        def judged(box: Box, key: str) -> tuple[str, Result, Facts]:
            result, facts = self.judge(waiting[key][0], box)
            self._store(key, result)
            return key, result, facts

        def failed(key: str, error: Exception) -> tuple[str, Result, Facts]:
            return key, self.failed(waiting[key][0], error), Facts()

        for key, result, facts in self.pool.map(judged, order, is_ordered=False, failed=failed):
            for sample in waiting.pop(key):
                yield sample, replace(result, sample_id=sample.sample_id), facts
                facts = Facts(cached=True)

    def failed(self, sample: Sample, error: Exception) -> Result:
        """Say what it means for a sample that judging it raised something."""
        if isinstance(error, BoxDestroyed):
            ended = Verdict.RUNTIME_ERROR
            return Result(
                task_id=sample.task_id, sample_id=sample.sample_id, verdict=ended, base=ended,
                plus=ended if self._has_plus(sample) else None,
                detail="its box did not survive it, twice",
            )  # fmt: skip
        if isinstance(error, SandboxError | OSError):
            said = f"not judged: {error}"
        else:
            said = f"{DEFECT}{type(error).__name__}: {str(error)[:300]}"
            with self._lock:
                if len(self.defects) < MAX_DEFECTS:
                    self.defects.append("".join(traceback.format_exception(error)))
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error=said)

    def _has_plus(self, sample: Sample) -> bool:
        return not self.base_only and not self.tasks[sample.task_id].test

    def _key(self, sample: Sample) -> str:
        parts = (
            str(VERSION),
            self.pool.engine.image_digest(),
            self.benchmark.name,
            self.data_hash,
            sample.task_id,
            f"{self.base_only} {self.limits} {self.timeout_s} {self.total_timeout_s}",
            sample.solution,
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _stored(self, key: str, sample: Sample) -> Result | None:
        """Return a verdict given before; none where the cache fails."""
        try:
            stored = self.cache.get(key) if self.cache else None
            return None if stored is None else _from_stored(stored, sample)
        except (LookupError, ValueError, TypeError, OSError):
            return None
        except Exception as error:
            return self.failed(sample, error)

    def _store(self, key: str, result: Result) -> None:
        if self.cache and result.error is None:
            with contextlib.suppress(OSError):
                self.cache.put(key, _to_stored(result))

    def _cost(self, sample: Sample) -> float:
        """Estimate what a sample takes, so that the longest are begun first and no box is idle at the end."""
        with contextlib.suppress(Exception):  # whatever it is, it comes again when the sample is judged, and costs only that
            known = self._known(self.tasks[sample.task_id])
            return known.charged_s if known else 0.0
        return 0.0

    # -- one sample ----------------------------------------------------------------------------------------------------

    def judge(self, sample: Sample, box: Box) -> tuple[Result, Facts]:
        """Judge one sample in `box`, which the pool has lent. Raises `SandboxError` or OSError for a failure of ours."""
        facts, started = Facts(), time.monotonic()
        if why := unjudgeable(sample.solution):
            base = Finding(Verdict.COMPILE_ERROR, f"the program {why}")
            plus = base if self._has_plus(sample) else None
        else:
            base, plus = self.findings(self.tasks[sample.task_id], sample.solution, box, facts)
        worst = plus if plus is not None and base.verdict == Verdict.PASSED else base
        result = Result(
            task_id=sample.task_id, sample_id=sample.sample_id, verdict=worst.verdict, base=base.verdict,
            plus=None if plus is None else plus.verdict, detail=worst.detail,
        )  # fmt: skip
        facts.seconds = round(time.monotonic() - started, 6)
        return result, facts

    def findings(
        self, task: Task, solution: str, box: Box, facts: Facts, timeout_s: float | None = None
    ) -> tuple[Finding, Finding | None]:
        """Return what the base and the plus tests of a task show; None for a part that there is not. Raises as `judge`."""
        timeout_s = timeout_s or self.timeout_s
        if task.test:
            return judge_by_check(task, solution, box, self.pool, self.limits, timeout_s, facts), None
        table = Table(
            benchmark=self.benchmark, task=task, right=self.expected(task, box), limits=self.limits,
            timeout_s=timeout_s, total_timeout_s=self.total_timeout_s, base_only=self.base_only,
        )  # fmt: skip
        return table.judge(solution, box, facts)

    def _answers_key(self, task: Task) -> str:
        return answers.key_of(task, self.data_hash, self.pool.engine.image_digest())

    def _known(self, task: Task) -> Expected | None:
        found = self._expected.get(task.task_id)
        if found is None and not task.test:
            found = answers.load(self._answers_key(task))
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
                listed = self.benchmark.is_set(task)
                found = answers.compute(task, self._answers_key(task), box, listed=listed)
                self._expected[task.task_id] = found
            return found


def _to_stored(result: Result) -> dict[str, Any]:
    return {"verdict": result.verdict, "base": result.base, "plus": result.plus, "detail": result.detail}


def _from_stored(stored: Mapping[str, Any], sample: Sample) -> Result:
    return Result(
        task_id=sample.task_id,
        sample_id=sample.sample_id,
        verdict=Verdict(stored["verdict"]),
        base=Verdict(stored["base"]) if stored["base"] else None,
        plus=Verdict(stored["plus"]) if stored["plus"] else None,
        detail=str(stored["detail"]),
    )
