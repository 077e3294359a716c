"""The oracle decides whether each sample is correct. The answer never enters the box that the sample runs in.

Each kind of tests has a judge of its own (`JUDGES`). No exit code, output or file of a program is a verdict.
"""

import contextlib
import hashlib
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sandbox import Box, BoxDestroyed, Sandbox, SandboxError
from toolkit.benchmarks.base import Benchmark, is_tested
from toolkit.oracle import check, stdin, table, unittests
from toolkit.oracle.base import Findings, Judge, Rules
from toolkit.oracle.expected import Answers
from toolkit.oracle.findings import Facts, Finding
from toolkit.records import (
    DEFECT,
    Check,
    FailedCall,
    Result,
    Sample,
    Stdin,
    Table,
    Task,
    TaskTests,
    UnitTests,
    Verdict,
)
from toolkit.samples.lines import unjudgeable
from toolkit.store.cache import VerdictCache

JUDGES: dict[type[TaskTests], Judge] = {
    Table: table.JUDGE, Check: check.JUDGE, Stdin: stdin.JUDGE, UnitTests: unittests.JUDGE,
}  # fmt: skip

VERSION = 8
"""Increment whenever a verdict may change: verdicts stored under other versions are not used."""
STORED = 1
"""Increment whenever the data stored with a verdict may change."""
TOTAL_TIMEOUT_S = 60.0
PRINTED_BYTES = 64 << 20
"""Bytes that a program may print while it answers one call."""
MAX_DEFECTS = 10


