"""Reads samples as the field writes them, and says everything that is wrong with a file before anything runs."""

import errno
import gzip
import io
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

from toolkit.benchmarks.load import names
from toolkit.records import Sample, Task
from toolkit.samples.sanitize import FIELDS, Item, Sanitizer

MAX_BYTES = 1 << 20
"""The longest text of which a program can be made, in bytes of UTF-8. A line may be 12 times as long."""
MAX_DEPTH = 200
"""Containers in containers in a row, at most: how deep Python's reader gets depends on who calls it."""
_TOO_DEEP = "malformed JSON: nested too deeply"
MAX_KEPT, MAX_LISTED = 100, 10
"""Problems of an input that are kept as text, and those that the message of a refused one has; all are counted."""
_MAX_PROBLEM_CHARS = 5_000
_MAX_SKIP_BYTES = 1 << 30
_LINK = "a symbolic link, which is not followed"
_BOM = b"\xef\xbb\xbf"
_SHORTEST_ROW = len('{"code":""}')


class Problems:
    """What is wrong with an input: `len` counts all of it, iteration gives the first `MAX_KEPT`, as lines safe to print.

    Attributes:
        n: how many there are; may be raised alone once it `is_full`.
        is_full: no more are kept.
        by_task: how many of them name each task of the benchmark.
    """

    def __init__(self) -> None:
        self.n = 0
        self.is_full = False
        self.by_task: Counter[str] = Counter()
        self._kept: list[str] = []

    def add(self, place: object, reason: object, task_id: str | None = None) -> None:
        """Count a problem, and keep `PLACE: REASON` while there is room; `task_id` is that of a known task."""
        self.n += 1
        if task_id is not None:
            self.by_task[task_id] += 1
        if not self.is_full:
            self._kept.append(printable(f"{place}: {reason}"[:_MAX_PROBLEM_CHARS]))
            self.is_full = len(self._kept) >= MAX_KEPT

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __getitem__(self, index: int) -> str:
        return self._kept[index]

    def listed(self, n: int = MAX_LISTED) -> list[str]:
        """Return the first `n`, and as a last line how many more there are."""
        shown = self._kept[:n]
        return [*shown, f"... and {self.n - len(shown):,} more"] if self.n > len(shown) else shown


