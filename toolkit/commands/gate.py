"""`toolkit gate`, as a function: from programs to those that the gates accept and those that they refuse, and why.

The input is read twice: once to find all that is wrong with it before anything runs, then to be judged. Nothing is kept of
a program in between, so memory does not grow with their number.
"""

import contextlib
import json
import math
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from gates import All, Gate, Report, Solution, fields_of, parse
from gates.base import DEFECT
from sandbox import Sandbox, SandboxError, open_engine
from toolkit.analysis import stats
from toolkit.analysis.comparison import verdict_of
from toolkit.benchmarks.load import LocalTasks
from toolkit.commands.evaluate import Advance
from toolkit.errors import InfrastructureError, UsageError, room
from toolkit.records import Task, Verdict
from toolkit.report.annotations import Located
from toolkit.samples import read as samples
from toolkit.samples.sanitize import Item, Sanitizer
from toolkit.store import run_folder as runs
from toolkit.store.cache import VerdictCache

if TYPE_CHECKING:
    from rich.console import RenderableType

FIELDS = ("solution", "completion", "code", "text", "content", "raw_response")
"""Where a row may have its program; the first that is there counts."""
ACCEPTED, REJECTED, SUMMARY = FILES = ("accepted.jsonl", "rejected.jsonl", "summary.json")
BATCH_PROGRAMS, BATCH_BYTES = 32, 4 << 20
"""Programs that are read before the first of them is judged, at most."""
MAX_SHOWN = 10
"""Reasons in the table; the summary has more of them."""
MAX_REASONS = 1000
"""Reasons that are counted by themselves, the first that come; a symbol may be a program's choice."""
OTHER = "other"
"""Symbol under which a gate's other reasons are counted."""
_KEY = re.compile(r'[\s,]*("(?:[^"\\]++|\\.)*+")\s*:\s*')
MAX_MESSAGE = 200
"""Characters of an example's message."""

Key = tuple[str, int]
"""(task_id, sample_id)"""
Truth = Mapping[Key, Sequence[bool | None]]
"""Whether samples passed when they were executed, in the order of the file; None where one is unscored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `toolkit gate` can be told; see its help."""

    kind: str
    files: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    output: Path | None = None
    overwrite: bool = False
    against: tuple[Path, ...] = ()
    all_findings: bool = False
    skip_bad: bool = False
    parallel: int = 2
    use_cache: bool = True
    runtime: str | None = None
    model: str | None = None
    judge_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that is over.

    Attributes:
        problems: bad lines of the input that were left out.
    """

    folder: Path
    summary: dict[str, Any]
    problems: samples.Problems


class _Source(NamedTuple):
    """A file to read, what a person calls it, and whether it may be a symbolic link: only where a person named it."""

    path: Path
    name: str
    follow: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A program of the input.

    Attributes:
        file, row: where it came from; `row` counts from 1 and is None where the file is the program.
        line: the row as it came, in JSON.
        has_reports: whether the row has a key of that name already.
        solution: as far as the row alone tells.
        field: what `solution.code` came in, where that may be less than a program.
        key: task and sample, where the row names a task.
    """

    file: str
    row: int | None = None
    line: bytes
    has_reports: bool = False
    solution: Solution
    field: str | None = None
    key: Key | None = None


