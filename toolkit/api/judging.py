"""Samples of a benchmark, from what a model wrote to verdicts and pass@k, without a run folder."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from sandbox import UsageError
from toolkit.api.threads import awaitable, ended_by
from toolkit.benchmarks import Options
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.benchmarks.slices import Slice, left_out, select
from toolkit.commands.judging import Settings, check, open_oracle
from toolkit.errors import room
from toolkit.oracle import Oracle as _Oracle
from toolkit.oracle import canary
from toolkit.records import Result, Sample, Task
from toolkit.samples import read as sample_files
from toolkit.samples.read import Rows
from toolkit.samples.sanitize import Sanitizer

Progress = Callable[[int, int], object]
"""Progress callback: `(done, total)`, called in the thread that does the work."""


class Estimate(NamedTuple):
    """A mean over tasks, with the 95 % interval for other tasks of the same kind; all three are shares, 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `judge` found.

    Attributes:
        benchmark: its name.
        results: a `Result` for each sample, in the order given. One whose `verdict` is None could not be judged, through no
            fault of its program (`error` says why): it is in no score.
        pass_at_k: by part of the tests, then by k: `found.pass_at_k["base"][1].value`. `base` are the benchmark's original
            tests, `plus` those and the extra ones, where it has any. A k is left out if some task has fewer samples.
        bounds: as `pass_at_k`, without a value: the lowest and highest that it could have been had nothing been left out or
            unscored. Empty if nothing was.
        n_tasks: tasks of the whole benchmark.
        missing: tasks that were selected but have no sample.
        problems: bad samples that were left out (`skip_bad`), at most 100.
        warnings: reasons to trust the score less.
        summary: all of it as plain data, as in `summary.json` (docs/formats.md).
    """

    benchmark: str
    results: Sequence[Result] = field(repr=False)
    pass_at_k: Mapping[str, Mapping[int, Estimate]]
    bounds: Mapping[str, Mapping[int, tuple[float, float]]] = field(repr=False)
    n_tasks: int
    missing: Sequence[str] = field(repr=False)
    problems: Sequence[str] = field(repr=False)
    warnings: Sequence[str]
    summary: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        """Say in one line what was scored, and how well it did."""
        scores = [
            f"{part} pass@{k} {it.value:.3f} [{it.low:.3f}, {it.high:.3f}]"
            for part, each in self.pass_at_k.items()
            for k, it in each.items()
        ]
        counted = f"{len(self.results)} samples of {self.summary['n_tasks_sampled']} of {self.n_tasks} tasks"
        unscored = [f"{self.summary['n_unscored']} unscored"] if self.summary["n_unscored"] else []
        return f"{self.benchmark}: {', '.join([*scores, counted, *unscored])}"


class Oracle:
    """Judge samples of one benchmark, again and again, in boxes that stay warm: `with toolkit.Oracle("mbpp+") as oracle:`.

    The data is read at once; boxes start with the first samples. May be used from several threads and tasks at a time. After
    an error or Ctrl-C in one call the boxes are closed, and the next call starts new ones.

    Args:
        benchmark: its name, as on the command line.
        timeout: seconds charged: of one call where tests are a table of calls, else of the whole program.
        total_timeout: seconds charged: of all calls of one sample together.
        parallel: samples judged at a time; the number of processors when None.
        base_only: leave the extra tests out.
        mini, noextreme: use the reduced set of extra tests, or the one without extreme inputs.
        id_range: only tasks numbered `"FIRST-LAST"`, both included.
        since, until: only tasks published between these days, such as `"2024-05-31"`, both included.
        dates: a file with the publication dates of tasks, where the data has none.
        difficulty: only tasks of these difficulties, separated by commas.
        limit: only the first so many of those tasks.
        release: which release, of a benchmark that has several.
        data: the benchmark's data file, instead of the usual one.
        use_cache: reuse stored verdicts on equal programs, and store new ones.
        runtime: OCI runtime of the boxes, such as `runsc`.

    Attributes:
        tasks: the tasks that are judged, by id.

    Raises:
        UsageError: there is no such benchmark, or a setting is out of range.
        InfrastructureError: the data is not here and cannot be fetched.
    """

    def __init__(
        self,
        benchmark: str,
        *,
        timeout: float = 5.0,
        total_timeout: float = 60.0,
        parallel: int | None = None,
        base_only: bool = False,
        mini: bool = False,
        noextreme: bool = False,
        id_range: str | None = None,
        since: str | None = None,
        until: str | None = None,
        dates: Path | str | None = None,
        difficulty: str | None = None,
        limit: int | None = None,
        release: str | None = None,
        data: Path | str | None = None,
        use_cache: bool = True,
        runtime: str | None = None,
    ) -> None:
        self._benchmark = benchmark_named(benchmark)
        self._settings = Settings(
            benchmark=benchmark,
            timeout_s=timeout,
            total_timeout_s=total_timeout,
            parallel=(os.cpu_count() or 1) if parallel is None else parallel,
            base_only=base_only,
            use_cache=use_cache,
            runtime=runtime,
        )
        check(self._settings)
        options = Options(data=None if data is None else Path(data), mini=mini, noextreme=noextreme, release=release or "")
        chosen = Slice(
            id_range=id_range, since=since, until=until, dates=None if dates is None else Path(dates), difficulty=difficulty,
            limit=limit,
        )  # fmt: skip
        self._known, self._data_hash = load(self._benchmark, options)
        self.tasks: Mapping[str, Task] = select(self._benchmark, self._known, chosen)
        self._lock = threading.Lock()
        self._boxes, self._sanitizer = contextlib.ExitStack(), Sanitizer(workers=self._settings.parallel)
        self._oracle: _Oracle | None = None
        self._is_closed = False

    def judge(self, samples: Rows, *, progress: Progress | None = None) -> list[Result]:
        """Judge samples, and return a result for each, in the order given (none for no samples).

        Args:
            samples: a path, rows as in a samples file (docs/formats.md), or pairs (task_id, what the model wrote). Equal
                programs of a task are run once.
            progress: called with (samples done, samples in all).

        Raises:
            UsageError: a sample cannot be used; nothing was run. The message has the first ten, and how many there are.
            InfrastructureError: boxes cannot be started. A sample that alone cannot be judged has a result that says so.
        """
        if not isinstance(samples, str | Path):
            samples = _listed(samples)
            if not samples:
                return []
        given, _ = sample_files.read(samples, self.tasks, known=self._known, sanitizer=self._sanitizer)
        return self._judge(given, progress)

    judge_async = awaitable(judge)

    @room()
    def _judge(self, samples: Sequence[Sample], progress: Progress | None = None) -> list[Result]:
        found: dict[tuple[str, int], Result] = {}
        stop = threading.Event()
        oracle = self._opened()
        try:
            with ended_by(stop.set), contextlib.closing(oracle.judge_many(samples, stop)) as judging:
                for _, result, _ in judging:
                    found[result.task_id, result.sample_id] = result
                    if progress:
                        progress(len(found), len(samples))
        except BaseException:
            if oracle.pool.is_closed:
                self._drop(oracle)
            raise
        return [found[sample.task_id, sample.sample_id] for sample in samples]

    def check(self) -> None:
        """Judge programs with known verdicts. Raises `InfrastructureError` if one gets another verdict."""
        canary(self._opened())

    def close(self) -> None:
        """Remove the boxes, even while programs run in them. Does nothing the second time."""
        self._is_closed = True
        self._drop(self._oracle)
        self._sanitizer.__exit__()

    def _opened(self) -> _Oracle:
        with self._lock:
            if self._is_closed:
                raise UsageError("the oracle has been closed; open another one")
            if self._oracle is None:
                with contextlib.ExitStack() as stack:
                    opening = open_oracle(self._settings, self._benchmark, self.tasks, self._data_hash)
                    oracle = stack.enter_context(opening)
                    oracle.start()
                    self._boxes, self._oracle = stack.pop_all(), oracle
            return self._oracle

    def _drop(self, oracle: _Oracle | None) -> None:
        with self._lock:
            if oracle is not None and oracle is self._oracle:
                self._oracle = None
                self._boxes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def judge(
    benchmark: str,
    samples: Rows,
    *,
    ks: Iterable[int] = (1, 10, 100),
    timeout: float = 5.0,
    total_timeout: float = 60.0,
    parallel: int | None = None,
    base_only: bool = False,
    mini: bool = False,
    noextreme: bool = False,
    id_range: str | None = None,
    since: str | None = None,
    until: str | None = None,
    dates: Path | str | None = None,
    difficulty: str | None = None,
    limit: int | None = None,
    release: str | None = None,
    allow_missing: bool = False,
    skip_bad: bool = False,
    data: Path | str | None = None,
    use_cache: bool = True,
    runtime: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge samples of a benchmark, and return verdicts and pass@k; what `toolkit eval` does, without a run folder.

    Programs with known verdicts are judged before and after: if one of them gets another verdict, no score is given.

    Args:
        samples: a path, rows as in a samples file (docs/formats.md), or pairs (task_id, what the model wrote).
        ks: values of k for pass@k, as far as the samples of each task allow.
        allow_missing: score although some of the (chosen) tasks have no sample.
        skip_bad: leave bad samples out, and bound the score.
        progress: called with (samples done, samples in all).
        timeout, total_timeout, parallel, base_only, mini, noextreme, data, use_cache, runtime: as `Oracle`.
        id_range, since, until, dates, difficulty, limit, release: which tasks, as `Oracle`.

    Raises:
        UsageError: no such benchmark, bad samples, tasks without samples, a setting out of range; nothing was run.
        InfrastructureError: no engine, image or data, or the oracle judges a known program wrongly.
    """
    from toolkit.commands.evaluate import uniform
    from toolkit.report import summary as report

    started = time.monotonic()
    wanted = tuple(sorted(set(ks)))
    if wanted and wanted[0] < 1:
        raise UsageError(f"ks wants numbers above 0, not {wanted[0]}")
    if not isinstance(samples, str | Path):
        samples = _listed(samples)
    with Oracle(
        benchmark, timeout=timeout, total_timeout=total_timeout, parallel=parallel, base_only=base_only, mini=mini,
        noextreme=noextreme, id_range=id_range, since=since, until=until, dates=dates, difficulty=difficulty, limit=limit,
        release=release, data=data, use_cache=use_cache, runtime=runtime,
    ) as oracle:  # fmt: skip
        given = sample_files.read_all(
            samples, oracle.tasks, known=oracle._known, skip_bad=skip_bad, allow_missing=allow_missing
        )
        oracle.check()
        results = oracle._judge(given.samples, progress)
        oracle.check()
        same = uniform(results)
        summary = report.summarise(
            benchmark=benchmark,
            results=results,
            n_samples=len(given.samples),
            n_tasks=len(oracle._known),
            n_tasks_sampled=len({sample.task_id for sample in given.samples}),
            missing=given.missing,
            ks=wanted,
            has_plus=oracle._benchmark.has_plus and not base_only,
            seconds=time.monotonic() - started,
            n_skipped=len(given.problems),
            lost=given.lost,
            n_stray=given.n_stray,
            warnings=[*left_out(oracle._known), *([same] if same else [])],
            timeout_s=timeout,
            parallel=oracle._settings.parallel,
        )
    return Evaluation(
        benchmark=benchmark,
        results=results,
        pass_at_k={
            part: {int(k): Estimate(**at) for k, at in each.items()} for part, each in summary["pass_at_k"].items()
        },
        bounds={
            part: {int(k): (at["low"], at["high"]) for k, at in each.items()} for part, each in summary["bounds"].items()
        },
        n_tasks=summary["n_tasks"],
        missing=given.missing,
        problems=list(given.problems),
        warnings=summary["warnings"],
        summary=summary,
    )


judge_async = awaitable(judge)


def _listed(samples: Iterable[Any]) -> list[Any]:
    if isinstance(samples, Mapping):
        raise UsageError('samples are a path, a list of rows, or a list of pairs: [("HumanEval/0", text), ...]')
    return list(samples)
