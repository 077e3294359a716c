"""Read samples in the usual file formats, and report everything wrong with a file before anything runs."""

import hashlib
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.benchmarks.load import names
from toolkit.errors import UsageError
from toolkit.records import Sample, Task
from toolkit.samples.extract import FIELDS
from toolkit.samples.lines import LINK, MAX_BYTES, MAX_WHOLE, Problems, lines, numeric, source, string, unjudgeable
from toolkit.samples.rows import field_of
from toolkit.samples.sanitize import Item, Sanitizer

Rows = Path | str | Iterable[Mapping[str, Any] | tuple[str, str]]
"""A file or folder of samples, or the samples themselves."""
MAX_NAMED = 10
"""Most ids that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The samples of the selected tasks, and what is missing.

    Attributes:
        problems: bad lines that were left out.
        lost: how many of them name each selected task.
        n_stray: how many of them may belong to any task.
        missing: selected tasks without a sample.
    """

    samples: list[Sample]
    problems: Problems
    lost: Mapping[str, int]
    n_stray: int
    missing: list[str]


class BadInput(UsageError):
    """The samples cannot be used, and nothing was run; the text lists the first problems and counts the rest.

    Attributes:
        problems: in the order of the file, each `FILE:LINE: reason` (`PATH: reason` for folders and for what is wrong
            with a file as a whole).
    """

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(["the samples cannot be used; nothing was run", *problems.listed()]))
        self.problems = problems


def read(
    path: Rows,
    tasks: Mapping[str, Task],
    *,
    known: Collection[str] | None = None,
    name: str | None = None,
    skip_bad: bool = False,
    max_bytes: int = MAX_BYTES,
    sanitizer: Sanitizer | None = None,
) -> tuple[list[Sample], Problems]:
    """Read samples in file order, with the problems that were skipped.

    `path` is JSONL, a JSON array of the same rows, either of them gzipped, or a folder `TASK_ID/0.py` (`HumanEval_0/0.py`,
    in numeric order). A row has `task_id` and one of `solution`, `completion`, `raw_response`: the first that is present
    counts; `Sanitizer` says how each becomes a program. A text that cannot be one (`unjudgeable`) is kept as the solution,
    and if it is too long, only up to there. Blank lines are skipped. JSONL is streamed: only distinct texts and their
    programs are kept.

    An array may also be a list of lists of programs, as bigcode-evaluation-harness writes its generations: the first list
    is of the benchmark's first task, and so on.

    Args:
        path: the file or folder; or the rows themselves, where a pair (task_id, text) is a row with a `completion`.
        tasks: the tasks that are judged, by id.
        known: all ids of the benchmark in its order, if `tasks` is a selection of them: samples of other known tasks are
            dropped silently. `tasks` when None.
        name: name of the input in messages, if not its path.
        skip_bad: leave bad rows out rather than refuse the file.
        max_bytes: as `MAX_BYTES`.
        sanitizer: used instead of one that lives for this call only.

    Raises:
        BadInput: something is wrong (with `skip_bad`: no row is usable). Nothing was run.
    """
    rows: list[tuple[Item, int | None]] = []
    problems = Problems()
    seen: dict[tuple[str, str, str], Item] = {}
    known = tasks if known is None else known
    n_good = 0
    for place, row in _rows(path, known, problems, max_bytes, name):
        try:
            task_id, field, text = _checked(row, tasks, known)
        except ValueError as error:
            named = row.get("task_id")
            problems.add(place, error, named if isinstance(named, str) and named in known else None)
            continue
        n_good += 1
        if task := tasks.get(task_id):
            text = text[: max_bytes + 1]
            n_tokens = row.get("n_tokens")
            said = n_tokens if type(n_tokens) is int and 0 < n_tokens <= MAX_WHOLE else None
            rows.append((seen.setdefault((task_id, field, text), (task, field, text)), said))
    if not n_good and not problems:
        is_path = isinstance(path, str | Path)
        is_folder = is_path and Path(str(path)).is_dir()
        what = "no samples (a folder is read as TASK_ID/0.py)" if is_folder else "empty"
        problems.add(name or (path if is_path else "samples"), what)
    if problems and not (skip_bad and n_good):
        raise BadInput(problems)
    programs = {key: key[2] for key in seen}
    able = [key for key in seen if not unjudgeable(key[2], max_bytes)]
    with nullcontext(sanitizer) if sanitizer else Sanitizer() as made:
        programs |= zip(able, made.solutions(seen[key] for key in able), strict=True)
    n: Counter[str] = Counter()
    samples = []
    for (task, field, text), n_tokens in rows:
        program = programs[task.task_id, field, text]
        raw = None if program == text else text
        sample_id = n[task.task_id]
        samples.append(Sample(task_id=task.task_id, sample_id=sample_id, solution=program, raw=raw, n_tokens=n_tokens))
        n[task.task_id] += 1
    return samples, problems


