"""Reads samples as the field writes them, and says everything that is wrong with a file before anything runs."""

import gzip
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from toolkit.sanitize import FIELDS, Item, Sanitizer
from toolkit.types import Sample, Task

_BENCHMARKS = {"humaneval": "HumanEval", "mbpp": "MBPP"}
_MAX_SKIP_BYTES = 1 << 30
MAX_BYTES = 1 << 20
"""The longest text, in bytes of UTF-8. A line may be 12 times as long."""


class BadInput(ValueError):
    """The samples cannot be used.

    Attributes:
        problems: all of them in the order of the file, each `FILE:LINE: reason` (`PATH: reason` for folders and for
            what is wrong with a file as a whole).
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read(
    path: Path | str,
    tasks: Mapping[str, Task],
    *,
    known: Container[str] | None = None,
    skip_bad: bool = False,
    max_bytes: int = MAX_BYTES,
    sanitizer: Sanitizer | None = None,
) -> tuple[list[Sample], list[str]]:
    """Reads samples in file order, and the problems that were skipped.

    `path` is JSONL, gzipped JSONL, or a folder `TASK_ID/0.py` (`HumanEval_0/0.py`, in numeric order). A row has
    `task_id` and one of `solution`, `completion`, `raw_response`, the first of them that is there; `Sanitizer` says how
    each becomes a program. Blank lines are skipped. The file is streamed: what is kept is the distinct texts and their
    programs.

    Args:
        path: the file or folder.
        tasks: the tasks that are judged, by id.
        known: all ids of the benchmark, where `tasks` is a selection of them: samples of other known tasks are dropped
            silently. `tasks` when None.
        skip_bad: leave bad rows out rather than refuse the file.
        max_bytes: the longest text, in bytes of UTF-8. A line may be 12 times as long.
        sanitizer: used instead of one that lives for this call only.

    Raises:
        BadInput: something is wrong (with `skip_bad`: no row is usable). Nothing was run, and all problems are listed.
    """
    rows: list[Item] = []
    problems: list[str] = []
    seen: dict[tuple[str, str, str], Item] = {}
    n_good = 0
    for place, row in _rows(Path(path), tasks if known is None else known, problems, max_bytes):
        try:
            task_id, field, text = _checked(row, tasks, tasks if known is None else known, max_bytes)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        n_good += 1
        if task := tasks.get(task_id):
            rows.append(seen.setdefault((task_id, field, text), (task, field, text)))
    if not n_good and not problems:
        what = "no samples (a folder is read as TASK_ID/0.py)" if Path(path).is_dir() else "empty"
        problems = [f"{path}: {what}"]
    if problems and not (skip_bad and n_good):
        raise BadInput(problems)
    if sanitizer is None:
        with Sanitizer() as own:
            programs = dict(zip(seen, own.solutions(seen.values()), strict=True))
    else:
        programs = dict(zip(seen, sanitizer.solutions(seen.values()), strict=True))
    n: Counter[str] = Counter()
    samples = []
    for task, field, text in rows:
        program = programs[task.task_id, field, text]
        raw = None if program == text else text
        samples.append(Sample(task_id=task.task_id, sample_id=n[task.task_id], solution=program, raw=raw))
        n[task.task_id] += 1
    return samples, problems


def _checked(row: object, tasks: Mapping[str, Task], known: Container[str], max_bytes: int) -> tuple[str, str, str]:
    """Gives (task_id, field, text) of a row, or raises ValueError with what is wrong with it."""
    if not isinstance(row, dict):
        raise ValueError(f"not an object but {type(row).__name__}")
    if "task_id" not in row:
        raise ValueError("task_id is missing")
    task_id = row["task_id"]
    if not isinstance(task_id, str):
        raise ValueError(f"task_id is not a string but {type(task_id).__name__}")
    if task_id not in known:
        raise ValueError(f"unknown task_id {_shown(task_id)}{_hint(task_id, tasks)}")
    field = next((name for name in FIELDS if name in row), None)
    if field is None:
        raise ValueError(f"none of {', '.join(FIELDS)} is there")
    return task_id, field, checked_text(field, row[field], max_bytes)


def is_chat(row: Mapping[str, Any]) -> bool:
    """Say whether a row's prompt is a message rather than what the program begins with, as `toolkit generate` notes."""
    settings = row.get("settings")
    return row.get("chat") is True or (isinstance(settings, dict) and settings.get("chat") is True)


def is_templated(row: Mapping[str, Any]) -> bool:
    """Say whether a row's prompt is as a chat template wrote it; what an endpoint was sent is not."""
    return is_chat(row) and "base_url" not in (row.get("settings") or {})


