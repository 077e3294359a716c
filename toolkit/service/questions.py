"""Rows of `/judge`: which program, which tests, which limits. All that is wrong with one is said before anything runs."""

import json
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from toolkit.benchmarks import BENCHMARKS, Benchmark, DataMissing, Options, own_tests
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.benchmarks.own_asserts import BadTests
from toolkit.errors import UsageError
from toolkit.oracle import Oracle
from toolkit.oracle.unittests import MOST_S
from toolkit.records import Check, Sample, Stdin, Task, UnitTests
from toolkit.reward.formats import as_tests
from toolkit.samples.lines import unjudgeable
from toolkit.samples.sanitize import Sanitizer
from toolkit.service.errors import Failed
from toolkit.service.shapes import MAX_S

FIELDS = ("solution", "completion", "raw_response")
MAX_ORACLES = 64
MAX_SINGLES = 64
"""Tests that are run one by one for a share; of more, those before the first that failed count."""
TEST_S = 10.0
"""Seconds that a test of its own box may take beside the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about one program.

    Attributes:
        oracle, sample: judges it.
        row: as it was given.
        n_tests: how many tests there are.
        limit_s: the most seconds that they should take together.
        singles: a question for each test alone, where a share is asked for.
        shows: whether the answer says what failed.
    """

    oracle: Oracle
    sample: Sample
    row: Mapping[str, Any]
    n_tests: int
    limit_s: float
    singles: "tuple[Question, ...]" = ()
    shows: bool = False