def printable(text: str) -> str:
    """Make what could act on a terminal or hide (controls, directions, lone surrogates, line ends) visible."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class BadInput(ValueError):
    """The samples cannot be used; the text has the first problems, and how many there are.

    Attributes:
        problems: in the order of the file, each `FILE:LINE: reason` (`PATH: reason` for folders and for what is wrong
            with a file as a whole).
    """

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(problems.listed()))
        self.problems = problems


def unjudgeable(text: str, max_bytes: int = MAX_BYTES) -> str | None:
    """Say in one line why a text can be no program, whatever it says; None where it may be one."""
    if "\0" in text:
        return "has a NUL byte"
    try:
        n_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        return f"has a lone surrogate at character {error.start}"
    return f"has {n_bytes:,} bytes, more than {max_bytes:,}" if n_bytes > max_bytes else None


def read(
    path: Path | str,
    tasks: Mapping[str, Task],
    *,
    known: Container[str] | None = None,
    skip_bad: bool = False,
    max_bytes: int = MAX_BYTES,
    sanitizer: Sanitizer | None = None,
) -> tuple[list[Sample], Problems]:
    """Reads samples in file order, and the problems that were skipped.

    `path` is JSONL, gzipped JSONL, or a folder `TASK_ID/0.py` (`HumanEval_0/0.py`, in numeric order). A row has
    `task_id` and one of `solution`, `completion`, `raw_response`, the first of them that is there; `Sanitizer` says how
    each becomes a program. A text that can be none (`unjudgeable`) is the solution as it is. Blank lines are skipped. The
    file is streamed: what is kept is the distinct texts and their programs.

    Args:
        path: the file or folder.
        tasks: the tasks that are judged, by id.
        known: all ids of the benchmark, where `tasks` is a selection of them: samples of other known tasks are dropped
            silently. `tasks` when None.
        skip_bad: leave bad rows out rather than refuse the file.
        max_bytes: as `MAX_BYTES`.
        sanitizer: used instead of one that lives for this call only.

    Raises:
        BadInput: something is wrong (with `skip_bad`: no row is usable). Nothing was run.
    """
    rows: list[Item] = []
    problems = Problems()
    seen: dict[tuple[str, str, str], Item] = {}
    known = tasks if known is None else known
    n_good = 0
    for place, row in _rows(Path(path), known, problems, max_bytes):
        try:
            task_id, field, text = _checked(row, tasks, known)
        except ValueError as error:
            named = row.get("task_id")
            problems.add(place, error, named if isinstance(named, str) and named in known else None)
            continue
        n_good += 1
        if task := tasks.get(task_id):
            rows.append(seen.setdefault((task_id, field, text), (task, field, text)))
    if not n_good and not problems:
        what = "no samples (a folder is read as TASK_ID/0.py)" if Path(path).is_dir() else "empty"
        problems.add(path, what)
    if problems and not (skip_bad and n_good):
        raise BadInput(problems)
    programs = {key: key[2] for key in seen}
    able = [key for key in seen if not unjudgeable(key[2], max_bytes)]
    with nullcontext(sanitizer) if sanitizer else Sanitizer() as made:
        programs |= zip(able, made.solutions(seen[key] for key in able), strict=True)
    n: Counter[str] = Counter()
    samples = []
    for task, field, text in rows:
        program = programs[task.task_id, field, text]
        raw = None if program == text else text
        samples.append(Sample(task_id=task.task_id, sample_id=n[task.task_id], solution=program, raw=raw))
        n[task.task_id] += 1
    return samples, problems


def _checked(row: Mapping[str, Any], tasks: Mapping[str, Task], known: Container[str]) -> tuple[str, str, str]:
    """Gives (task_id, field, text) of a row, or raises ValueError with what is wrong with it."""
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
    return task_id, field, string(field, row[field])


def is_chat(row: Mapping[str, Any]) -> bool:
    """Say whether a row's prompt is a message rather than what the program begins with, as `toolkit generate` notes."""
    settings = row.get("settings")
    return row.get("chat") is True or (isinstance(settings, dict) and settings.get("chat") is True)


def is_templated(row: Mapping[str, Any]) -> bool:
    """Say whether a row's prompt is as a chat template wrote it; what an endpoint was sent is not."""
    return is_chat(row) and "base_url" not in (row.get("settings") or {})


def string(field: str, text: object) -> str:
    """Gives the text of a field back, or raises ValueError: it is none."""
    if not isinstance(text, str):
        raise ValueError(f"{field} is not a string but {type(text).__name__}")
    return text


def checked_text(field: str, text: object) -> str:
    """Gives the text of a field back, or raises ValueError with why no program can be made of it."""
    text = string(field, text)
    if reason := unjudgeable(text):
        raise ValueError(f"{field} {reason}")
    return text


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")


def _hint(task_id: str, tasks: Mapping[str, Task]) -> str:
    own, prefix = (name.partition("/")[0] for name in (next(iter(tasks), ""), task_id))
    if not own or own == prefix:
        return ""
    is_other = own.lower() != prefix.lower()
    other = is_other and names(lambda benchmark: benchmark.prefix.lower() == prefix.lower())
    return f" ({f'a task of {other}; ' if other else ''}this benchmark's ids begin with {own}/)"