@room()
def gate(
    settings: Settings, advance: Advance = lambda *_: None, keep: Callable[[Located], None] = lambda _: None
) -> Outcome:
    """Judge programs by gates, and write which were accepted, which were rejected, and a summary.

    Args:
        keep: given all findings, in the order of the input.

    Raises:
        UsageError: bad input or settings; nothing was run.
        InfrastructureError: no engine, image or disk. Nothing is written then, and neither when interrupted; reports that
            have been given are known to the next run (unless `use_cache` is false).
    """
    started = time.monotonic()
    if settings.parallel < 1:
        raise UsageError(f"--parallel must be at least 1, not {settings.parallel}")
    folder = _folder(settings)
    with contextlib.ExitStack() as stack:
        memo = _Memo() if settings.use_cache else None
        if memo is not None:
            stack.callback(memo.close)
        gates, left_out = _gates(settings, memo)
        truth = _truth(settings.against)
        sources = list(_sources(settings.files, stack))
        problems = samples.Problems()
        tasks = {task_id for task_id, _ in truth}
        n = n_known = 0
        for program in _programs(sources, problems, tasks):
            n += 1
            n_known += program.key in truth
        if problems and not (settings.skip_bad and n):
            raise UsageError("\n".join(["the programs cannot be used; nothing was run", *problems.listed()]))
        if settings.against and not n_known:
            raise UsageError(f"--against {settings.against[0]} has none of these samples (by task_id and sample_id)")
        tally = _Tally(gates, truth)
        try:
            engine = open_engine(settings.runtime)
            stack.callback(engine.close)
            sandbox = stack.enter_context(Sandbox(engine, settings.parallel))
            images = {kind: engine.image_digest(kind) for kind in sorted({one.kind for one in gates.gates if one.kind})}
            judging = time.monotonic()
            with _written(folder) as files:
                for program, reports in _judged(gates, sources, tasks, sandbox):
                    passed = tally.add(program, reports)
                    with _writing(folder):
                        files[ACCEPTED if passed else REJECTED].write(_line(program, reports))
                    for report in reports:
                        for found in report.findings:
                            keep(Located(file=program.file, row=program.row, gate=report.gate, finding=found))
                    advance(settings.kind, tally.n, n)
                if tally.n != n:
                    raise UsageError(f"the input changed while it was read: first {n} programs, then {tally.n}")
                done = time.monotonic()
                summary = {
                    "kind": settings.kind,
                    "inputs": list(settings.files) or [source.name for source in sources],
                    "folder": str(folder),
                    "thresholds": {one.name: _thresholds(one) for one in gates.gates},
                    "all_findings": settings.all_findings,
                    **tally.summary(),
                    "n_defects": tally.n_defects,
                    "n_skipped": len(problems),
                    "n_known": memo.n_known if memo else 0,
                    "seconds": round(done - started, 3),
                    "programs_per_s": round(n / (done - judging), 3),
                    "parallel": settings.parallel,
                    "versions": {"exogate": metadata.version("exogate"), **dict(sorted(tally.versions.items()))},
                    "images": images,
                    "left_out": left_out,
                }
                if settings.against:
                    summary["against"] = {"with": [str(path) for path in settings.against], **tally.agreement()}
                with _writing(folder):
                    files[SUMMARY].write(json.dumps(summary, indent=2).encode() + b"\n")
        except SandboxError as error:
            raise InfrastructureError(str(error)) from None
    return Outcome(folder=folder, summary=summary, problems=problems)


