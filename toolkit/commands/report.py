"""`toolkit report`, as a function: from folders of runs, or of rounds, to a page with its figures and tables."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.benchmarks import Options
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.errors import InfrastructureError, UsageError
from toolkit.report import comparison, figures, outcome, page, rounds
from toolkit.report import summary as summaries
from toolkit.report.figures import Figure
from toolkit.report.table import Section, csv, leaves, markdown
from toolkit.rounds import verdicts
from toolkit.samples.lines import Problems, lines
from toolkit.store import gate_folder, refusals
from toolkit.store import run_folder as runs
from toolkit.store.files import check_output, write_atomically

MAX_RUNS = 50
"""Most folders on one page."""
ANALYSIS = "analysis.json"
"""What `toolkit analyze` leaves in a folder."""
Finding = tuple[str, str, str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The files written.

    Attributes:
        page: the HTML file.
        files: figures and tables, if a folder was named for them.
        tables: by the names of their files.
        told: the lines that a terminal shows.
        notes: what is missing, and why.
    """

    page: Path
    files: Sequence[Path] = ()
    tables: Mapping[str, Section] = field(default_factory=dict)
    told: Sequence[str] = ()
    notes: Sequence[str] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        tables = {name: list(section.rows) for name, section in self.tables.items()}
        return {"page": str(self.page), "files": list(map(str, self.files)), "notes": list(self.notes), "tables": tables}


def report(
    folders: Sequence[Path], output: Path | None = None, *, gated: Sequence[Path] = (), data: Path | None = None
) -> Made:
    """Make a page of one run, of several runs compared, or of rounds of one or several models.

    Args:
        folders: all runs of `toolkit eval`, or all of `toolkit rounds`.
        output: folder for the page and, beside it, figures and tables; by default the page alone, in the folder of the run,
            or of several in `runs/report-TIME`.
        gated: folders of `toolkit gate`, whose findings are shown beside programs with the same text.
        data: the benchmark's data file, for prompts, if it is not the usual one.

    Raises:
        UsageError: a folder is neither, or the folders do not match; the text says which and why.
        InfrastructureError: a file cannot be read or written.
    """
    if len(folders) > MAX_RUNS:
        raise UsageError(f"{len(folders)} folders are too many for one page: at most {MAX_RUNS}")
    names = [folder.resolve() for folder in folders]
    if again := next((str(folder) for i, folder in enumerate(folders) if names[i] in names[:i]), ""):
        raise UsageError(f"{again} is named twice; a page shows a run once")
    kinds = [_kind(folder) for folder in folders]
    if len(set(kinds)) > 1:
        raise UsageError(f"{folders[0]} is a folder of {kinds[0]}, and {folders[kinds.index(_other(kinds))]} one of "
                         f"{_other(kinds)}: a page is of one kind")  # fmt: skip
    if output:
        check_output(output, is_folder=True)
    if kinds[0] == "rounds":
        if gated or data:
            raise UsageError("--gated and --data are for runs of toolkit eval: rounds keep the findings of their own gates")
        return _of_rounds(folders, output)
    return _of_runs(folders, output, gated, data)


def _other(kinds: Sequence[str]) -> str:
    return next(kind for kind in kinds if kind != kinds[0])


def _kind(folder: Path) -> str:
    with contextlib.suppress(OSError):
        if (folder / runs.RUN).exists() or (folder / runs.RESULTS).exists():
            return "eval"
        if isinstance((_json(folder / runs.SUMMARY) or {}).get("cells"), list):
            return "rounds"
    raise UsageError(f"{folder}: neither a run of toolkit eval ({runs.RUN}, {runs.RESULTS}) nor one of toolkit rounds "
                     f"({runs.SUMMARY} with cells); name the folder that one of them wrote")  # fmt: skip


def _json(file: Path) -> Any:
    """Return the object in a JSON file; None if there is no such file."""
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{file} holds no object; write it again with the command that made the folder")
    return found


def _of_runs(folders: Sequence[Path], output: Path | None, gated: Sequence[Path], data: Path | None) -> Made:
    found = _findings(gated)
    with contextlib.ExitStack() as stack:
        judged = [_judged(folder, stack, found, data) for folder in folders]
        draws = figures.available()
        missing = "" if draws else figures.MISSING
        if len(folders) == 1:
            tables = page.sections(judged[0])
            about = f"{judged[0].subject}, {judged[0].summary['benchmark']}"
            pictures = page.drawn(tables, about) if draws else {}
            text, told = page.html(judged[0], pictures.values(), missing), []
        else:
            compared = comparison.Compared.of(comparison.named(judged, folders), judged)
            tables = comparison.sections(compared)
            pictures = comparison.drawn(compared) if draws else {}
            text, told = comparison.html(compared, tables, pictures.values(), missing), comparison.pair_lines(compared)
        notes = list(dict.fromkeys(note for each in judged for note in each.notes))
        return _written(folders, output, text, tables, pictures, told, notes + ([missing] if missing else []))