def _rows(path: Path, known: Container[str], problems: Problems, max_bytes: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Gives (place, row) of all that can be read, and adds the rest to `problems`."""
    try:
        if path.is_dir():
            yield from _folder_rows(path, known, problems, max_bytes)
            return
    except OSError as error:
        problems.add(path, error.strerror or error)
        return
    for place, _, row in lines(path, problems, max_bytes=max_bytes):
        yield place, row


def lines(
    path: Path, problems: Problems, *, name: str | None = None, max_bytes: int = MAX_BYTES, follow: bool = True
) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Gives (FILE:LINE, line, object) of a JSONL file, gzipped or not; all else that is in it is added to `problems`.

    Blank lines are passed over, and a byte order mark is. `name` stands for the file in places, where that is not its path.
    Without `follow`, the file must not be a symbolic link.
    """
    try:
        with _opened(path, follow) as file:
            zipped = path.suffix == ".gz" or file.peek(2)[:2] == b"\x1f\x8b"
            opened = io.BufferedReader(_Unzipped(file), 1 << 16) if zipped else file
            yield from _line_rows(name or str(path), opened, problems, 12 * max_bytes)
    except OSError as error:
        problems.add(name or path, error.strerror or error)


def source(
    path: Path, problems: Problems, *, max_bytes: int = MAX_BYTES, follow: bool = True, task_id: str | None = None
) -> str | None:
    """Gives the text of a Python file; where it cannot be read, or is longer than a line may be, that is a problem."""
    try:
        with _opened(path, follow) as opened:
            data = opened.read(12 * max_bytes + 1)
        if len(data) > 12 * max_bytes:
            raise OSError(f"more than {12 * max_bytes:,} bytes")
        return data.decode()
    except UnicodeDecodeError as error:
        problems.add(path, f"invalid UTF-8 at byte {error.start}", task_id)
    except OSError as error:
        problems.add(path, error.strerror or error, task_id)
    return None


def _opened(path: Path, follow: bool) -> io.BufferedReader:
    # O_NONBLOCK: opening a fifo that nobody writes to must not hang.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(_LINK) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")


class _Unzipped(io.RawIOBase):
    """What gunzip makes of a file. All that comes before an error in it is given before that is raised."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _line_rows(
    name: str, opened: io.BufferedIOBase, problems: Problems, max_bytes: int
) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    for number in count(1):
        try:
            line = opened.readline(max_bytes + 1)
            if len(line) > max_bytes:
                n_left = _MAX_SKIP_BYTES
                while line and n_left > 0 and not line.endswith(b"\n"):
                    line = opened.readline(1 << 16)
                    n_left -= len(line)
                end = "" if n_left > 0 else "; nothing behind it was read"
                problems.add(f"{name}:{number}", f"the line has more than {max_bytes:,} bytes{end}")
                if end:
                    return
                continue
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            problems.add(f"{name}:{number}", f"broken gzip: {error}")
            return
        if number == 1:
            line = line.removeprefix(_BOM)
        text = line.strip()
        if not text:
            if not line:
                return
            continue
        if problems.is_full and (len(text) < _SHORTEST_ROW or text[0] != 0x7B or text[-1] != 0x7D):
            problems.n += 1  # no object that anyone wants, and nobody reads why: millions of lines may be like that
            continue
        place = f"{name}:{number}"
        try:
            row = json.loads(line.decode())
        except UnicodeDecodeError as error:
            problems.add(place, f"invalid UTF-8 at byte {error.start}")
        except json.JSONDecodeError as error:
            problems.add(place, f"malformed JSON: {error.msg} at column {error.colno}")
        except ValueError as error:
            problems.add(place, f"malformed JSON: {error}")
        except RecursionError:
            problems.add(place, _TOO_DEEP)
        else:
            if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _is_deeper(row, MAX_DEPTH):
                problems.add(place, _TOO_DEEP)
            elif isinstance(row, dict):
                yield place, line, row
            else:
                problems.add(place, f"not an object but {type(row).__name__}")


def _is_deeper(value: object, most: int) -> bool:
    """Say whether containers stand in each other more than `most` deep."""
    level = [value]
    for _ in range(most):
        level = [
            inside
            for each in level
            if isinstance(each, dict | list)
            for inside in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)


def _folder_rows(
    path: Path, known: Container[str], problems: Problems, max_bytes: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in sorted(path.iterdir(), key=numeric):
        name = folder.name
        candidates = (name, "/".join(name.rsplit("_", 1)), name.replace("_", "/"))
        named = next((candidate for candidate in candidates if candidate in known), None)
        if folder.is_symlink():
            problems.add(folder, _LINK, named)
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


def numeric(path: Path) -> list[tuple[int, str]]:
    """Gives what to sort paths by, so that 10.py comes behind 9.py."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