class _Memo(VerdictCache):
    """Counts what was known."""

    n_known = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was stored under `key`, or None."""
        found = super().get(key)
        self.n_known += found is not None
        return found


def _gates(settings: Settings, memo: VerdictCache | None) -> tuple[All, list[str]]:
    """Return the gates, and which benchmarks they know nothing of."""
    thresholds = {}
    for word in settings.thresholds:
        name, _, value = word.partition("=")
        try:
            thresholds[name] = float(value)
        except ValueError:
            thresholds[name] = math.nan
        if not math.isfinite(thresholds[name]):
            raise UsageError(f"--threshold wants NAME=NUMBER, such as pylint=8; got {word!r}")
    given: dict[str, Any] = {}
    left_out: list[str] = []
    wanted = fields_of(settings.kind)
    if "corpus" in wanted:
        from toolkit.benchmarks.corpus import known_benchmarks

        given["corpus"] = known_benchmarks()
        left_out = list(given["corpus"].left_out)
    asked = {"model": settings.model, "judge_model": settings.judge_model or settings.model}
    try:
        parse(settings.kind, thresholds, given=given | dict.fromkeys(asked))  # errors before a model is loaded
        given |= {name: _scorer(model) for name, model in asked.items() if name in wanted}
        return parse(settings.kind, thresholds, all_findings=settings.all_findings, memo=memo, given=given), left_out
    except ValueError as error:
        raise UsageError(str(error)) from None


def _scorer(model: str | None) -> Any:
    from toolkit.models.generators import Source, chosen
    from toolkit.models.load import load
    from toolkit.models.scorer import ModelScorer

    return ModelScorer(loaded=load(Source(model=chosen(model))))


def _thresholds(gate: Gate) -> dict[str, float]:
    """Return the numbers that a gate decides by, and those of a gate within it."""
    found: dict[str, float] = {}
    for name, value in ((at.name, getattr(gate, at.name)) for at in fields(gate)):
        if isinstance(value, Gate):
            found |= _thresholds(value)
        elif isinstance(value, int | float):
            found[name] = value
    return found


# -- what comes in -----------------------------------------------------------------------------------------------------


def _sources(files: Sequence[str], stack: contextlib.ExitStack) -> Iterator[_Source]:
    """Give the files to read. Standard input is put into a file that `stack` removes."""
    if not files and _is_piped():
        spooled = _spooled(stack)
        if spooled.stat().st_size:
            yield _Source(spooled, "stdin")
            return
    if not files:
        found = [path for path in Path("runs").glob(f"*/{runs.SAMPLES}") if path.is_file()]
        if not found:
            raise UsageError("nothing to judge: name a FILE, or pipe rows in; there is no run folder under runs/ either")
        newest = max(found, key=lambda path: path.stat().st_mtime)
        yield _Source(newest, str(newest), follow=False)
    for name in files:
        path = Path(name)
        if name == "-":
            yield _Source(_spooled(stack), "stdin")
        elif path.is_dir() and not (path / runs.SAMPLES).is_file():
            below = list(_below(path))
            if not below:
                raise UsageError(f"{samples.printable(name)}: neither {runs.SAMPLES} nor any .py file is in it")
            yield from (_Source(file, str(file), follow=False) for file in below)
        elif path.is_dir():
            yield _Source(path / runs.SAMPLES, str(path / runs.SAMPLES), follow=False)
        else:
            yield _Source(path, str(path))


def _below(folder: Path) -> Iterator[Path]:
    """Give the Python files in a folder and those in it, but for hidden ones; and folders that are symbolic links."""
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names = [name for name in folders if os.path.islink(os.path.join(where, name))]
        names += [name for name in files if name.endswith(".py")]
        yield from sorted((Path(where, name) for name in names), key=samples.numeric)


def _is_piped() -> bool:
    """Whether standard input is a pipe or a file; neither a terminal nor /dev/null is one."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


def _spooled(stack: contextlib.ExitStack) -> Path:
    try:
        spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="toolkit-gate-"))  # noqa: SIM115
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
    except OSError as error:
        where = error.filename or tempfile.tempdir or "a temporary file"
        why = f"{error.strerror or error}; make room there, or name another folder with TMPDIR"
        raise InfrastructureError(f"standard input cannot be put into {where}: {why}") from None
    return Path(spool.name)


def _programs(sources: Iterable[_Source], problems: samples.Problems, tasks: Container[str]) -> Iterator[_Program]:
    """Give the programs of the input in order; what is wrong with it is added to `problems`.

    Samples that do not say which of their task they are get numbers only within `tasks`: those that are looked up.
    """
    for source in sources:
        seen: Counter[str] = Counter()
        n_problems, is_empty = len(problems), True
        for place, line, row in _rows(source, problems):
            is_empty = False
            number = None if source.path.suffix == ".py" else int(place.removeprefix(f"{source.name}:"))
            try:
                yield _program(source.name, number, line, row, seen, tasks)
            except ValueError as error:
                problems.add(place, error)
        if is_empty and len(problems) == n_problems:
            problems.add(source.name, "empty")


