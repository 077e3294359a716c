"""What `toolkit eval` and `toolkit validate` share: settings, and an oracle with its boxes."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import Limits, Sandbox, open_engine
from toolkit.benchmarks import Benchmark
from toolkit.benchmarks.slices import Slice
from toolkit.errors import UsageError
from toolkit.oracle import Oracle, canary
from toolkit.oracle.ray import RayOracle
from toolkit.records import Result, Sample, Task
from toolkit.store import cache

if TYPE_CHECKING:
    from toolkit.commands.generate import Writing

MEMORY_BYTES = 4 << 30
"""Memory of a program: EvalPlus's own bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of `toolkit eval`; see its help. One of `samples` and `writing` is set.

    Attributes:
        samples: a file or folder; `-` is standard input.
        chosen: which tasks.
        budget: unit (of `efficiency.UNITS`) and amount per task.
        ray: address of a Ray cluster whose nodes judge, with `boxes_a_node` boxes each (None: as many as processors).
        show_tests: results have the call that failed, the expected and the actual value. None: unless the benchmark's tests
            are private.
    """

    benchmark: str
    samples: Path | None = None
    writing: "Writing | None" = None
    timeout_s: float = 5.0
    total_timeout_s: float = 60.0
    parallel: int = 2
    ks: tuple[int, ...] = (1, 10, 100)
    output: Path | None = None
    resume: bool = False
    overwrite: bool = False
    use_cache: bool = True
    compare: Path | None = None
    base_only: bool = False
    fail_fast: bool = False
    show_tests: bool | None = False
    mini: bool = False
    noextreme: bool = False
    release: str = ""
    chosen: Slice = field(default_factory=Slice)
    skip_bad: bool = False
    allow_missing: bool = False
    allow_uniform: bool = False
    data: Path | None = None
    runtime: str | None = None
    budget: tuple[str, float] | None = None
    ray: str | None = None
    boxes_a_node: int | None = None


def check(settings: Settings) -> None:
    """Raise `UsageError` if a number is out of range, or two flags exclude each other."""
    for flag, seconds in (("--timeout", settings.timeout_s), ("--total-timeout", settings.total_timeout_s)):
        if not (0 < seconds < 3600):
            raise UsageError(f"{flag} wants seconds above 0 and below 3600, not {seconds}")
    if settings.parallel < 1:
        raise UsageError(f"--parallel must be at least 1, not {settings.parallel}")
    if settings.resume and settings.overwrite:
        raise UsageError("--resume and --overwrite exclude each other")


def shows_tests(settings: Settings, benchmark: Benchmark) -> bool:
    """Return whether results may show the tests of a benchmark."""
    return not benchmark.private if settings.show_tests is None else settings.show_tests


@contextlib.contextmanager
def open_oracle(settings: Settings, benchmark: Benchmark, tasks: Mapping[str, Task], data_hash: str) -> Iterator[Oracle]:
    """Start boxes, and remove them at the end. Raise `EngineUnavailable` if there is no engine."""
    verdicts = cache.VerdictCache() if settings.use_cache else None
    if settings.ray:
        oracle = _on_ray(settings, benchmark, tasks, data_hash, verdicts)
        try:
            yield oracle
        finally:
            oracle.cluster.close()
            if verdicts is not None:
                verdicts.close()
        return
    engine = open_engine(settings.runtime)
    try:
        with Sandbox(engine, settings.parallel, Limits(memory_bytes=MEMORY_BYTES)) as pool:
            yield Oracle(
                pool,
                benchmark,
                tasks,
                data_hash,
                timeout_s=settings.timeout_s,
                total_timeout_s=settings.total_timeout_s,
                cache=verdicts,
                base_only=settings.base_only,
                fail_fast=settings.fail_fast,
                show_tests=shows_tests(settings, benchmark),
            )
    finally:
        engine.close()
        if verdicts is not None:
            verdicts.close()


def _on_ray(
    settings: Settings, benchmark: Benchmark, tasks: Mapping[str, Task], data_hash: str, verdicts: cache.VerdictCache | None
) -> RayOracle:
    if settings.runtime:
        raise UsageError("--runtime is for boxes here: with --ray each node's engine decides (TOOLKIT_ENGINE there)")
    return RayOracle(
        settings.ray or "", benchmark, tasks, data_hash, n_boxes=settings.boxes_a_node,
        limits=Limits(memory_bytes=MEMORY_BYTES), timeout_s=settings.timeout_s, total_timeout_s=settings.total_timeout_s,
        cache=verdicts, base_only=settings.base_only, fail_fast=settings.fail_fast,
        show_tests=shows_tests(settings, benchmark),
    )  # fmt: skip


def prove(oracle: Oracle) -> None:
    """Judge known programs, on all nodes if there are several. Raises as `canary`."""
    if isinstance(oracle, RayOracle):
        oracle.prove()
    else:
        canary(oracle)


def judge_cut(
    oracle: Oracle, samples: Iterable[Sample], results: Mapping[tuple[str, int], Result]
) -> tuple[list[Result], int]:
    """Judge the programs that the official harness shortens, as it does; the others keep their results.

    Returns the results of all programs, and how many were shortened. Raises as `Oracle.judge_many`.
    """
    cut = oracle.rules.benchmark.cut
    assert cut
    whole = list(samples)
    texts = [cut(oracle.tasks[sample.task_id], sample.solution) for sample in whole]
    short = [replace(one, solution=text) for one, text in zip(whole, texts, strict=True) if text != one.solution]
    found = {(one.task_id, one.sample_id): result for one, result, _ in oracle.judge_many(short)}
    return list({**results, **found}.values()), len(short)


class Background:
    """One call in a thread of its own, so that boxes start while files are read."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._act = act
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self._error = error

    def result(self) -> None:
        """Wait for the call; raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
