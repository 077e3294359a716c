"""`toolkit pairs`, as a function: runs of a base benchmark beside runs of its self-invoking one, from their folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from sandbox import Sandbox, open_engine
from toolkit.analysis import pairs as analysis
from toolkit.analysis.trend import quantiles
from toolkit.benchmarks import Options, pro
from toolkit.benchmarks.base import number_of
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.errors import UsageError
from toolkit.progress import Advance
from toolkit.records import Check, Result, Task
from toolkit.report.summary import counts
from toolkit.samples.examined import Examined, Row, examined, traced
from toolkit.samples.lines import Problems, lines
from toolkit.store import refusals
from toolkit.store import run_folder as runs

MEASURES = ("lines", "nodes", "cyclomatic")
INVOKES = ("direct", "indirect", "no", "undefined", "unparsed")

Key = tuple[int, int]
"""(number of the base task, sample_id)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsSettings:
    """Which runs to compare.

    Attributes:
        runs: folders, each run of a base benchmark followed by runs of its Pro benchmark.
        data: the Pro benchmark's data file, instead of the usual one.
        verdicts_only: leave out everything that requires looking at programs; needs neither boxes nor data.
    """

    runs: Sequence[Path]
    data: Path | None = None
    verdicts_only: bool = False
    runtime: str | None = None
    parallel: int = 2


@dataclass(slots=True, kw_only=True)
class _Program:
    """What boxes found about a program; `traced` is None if it could not be determined."""

    text: str
    structure: Examined | None
    traced: bool | None = None


@dataclass(slots=True, kw_only=True)
class _Run:
    """A run folder: results by the number of the base task."""

    path: Path
    benchmark: str
    data_hash: str
    results: dict[Key, Result]
    name: str = ""
    n_unscored: int = 0
    found: dict[Key, _Program] = field(default_factory=dict)

    def counts(self, part: str = "plus") -> dict[int, analysis.Count]:
        """Return (scored, passed) by number of the base task; `base` counts the original tests alone."""
        return {self.key(task_id, 0)[0]: count for task_id, count in counts(self.results.values(), part).items()}

    def number(self, task_id: object) -> int | None:
        """Return the number of the base task of a task id, or None if there is none."""
        number = number_of(str(task_id))
        return None if number is None else pro.base_number(self.benchmark, number)

    def key(self, task_id: object, sample_id: int) -> Key:
        """Return (number of the base task, or -1 if there is none; sample_id)."""
        number = self.number(task_id)
        return (-1 if number is None else number), sample_id

    def levels(self) -> dict[str, dict[int, analysis.Count]]:
        """Return counts by level: a benchmark with extra tests has two."""
        if any(result.plus for result in self.results.values()):
            return {self.benchmark.removesuffix("+"): self.counts("base"), self.benchmark: self.counts()}
        return {self.benchmark: self.counts()}


