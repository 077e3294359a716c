"""Boxes of this process for all judges in it. A process that is forked has none, and starts its own."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import Limits, Sandbox, open_engine
from toolkit.api.threads import ended_by
from toolkit.benchmarks import Benchmark, Options, own_tests
from toolkit.benchmarks.examples import public_tests
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.benchmarks.own_asserts import BadTests
from toolkit.commands.judging import MEMORY_BYTES
from toolkit.errors import UsageError, nearest, room
from toolkit.oracle import Oracle, canary, counted
from toolkit.records import Check, Result, Sample, Task, Verdict
from toolkit.reward.rows import Asked, Judgement
from toolkit.samples.sanitize import Sanitizer
from toolkit.store.cache import VerdictCache

if TYPE_CHECKING:
    from toolkit.reward.judge import Judge

MAX_GROUPS = 64
"""Groups in which a row's own tests are counted: with more tests than that, neighbours pass or fail together."""
OWN = "own 2"
"""Stands for the data of rows' own tests; counted up whenever the same tests may be made into another task."""
NO_VISIBLE = "it has no visible tests"


class Boxes:
    """A pool with what belongs to it, opened when first needed and again after it was closed. Threads share it."""

    def __init__(self, parallel: int, runtime: str | None) -> None:
        self.parallel, self.runtime = parallel, runtime
        self.sanitizer = Sanitizer(workers=parallel)
        self._lock = threading.Lock()
        self._pool: Sandbox | None = None
        self._cache: VerdictCache | None = None
        self._stack = contextlib.ExitStack()
        self._proven: set[type] = set()

    def pool(self) -> Sandbox:
        """Return the pool. Raises `EngineUnavailable`."""
        return self.opened()[0]

    def opened(self) -> tuple[Sandbox, VerdictCache]:
        """Return the pool, and stored verdicts. Raises `EngineUnavailable`."""
        with self._lock:
            if self._pool is None or self._cache is None or self._pool.is_closed:
                self._stack.close()
                self._cache = VerdictCache()
                self._stack.callback(self._cache.close)
                engine = open_engine(self.runtime)
                self._stack.callback(engine.close)
                self._pool = self._stack.enter_context(Sandbox(engine, self.parallel, Limits(memory_bytes=MEMORY_BYTES)))
                self._proven = set()
            return self._pool, self._cache

    def prove(self, oracle: Oracle) -> None:
        """Judge known programs by each kind of tests that was not proven in this pool. Raises as `canary`."""
        with self._lock:
            if new := {type(task.tests) for task in oracle.tasks.values()} - self._proven:
                oracle.start()
                canary(oracle)
                self._proven |= new

    def close(self) -> None:
        """Remove the boxes, even while programs run in them."""
        with self._lock:
            pool, self._pool = self._pool, None
            with contextlib.suppress(RuntimeError):  # no threads at the interpreter's end, which boxes see
                self._stack.close()
            if pool is not None:
                self.sanitizer.__exit__()


_open: dict[tuple[int, str | None], Boxes] = {}
_loaded: dict[tuple[str, str | None], tuple[Benchmark, dict[str, Task], str]] = {}
_lock = threading.Lock()
_inherited: list[Any] = []
"""What a forked process got of its parent and must neither use nor end."""


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _inherited.append(dict(_open))
    _open.clear()


os.register_at_fork(after_in_child=_forget)


def _close_all() -> None:
    for each in list(_open.values()):
        each.close()


def boxes(parallel: int | None, runtime: str | None) -> Boxes:
    """Return the boxes of this process for such settings; none is started yet."""
    key = parallel or os.cpu_count() or 1, runtime
    with _lock:
        if not _open:
            Finalize(None, _close_all, exitpriority=10)  # at the end of processes of multiprocessing too, unlike atexit
        return _open.setdefault(key, Boxes(*key)) if key not in _open else _open[key]


def close(judge: "Judge") -> None:
    """Remove the boxes that a judge uses here."""
    boxes(judge.parallel, judge.runtime).close()


def _benchmark(judge: "Judge") -> tuple[Benchmark, dict[str, Task], str]:
    key = judge.benchmark, judge.data
    with _lock:
        if key not in _loaded:
            benchmark = benchmark_named(judge.benchmark)
            _loaded[key] = benchmark, *load(benchmark, Options(data=Path(judge.data) if judge.data else None))
        return _loaded[key]