def read_all(
    path: Rows,
    selected: Mapping[str, Task],
    *,
    known: Collection[str],
    skip_bad: bool,
    allow_missing: bool,
    name: str | None = None,
) -> Given:
    """Read samples of the selected tasks; `name` replaces the path in messages.

    Raises:
        UsageError: the file cannot be used, or tasks have no sample (unless that is allowed, or bad lines may be the cause).
        InfrastructureError: the sanitizer cannot run.
    """
    samples, problems = read(path, selected, known=known, name=name, skip_bad=skip_bad)
    name = name or str(path if isinstance(path, str | Path) else "samples")
    if not samples:
        raise UsageError(f"{name}: no sample is of a task that was selected")
    sampled = {sample.task_id for sample in samples}
    missing = [task_id for task_id in selected if task_id not in sampled]
    lost = {task_id: n for task_id, n in problems.by_task.items() if task_id in selected}
    n_stray = len(problems) - problems.by_task.total()
    unexplained = [task_id for task_id in missing if task_id not in lost]
    if len(unexplained) > n_stray and not allow_missing:
        listed = ", ".join(unexplained[:MAX_NAMED])
        listed += f" and {len(unexplained) - MAX_NAMED} more" if len(unexplained) > MAX_NAMED else ""
        raise UsageError(
            f"{name}: {len(unexplained)} of {len(selected)} tasks have no sample: {listed}. If that is meant, say "
            "--allow-missing, or choose tasks with --id-range or --limit"
        )
    return Given(samples=samples, problems=problems, lost=lost, n_stray=n_stray, missing=missing)


def hash_of(samples: Iterable[Sample]) -> str:
    """Hash the programs that are judged, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.task_id}\0{sample.solution}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _checked(row: Mapping[str, Any], tasks: Mapping[str, Task], known: Container[str]) -> tuple[str, str, str]:
    """Return (task_id, field, text) of a row. Raise ValueError if it is malformed."""
    if "task_id" not in row and "question_id" not in row:
        raise ValueError("task_id is missing")
    task_id = row.get("task_id", row.get("question_id"))
    if isinstance(task_id, int) and not isinstance(task_id, bool):  # as MBPP and CodeEval-Pro number their tasks
        task_id = f"{next(iter(tasks), '').partition('/')[0]}/{task_id}"
    if not isinstance(task_id, str):
        raise ValueError(f"task_id is not a string but {type(task_id).__name__}")
    if task_id not in known:
        raise ValueError(f"unknown task_id {_shown(task_id)}{_hint(task_id, tasks)}")
    field = field_of(row, tuple(FIELDS))
    return task_id, field, string(field, row[field])


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def _hint(task_id: str, tasks: Mapping[str, Task]) -> str:
    own, prefix = (name.partition("/")[0] for name in (next(iter(tasks), ""), task_id))
    if not own or own == prefix:
        return ""
    is_other = own.lower() != prefix.lower()
    other = is_other and names(lambda benchmark: benchmark.prefix.lower() == prefix.lower())
    return f" ({f'a task of {other}; ' if other else ''}this benchmark's ids begin with {own}/)"


def _rows(
    path: Rows, known: Collection[str], problems: Problems, max_bytes: int, name: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (place, row) for everything that can be read; add the rest to `problems`."""
    if not isinstance(path, str | Path):
        for i, row in enumerate(path):
            if isinstance(row, tuple) and len(row) == 2:
                yield f"samples[{i}]", {"task_id": row[0], "completion": row[1]}
            elif isinstance(row, Mapping):
                yield f"samples[{i}]", row
            else:
                problems.add(f"samples[{i}]", f"neither a mapping nor a pair (task_id, text) but {type(row).__name__}")
        return
    path = Path(path)
    try:
        if path.is_dir():
            yield from _folder_rows(path, known, problems, max_bytes)
            return
    except OSError as error:
        problems.add(path, error.strerror or error)
        return
    ids = list(known)

    def unlisted(number: int, texts: list[Any]) -> list[dict[str, Any]]:
        if number > len(ids):
            raise ValueError(f"a list of samples of task number {number}, and the benchmark has {len(ids)} tasks")
        return [{"task_id": ids[number - 1], "solution": text} for text in texts]

    for place, _, row in lines(path, problems, name=name, max_bytes=max_bytes, unlisted=unlisted):
        yield place, row


def _folder_rows(
    path: Path, known: Container[str], problems: Problems, max_bytes: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in sorted(path.iterdir(), key=numeric):
        name = folder.name
        candidates = (name, "/".join(name.rsplit("_", 1)), name.replace("_", "/"))
        named = next((candidate for candidate in candidates if candidate in known), None)
        if folder.is_symlink():
            problems.add(folder, LINK, named)
            continue
        if not folder.is_dir():
            continue
        try:
            files = sorted((file for file in folder.iterdir() if file.suffix == ".py"), key=numeric)
        except OSError as error:
            problems.add(folder, error.strerror or error, named)
            continue
        for file in files:
            text = source(file, problems, max_bytes=max_bytes, follow=False, task_id=named)
            if text is not None:
                yield str(file), {"task_id": named or candidates[-1], "solution": text}