def pairs(settings: PairsSettings, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Return what runs show about a base benchmark and its self-invoking one, as plain data; docs/pairs.md lists the keys.

    Raises:
        UsageError: a folder is not a run, runs do not form such pairs or share no task, or data differs.
        InfrastructureError: no data or no engine.
    """
    read = {path.resolve(): _read(path) for path in settings.runs}  # one that is named twice is one run
    groups = _groups([read[path.resolve()] for path in settings.runs])
    every = list(read.values())
    _name(every)
    tasks: dict[int, Task] = {}
    if not settings.verdicts_only:
        tasks = _tasks(groups[0][1], settings.data)
        _look(every, tasks, settings, advance)
    followers = [(base, run) for base, *others in groups for run in others]
    compared = [
        {"run": run.name, "base_run": base.name, "tests": level, **_contrast(base, run, known)}
        for base, run in followers for level, known in base.levels().items()
    ]  # fmt: skip
    levels = {base.name: {**base.levels(), run.benchmark: run.counts()} for base, run, *_ in groups}
    rows = [(run.name, [_sample(base, run, key) for key in sorted(run.results)]) for base, run in followers]
    looked = [] if settings.verdicts_only else rows
    return {
        "benchmark": groups[0][1].benchmark,
        "runs": [
            {"run": run.name, "path": str(run.path), "benchmark": run.benchmark, "n_tasks": len(run.counts()),
             "n_unscored": run.n_unscored} for run in every
        ],
        "pairs": compared,
        "errors": [_errors(run) for _, run in followers],
        "deltas": _deltas(every),
        "ladder": _ladder(levels) if len(levels) > 1 else None,
        "invocation": [{"run": name, **_invocation(each)} for name, each in looked],
        "complexity": [{"run": name, **row} for name, each in looked for row in _growth(each)],
        "overlap": [{"run": name, **row} for name, each in looked for row in _overlap(each)],
        "samples": [row for _, each in rows for row in each],
    }  # fmt: skip


def _read(path: Path) -> _Run:
    """Read a run folder. Raises `UsageError`."""
    known = {*pro.BASES, *(base for bases in pro.BASES.values() for base in bases)}
    try:
        results = runs.read(path).values()
        run = json.loads((path / runs.RUN).read_bytes())
        name, data = str(run["settings"]["benchmark"]), dict(run["data"])
    except refusals.RunFolderError as error:
        raise UsageError(str(error)) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path / runs.RUN} cannot be read: {error!r}") from None
    if name not in known:
        raise UsageError(f"{path} is a run of {name}; pairs are runs of " + " and ".join(
            f"{' or '.join(bases)} with {other}" for other, bases in pro.BASES.items()))  # fmt: skip
    found = _Run(path=path, benchmark=name, data_hash=str(data.get(name)), results={})
    for result in results:
        if found.number(result.task_id) is None:
            raise UsageError(f"{path}: {name} has no task {result.task_id!r}")
        if result.verdict is None:
            found.n_unscored += 1
        else:
            found.results[found.key(result.task_id, result.sample_id)] = result
    if not found.results:
        raise UsageError(f"{path}: no sample has been scored there")
    return found


def _groups(every: Sequence[_Run]) -> list[list[_Run]]:
    """Group each base run with the Pro runs that follow it; check that they match. Raises `UsageError`."""
    groups: list[list[_Run]] = []
    for run in every:
        if run.benchmark not in pro.BASES:
            groups.append([run])
        elif not groups:
            raise UsageError(f"{run.path} is a run of {run.benchmark}: name the run of its base benchmark before it")
        else:
            groups[-1].append(run)
    for base, *others in groups:
        if not others:
            raise UsageError(f"no run of a Pro benchmark follows {base.path}, which is a run of {base.benchmark}")
        for run in others:
            if base.benchmark not in pro.BASES[run.benchmark]:
                wanted = " or ".join(pro.BASES[run.benchmark])
                raise UsageError(f"{run.path} ({run.benchmark}) follows {base.path} ({base.benchmark}), no run of {wanted}")
            if not base.counts().keys() & run.counts().keys():
                raise UsageError(f"{base.path} and {run.path} share no task that was scored in both")
    first: dict[str, _Run] = {}
    one = groups[0][1]
    for run in every:
        if run.benchmark in pro.BASES and run.benchmark != one.benchmark:
            raise UsageError(f"{run.path} is a run of {run.benchmark}, and {one.path} of {one.benchmark}: one at a time")
        other = first.setdefault(run.benchmark, run)
        if other.data_hash != run.data_hash:
            raise UsageError(f"{run.path} was judged on other data of {run.benchmark} than {other.path}")
    return groups


def _name(every: Sequence[_Run]) -> None:
    """Name each run after its folder, or by its path where two folders have the same name."""
    names = [run.path.resolve().name for run in every]
    for run, name in zip(every, names, strict=True):
        run.name = name if names.count(name) == 1 else str(run.path)


def _tasks(run: _Run, data: Path | None) -> dict[int, Task]:
    """Return the Pro benchmark's tasks by number of the base task. Raises `UsageError` or `InfrastructureError`."""
    tasks, data_hash = load(benchmark_named(run.benchmark), Options(data=data))
    if data_hash != run.data_hash:
        raise UsageError(f"{run.path} was judged on other data of {run.benchmark} than this: name it with --data")
    return {run.key(task_id, 0)[0]: task for task_id, task in tasks.items()}


def _contrast(base: _Run, run: _Run, known: Mapping[int, analysis.Count]) -> dict[str, Any]:
    theirs = run.counts()
    return {**analysis.contrast(known, theirs), "n_tasks_base": len(known), "n_tasks_pro": len(theirs)}


def _errors(run: _Run) -> dict[str, Any]:
    classes = [analysis.error_class(result.verdict or "", result.detail) for result in run.results.values()]
    return {"run": run.name, **{name: classes.count(name) for name in analysis.ERRORS},
            "n_failed": len(classes) - classes.count(None), "n_samples": len(classes)}  # fmt: skip


def _deltas(every: Sequence[_Run]) -> list[dict[str, Any]]:
    """Compare each later run of a benchmark with the first one."""
    first: dict[str, tuple[str, Mapping[int, analysis.Count]]] = {}
    found = []
    for run in every:
        for level, known in run.levels().items():
            name, before = first.setdefault(level, (run.name, known))
            if name != run.name and before.keys() & known.keys():
                found.append({"tests": level, "run": run.name, "against": name, **analysis.delta(before, known)})
    return found


def _ladder(models: Mapping[str, Mapping[str, Mapping[int, analysis.Count]]]) -> dict[str, Any] | None:
    """Return the ladder of the levels that all models have; None if they share no task."""
    first = next(iter(models.values()))
    common = [level for level in first if all(level in levels for levels in models.values())]
    try:
        return analysis.ladder({model: {level: levels[level] for level in common} for model, levels in models.items()})
    except ValueError:
        return None


def _look(every: Sequence[_Run], tasks: Mapping[int, Task], settings: PairsSettings, advance: Advance) -> None:
    """Fill `found` of each run with what boxes find about its programs. Raises `UsageError` or `InfrastructureError`."""
    asked: list[tuple[_Run, Key]] = []
    rows: list[Row] = []
    for run in every:
        for _, _, row in lines(run.path / runs.SAMPLES, Problems()):
            sample_id, text = row.get("sample_id"), row.get("solution")
            key = run.key(row.get("task_id"), sample_id if isinstance(sample_id, int) else -1)
            if key in run.results and isinstance(text, str):
                task = tasks.get(key[0]) if run.benchmark in pro.BASES else None
                asked.append((run, key))
                rows.append((text, task.entry_point if task else "", task.invokes if task else ""))
    if not rows:
        raise UsageError(f"{every[0].path} and the others have no programs in {runs.SAMPLES}: say --verdicts-only")
    engine = open_engine(settings.runtime)
    try:
        with Sandbox(engine, settings.parallel) as pool:
            for done, ((run, key), each, said) in enumerate(zip(asked, rows, examined(pool, rows), strict=True), 1):
                run.found[key] = _Program(text=each[0], structure=said)
                advance("looking at programs", done, len(rows))
            calling = [(at, each) for at, each in zip(asked, rows, strict=True) if each[2]]
            tests = ((each, tasks[key[0]].tests_as(Check).source) for (_, key), each in calling)
            for done, (((run, key), _), called) in enumerate(zip(calling, traced(pool, tests), strict=True), 1):
                run.found[key].traced = called
                advance("tracing calls", done, len(calling))
    finally:
        engine.close()


def _sample(base: _Run, run: _Run, key: Key) -> dict[str, Any]:
    """Return the row of a Pro sample: verdicts, calls and measures, beside the base sample of that number, or the first."""
    result, found = run.results[key], run.found.get(key)
    partner = key if key in base.results else (key[0], 0)
    other = base.found.get(partner)
    said, theirs = found.structure if found else None, other.structure if other else None
    return {
        "run": run.name, "base_run": base.name, "task_id": result.task_id, "sample_id": result.sample_id,
        "verdict": result.verdict, "error_class": analysis.error_class(result.verdict or "", result.detail),
        "base_verdict": base.results[partner].verdict if partner in base.results else None,
        "invokes": said.invokes if said else "unparsed" if found else None, "traced": found.traced if found else None,
        **{name: getattr(said, name, None) for name in MEASURES},
        **{f"base_{name}": getattr(theirs, name, None) for name in MEASURES},
        "shared_tokens": analysis.shared_tokens(other.text, found.text) if other and found else None,
        "shared_tree": analysis.shared_tree(theirs.tree, said.tree) if theirs and said else None,
    }  # fmt: skip


def _invocation(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count calls of the base function by text and by trace, for all programs and for those that passed."""
    there = [row for row in rows if row["invokes"]]

    def tally(chosen: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        static = [row["invokes"] for row in chosen]
        seen = [row["traced"] for row in chosen]
        return {
            "n": len(chosen), "static": {name: static.count(name) for name in INVOKES},
            "traced": {name: seen.count(value) for name, value in (("yes", True), ("no", False), ("unknown", None))},
        }  # fmt: skip

    return {"all": tally(there), "passed": tally([row for row in there if row["verdict"] == "passed"])}


def _growth(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare each measure of Pro programs with that of their base programs."""
    found = []
    for name in MEASURES:
        both = [(row[f"base_{name}"], row[name]) for row in rows]
        if grown := analysis.growth([(a, b) for a, b in both if a is not None and b is not None]):
            found.append({"measure": name, **grown})
    return found


def _overlap(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how much of the base solution is in the Pro solution: median and quartiles over samples."""
    found = []
    for name in ("shared_tokens", "shared_tree"):
        values = [row[name] for row in rows if row[name] is not None]
        if values:
            found.append({"measure": name, "n": len(values), "mean": fmean(values), **(quantiles(values) or {})})
    return found