class Oracle:
    """Judges samples of one benchmark, several at a time.

    Args:
        pool: lends the boxes; its limits hold for programs, except for times. Not closed here.
        benchmark: its rules of comparison.
        tasks: by id.
        data_hash: of the benchmark's data.
        timeout_s: of one call of the candidate in table benchmarks, of the whole program elsewhere.
        total_timeout_s: of all calls of a table together; four times what the canonical solution took is added.
        cache: stored verdicts; None judges everything anew.
        base_only: skip the plus tests, and those that are not public.
        fail_fast: skip the plus tests of a program that has failed a base test: `plus` of its result is then None. Which
            samples pass does not change.
        show_tests: results have the call that failed, the expected and the actual value (`Result.failed`); not for results
            that a model learns from.

    Attributes:
        defects: tracebacks of the first unforeseen exceptions, each of which cost a sample its verdict.
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
        fail_fast: bool = False,
        show_tests: bool = False,
    ) -> None:
        self.pool, self.tasks, self.data_hash, self.cache = pool, tasks, data_hash, cache
        self.show_tests = show_tests
        self.rules = Rules(
            benchmark=benchmark, answers=Answers(benchmark, data_hash, pool.engine), pool=pool,
            limits=replace(pool.limits, output_bytes=PRINTED_BYTES),
            timeout_s=timeout_s, total_timeout_s=total_timeout_s, base_only=base_only, fail_fast=fail_fast,
        )  # fmt: skip
        self.defects: list[str] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the boxes that will be needed. Raises `SandboxError`."""
        self.pool.start(self.rules.benchmark.image)
        for role in {role for task in self.tasks.values() for role in JUDGES[type(task.tests)].roles}:
            self.pool.start(self.rules.benchmark.image, role)

    # -- many samples --------------------------------------------------------------------------------------------------

    def judge_many(
        self, samples: Iterable[Sample], stop: threading.Event | None = None
    ) -> Generator[tuple[Sample, Result, Facts], None, None]:
        """Judge samples as boxes come free; yield each with its result, in order of completion.

        Equal solutions of a task are run once. A sample that cannot be judged gets a result with `error`, and nothing is
        raised for it.

        Args:
            stop: set by another thread, ends the programs that run; `Stopped` is raised then.

        Raises:
            SandboxError: there is no image to judge with.
        """
        equal: dict[str, list[Sample]] = {}
        for sample in samples:
            equal.setdefault(self._key(sample), []).append(sample)
        waiting: dict[str, list[Sample]] = {}
        for key, group in equal.items():
            stored = self._stored(key, group[0])
            if stored is None:
                waiting[key] = group
            else:
                for sample in group:
                    yield sample, self._told(stored, sample), Facts(cached=True)
        del equal
        order = sorted(waiting, key=lambda key: -self._cost_s(waiting[key][0]))
        for key, result, facts in self.judged(waiting, order, stop):
            for sample in waiting.pop(key):
                yield sample, self._told(result, sample), facts
                facts = Facts(cached=True)

    def judged(
        self, waiting: Mapping[str, list[Sample]], order: Sequence[str], stop: threading.Event | None
    ) -> Iterator[tuple[str, Result, Facts]]:
        """Judge the first sample of each key and store its result; in order of completion. Raises as `judge_many`."""

        def judged(box: Box, key: str) -> tuple[str, Result, Facts]:
            result, facts = self.judge(waiting[key][0], box)
            self._store(key, result)
            return key, result, facts

        def failed(key: str, error: Exception) -> tuple[str, Result, Facts]:
            return key, self.failed(waiting[key][0], error), Facts()

        image = self.rules.benchmark.image
        return self.pool.map(judged, order, image, is_ordered=False, failed=failed, stop=stop)

    def _told(self, result: Result, sample: Sample) -> Result:
        """Return the result of an equal solution as this sample's; the failed call is left out unless tests are shown."""
        return replace(result, sample_id=sample.sample_id, failed=result.failed if self.show_tests else None)

    def _key(self, sample: Sample) -> str:
        """Hash everything that the verdict of a sample depends on."""
        rules = self.rules
        is_public = rules.base_only and getattr(self.tasks.get(sample.task_id), "public", None)
        part = "public" if is_public else rules.base_only
        parts = (
            f"{VERSION}.{STORED}",
            self.pool.engine.image_digest(rules.benchmark.image),
            f"{rules.benchmark.name} {rules.benchmark.origin}".strip(),
            self.data_hash,
            sample.task_id,
            f"{part} {rules.fail_fast} {rules.limits} {rules.timeout_s} {rules.total_timeout_s}",
            sample.solution,
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _stored(self, key: str, sample: Sample) -> Result | None:
        """Return the stored result; None if there is none, or if the cache fails."""
        try:
            stored = self.cache.get(key) if self.cache else None
            return None if stored is None else _from_stored(stored, sample)
        except (LookupError, ValueError, TypeError, OSError):
            return None
        except Exception as error:
            return self.failed(sample, error)

    def _store(self, key: str, result: Result) -> None:
        """Store a result for later runs."""
        if self.cache and result.error is None:
            with contextlib.suppress(OSError):
                self.cache.put(key, _to_stored(result))

    def _cost_s(self, sample: Sample) -> float:
        """Estimate the seconds that a sample takes: the longest are started first, so that no box idles at the end."""
        with contextlib.suppress(Exception):  # whatever it is, it comes again when the sample is judged, and costs only that
            task = self.tasks[sample.task_id]
            return JUDGES[type(task.tests)].cost_s(task, self.rules)
        return 0.0

    # -- one sample ----------------------------------------------------------------------------------------------------

    def judge_one(
        self, sample: Sample, attempt: Callable[[Callable[[Box], tuple[Result, Facts]]], tuple[Result, Facts]] | None = None
    ) -> tuple[Result, Facts]:
        """Judge one sample in a box of the pool, or return its stored result, as `judge_many` does with many.

        `attempt` is used as `Sandbox.attempt` would be. Raises as it does, except for what the program did to its boxes.
        """
        key = self._key(sample)
        if (stored := self._stored(key, sample)) is not None:
            return self._told(stored, sample), Facts(cached=True)
        try:
            act = attempt or (lambda act: self.pool.attempt(act, self.rules.benchmark.image))
            result, facts = act(lambda box: self.judge(sample, box))
        except BoxDestroyed as error:
            result, facts = self.failed(sample, error), Facts()
        self._store(key, result)
        return self._told(result, sample), facts

    def judge(self, sample: Sample, box: Box) -> tuple[Result, Facts]:
        """Judge one sample in `box`, which the pool has lent; the result says what failed, whatever `show_tests` is.

        Raises `SandboxError` or OSError for a failure of ours.
        """
        task, facts, started = self.tasks[sample.task_id], Facts(), time.monotonic()
        if why := unjudgeable(sample.solution):
            base = Finding(Verdict.COMPILE_ERROR, f"the program {why}")
            plus = base if self.rules.has_plus(task) else None
        else:
            base, plus = self.findings(task, sample.solution, box, facts)
        facts.seconds = round(time.monotonic() - started, 6)
        return self._result(sample, base, plus), facts

    def findings(
        self, task: Task, solution: str, box: Box, facts: Facts, timeout_s: float | None = None
    ) -> Findings:
        """Return the findings of a task's tests, from the judge of their kind. Raises as `judge`."""
        rules = replace(self.rules, timeout_s=timeout_s) if timeout_s else self.rules
        if rules.base_only and task.public:
            task = replace(task, tests=task.public)
            if not is_tested(task):
                raise SandboxError(f"{task.task_id} has no public tests")
        return JUDGES[type(task.tests)].findings(task, solution, box, rules, facts)

    def failed(self, sample: Sample, error: Exception) -> Result:
        """Return the result of a sample whose judging raised `error`: a verdict only if the program caused it."""
        if isinstance(error, BoxDestroyed):
            ended = Finding(Verdict.RUNTIME_ERROR, "its box did not survive it, twice")
            return self._result(sample, ended, ended if self.rules.has_plus(self.tasks[sample.task_id]) else None)
        if isinstance(error, SandboxError | OSError):
            said = f"not judged: {error}"
        else:
            said = f"{DEFECT}{type(error).__name__}: {str(error)[:300]}"
            with self._lock:
                if len(self.defects) < MAX_DEFECTS:
                    self.defects.append("".join(traceback.format_exception(error)))
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error=said)

    def _result(self, sample: Sample, base: Finding, plus: Finding | None) -> Result:
        """Return the result of two findings: a sample passes if both parts do."""
        has_passed = base.verdict is Verdict.PASSED
        if self.rules.fail_fast and not has_passed:
            plus = None  # as far as it was judged is chance
        worst = plus if plus is not None and has_passed else base
        return Result(
            task_id=sample.task_id, sample_id=sample.sample_id, verdict=worst.verdict, base=base.verdict,
            plus=None if plus is None else plus.verdict, detail=worst.detail,
            base_call=_call(base), plus_call=_call(plus), failed=worst.failed,
            shared=base.shared,
        )  # fmt: skip


def _call(finding: Finding | None) -> int | None:
    return None if finding is None or finding.failed is None else finding.failed.call


def _to_stored(result: Result) -> dict[str, Any]:
    row = asdict(result)
    return {name: row[name] for name in ("verdict", "base", "plus", "detail", "base_call", "plus_call", "failed", "shared")}


def _from_stored(stored: Mapping[str, Any], sample: Sample) -> Result:
    base, plus = (Verdict(stored[part]) if stored[part] else None for part in ("base", "plus"))
    return Result(
        task_id=sample.task_id, sample_id=sample.sample_id, verdict=Verdict(stored["verdict"]), base=base, plus=plus,
        detail=str(stored["detail"]), base_call=stored["base_call"], plus_call=stored["plus_call"],
        failed=FailedCall(**stored["failed"]) if stored["failed"] else None, shared=stored.get("shared", False),
    )  # fmt: skip
