"""`toolkit eval`, as a function: from a samples file, or a model, to a run folder."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.analysis import efficiency
from toolkit.benchmarks import Benchmark, Options
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.benchmarks.slices import left_out, select
from toolkit.commands.judging import Background, check, judge_cut, open_oracle, prove, shows_tests
from toolkit.commands.judging import Settings as Settings
from toolkit.errors import UsageError, room
from toolkit.oracle import VERSION, Oracle, Refused
from toolkit.progress import Advance
from toolkit.records import Result, Table, Task
from toolkit.samples import comparison
from toolkit.samples import read as sample_files
from toolkit.samples.lines import Problems
from toolkit.samples.read import Given
from toolkit.samples.rows import spooled
from toolkit.store import cost, refusals
from toolkit.store import run_folder as runs

STDIN = Path("-")
"""The samples file that is standard input."""
UNIFORM_FROM = 10
"""Fewest samples for which a warning is given if all verdicts are equal."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A finished or interrupted run.

    Attributes:
        problems: bad lines of the samples that were left out.
        warnings: what weakens the score or the comparison; also in `summary`.
        defects: tracebacks of the first defects of ours that cost a sample its verdict.
    """

    folder: Path
    summary: dict[str, Any]
    problems: Problems = field(default_factory=Problems)
    warnings: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is judged: a benchmark's tasks, those selected, the settings that verdicts depend on, a run to compare with."""

    benchmark: Benchmark
    tasks: Mapping[str, Task]
    data_hash: str
    selected: Mapping[str, Task]
    rules: Mapping[str, Any]
    other: comparison.Other | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """The open run folder with `n` samples in it; `given` is None if their generation was interrupted.

    `generation` is the cost of writing them, as far as it is known.
    """

    folder: runs.RunFolder
    n: int
    given: Given | None = None
    generation: Mapping[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class _Judged:
    """Results in the order of the samples; why the score is refused, or how far an interrupted run got."""

    results: list[Result] = field(default_factory=list)
    n_cached: int = 0
    refused: str | None = None
    interrupted: str | None = None
    cut: list[Result] = field(default_factory=list)
    n_cut: int = 0


@room()
def evaluate(settings: Settings, advance: Advance = lambda *_: None) -> Outcome:
    """Judge samples, which a model writes first if none are given, and write the run folder.

    Four steps, each returning a value for the next: ask what is judged, write (or read) the samples, judge them, tell the
    outcome.

    Raises:
        UsageError: bad input or settings; nothing was run.
        InfrastructureError: no engine, image, model, data or disk; what had been written and judged is in the folder, for
            `--resume`.
    """
    started = time.monotonic()
    question = _ask(settings)
    with contextlib.ExitStack() as stack:
        oracle = stack.enter_context(open_oracle(settings, question.benchmark, question.selected, question.data_hash))
        written = _write(settings, question, oracle, stack, advance)
        judged = _judge(question, written, oracle, advance)
        return _tell(settings, question, written, judged, oracle.defects, time.monotonic() - started)


def _ask(settings: Settings) -> _Question:
    """Load the benchmark and choose the tasks; read the run to compare with. Raise `UsageError` or `InfrastructureError`."""
    benchmark = benchmark_named(settings.benchmark)
    check(settings)
    if settings.writing:
        settings.writing.check()
    if settings.fail_fast and (settings.base_only or not benchmark.has_plus):
        which = "--base-only" if settings.base_only else benchmark.name
        raise UsageError(f"--fail-fast leaves extra tests out, and with {which} there are none")
    options = Options(data=settings.data, mini=settings.mini, noextreme=settings.noextreme, release=settings.release)
    tasks, data_hash = load(benchmark, options)
    selected = select(benchmark, tasks, settings.chosen)
    rules = {
        "benchmark": benchmark.name,
        "timeout_s": settings.timeout_s,
        "total_timeout_s": settings.total_timeout_s,
        "base_only": settings.base_only,
        "mini": settings.mini,
        "noextreme": settings.noextreme,
        "oracle_version": VERSION,
    }
    other = comparison.read(settings.compare, rules, data_hash, selected) if settings.compare else None
    return _Question(benchmark=benchmark, tasks=tasks, data_hash=data_hash, selected=selected, rules=rules, other=other)


def _write(
    settings: Settings, question: _Question, oracle: Oracle, stack: contextlib.ExitStack, advance: Advance
) -> _Written:
    """Open the run folder, which `stack` closes, and put the samples into it: those given, or what the model writes."""
    writer = starting = given = piped = generation = None
    data = {question.benchmark.name: question.data_hash}
    if settings.writing is None:
        starting = Background(oracle.start)
        if settings.samples == STDIN:
            piped = spooled(stack)
        given = _samples(settings, piped or settings.samples, question, "stdin" if piped else None)
        data["samples"] = sample_files.hash_of(given.samples)
        generation = _generation(settings, piped or settings.samples, given)
    else:
        from toolkit.commands.generate import Writer

        advance("loading the model", 0, 1)
        writer = Writer.open(settings.writing, question.selected)
        stack.callback(writer.close)
        where = getattr(writer.generator, "machine", {})
        one = {} if where is None else {**where, "seconds": 1, "n_samples": 1}
        _check_budget(settings, {**one, "n_judged": 1, "n_judged_tokens": 1})
    asked = {
        **question.rules,
        "samples": {"n": writer.sampling.n, **writer.asked} if writer else _named(settings),
        **settings.chosen.asked(),
        "skip_bad": settings.skip_bad,
        "fail_fast": settings.fail_fast,
        "show_tests": shows_tests(settings, question.benchmark),
    }
    if starting:
        starting.result()
    folder = stack.enter_context(
        runs.RunFolder.create(
            settings.output or Path("runs") / f"{question.benchmark.name}-{time.strftime('%Y%m%d-%H%M%S')}",
            asked,
            seed=settings.writing.seed if settings.writing else 0,
            images={question.benchmark.image: oracle.pool.engine.image_digest(question.benchmark.image)},
            data=data,
            about={"parallel": settings.parallel, "cache": settings.use_cache, "allow_missing": settings.allow_missing},
            resume=settings.resume,
            overwrite=settings.overwrite,
        )
    )
    if piped:
        folder.keep_input(piped)
    if writer:
        generated = folder.path / runs.GENERATED
        try:
            writer.write(generated, resume=True, advance=advance)
        except KeyboardInterrupt:
            return _Written(folder=folder, n=len(question.selected) * writer.sampling.n)
        writer.close()
        starting = Background(oracle.start)
        given = _samples(settings, generated, question)
        generation = _generation(settings, generated, given)
        starting.result()
    assert given
    folder.write_samples(given.samples)
    return _Written(folder=folder, n=len(given.samples), given=given, generation=generation)


def _judge(question: _Question, written: _Written, oracle: Oracle, advance: Advance) -> _Judged:
    """Judge the samples without a known result, between two canaries, and journal each result."""
    judged = _Judged()
    if written.given is None:
        judged.interrupted = "samples were still being written"
        return judged
    samples, what = written.given.samples, question.benchmark.name
    wanted = {(sample.task_id, sample.sample_id) for sample in samples}
    results = {key: result for key, result in written.folder.done().items() if key in wanted}
    waiting = [sample for sample in samples if (sample.task_id, sample.sample_id) not in results]
    try:
        prove(oracle)
        advance(what, len(results), len(samples))
        judging = oracle.judge_many(waiting)  # held until the pool is closed: ending it would wait for what runs
        for sample, result, facts in judging:
            try:
                written.folder.append(result, asdict(facts))
            except refusals.RunFolderError:
                raise
            except Exception as error:
                result = oracle.failed(sample, error)
            results[sample.task_id, sample.sample_id] = result
            judged.n_cached += facts.cached
            advance(what, len(results), len(samples))
        if question.benchmark.cut:
            judged.cut, judged.n_cut = judge_cut(oracle, samples, results)
        if not all(result.error for result in results.values()):
            prove(oracle)
    except KeyboardInterrupt:
        judged.interrupted = f"{len(results)} of {len(samples)} samples were judged"
    except Refused as error:
        judged.refused = str(error)
    finally:
        oracle.pool.close()
    judged.results = [results[key] for sample in samples if (key := (sample.task_id, sample.sample_id)) in results]
    return judged


def _tell(
    settings: Settings, question: _Question, written: _Written, judged: _Judged, defects: list[str], seconds: float
) -> Outcome:
    """Summarise, compare, and finish the folder unless the run was interrupted."""
    from toolkit.report import run_files
    from toolkit.report import summary as report

    given, folder, other = written.given, written.folder, question.other
    if given is None:
        summary = report.summarise(
            benchmark=question.benchmark.name, results=[], ks=(), n_tasks=len(question.tasks), n_samples=written.n,
            seconds=seconds, folder=str(folder.path),
        )  # fmt: skip
        return Outcome(folder=folder.path, summary=summary | {"interrupted": judged.interrupted}, interrupted=True)
    warnings = [*left_out(question.tasks), *(other.warnings if other else [])]
    if not settings.allow_uniform and not judged.interrupted and (same := uniform(judged.results)):
        warnings.append(same)
    compared = None
    if other is not None and not judged.refused:
        try:
            compared = other.compare(comparison.counted(judged.results))
        except ValueError as error:
            warnings.append(f"--compare {other.path}: {error}")
    summary = report.summarise(
        benchmark=question.benchmark.name,
        results=judged.results,
        n_samples=written.n,
        n_tasks=len(question.tasks),
        n_tasks_sampled=len({sample.task_id for sample in given.samples}),
        missing=given.missing,
        ks=settings.ks,
        has_plus=question.benchmark.has_plus and not settings.base_only,
        seconds=seconds,
        n_cached=judged.n_cached,
        n_skipped=len(given.problems),
        lost=given.lost,
        n_stray=given.n_stray,
        warnings=warnings,
        refused=judged.refused,
        folder=str(folder.path),
        timeout_s=settings.timeout_s,
        parallel=settings.parallel,
    )
    if written.generation:
        summary["generation"] = written.generation
        if settings.budget and not judged.refused:
            summary["budget"] = report.at_budget(judged.results, summary["pass_at_k"], settings.budget, written.generation)
    if judged.cut and not judged.refused:
        summary["cut"] = report.cut(summary["pass_at_k"]["base"], judged.cut, judged.n_cut, settings.ks)
    if compared:
        summary["comparison"] = compared
    if judged.interrupted:
        summary["interrupted"] = judged.interrupted
    else:
        others = run_files.made(folder, judged.results, summary, question.tasks, _inputs(settings, question))
        folder.finish(judged.results, summary, others)
    return Outcome(
        folder=folder.path, summary=summary, problems=given.problems, warnings=warnings, defects=defects,
        interrupted=bool(judged.interrupted),
    )  # fmt: skip


def _generation(settings: Settings, path: Path | None, given: Given) -> dict[str, Any] | None:
    """Return the cost of writing the samples; None if unknown. Raise `UsageError` if a budget needs more than is known."""
    tokens = [sample.n_tokens for sample in given.samples if sample.n_tokens]
    found = cost.total(cost.read(path)) if path else None
    known = len(tokens) == len(given.samples)
    whole = {**(found or {}), "n_judged": len(given.samples), "n_judged_tokens": sum(tokens) if known else None}
    _check_budget(settings, whole)
    return whole if found or known else None


def _check_budget(settings: Settings, generation: Mapping[str, Any]) -> None:
    if settings.budget:
        try:
            efficiency.spent(generation, settings.budget[0])
        except ValueError as error:
            raise UsageError(f"--budget {settings.budget[0]}: {error}") from None


def _samples(settings: Settings, path: Path | None, question: _Question, name: str | None = None) -> Given:
    if path is None:
        raise UsageError("neither samples nor a model")
    allowed = {"skip_bad": settings.skip_bad, "allow_missing": settings.allow_missing}
    return sample_files.read_all(path, question.selected, known=question.tasks, name=name, **allowed)


def _named(settings: Settings) -> str:
    """Return the name under which the run records its input; a kept copy of standard input is recorded as that."""
    kept = settings.output and settings.output / runs.STDIN
    return str(STDIN if settings.samples == kept else settings.samples)


def _inputs(settings: Settings, question: _Question) -> Callable[[str, int], list[Any]] | None:
    """Return a function from (task id, call) to that call's input in a table; None if tests are not to be shown."""

    def inputs(task_id: str, call: int) -> list[Any]:
        task = question.tasks[task_id]
        calls = task.tests.calls if isinstance(task.tests, Table) else []
        return [question.benchmark.as_json(task, arguments) for arguments in calls[call : call + 1]]

    return inputs if shows_tests(settings, question.benchmark) else None


def uniform(results: list[Result]) -> str | None:
    """Return a warning if all verdicts are equal, which is rare for a real model."""
    verdicts = {result.verdict for result in results if result.verdict is not None}
    n_scored = sum(result.verdict is not None for result in results)
    if len(verdicts) == 1 and n_scored >= UNIFORM_FROM:
        return (
            f"all {n_scored} verdicts are {verdicts.pop()}: if that is not what you expect, look for a fault in the samples "
            "file or the set-up (--allow-uniform silences this)"
        )
    return None
