"""The boxes of a server, and what is done in them: programs of `/run_code`, and questions of `/judge`."""

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

from sandbox import BoxDestroyed, EngineUnavailable, InfrastructureError, Limits, Status
from toolkit.benchmarks import Benchmark
from toolkit.oracle import Facts, Oracle, Refused
from toolkit.oracle.findings import BrokenTest
from toolkit.records import SHARED, Result, Task, Verdict, label
from toolkit.service import program
from toolkit.service.admission import MARGIN_S, Admission, Job
from toolkit.service.boxes import Program, boxes
from toolkit.service.errors import Failed, Unanswered
from toolkit.service.metrics import Metrics
from toolkit.service.questions import Books, Question
from toolkit.service.settings import Settings
from toolkit.service.shapes import RunCode
from toolkit.store.cache import VerdictCache

LOG = logging.getLogger("toolkit.serve")
R = TypeVar("R")
TOTAL_S = 60.0
WRONG = {
    Status.TIMED_OUT: "TimeLimitExceeded",
    Status.MEMORY_EXCEEDED: "MemoryLimitExceeded",
    Status.OUTPUT_EXCEEDED: "OutputLimitExceeded",
}
POD = os.environ.get("MY_POD_NAME")
NO_NODE = "no node of the cluster is ready"


