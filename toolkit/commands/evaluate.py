"""`toolkit eval` and `toolkit validate`, as functions: from a samples file to a run folder."""

import contextlib
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import Limits, Sandbox, SandboxError, open_engine
from toolkit.analysis import comparison
from toolkit.benchmarks import Benchmark, Options
from toolkit.benchmarks.load import benchmark_named, load, select
from toolkit.errors import InfrastructureError as InfrastructureError
from toolkit.errors import UsageError as UsageError
from toolkit.errors import room
from toolkit.oracle import VERSION, Facts, Oracle, Refused, canary
from toolkit.records import Result, Sample, Task, Verdict
from toolkit.samples import read as sample_files
from toolkit.samples.lines import Problems
from toolkit.store import cache
from toolkit.store import run_folder as runs
from toolkit.store.files import write_atomically

if TYPE_CHECKING:
    from toolkit.commands.generate import Writing

MEMORY_BYTES = 4 << 30
"""Of a box, and so of a program; EvalPlus's own bound."""
UNIFORM_FROM = 10
"""From this many samples on, verdicts that are all the same come with a warning."""
MAX_NAMED = 10
"""Ids that a message names."""

Advance = Callable[..., None]
"""Called with what is done, how much of it, of how much, and where it is not obvious, how fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `toolkit eval` can be told; see its help. Either `samples` or `writing` is there."""

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
    mini: bool = False
    noextreme: bool = False
    id_range: str | None = None
    limit: int | None = None
    skip_bad: bool = False
    allow_missing: bool = False
    allow_uniform: bool = False
    data: Path | None = None
    runtime: str | None = None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A run that is over, or was interrupted.

    Attributes:
        problems: bad lines of the samples that were left out.
        warnings: what makes the score, or the comparison, less sure; in `summary` as well.
        defects: tracebacks of the first defects of ours that cost a sample its verdict.
    """

    folder: Path
    summary: dict[str, Any]
    problems: Problems = field(default_factory=Problems)
    warnings: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """The samples that are judged, and what is missing from them.

    Attributes:
        problems: bad lines that were left out.
        lost: how many of them name each selected task.
        n_stray: how many of them may be of any task.
        missing: selected tasks without a sample.
    """

    samples: list[Sample]
    problems: Problems
    lost: Mapping[str, int]
    n_stray: int
    missing: list[str]


@room()
def evaluate(settings: Settings, advance: Advance = lambda *_: None) -> Outcome:
    """Judge the samples, which a model writes first where none are given, and write the run folder.

    Raises:
        UsageError: bad input or settings; nothing was run.
        InfrastructureError: no engine, image, model, data or disk; what had been written and judged is in the folder, for
            `--resume`.
    """
    started = time.monotonic()
    benchmark = benchmark_named(settings.benchmark)
    _check(settings)
    options = Options(data=settings.data, mini=settings.mini, noextreme=settings.noextreme)
    tasks, data_hash = load(benchmark, options)
    selected = select(benchmark, tasks, settings.id_range, settings.limit)
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
    with contextlib.ExitStack() as stack:
        oracle = stack.enter_context(_oracle(settings, benchmark, selected, data_hash))
        starting = writer = None
        given = None
        data = {benchmark.name: data_hash}
        if settings.writing is None:
            starting = _Background(oracle.start)
            given = _read(settings, settings.samples, selected, tasks)
            data["samples"] = hash_of(given.samples)
        else:
            from toolkit.commands.generate import Writer

            advance("loading the model", 0, 1)
            writer = Writer.open(settings.writing, selected)
            stack.callback(writer.close)
        folder_path = settings.output or Path("runs") / f"{benchmark.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        about = {"parallel": settings.parallel, "cache": settings.use_cache, "allow_missing": settings.allow_missing}
        asked = rules | {
            "samples": str(settings.samples) if writer is None else {"n": writer.sampling.n, **writer.asked},
            "id_range": settings.id_range,
            "limit": settings.limit,
            "skip_bad": settings.skip_bad,
        }
        try:
            if starting:
                starting.result()
            folder = stack.enter_context(
                runs.RunFolder.create(
                    folder_path,
                    asked,
                    seed=settings.writing.seed if settings.writing else 0,
                    images={"run": oracle.pool.engine.image_digest()},
                    data=data,
                    about=about,
                    resume=settings.resume,
                    overwrite=settings.overwrite,
                )
            )
            if writer:
                generated = folder.path / runs.GENERATED
                try:
                    writer.write(generated, resume=True, advance=advance)
                except KeyboardInterrupt:
                    return _interrupted(benchmark, folder, len(tasks), len(selected) * writer.sampling.n, started)
                writer.close()
                starting = _Background(oracle.start)
                given = _read(settings, generated, selected, tasks)
                starting.result()
            assert given
            folder.write_samples(given.samples)
            return _judge(settings, benchmark, oracle, folder, given, len(tasks), other, advance, started)
        except runs.RunExists as error:
            raise UsageError(str(error)) from None
        except (SandboxError, runs.RunFolderError) as error:
            raise InfrastructureError(str(error)) from None


def _check(settings: Settings) -> None:
    """Raise `UsageError` where numbers are out of range or flags exclude each other."""
    for flag, seconds in (("--timeout", settings.timeout_s), ("--total-timeout", settings.total_timeout_s)):
        if not (0 < seconds < 3600):
            raise UsageError(f"{flag} wants seconds above 0 and below 3600, not {seconds}")
    if settings.parallel < 1:
        raise UsageError(f"--parallel must be at least 1, not {settings.parallel}")
    if settings.resume and settings.overwrite:
        raise UsageError("--resume and --overwrite exclude each other")


def _read(settings: Settings, path: Path | None, selected: Mapping[str, Task], tasks: Mapping[str, Task]) -> _Given:
    """Return the samples. Raises `UsageError` where tasks have none, unless that is meant or bad lines may be the cause."""
    if path is None:
        raise UsageError("neither samples nor a model")
    try:
        samples, problems = sample_files.read(path, selected, known=tasks, skip_bad=settings.skip_bad)
    except sample_files.BadInput as error:
        raise UsageError(f"the samples cannot be used; nothing was run\n{error}") from None
    except RuntimeError as error:
        raise InfrastructureError(f"model text cannot be turned into programs: {error}") from None
    if not samples:
        raise UsageError(f"{path}: no sample is of a task that was selected")
    sampled = {sample.task_id for sample in samples}
    missing = [task_id for task_id in selected if task_id not in sampled]
    lost = {task_id: n for task_id, n in problems.by_task.items() if task_id in selected}
    n_stray = len(problems) - problems.by_task.total()
    unexplained = [task_id for task_id in missing if task_id not in lost]
    if len(unexplained) > n_stray and not settings.allow_missing:
        names = ", ".join(unexplained[:MAX_NAMED])
        names += f" and {len(unexplained) - MAX_NAMED} more" if len(unexplained) > MAX_NAMED else ""
        raise UsageError(
            f"{path}: {len(unexplained)} of {len(selected)} tasks have no sample: {names}. If that is meant, say "
            "--allow-missing, or choose tasks with --id-range or --limit"
        )
    return _Given(samples=samples, problems=problems, lost=lost, n_stray=n_stray, missing=missing)


def _interrupted(benchmark: Benchmark, folder: "runs.RunFolder", n_tasks: int, n_samples: int, started: float) -> Outcome:
    """Return what there is to say when samples were still being written."""
    from toolkit.report import summary as report

    seconds = time.monotonic() - started
    summary = report.summarise(
        benchmark=benchmark.name, results=[], ks=(), n_tasks=n_tasks, n_samples=n_samples, seconds=seconds,
        folder=str(folder.path),
    )  # fmt: skip
    summary["interrupted"] = "samples were still being written"
    return Outcome(folder=folder.path, summary=summary, interrupted=True)


def _judge(
    settings: Settings,
    benchmark: Benchmark,
    oracle: Oracle,
    folder: "runs.RunFolder",
    given: _Given,
    n_tasks: int,
    other: comparison.Other | None,
    advance: Advance,
    started: float,
) -> Outcome:
    from toolkit.report import summary as report

    refused: str | None = None
    interrupted = False
    n_cached = 0
    samples, warnings = given.samples, list(other.warnings) if other else []
    results = folder.done()
    wanted = {(sample.task_id, sample.sample_id) for sample in samples}
    results = {key: result for key, result in results.items() if key in wanted}
    waiting = [sample for sample in samples if (sample.task_id, sample.sample_id) not in results]
    try:
        canary(oracle)
        advance(benchmark.name, len(results), len(samples))
        judging = oracle.judge_many(waiting)  # held until the pool is closed: ending it would wait for what runs
        for sample, result, facts in judging:
            try:
                folder.append(result, _facts(facts))
            except runs.RunFolderError:
                raise
            except Exception as error:
                result = oracle.failed(sample, error)
            results[sample.task_id, sample.sample_id] = result
            n_cached += facts.cached
            advance(benchmark.name, len(results), len(samples))
        if not all(result.error for result in results.values()):
            canary(oracle)
    except KeyboardInterrupt:
        interrupted = True
    except Refused as error:
        refused = str(error)
    finally:
        oracle.pool.close()
    in_order = [results[key] for sample in samples if (key := (sample.task_id, sample.sample_id)) in results]
    if not settings.allow_uniform and not interrupted and (same := uniform(in_order)):
        warnings.append(same)
    compared = None
    if other is not None and not refused:
        try:
            compared = other.compare(counts(in_order))
        except ValueError as error:
            warnings.append(f"--compare {other.path}: {error}")
    summary = report.summarise(
        benchmark=benchmark.name,
        results=in_order,
        n_samples=len(samples),
        n_tasks=n_tasks,
        n_tasks_sampled=len({sample.task_id for sample in samples}),
        missing=given.missing,
        ks=settings.ks,
        has_plus=benchmark.has_plus and not settings.base_only,
        seconds=time.monotonic() - started,
        n_cached=n_cached,
        n_skipped=len(given.problems),
        lost=given.lost,
        n_stray=given.n_stray,
        warnings=warnings,
        refused=refused,
        folder=str(folder.path),
        timeout_s=settings.timeout_s,
        parallel=settings.parallel,
    )
    if compared:
        summary["comparison"] = compared
    if interrupted:
        summary["interrupted"] = f"{len(in_order)} of {len(samples)} samples were judged"
    else:
        folder.finish(in_order, summary)
    return Outcome(
        folder=folder.path, summary=summary, problems=given.problems, warnings=warnings, defects=oracle.defects,
        interrupted=interrupted,
    )  # fmt: skip


def uniform(results: list[Result]) -> str | None:
    """Say that every single verdict is the same, which is seldom what a model earned."""
    verdicts = {result.verdict for result in results if result.verdict is not None}
    n_scored = sum(result.verdict is not None for result in results)
    if len(verdicts) == 1 and n_scored >= UNIFORM_FROM:
        return (
            f"all {n_scored} verdicts are {verdicts.pop()}: if that is not what you expect, look for a fault of the samples "
            "file or of the set-up (--allow-uniform silences this)"
        )
    return None


def counts(results: Iterable[Result]) -> dict[str, tuple[int, int]]:
    """Return {task_id: (n samples scored, c of them passed)}."""
    found: dict[str, tuple[int, int]] = {}
    for result in results:
        if result.verdict is not None:
            n, c = found.get(result.task_id, (0, 0))
            found[result.task_id] = n + 1, c + (result.verdict == Verdict.PASSED)
    return found


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "seconds": facts.seconds,
        "charged_s": facts.charged_s,
        "cpu_s": facts.cpu_s,
        "memory_peak_bytes": facts.memory_peak_bytes,
        "cached": facts.cached,
    }


@contextlib.contextmanager
def _oracle(settings: Settings, benchmark: Benchmark, tasks: Mapping[str, Task], data_hash: str) -> Iterator[Oracle]:
    try:
        engine = open_engine(settings.runtime)
    except SandboxError as error:
        raise InfrastructureError(str(error)) from None
    verdicts = cache.VerdictCache() if settings.use_cache else None
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
            )
    finally:
        engine.close()
        if verdicts is not None:
            verdicts.close()


class _Background:
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


def hash_of(samples: list[Sample]) -> str:
    """Hash all programs that are judged, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.task_id}\0{sample.solution}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@room()