def _rows(source: _Source, problems: samples.Problems) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Give (place, the row as it came, its value)."""
    path, name, follow = source
    if path.suffix != ".py":
        yield from samples.lines(path, problems, name=name, follow=follow)
    elif (text := samples.source(path, problems, follow=follow)) is not None:
        row = {"path": name, "code": text}
        yield name, json.dumps(row).encode(), row


def _program(
    file: str, number: int | None, line: bytes, row: dict[str, Any], seen: Counter[str], tasks: Container[str]
) -> _Program:
    """Return the program of a row, or raise ValueError with what is wrong with it; `seen` counts samples of `tasks`.

    A text that can be no program (`samples.unjudgeable`) is the code as it is: it is for gates to refuse.
    """
    field = next((name for name in FIELDS if name in row), None)
    if field is None:
        raise ValueError(f"none of {', '.join(FIELDS)} is there")
    text = samples.string(field, row[field])
    given = {name: value for name, value in row.items() if value is not None}
    chat = field == "completion" and samples.is_chat(row)
    prompt = samples.string("prompt", given["prompt"]) if field == "completion" and "prompt" in given else None
    other: str | None = next((name for name in ("completion", "raw") if field == "solution" and name in given), None)
    other = "raw_response" if chat and "raw_response" in given else other
    completion = samples.string(other, given[other]) if other else text if prompt is not None else None
    test = given.get("test", given.get("test_list"))
    if isinstance(test, list) and all(isinstance(part, str) for part in test):
        test = "\n".join(test)
    n_tokens = given.get("n_tokens", given.get("completion_tokens"))
    task_id, sample_id = given.get("task_id"), given.get("sample_id")
    for name, value, kind in (
        ("n_tokens", n_tokens, int),
        ("sample_id", sample_id, int),
        ("entry_point", given.get("entry_point"), str),
    ):
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ValueError(f"{name} is not {'a string' if kind is str else 'a whole number'} but {type(value).__name__}")
    key = None
    if isinstance(task_id, str | int):
        key = str(task_id), seen[str(task_id)] if sample_id is None else sample_id
        if key[0] in tasks:
            seen[key[0]] += 1
    is_part = field in ("completion", "raw_response") and (prompt is None or chat)
    return _Program(
        file=file,
        row=number,
        line=line,
        has_reports="reports" in row,
        solution=Solution(
            code=text if chat else (prompt or "") + text,
            completion=completion,
            prompt=prompt if chat else None,
            chat=samples.is_templated(row),
            n_tokens=n_tokens,
            test=None if test is None else samples.string("test", test),
            entry_point=given.get("entry_point"),
        ),
        field=field if is_part and not samples.unjudgeable(text) else None,
        key=key,
    )


# -- what is done with it ----------------------------------------------------------------------------------------------


def _judged(
    gates: All, sources: Iterable[_Source], known: Container[str], sandbox: Sandbox
) -> Iterator[tuple[_Program, list[Report]]]:
    """Give each program with its reports, in order. Raises `SandboxError` or `InfrastructureError`."""
    has_tests = any(one.name.partition("~")[0] == "tests" for one in gates.gates)
    tasks = LocalTasks()
    waiting: deque[_Program] = deque()

    def solutions() -> Iterator[Solution]:
        for batch in _batches(_programs(sources, samples.Problems(), known)):
            waiting.extend(batch)
            yield from _solutions(batch, tasks, sanitizer, has_tests=has_tests)

    with Sanitizer() as sanitizer:
        for reports in gates.check_many(solutions(), sandbox):
            yield waiting.popleft(), reports


def _batches(programs: Iterable[_Program]) -> Iterator[list[_Program]]:
    """Give programs several at a time, as many as the sanitizer's workers are kept busy with."""
    batch: list[_Program] = []
    n_bytes = 0
    for program in programs:
        batch.append(program)
        n_bytes += len(program.line)
        if len(batch) == BATCH_PROGRAMS or n_bytes > BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    yield batch


