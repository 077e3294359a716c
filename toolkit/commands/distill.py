"""`toolkit distill`, as a function: rejection sampling, from tasks with tests to training data.

A model writes several samples of each task, gates judge them, and the best few per prompt are kept. Each stage leaves its
file in the folder, so that a killed run continues and ends with the same bytes as an uninterrupted one.
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from gates import fields_of
from sandbox import open_engine
from toolkit.commands import gate as gating
from toolkit.commands.generate import Writer, Writing
from toolkit.errors import UsageError, check_one_of, room
from toolkit.models import prompts
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.rounds import pool
from toolkit.samples.lines import MAX_LISTED
from toolkit.store import gate_folder
from toolkit.store.files import check_output, check_same, file_hash, plain, read_rows, together, write_atomically, writing
from toolkit.training import chosen
from toolkit.training.chosen import Asked, OfTask
from toolkit.training.data import TRAIN, has_ended

SAMPLES, CANDIDATES, GATED = "samples.jsonl", "candidates.jsonl", "gated"
PAIRS, LEDGER, SUMMARY = "pairs.jsonl", "ledger.jsonl", "distill.json"
"""The files of a run, and the folder of its gate run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of `toolkit distill`; see its help."""

    tasks: str
    output: Path
    writing: Writing
    kind: str = "compile+tests+decontaminate"
    thresholds: tuple[str, ...] = ()
    keep: int = 2
    similarity: float = 1.0
    shortest_first: bool = False
    form: str | None = None
    pairs: str | None = None
    columns: tuple[str, ...] = ()
    limit: int = 0
    resume: bool = False
    overwrite: bool = False
    parallel: int = 2
    use_cache: bool = True
    runtime: str | None = None
    judge_model: str | None = None

    def check(self) -> None:
        """Raise `UsageError` for an invalid setting."""
        if self.form is not None:
            check_one_of("--form", self.form, get_args(chosen.Form))
        if self.pairs is not None:
            check_one_of("--pairs", self.pairs, get_args(chosen.Pairs))
        try:
            pool.columns_of(self.columns)
        except ValueError as error:
            raise UsageError(f"--column: {error}") from None
        if self.keep < 1:
            raise UsageError(f"--keep must be at least 1, not {self.keep}")
        if not 0 < self.similarity <= 1:
            raise UsageError(f"--similarity must be above 0 and at most 1, not {self.similarity}")
        if self.resume and self.overwrite:
            raise UsageError("--resume and --overwrite exclude each other")
        self.writing.check()
        check_output(self.output, is_folder=True)


@room()
def distill(settings: Settings, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Write training data, pairs if asked for, and a ledger; return the summary, which `distill.json` has too.

    Raises:
        UsageError: bad tasks or settings; nothing was written. Or the folder holds another run.
        InfrastructureError: no model, endpoint, engine or disk; what was written stays, for `resume`.
    """
    settings.check()
    gating.check(_gate(settings))
    items = {item.task.task_id: item for item in _items(settings)}
    if "tests" in settings.kind.split("+") and (bare := [name for name, item in items.items() if not item.test]):
        shown = ", ".join(bare[:MAX_LISTED]) + (", ..." if len(bare) > MAX_LISTED else "")
        raise UsageError(
            f"{len(bare)} of {len(items)} tasks have no tests, which the gate tests needs ({shown}): name their column "
            "(--column test=NAME), or leave tests out of --gate"
        )
    tasks = {name: _as_text(item) for name, item in items.items()}
    about = _about(settings, items)
    _begin(settings, about)
    writer = Writer.open(settings.writing, tasks)
    try:
        if not writer.asked["chat"] and (settings.writing.style or "completion") != "completion":
            raise UsageError(f"--prompt {settings.writing.style} asks a model that chats; this one continues texts")
        how = {"resume": settings.resume, "overwrite": settings.overwrite}
        written = writer.write(settings.output / SAMPLES, **how, advance=advance)
        asked = _asked(writer)
        of_endpoint = writer.asked["chat"] and settings.writing.source.base_url  # whose template is not known
        form: chosen.Form = settings.form or ("chat" if of_endpoint else "text")  # type: ignore[assignment]
    finally:
        writer.close()
    _candidates(settings.output, items)
    outcome = gating.gate(_gate(settings), advance)
    counts: Counter[str] = Counter()
    names = [TRAIN, *([PAIRS] if settings.pairs else []), LEDGER]
    with together(settings.output, names, lambda: writing(settings.output)) as files:
        for task in chosen.by_task(_judged(settings.output, list(items))):
            n_different = task.choose(settings.keep, similarity=settings.similarity, shortest_first=settings.shortest_first)
            question = asked[task.task_id]
            lines = {TRAIN: chosen.rows_of(task, form, question), LEDGER: [_entry(task, n_different)]}
            if settings.pairs:
                lines[PAIRS] = chosen.pairs_of(task, settings.pairs, form, question)  # type: ignore[arg-type]
            for name, rows in lines.items():
                files[name].writelines((json.dumps(row) + "\n").encode() for row in rows)
                counts[name] += len(rows)
            counts.update({name: n for name, n in lines[LEDGER][0].items() if name not in ("task_id", "refused")})
            counts["tasks_kept"] += bool(task.kept)
    summary = {
        "settings": about,
        "tasks": len(items),
        "samples": written.n_samples,
        **{name: counts[name] for name in ("finished", "accepted", "different", "kept", "tasks_kept")},
        **({"pairs": counts[PAIRS]} if settings.pairs else {}),
        "gates": outcome.summary["gates"],
        "reasons": [it | {"place": it["place"].rpartition("/")[2]} for it in outcome.summary["reasons"]],
        "left_out": outcome.summary["left_out"],
        "images": outcome.summary["images"],
        "sha256": {name: file_hash(settings.output / name) for name in names},
    }
    with writing(settings.output):
        write_atomically(settings.output / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def _gate(settings: Settings) -> gating.Settings:
    asks = fields_of(settings.kind) & set(gating.MODELS)
    return gating.Settings(
        kind=settings.kind, files=(str(settings.output / CANDIDATES),), thresholds=settings.thresholds,
        output=settings.output / GATED, overwrite=True, parallel=settings.parallel, use_cache=settings.use_cache,
        runtime=settings.runtime, model=settings.writing.source.model if asks else None, judge_model=settings.judge_model,
    )  # fmt: skip


def _items(settings: Settings) -> list[pool.Item]:
    """Return the tasks. Raises `UsageError`, and `InfrastructureError` for `stdlib` without an engine."""
    columns = pool.columns_of(settings.columns)
    engine = open_engine(settings.runtime) if settings.tasks == pool.STDLIB else None
    try:
        return pool.load(settings.tasks, engine, 0.0, columns, limit=settings.limit)
    except pool.PoolError as error:
        raise UsageError(f"tasks: {str(error).removeprefix('pool: ')}") from None
    finally:
        if engine is not None:
            engine.close()


def _as_text(item: pool.Item) -> Task:
    """Return the task; a prompt in prose becomes a docstring, so that what continues it is a program with it."""
    if not item.is_whole:
        return item.task
    text = item.task.prompt.replace('"""', "'''").replace("\\", "\\\\").strip()
    return replace(item.task, prompt=f'"""\n{text}\n"""\n')


def _about(settings: Settings, items: Mapping[str, pool.Item]) -> dict[str, Any]:
    """Return everything that the files depend on."""
    told = asdict(settings)
    for name in ("output", "resume", "overwrite", "parallel", "use_cache", "runtime"):
        del told[name]
    found: dict[str, Any] = plain(told | {"tasks_sha256": _hash(items)})
    return found


def _hash(items: Mapping[str, pool.Item]) -> str:
    import hashlib

    rows = [[name, item.task.prompt, item.task.entry_point, item.test] for name, item in items.items()]
    return hashlib.sha256(json.dumps(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _begin(settings: Settings, about: dict[str, Any]) -> None:
    """Write the settings, or compare them with those of the run to be continued. Raises as `distill`."""
    file = settings.output / SUMMARY
    if file.exists() and not settings.overwrite:
        if not settings.resume:
            raise UsageError(f"{settings.output} holds a run already; go on with it (--resume) or replace it (--overwrite)")
        try:
            before = json.loads(file.read_bytes())["settings"]
        except (OSError, ValueError, LookupError, TypeError):
            raise UsageError(f"{file} cannot be read, so the run cannot go on: use --overwrite") from None
        check_same(settings.output, before, about)
        return
    with writing(file):
        for name in (TRAIN, PAIRS, LEDGER):
            (settings.output / name).unlink(missing_ok=True)
        write_atomically(file, (json.dumps({"settings": about}, indent=2) + "\n").encode())


def _asked(writer: Writer) -> dict[str, Asked]:
    """Return the chat message of each task; for a model that does not chat, in the words of `0-shot`."""
    if writer.asked["chat"]:
        return {one.task_id: Asked(question=one.text, prefill=one.prefill) for one in writer.prompts}
    ask = prompts.STYLES["0-shot"].ask
    assert ask is not None
    return {name: Asked(question=ask(task.prompt.strip())) for name, task in writer.tasks.items()}


def _candidates(folder: Path, items: Mapping[str, pool.Item]) -> None:
    """Add to each sample the tests of its task, for gates."""
    with together(folder, [CANDIDATES], lambda: writing(folder)) as files, (folder / SAMPLES).open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            item = items[row["task_id"]]
            row |= {"entry_point": item.task.entry_point} if item.task.entry_point else {}
            row |= {"test": item.test} if item.test else {}
            files[CANDIDATES].write((json.dumps(row) + "\n").encode())


def _judged(folder: Path, names: list[str]) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Yield (accepted?, row) in the order of the samples."""
    places = {name: i for i, name in enumerate(names)}

    def rows(name: str, is_accepted: bool) -> Iterator[tuple[bool, dict[str, Any]]]:
        return ((is_accepted, row) for row in read_rows(folder / GATED / name))

    yield from heapq.merge(
        rows(gate_folder.ACCEPTED, True), rows(gate_folder.REJECTED, False),
        key=lambda found: (places[found[1]["task_id"]], found[1]["sample_id"]),
    )  # fmt: skip


def _entry(task: OfTask, n_different: int) -> dict[str, Any]:
    rows = task.accepted + task.refused
    return {
        "task_id": task.task_id, "n": len(rows), "finished": sum(has_ended(row) for row in rows),
        "accepted": len(task.accepted), "different": n_different, "kept": len(task.kept),
        "refused": dict(Counter(task.reasons()).most_common()),
    }  # fmt: skip