def validate(
    name: str,
    timeout_s: float,
    parallel: int,
    advance: Advance,
    *,
    total_timeout_s: float = 60.0,
    mini: bool = False,
    noextreme: bool = False,
    data: Path | None = None,
    runtime: str | None = None,
) -> dict[str, Any]:
    """Judge canonical solutions (all must pass) and empty bodies (all must fail), without stored verdicts.

    Raises:
        UsageError, InfrastructureError: as `evaluate`.
    """
    from toolkit.report import summary as report

    started = time.monotonic()
    settings = Settings(
        benchmark=name, samples=Path(), timeout_s=timeout_s, total_timeout_s=total_timeout_s, parallel=parallel,
        use_cache=False, runtime=runtime,
    )  # fmt: skip
    benchmark = benchmark_named(name)
    _check(settings)
    tasks, data_hash = load(benchmark, Options(data=data, mini=mini, noextreme=noextreme))
    right = [Sample(task_id=t.task_id, sample_id=0, solution=t.prompt + t.canonical_solution) for t in tasks.values()]
    empty = [replace(s, sample_id=1, solution=f"def {tasks[s.task_id].entry_point}(*_):\n    pass\n") for s in right]
    found: dict[str, Any] = {"benchmark": name, "n_tasks": len(tasks)}
    found |= dict.fromkeys(("canonical_passed", "empty_failed", "n_defects"), 0)
    surprises = []
    try:
        with _oracle(settings, benchmark, tasks, data_hash) as oracle:
            oracle.start()
            for n_done, (sample, result, _) in enumerate(oracle.judge_many([*right, *empty]), 1):
                passed = result.verdict == Verdict.PASSED
                found["n_defects"] += report.is_defect(result)
                if sample.sample_id == 0:
                    found["canonical_passed"] += passed
                else:
                    found["empty_failed"] += result.verdict is not None and not passed
                if passed == bool(sample.sample_id) or result.error:
                    what = "empty body" if sample.sample_id else "canonical solution"
                    surprises.append(f"{sample.task_id}: {what}: {result.error or result.verdict} {result.detail}".rstrip())
                advance(f"validate {name}", n_done, len(right) + len(empty))
    except SandboxError as error:
        raise InfrastructureError(str(error)) from None
    return found | {"surprises": surprises, "seconds": round(time.monotonic() - started, 3)}


def write_canonical(name: str, output: Path, append: list[Path], data: Path | None) -> int:
    """Write the canonical solutions as samples, then the lines of `append`; return the number of samples.

    Raises:
        UsageError, InfrastructureError: as `evaluate`.
        OSError: a file cannot be read or written.
    """
    tasks, _ = load(benchmark_named(name), Options(data=data))
    rows = [{"task_id": t.task_id, "solution": t.prompt + t.canonical_solution} for t in tasks.values()]
    lines = [json.dumps(row) for row in rows]
    for path in append:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines += [line for line in text.decode().splitlines() if line.strip()]
    write_atomically(output, ("\n".join(lines) + "\n").encode())
    return len(lines)