def checked_text(field: str, text: object, max_bytes: int = MAX_BYTES) -> str:
    """Gives the text of a field back, or raises ValueError with why no program can be made of it."""
    if not isinstance(text, str):
        raise ValueError(f"{field} is not a string but {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{field} has a NUL byte")
    try:
        n_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{field} has a lone surrogate at character {error.start}") from None
    if n_bytes > max_bytes:
        raise ValueError(f"{field} has {n_bytes:,} bytes, more than {max_bytes:,}")
    return text


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def _hint(task_id: str, tasks: Mapping[str, Task]) -> str:
    own, prefix = (name.partition("/")[0] for name in (next(iter(tasks), ""), task_id))
    if not own or own == prefix:
        return ""
    other = _BENCHMARKS.get(prefix.lower())
    is_other = other and own.lower() != prefix.lower()
    return f" ({f'a task of {other}; ' if is_other else ''}this benchmark's ids begin with {own}/)"


def _rows(path: Path, known: Container[str], problems: list[str], max_bytes: int) -> Iterator[tuple[str, object]]:
    """Gives (place, row) of all that can be read, and adds the rest to `problems`."""
    try:
        if path.is_dir():
            yield from _folder_rows(path, known, problems, max_bytes)
            return
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
        return
    for place, _, row in lines(path, problems, max_bytes=max_bytes):
        yield place, row


def lines(
    path: Path, problems: list[str], *, name: str | None = None, max_bytes: int = MAX_BYTES
) -> Iterator[tuple[str, bytes, object]]:
    """Gives (FILE:LINE, line, value) of a JSONL file, gzipped or not; what cannot be read is added to `problems`.

    Blank lines are passed over. `name` stands for the file in places, where that is not its path.
    """
    try:
        with _opened(path) as file:
            zipped = path.suffix == ".gz" or file.peek(2)[:2] == b"\x1f\x8b"
            with gzip.GzipFile(fileobj=file) if zipped else file as opened:
                yield from _line_rows(name or str(path), opened, problems, 12 * max_bytes)
    except OSError as error:
        problems.append(f"{name or path}: {error.strerror or error}")


def source(path: Path, problems: list[str], *, max_bytes: int = MAX_BYTES) -> str | None:
    """Gives the text of a Python file; where it cannot be read, that is added to `problems`."""
    try:
        with _opened(path) as opened:
            data = opened.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise OSError(f"more than {max_bytes:,} bytes")
        return data.decode()
    except UnicodeDecodeError as error:
        problems.append(f"{path}: invalid UTF-8 at byte {error.start}")
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
    return None


def _opened(path: Path) -> BufferedReader:
    # O_NONBLOCK: opening a fifo that nobody writes to must not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _line_rows(
    name: str, opened: BufferedIOBase, problems: list[str], max_bytes: int
) -> Iterator[tuple[str, bytes, object]]:
    number = 0
    while True:
        number += 1
        place = f"{name}:{number}"
        try:
            line = opened.readline(max_bytes + 1)
            if len(line) > max_bytes:
                problems.append(f"{place}: the line has more than {max_bytes:,} bytes")
                n_skipped = 0
                while line and not line.endswith(b"\n"):
                    line = opened.readline(1 << 16)
                    n_skipped += len(line)
                    if n_skipped > _MAX_SKIP_BYTES:
                        problems[-1] += "; nothing behind it was read"
                        return
                continue
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            problems.append(f"{place}: broken gzip: {error}")
            return
        if not line:
            return
        if line.isspace():
            continue
        try:
            row: object = json.loads(line.decode())
        except UnicodeDecodeError as error:
            problems.append(f"{place}: invalid UTF-8 at byte {error.start}")
        except json.JSONDecodeError as error:
            problems.append(f"{place}: malformed JSON: {error.msg} at column {error.colno}")
        except ValueError as error:
            problems.append(f"{place}: malformed JSON: {error}")
        except RecursionError:
            problems.append(f"{place}: malformed JSON: nested too deeply")
        else:
            yield place, line, row


def _folder_rows(
    path: Path, known: Container[str], problems: list[str], max_bytes: int
) -> Iterator[tuple[str, object]]:
    for folder in sorted(filter(Path.is_dir, path.iterdir()), key=numeric):
        name = folder.name
        candidates = (name, "/".join(name.rsplit("_", 1)), name.replace("_", "/"))
        task_id = next((candidate for candidate in candidates if candidate in known), candidates[-1])
        try:
            files = sorted((file for file in folder.iterdir() if file.suffix == ".py"), key=numeric)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            continue
        for file in files:
            text = source(file, problems, max_bytes=max_bytes)
            if text is not None:
                yield str(file), {"task_id": task_id, "solution": text}


def numeric(path: Path) -> list[tuple[int, str]]:
    """Gives what to sort paths by, so that 10.py comes behind 9.py."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