def _judged(
    folder: Path, stack: contextlib.ExitStack, found: Callable[[str], Sequence[Finding]], data: Path | None
) -> page.Judged:
    """Read a run folder; `stack` closes its files."""
    try:
        results = list(runs.read(folder).values())
    except refusals.RunFolderError as error:
        raise UsageError(str(error)) from None
    run = _json(folder / runs.RUN) or {}
    settings = run.get("settings") or {}
    summary, notes = _json(folder / runs.SUMMARY), []
    if summary is None:
        notes.append(f"{folder} is not finished: the page has the {len(results):,} samples that were judged until now")
        has_plus = any(result.plus for result in results)
        benchmark = str(settings.get("benchmark", "unknown benchmark"))
        summary = summaries.summarise(benchmark=benchmark, results=results, ks=(1, 10, 100), has_plus=has_plus)
    for name in ("benchmark", "pass_at_k", "bounds", "verdicts", "unscored", "n_scored", "n_unscored", "seconds"):
        if name not in summary:
            raise UsageError(f"{folder / runs.SUMMARY} has no {name}: it is not as toolkit eval writes it")
    prompts: Mapping[str, str] = {}
    try:
        prompts = _prompts(str(summary["benchmark"]), run, {result.task_id for result in results}, data)
    except (UsageError, InfrastructureError) as error:
        notes.append(f"{folder}: prompts are not shown: {error}")
    return page.Judged(
        summary=summary, run=run, results=results, texts=stack.enter_context(runs.texts(folder)), facts=runs.facts(folder),
        prompts=prompts, findings=found, notes=notes,
    )  # fmt: skip


def _prompts(name: str, run: Mapping[str, Any], wanted: set[str], data: Path | None) -> dict[str, str]:
    """Return the prompts by task id. Raises UsageError or InfrastructureError if they are not known."""
    benchmark, settings = benchmark_named(name), run.get("settings") or {}
    mini, noextreme = (bool(settings.get(flag)) and not data for flag in ("mini", "noextreme"))
    tasks, data_hash = load(benchmark, Options(data=data, is_named=False, mini=mini, noextreme=noextreme))
    if (then := (run.get("data") or {}).get(benchmark.name)) not in (None, data_hash):
        raise UsageError(f"the data of {benchmark.name} is not what the run was judged with ({str(then)[:12]} there, "
                         f"{data_hash[:12]} here); name that file with --data")  # fmt: skip
    return {task_id: task.question or task.prompt for task_id, task in tasks.items() if task_id in wanted}


def _findings(gated: Sequence[Path]) -> Callable[[str], Sequence[Finding]]:
    """Return a function from a program's text to the findings of gates about it."""
    known: dict[str, list[Finding]] = {}
    for folder in gated:
        files = [folder / name for name in (gate_folder.ACCEPTED, gate_folder.REJECTED)]
        if not all(file.is_file() for file in files):
            raise UsageError(
                f"--gated {folder}: no {' and '.join(file.name for file in files)}; name what toolkit gate wrote"
            )
        for file in files:
            for _, _, row in lines(file, Problems()):
                said = [
                    (str(each.get("gate")), str(it.get("symbol")), str(it.get("message")), it.get("line"))
                    for each in row.get("reports") or [] for it in each.get("findings") or []
                ]  # fmt: skip
                of = known.setdefault(str(row.get("judged_sha256")), [])
                of += [it for it in said if it not in of]

    def findings(program: str) -> Sequence[Finding]:
        digest = hashlib.sha256(program.encode("utf-8", "surrogatepass")).hexdigest() if known else ""
        return known.get(digest, ())

    return findings


def _of_rounds(folders: Sequence[Path], output: Path | None) -> Made:
    grid = []
    for folder in folders:
        summary = _json(folder / runs.SUMMARY)
        for name in ("settings", "rows", "cells"):
            if name not in summary:
                raise UsageError(f"{folder / runs.SUMMARY} has no {name}: it is not as toolkit rounds writes it")
        grid.append(rounds.Run(
            summary=summary, verdicts=verdicts.read(folder), analysis=_json(folder / ANALYSIS), folder=str(folder)
        ))  # fmt: skip
    grid = rounds.named(grid)
    tables = rounds.sections(grid)
    pictures = rounds.drawn(grid) if figures.available() else {}
    missing = "" if figures.available() else figures.MISSING
    text = rounds.html(grid, tables, pictures, rounds.link(_page(folders, output).parent))
    told = outcome.told(rounds.answers(grid))
    return _written(folders, output, text, tables, pictures, told, [missing] if missing else [])


def _page(folders: Sequence[Path], output: Path | None) -> Path:
    several = Path("runs") / f"report-{time.strftime('%Y%m%d-%H%M%S')}"
    return (output or (folders[0] if len(folders) == 1 else several)) / runs.REPORT


def _written(
    folders: Sequence[Path], output: Path | None, text: str, tables: Mapping[str, Section], pictures: Mapping[str, Figure],
    told: Sequence[str], notes: Sequence[str],
) -> Made:  # fmt: skip
    """Write the page, and figures and tables where a folder was named. Raises InfrastructureError."""
    file, files = _page(folders, output), {}
    if output:
        for name, section in tables.items():
            files[output / "tables" / f"{name}.csv"] = csv(leaves(section.rows), section.rows).encode()
            said = f"\n{section.says}\n" if section.says else ""
            shown = f"## {section.title}\n\n{markdown(section.columns, section.rows)}{said}"
            files[output / "tables" / f"{name}.md"] = shown.encode()
        for name, figure in pictures.items():
            for suffix, content in figure.files().items():
                files[output / "figures" / f"{name}.{suffix}"] = content
    try:
        for path, content in {**files, file: text.encode()}.items():
            write_atomically(path, content)
    except OSError as error:
        raise InfrastructureError(f"{error.filename}: {error.strerror}; choose another --output") from None
    return Made(page=file, files=list(files), tables=tables, told=told, notes=notes)