def _solutions(
    programs: Sequence[_Program], tasks: LocalTasks, sanitizer: Sanitizer, *, has_tests: bool
) -> Iterator[Solution]:
    """Give what is judged: a model's text becomes a program as in `toolkit eval`, tests are those that all may know."""
    found = [
        tasks.get(each.key[0]) if each.key and (each.field or (has_tests and each.solution.test is None)) else None
        for each in programs
    ]
    items: list[tuple[int, Item]] = []
    for i, (each, task) in enumerate(zip(programs, found, strict=True)):
        if each.field and (task or each.field == "raw_response"):
            blank = Task(task_id="", prompt="", entry_point=each.solution.entry_point or "", canonical_solution="")
            items.append((i, (task or blank, each.field, each.solution.code)))
    try:
        texts = sanitizer.solutions(item for _, item in items)
        codes = dict(zip((i for i, _ in items), texts, strict=True))
    except RuntimeError as error:
        raise InfrastructureError(f"model text cannot be turned into programs: {error}") from None
    for i, (each, task) in enumerate(zip(programs, found, strict=True)):
        solution = each.solution
        if i in codes:
            solution = replace(solution, code=codes[i], completion=solution.completion or solution.code)
        if task and has_tests and solution.test is None:
            from toolkit.benchmarks.examples import public_tests

            entry_point = solution.entry_point or task.entry_point
            solution = replace(solution, test=public_tests(task), entry_point=entry_point)
        yield solution


# -- what comes out ----------------------------------------------------------------------------------------------------