@room()
def judged(judge: "Judge", questions: Sequence[Asked], *, visible: bool) -> Mapping[Asked, Judgement]:
    """Judge distinct questions in boxes of this process. Raises as `Judge`."""
    benchmark, tasks, data_hash = _benchmark(judge) if judge.benchmark else (own_tests.BENCHMARK, _own(questions), OWN)
    for question in questions:
        if question.task_id not in tasks:
            raise UsageError(f"{judge.benchmark} has no task {question.task_id!r}{nearest(question.task_id, tasks)}")
    chosen = {question.task_id: tasks[question.task_id] for question in questions}
    found: dict[Asked, Judgement] = {}
    if visible and judge.benchmark:
        chosen, data_hash = dict(_visible(chosen)), f"visible {data_hash}"
        found = {
            question: judge.scored(None, passed_tests=None, tests=0, detail="", error=NO_VISIBLE, shared=False)
            for question in questions if question.task_id not in chosen
        }  # fmt: skip
        questions = [question for question in questions if question not in found]
    if questions:
        found |= _judged(judge, questions, benchmark, chosen, data_hash)
    return found


def _judged(
    judge: "Judge", questions: Sequence[Asked], benchmark: Benchmark, tasks: Mapping[str, Task], data_hash: str
) -> dict[Asked, Judgement]:
    here = boxes(judge.parallel, judge.runtime)
    stop = threading.Event()
    with ended_by(stop.set):
        of = {each: tasks[each.task_id] for each in questions}
        of |= {each: own_tests.read_as(task, each.text) for each, task in of.items() if each.tests}
        solutions = here.sanitizer.solutions((of[each], each.field, each.text) for each in questions)
        samples = [
            Sample(task_id=each.task_id, sample_id=i, solution=solution)
            for i, (each, solution) in enumerate(zip(questions, solutions, strict=True))
        ]
        pool, cache = here.opened()
        oracle = Oracle(
            pool, benchmark, tasks, data_hash, timeout_s=judge.timeout, total_timeout_s=judge.total_timeout,
            cache=cache if judge.use_cache else None, fail_fast=judge.fail_fast, show_tests=judge.show_detail,
        )  # fmt: skip
        here.prove(oracle)
        results = {sample.sample_id: result for sample, result, _ in oracle.judge_many(samples, stop)}
        failing = [sample for sample in samples if judge.partial and _fails(results[sample.sample_id])]
        groups = {} if judge.benchmark else {each.task_id: _groups(each) for each in questions} if failing else {}
        counts = counted.count_many(oracle, failing, groups, stop) if failing else {}
    return {question: _judgement(judge, oracle, results[i], counts.get(i)) for i, question in enumerate(questions)}


def _fails(result: Result) -> bool:
    return result.verdict not in (None, Verdict.PASSED)


def _judgement(judge: "Judge", oracle: Oracle, result: Result, n_passed: int | None) -> Judgement:
    task = oracle.tasks[result.task_id]
    n = counted.n_tests(task, oracle.rules) if judge.benchmark else own_tests.count(task)
    if result.verdict is Verdict.PASSED:
        n_passed = n
    elif judge.partial and n_passed is None:  # a program that fails, and that could not be counted
        error = result.error or "its tests could not be counted"
        result = Result(task_id=result.task_id, sample_id=0, verdict=None, error=error)
    seen, detail = result.failed, result.detail
    if seen is not None:
        detail += "".join(f"; {name} {value}" for name in ("input", "expected", "got") if (value := getattr(seen, name)))
    return judge.scored(
        None if result.verdict is None else str(result.verdict), passed_tests=n_passed, tests=n, detail=detail,
        error=result.error, shared=result.shared,
    )  # fmt: skip


def _visible(tasks: Mapping[str, Task]) -> Iterator[tuple[str, Task]]:
    """Yield the tasks that have visible tests, with those alone."""
    for name, task in tasks.items():
        if tests := public_tests(task):
            yield name, replace(task, tests=Check(source=tests + "\n", raises=True, is_alone=True))


def _own(questions: Sequence[Asked]) -> dict[str, Task]:
    """Make tasks of rows' own tests. Raise `UsageError` with what is wrong with one."""
    found: dict[str, Task] = {}
    for question in questions:
        if question.task_id not in found:
            try:
                made = own_tests.task_of(json.loads(question.tests))
            except BadTests as error:
                raise UsageError(f"a row's own tests cannot be used: {error}") from None
            found[question.task_id] = replace(made, task_id=question.task_id)
    return found


def _groups(question: Asked) -> list[tuple[int, Task]]:
    """Return a row's tests in at most `MAX_GROUPS` tasks, each with how many tests it has."""
    singles = own_tests.singles(json.loads(question.tests))
    n_groups, found = min(len(singles), MAX_GROUPS), []
    for i in range(n_groups):
        rows = singles[i * len(singles) // n_groups : (i + 1) * len(singles) // n_groups]
        tests = {
            name: [one for row in rows for one in row["tests"][name]]
            for name in ("asserts", "inputs", "outputs") if isinstance(rows[0]["tests"].get(name), list)
        }  # fmt: skip
        task = own_tests.task_of({**rows[0], "tests": {**rows[0]["tests"], **tests}})
        found.append((own_tests.count(task), task))
    return found