class Books:
    """The benchmarks that may be named, and how texts become programs. Threads may share it.

    Args:
        make: gives the oracle of (benchmark, tasks, data's hash, timeout in seconds).
        allowed: names; None is all whose data is on this machine.
        timeout_s: where a row says none.

    Raises:
        UsageError: there is no such benchmark.
        DataMissing: its data is not here.
    """

    def __init__(self, make: Any, allowed: tuple[str, ...] | None, timeout_s: float) -> None:
        self._make, self._timeout_s = make, timeout_s
        self._allowed = None if allowed is None else {benchmark_named(name).name for name in allowed}
        self._read: dict[str, tuple[Benchmark, dict[str, Task], str]] = {}
        self._oracles: dict[tuple[str, float], Oracle] = {}
        self._lock = threading.Lock()
        self._sanitizer = Sanitizer(workers=2)
        for name in sorted(self._allowed or ()):
            self._load(BENCHMARKS[name])

    def _load(self, benchmark: Benchmark) -> None:
        tasks, data_hash = load(benchmark, Options(is_named=self._allowed is not None))
        self._read[benchmark.name] = benchmark, tasks, data_hash

    def warm(self) -> None:
        """Start what reads texts, so that the first request does not wait for it."""
        self._sanitizer.solution(own_tests.task_of({"tests": {"asserts": "assert f()"}}), "raw_response", "x = 1")

    def close(self) -> None:
        """End the processes that read texts."""
        self._sanitizer.__exit__()

    def names(self) -> list[str]:
        """Return the benchmarks that may be named."""
        if self._allowed is not None:
            return [name for name in BENCHMARKS if name in self._allowed]
        return [name for name, benchmark in BENCHMARKS.items() if _is_here(benchmark)]

    def tasks(self, name: str) -> tuple[Benchmark, dict[str, Task], str]:
        """Return a benchmark, its tasks and their hash. Raises `Failed` (404) if it may not be named, or is not here."""
        try:
            benchmark = benchmark_named(name)
        except UsageError as error:
            raise Failed(404, f"benchmark: {error}") from None
        if self._allowed is not None and benchmark.name not in self._allowed:
            raise Failed(404, f"benchmark: {benchmark.name} is not served here; there are {', '.join(self.names())}")
        with self._lock:
            if benchmark.name not in self._read:
                if self._allowed is None and not _is_here(benchmark):
                    said = f"the data of {benchmark.name} is not here; --benchmarks {benchmark.name} fetches it at the start"
                    raise Failed(404, f"benchmark: {said}")
                try:
                    self._load(benchmark)
                except DataMissing as error:
                    raise Failed(404, f"benchmark: {' '.join(str(error).split())[:300]}") from None
            return self._read[benchmark.name]

    def task(self, name: str, task_id: object) -> tuple[Benchmark, Task]:
        """Return one task; a number will do. Raises `Failed` (404)."""
        benchmark, tasks, _ = self.tasks(name)
        if isinstance(task_id, int) and not isinstance(task_id, bool):
            task_id = str(task_id)
        if isinstance(task_id, str):
            prefix = next(iter(tasks)).partition("/")[0]
            for each in (task_id, f"{prefix}/{task_id}"):
                if each in tasks:
                    return benchmark, tasks[each]
        raise Failed(404, f"task_id: {benchmark.name} has no task {str(task_id)[:60]!r}")

    # -- questions -----------------------------------------------------------------------------------------------------

    def question(self, row: Any) -> Question:
        """Return what a row asks. Raises `Failed` (404, 422)."""
        if not isinstance(row, Mapping):
            raise Failed(422, f"a row is an object, not {_kind(row)}")
        timeout_s = _number(row, "timeout", self._timeout_s)
        _, shows, partial = (_flag(row, name) for name in ("fail_fast", "detail", "partial"))
        if "tests" in row and row["tests"] is not None:
            try:
                task = own_tests.task_of(row)
                parts = own_tests.singles(row) if partial else []
                own = [(task, row), *((own_tests.task_of(part), part) for part in parts if 1 < len(parts) <= MAX_SINGLES)]
            except BadTests as error:
                raise Failed(422, str(error)) from None
            program = self._program(task, row)
            first, *singles = (
                self._asked(self._own(each, timeout_s), each, program, part, timeout_s, shows) for each, part in own
            )
            return replace(first, singles=tuple(singles))
        if not isinstance(row.get("benchmark"), str) or "task_id" not in row:
            raise Failed(422, "a row names a benchmark and a task_id, or has tests of its own")
        benchmark, task = self.task(row["benchmark"], row["task_id"])
        oracle = self._of(benchmark, timeout_s)
        return self._asked(oracle, task, self._program(task, row), row, timeout_s, shows)

    def _asked(
        self, oracle: Oracle, task: Task, program: str, row: Mapping[str, Any], timeout_s: float, shows: bool
    ) -> Question:
        tests, n = task.tests, own_tests.count(task)
        if isinstance(tests, Check):
            limit_s = timeout_s * tests.n_calls + TEST_S
        elif isinstance(tests, UnitTests):
            limit_s = MOST_S
        else:
            limit_s = timeout_s * n if isinstance(tests, Stdin) else min(timeout_s * n, oracle.rules.total_timeout_s)
        sample = Sample(task_id=task.task_id, sample_id=0, solution=program)
        return Question(oracle=oracle, sample=sample, row=row, n_tests=n, limit_s=limit_s, shows=shows)

    def _own(self, task: Task, timeout_s: float) -> Oracle:
        made: Oracle = self._make(own_tests.BENCHMARK, {task.task_id: task}, task.task_id, timeout_s)
        return made

    def _of(self, benchmark: Benchmark, timeout_s: float) -> Oracle:
        key = benchmark.name, timeout_s
        with self._lock:
            if key not in self._oracles:
                if len(self._oracles) >= MAX_ORACLES:
                    del self._oracles[next(iter(self._oracles))]
                _, tasks, data_hash = self._read[benchmark.name]
                self._oracles[key] = self._make(benchmark, tasks, data_hash, timeout_s)
            return self._oracles[key]

    def _program(self, task: Task, row: Mapping[str, Any]) -> str:
        named = next((field for field in FIELDS if row.get(field) is not None), None)
        if named is None:
            raise Failed(422, f"a row has one of {', '.join(FIELDS)}")
        text = row[named]
        if not isinstance(text, str):
            raise Failed(422, f"{named}: must be a text, not {_kind(text)}")
        return self.program(own_tests.read_as(task, text) if row.get("tests") is not None else task, named, text)

    def program(self, task: Task, name: str, text: str) -> str:
        """Return the program that a text is, as `toolkit eval` finds it."""
        return text if unjudgeable(text) else self._sanitizer.solution(task, name, text)


def _is_here(benchmark: Benchmark) -> bool:
    try:
        file = benchmark.data_file()
    except DataMissing:
        return False
    return file is None or file.exists()


def label_of(label: Any) -> dict[str, Any]:
    """Return the row that a trainer's label is: an object, its JSON, or `BENCHMARK:TASK_ID`. Raises `Failed` (422).

    An object that names neither tests nor a benchmark is tests itself, in one of the forms of `toolkit.reward.formats`.
    """
    if isinstance(label, str):
        name, _, task_id = label.partition(":")
        if task_id and re.fullmatch(r"[\w+. -]{1,40}", name):
            return {"benchmark": name, "task_id": task_id}
    try:
        found = json.loads(label) if isinstance(label, str) else label
        if isinstance(found, Mapping) and ("tests" in found or "benchmark" in found):
            return dict(found)
        return {"tests": as_tests(found)}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        why = 'label: a row of /judge without its program, tests (an object, or its JSON), or "BENCHMARK:TASK_ID"'
        raise Failed(422, why) from None


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _number(row: Mapping[str, Any], name: str, default: float) -> float:
    value = row.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and 0 < value <= MAX_S):
        raise Failed(422, f"{name}: must be seconds above 0 and at most {MAX_S:g}, not {str(value)[:40]}")
    return float(value)


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name, False)
    if not isinstance(value, bool):
        raise Failed(422, f"{name}: must be true or false, not {_kind(value)}")
    return value