def _folder(settings: Settings) -> Path:
    """Return where to write. Raises `UsageError` when there is something already."""
    stem = time.strftime("gate-%Y%m%d-%H%M%S")
    names = (Path("runs", stem + (f"-{n}" if n > 1 else "")) for n in count(1))
    folder = settings.output or next(path for path in names if not path.exists())
    found = next((name for name in FILES if os.path.lexists(folder / name)), None)
    if found and not settings.overwrite:
        raise UsageError(f"{folder} has {found} already; replace it (--overwrite), or choose another --output")
    return folder


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureError(
            f"{path}: {error.strerror or error}; nothing was written. Make room there, or choose another --output"
        ) from None


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[dict[str, BinaryIO]]:
    """Give files that get their names when all is written, the summary last; if anything fails, none of them stays."""
    files: dict[str, BinaryIO] = {}
    is_new = not folder.exists()
    try:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in FILES:
                files[name] = (folder / f".{name}.{os.getpid()}").open("wb")
        yield files
        with _writing(folder):
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
            (folder / SUMMARY).unlink(missing_ok=True)
            for name, file in files.items():
                os.replace(file.name, folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            for file in files.values():
                Path(file.name).unlink(missing_ok=True)
            if is_new:
                folder.rmdir()
        raise
    finally:
        for file in files.values():
            with contextlib.suppress(OSError):
                file.close()


def _line(program: _Program, reports: Sequence[Report]) -> bytes:
    """Return the row as it came, with the reports at its end, less their seconds: the same input gives the same bytes.

    The reports take at most 2 MB a gate (`gates.base.MAX_FINDINGS` of a length), and 14 MB whatever a tool is made to say.
    """
    added = json.dumps([{name: it for name, it in report.to_row().items() if name != "seconds"} for report in reports])
    line = _without_reports(program.line.decode()).encode() if program.has_reports else program.line.strip()
    return line.removesuffix(b"}").rstrip() + f', "reports": {added}}}\n'.encode()


def _without_reports(line: str) -> str:
    """Return a row less its key `reports`, all else as it came."""
    members, at = [], line.index("{") + 1
    while key := _KEY.match(line, at):
        at = json.JSONDecoder().raw_decode(line, key.end())[1]
        if json.loads(key[1]) != "reports":
            members.append(line[key.start(1) : at])
    return f"{{{', '.join(members)}}}"


class _Tally:
    """Counts, of which a summary is made."""

    def __init__(self, gates: All, truth: Truth) -> None:
        self.n = self.n_accepted = self.n_defects = 0
        self.versions: dict[str, str] = {}
        self._asked = {one.name: [0, 0] for one in gates.gates}
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], dict[str, str]] = {}
        self._truth = {key: deque(known) for key, known in truth.items()}
        self._tasks: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._n_unknown = self._n_unscored = 0

    def add(self, program: _Program, reports: Sequence[Report]) -> bool:
        """Count a program; return whether it is accepted."""
        passed = all(report.passed for report in reports)
        self.n += 1
        self.n_accepted += passed
        seen = set()
        for report in reports:
            self._asked[report.gate][0] += 1
            self._asked[report.gate][1] += not report.passed
            self.versions.update(report.versions)
            for found in report.findings:
                if found.decisive:
                    self.n_defects += found.symbol == DEFECT
                    reason = report.gate, found.symbol
                    if reason not in self._examples and len(self._examples) >= MAX_REASONS:
                        reason = report.gate, OTHER
                    seen.add(reason)
                    if reason not in self._examples:
                        line = program.row or found.line
                        place = f"{program.file}:{line}" if line else program.file
                        self._examples[reason] = {"example": found.message[:MAX_MESSAGE], "place": place}
        self._reasons.update(seen)
        known = self._truth.get(program.key) if program.key else None
        if not known:
            self._n_unknown += 1
        elif (truth := known.popleft()) is None:
            self._n_unscored += 1
        elif program.key:
            self._tasks[program.key[0]][2 * (not passed) + (not truth)] += 1
        return passed

    def summary(self) -> dict[str, Any]:
        """Return the counts; a reason is counted once for a program. Of more than `MAX_REASONS`, the rest is `OTHER`."""
        low, high = stats.wilson(self.n, self.n_accepted)
        return {
            "n": self.n,
            "n_accepted": self.n_accepted,
            "n_rejected": self.n - self.n_accepted,
            "acceptance": {"value": self.n_accepted / self.n, "low": low, "high": high},
            "gates": {
                name: {"asked": asked, "refused": refused, "share": refused / asked if asked else 0.0}
                for name, (asked, refused) in self._asked.items()
            },
            "reasons": [
                {"gate": reason[0], "symbol": reason[1], "count": count, **self._examples[reason]}
                for reason, count in sorted(self._reasons.items(), key=lambda item: (-item[1], item[0]))
            ],
        }

    def agreement(self) -> dict[str, Any]:
        """Return how the decisions agree with the truth: passing when executed is what should be accepted."""
        tasks = [(a, b, c, d) for a, b, c, d in self._tasks.values()]
        cells = ("accepted_passed", "accepted_failed", "rejected_passed", "rejected_failed")
        confusion = {name: sum(task[i] for task in tasks) for i, name in enumerate(cells)}
        return {
            "n": sum(confusion.values()),
            "n_tasks": len(tasks),
            "n_unknown": self._n_unknown,
            "n_unscored": self._n_unscored,
            "confusion": confusion,
            **stats.agreement(tasks),
        }


# -- what execution says -----------------------------------------------------------------------------------------------


def _truth(paths: Sequence[Path]) -> Truth:
    """Read whether samples passed when executed: run folders, or JSONL with verdicts. Raises `UsageError`."""
    truth: defaultdict[Key, list[bool | None]] = defaultdict(list)
    problems = samples.Problems()
    for path in paths:
        if path.is_dir():
            try:
                for key, result in runs.read(path).items():
                    truth[key].append(None if result.verdict is None else result.verdict is Verdict.PASSED)
            except runs.RunFolderError as error:
                problems.add("--against", error)
            continue
        seen: Counter[str] = Counter()
        for place, _, row in samples.lines(path, problems):
            try:
                task_id, sample_id, passed = verdict_of(row)
            except ValueError as error:
                problems.add(place, error)
                continue
            truth[task_id, seen[task_id] if sample_id is None else sample_id].append(passed)
            seen[task_id] += 1
    if problems:
        raise UsageError("\n".join(["--against cannot be used; nothing was run", *problems.listed()]))
    return dict(truth)