class Room:
    """All boxes of a server. Start and close it in threads of its own; the rest is for one event loop.

    Args:
        settings: how many, and within which limits.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.metrics = settings, Metrics()
        self.books = Books(self._oracle, settings.benchmarks, settings.timeout_s)
        self.boxes = boxes(settings)
        self.pool = self.boxes.pool
        self.admission = Admission(settings.boxes, settings.max_wait_s, self._observe)
        self.cache = VerdictCache() if settings.use_cache else None
        self.why_not_ready = "boxes are starting"
        self._n_first = 0

    def _observe(self, queued_s: float, run_s: float) -> None:
        self.metrics.observe("exogate_queue_wait_seconds", queued_s)
        self.metrics.observe("exogate_run_seconds", run_s)

    def _oracle(self, benchmark: Benchmark, tasks: Mapping[str, Task], data_hash: str, timeout_s: float) -> Oracle:
        """Return an oracle. It fails fast: answers are the same, and come after one `total_timeout_s` rather than two."""
        return Oracle(
            self.pool, benchmark, tasks, data_hash, timeout_s=timeout_s, total_timeout_s=max(TOTAL_S, timeout_s),
            cache=self.cache, fail_fast=True,
        )  # fmt: skip

    def start(self) -> None:
        """Start all boxes, and judge known programs. Raises `InfrastructureError`."""
        try:
            self.boxes.start(lambda of, tasks, name: self._oracle(of, tasks, name, self.settings.timeout_s))
        except Refused:
            self.metrics.count("exogate_canary_failures_total")
            raise
        self.books.warm()
        self.admission.resize(self.boxes.look())
        self._n_first = self.boxes.n_started
        self.why_not_ready = ""

    def look(self) -> int:
        """Hear of boxes that come and go; return how many there are."""
        with contextlib.suppress(EngineUnavailable):
            return self.boxes.look()
        return 0

    def count(self, n_boxes: int) -> None:
        """Give work to so many boxes at a time from now on; with none, answer nothing."""
        if self.why_not_ready in ("", NO_NODE):
            self.why_not_ready = "" if n_boxes else NO_NODE
        self.admission.resize(n_boxes)

    def trust(self, why_not: str) -> None:
        """Judge nothing any more, for a reason; or again, without one."""
        if why_not:
            self.metrics.count("exogate_canary_failures_total")
            LOG.error("nothing is judged: %s", why_not)
        self.why_not_ready = why_not

    def close(self) -> None:
        """End everything, boxes last. Never raises."""
        with contextlib.suppress(Exception):
            self.books.close()
        self.boxes.close()
        if self.cache is not None:
            self.cache.close()

    def gauges(self) -> dict[str, float]:
        """Return what is measured now."""
        restarts = max(self.boxes.n_started - self._n_first, 0) if self._n_first else 0
        return {
            "exogate_queue_depth": self.admission.waiting,
            "exogate_in_flight": self.admission.running,
            "exogate_boxes": self.admission.boxes,
            "exogate_expected_wait_seconds": self.admission.expected_wait_s("/new"),
            "exogate_box_restarts_total": restarts,
        }

    # -- work in boxes ----------------------------------------------------------------------------------------------------

    async def run_code(self, key: str, asked: RunCode, patience_s: float, wait_s: float = float("inf")) -> dict[str, Any]:
        """Run a program; return what `/run_code` answers. Raises `Unanswered`."""
        try:
            files = program.checked(asked.files, asked.fetch_files, self.pool.limits.disk_bytes)
        except program.BadFiles as error:
            return {**_NOT_RUN, "message": str(error)}
        limits, notes = self._limits(asked)
        one = Program(code=asked.code, limits=limits, stdin=asked.stdin or "", files=files, wanted=asked.fetch_files)

        def work(job: Job) -> dict[str, Any]:
            try:
                return self._answer(asked, self.boxes.run(job, one), job, notes)
            except BoxDestroyed:
                return self._destroyed(job, notes)

        return await self._admitted(key, work, asked.run_timeout, patience_s, wait_s=wait_s)

    async def _admitted(
        self, key: str, work: Callable[[Job], R], limit_s: float, patience_s: float, *, wait_s: float = float("inf"),
        is_late: bool = False, is_proof: bool = False,
    ) -> R:  # fmt: skip
        with self._ours():
            if self.why_not_ready and not is_proof:
                raise Unanswered("canary", self.why_not_ready)
            return await self.admission.run(
                key, work, limit_s=limit_s, patience_s=patience_s, wait_s=wait_s, is_late=is_late
            )

    async def question(self, row: Any, patience_s: float) -> Question:
        """Return what a row asks, read in another thread. Raises `Failed`, also where its client will not wait for it."""
        with self._ours():
            asked = await asyncio.to_thread(self.books.question, row)
        if (timeout_s := asked.oracle.rules.timeout_s) > patience_s - MARGIN_S:
            raise Failed(422, f"timeout: {timeout_s:g} s is too long for a client that waits {patience_s:g} s (?wait=)")
        return asked

    @contextlib.contextmanager
    def _ours(self) -> Iterator[None]:
        """Answer 504 where we fail, and count it: it says nothing about the program. Raises `Failed`."""
        try:
            yield
        except Failed as error:
            if isinstance(error, Unanswered):
                self.metrics.count("exogate_unscored_total", "reason", error.why)
            raise
        except BrokenTest as error:
            raise Failed(422, f"tests: {' '.join(str(error).split())[:300]}", began=True) from None
        except (InfrastructureError, OSError) as error:
            self.metrics.count("exogate_unscored_total", "reason", "box")
            raise Unanswered("box", f"not judged: {' '.join(str(error).split())[:300]}") from None
        except Exception:
            raise self.defect() from None

    def defect(self) -> Unanswered:
        """Log the exception that is being handled, which is a defect of ours, and return what is answered."""
        self.metrics.count("exogate_unscored_total", "reason", "defect")
        LOG.exception("a defect of the toolkit")
        return Unanswered("defect", "not judged: a defect of the toolkit; the server's log has its traceback")

    def _limits(self, asked: RunCode) -> tuple[Limits, list[str]]:
        most, notes = self.pool.limits.memory_bytes, []
        wanted = asked.memory_limit_MB << 20 if asked.memory_limit_MB > 0 else most
        memory = min(max(wanted, 64 << 20), most)
        if memory != wanted:
            notes.append(f"memory_limit_MB {asked.memory_limit_MB} is {memory >> 20} here")
        return _within(self.pool.limits, asked.run_timeout, memory), notes

    def _answer(self, asked: RunCode, ran: program.Ran, job: Job, notes: list[str]) -> dict[str, Any]:
        it, stderr, code = ran.execution, ran.stderr, ran.exit_code
        job.charged_s = it.charged_s
        self.metrics.count("exogate_programs_total", "status", it.status)
        if self.settings.strict_exit and not asked.stdin and code == 0 and ran.early_exit is not False:
            code = program.EARLY
            stderr += "the program ended itself before its last statement (--strict-exit)\n"
        is_late = it.status is Status.TIMED_OUT
        if it.status in (Status.MEMORY_EXCEEDED, Status.OUTPUT_EXCEEDED):
            code = -9
            stderr += ("\n" if stderr and not stderr.endswith("\n") else "") + WRONG[it.status]
        return {
            "status": "Success" if code == 0 and not is_late else "Failed",
            "message": "; ".join(notes),
            "compile_result": None,
            "run_result": {
                "status": "TimeLimitExceeded" if is_late else "Finished",
                "execution_time": it.charged_s,
                "return_code": None if is_late else code,
                "stdout": ran.stdout,
                "stderr": stderr,
            },
            "executor_pod_name": POD,
            "files": ran.files,
            "exogate": {
                "status": it.status,
                "charged_s": it.charged_s,
                "cpu_s": it.cpu_s,
                "memory_peak_bytes": it.memory_peak_bytes,
                "queued_s": round(job.queued_s, 6),
                "truncated": it.truncated,
                "early_exit": ran.early_exit,
            },
        }

    def _destroyed(self, job: Job, notes: list[str]) -> dict[str, Any]:
        """Answer for a program that took its box down twice, while a known one ran in a fresh box."""
        self.metrics.count("exogate_programs_total", "status", "destroyed")
        facts = {
            "status": "signaled", "charged_s": 0.0, "cpu_s": 0.0, "memory_peak_bytes": 0,
            "queued_s": round(job.queued_s, 6), "truncated": False, "early_exit": False,
        }  # fmt: skip
        said = "its box did not survive it, twice"
        run = {"status": "Finished", "execution_time": 0.0, "return_code": -9, "stdout": "", "stderr": said}
        return {**_NOT_RUN, "message": "; ".join(notes), "run_result": run, "exogate": facts}

    # -- questions --------------------------------------------------------------------------------------------------------

    async def judge(self, key: str, asked: Question, patience_s: float, **more: bool) -> dict[str, Any]:
        """Judge a program; return what `/judge` answers. Raises `Unanswered`, or `Failed` for tests that are broken."""

        def work(job: Job) -> tuple[Result, Facts, int, float]:
            result, facts = self.boxes.judge(job, asked.oracle, asked.sample)
            n_passed = _passed(result, asked.n_tests)
            job.charged_s = facts.charged_s
            if result.verdict is Verdict.PASSED or not asked.singles:
                return result, facts, n_passed, job.queued_s
            n_passed = 0
            for one in asked.singles:
                if job.charged_s < asked.oracle.rules.total_timeout_s:  # what is not run in time has not passed
                    single, about = self.boxes.judge(job, one.oracle, one.sample)
                    job.charged_s += about.charged_s
                    n_passed += single.verdict is Verdict.PASSED
            return result, facts, min(n_passed, asked.n_tests - 1), job.queued_s  # each alone, but not all together

        result, facts, n_passed, queued_s = await self._admitted(key, work, asked.limit_s, patience_s, **more)
        assert result.verdict is not None
        self.metrics.count("exogate_verdicts_total", "verdict", result.verdict)
        right = label(result.verdict, result.shared, self.settings.allow_shared)
        score = None if right is None else n_passed / asked.n_tests if asked.row.get("partial") else float(right)
        answer: dict[str, Any] = {
            "status": result.verdict, "passed": right, "score": score,
            "tests_passed": n_passed, "tests": asked.n_tests,
            "exogate": {
                "seconds": facts.seconds, "charged_s": facts.charged_s, "cpu_s": facts.cpu_s,
                "memory_peak_bytes": facts.memory_peak_bytes, "queued_s": round(queued_s, 6), "cached": facts.cached,
            },
        }  # fmt: skip
        if result.shared:
            answer["shared"] = True
        if right is None:
            answer["error"] = f"{SHARED} (--allow-shared)"
        if asked.shows:
            answer["detail"] = result.detail
        return answer

    async def reward(self, key: str, asked: Question, patience_s: float) -> dict[str, Any]:
        """Do as `judge`, for clients that take a reward and no other answer. Raises `Unanswered` where there is none."""
        found = await self.judge(key, asked, patience_s)
        if found["score"] is None:
            with self._ours():
                raise Unanswered("shared", found["error"])
        return found


@lru_cache(256)
def _within(most: Limits, run_s: float, memory_bytes: int) -> Limits:
    """Return the limits of a program of `/run_code`: few are asked for, again and again."""
    return replace(
        most, charged_s=run_s, cpu_s=2 * run_s, memory_bytes=memory_bytes, output_bytes=program.OUTPUT_BYTES
    )  # fmt: skip


_NOT_RUN: dict[str, Any] = {
    "status": "Failed", "message": "", "compile_result": None, "run_result": None, "executor_pod_name": POD, "files": {},
    "exogate": None,
}  # fmt: skip


def unjudged(row: Any, why: str) -> dict[str, Any]:
    """Return the answer of a row of many that got no verdict."""
    named = {"id": row["id"]} if isinstance(row, Mapping) and "id" in row else {}
    return {**named, "status": None, "passed": None, "score": None, "tests_passed": 0, "tests": 0, "error": why}


def _passed(result: Result, n_tests: int) -> int:
    """Return how many tests passed before the first that failed."""
    if result.verdict is Verdict.PASSED:
        return n_tests
    call = result.base_call if result.base is not Verdict.PASSED else result.plus_call
    if call is None:
        found = re.match(r"in case (\d+)", result.detail)
        call = int(found[1]) if found else 0
    return min(call, n_tests - 1)