# -- for a person ------------------------------------------------------------------------------------------------------


def render(summary: Mapping[str, Any]) -> "RenderableType":
    """Return the summary for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from toolkit.report.text import visible

    def table(*names: str) -> Table:
        made = Table(box=None, pad_edge=False, header_style="dim", expand="example" in names)
        for name in names:
            ratio = 1 if name == "example" else None
            is_text = ratio or name in ("", "gate", "reason")
            made.add_column(name, justify="left" if is_text else "right", no_wrap=True, ratio=ratio)
        return made

    share, skipped = summary["acceptance"], summary["n_skipped"]
    left_out = f" · {skipped:,} bad lines left out" if skipped else ""
    low, high = 100 * share["low"], 100 * share["high"]
    parts: list[RenderableType] = [
        Text(f"{summary['kind']} · {summary['n']:,} programs{left_out}", style="bold"),
        Text(f"accepted {summary['n_accepted']:,}, rejected {summary['n_rejected']:,}: "
             f"{100 * share['value']:.1f} % accepted (95 % interval {low:.1f} to {high:.1f})"),
    ]  # fmt: skip
    asked = table("gate", "asked", "refused", "share")
    for name, it in summary["gates"].items():
        asked.add_row(name, f"{it['asked']:,}", f"{it['refused']:,}", f"{100 * it['share']:.1f} %")
    parts += [Text(""), asked]
    reasons = table("reason", "gate", "programs", "example")
    for it in summary["reasons"][:MAX_SHOWN]:
        example = Text(visible(it["example"]).replace("\n", " "))
        reasons.add_row(Text(visible(it["symbol"]), style="red"), it["gate"], f"{it['count']:,}", example)
    if reasons.row_count:
        parts += [Text(""), reasons]
    n_more = len(summary["reasons"]) - MAX_SHOWN
    parts += [Text(f"and {n_more} more reasons, in {SUMMARY}", style="dim")] if n_more > 0 else []
    if it := summary.get("against"):
        parts += _beside_truth(it, table)
    if names := ", ".join(line.partition(":")[0] for line in summary["left_out"]):
        parts.append(Text(f"not compared with {names}: left_out in {SUMMARY} says why", style="yellow"))
    cost = f"{summary['seconds']:.1f} s · {summary['programs_per_s']:.1f} programs/s · {summary['parallel']} at a time"
    known = f"{summary['n_known']:,} reports known without a run"
    return Group(*parts, Text(""), Text(f"{cost} · {known}", style="dim"), Text(summary["folder"], style="dim"))


def _beside_truth(it: Mapping[str, Any], table: Callable[..., Any]) -> list["RenderableType"]:
    from rich.text import Text

    cells = it["confusion"]
    matrix = table("", "passed", "failed")
    for name in ("accepted", "rejected"):
        matrix.add_row(name, f"{cells[name + '_passed']:,}", f"{cells[name + '_failed']:,}")
    numbers = table("", "value", "95 % interval")
    for name in ("base_rate", "precision", "recall", "lift", "mcc"):
        number = it[name]
        if number is not None:
            low, high = number["low"], number["high"]
            between = "" if low is None else f"{low:.3f} to {high:.3f}"
            numbers.add_row(name.replace("_", " "), f"{number['value']:.3f}", between)
    beside = f"beside execution: {it['n']:,} samples of {it['n_tasks']:,} tasks"
    beside += f", {it['n_unknown']:,} without a verdict" if it["n_unknown"] else ""
    beside += f", {it['n_unscored']:,} unscored" if it["n_unscored"] else ""
    return [Text(""), Text(beside, style="bold"), matrix, numbers]
