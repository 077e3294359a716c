"""Read untrusted files: JSONL, JSON arrays and Python sources. Everything wrong with them is collected."""

import codecs
import contextlib
import errno
import gzip
import io
import json
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from toolkit.samples.json_text import JsonText

MAX_BYTES = 1 << 20
"""Longest text that can become a program, in bytes of UTF-8. A line may be 12 times as long."""
MAX_DEPTH = 200
"""Deepest nesting of containers in a row: how deep Python's own reader gets depends on its caller."""
_TOO_DEEP = "malformed JSON: nested too deeply"
MAX_KEPT, MAX_LISTED = 100, 10
"""Most problems of an input that are kept as text; most that an error message lists. All are counted."""
_MAX_PROBLEM_CHARS = 5_000
_MAX_SKIP_BYTES = 1 << 30
MAX_DOCUMENT = 512 << 20
"""Largest file that is one JSON value, in bytes: it is held in memory."""
LINK = "a symbolic link, which is not followed"
"""Reason for skipping a link that the user did not name."""
MAX_WHOLE = 1 << 53
"""Largest whole number of a row: up to it, each is a float too, and all that is computed of them can be written."""
_SHORTEST_ROW = len('{"code":""}')


class Problems:
    """The problems of an input: `len` counts all of them, iteration yields the first `MAX_KEPT` as lines safe to print.

    Attributes:
        n: how many there are; once it `is_full`, it may be incremented without `add`.
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
        """Return the first `n` problems, and a last line with how many more there are."""
        shown = self._kept[:n]
        return [*shown, f"... and {self.n - len(shown):,} more"] if self.n > len(shown) else shown


def printable(text: str) -> str:
    """Escape characters that could act on a terminal or hide text: controls, directions, lone surrogates, line ends."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unjudgeable(text: str, max_bytes: int = MAX_BYTES) -> str | None:
    """Return one line on why a text cannot be any program, or None if it may be one."""
    if "\0" in text:
        return "has a NUL byte"
    try:
        n_bytes = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        return f"has a lone surrogate at character {error.start}"
    return f"has {n_bytes:,} bytes, more than {max_bytes:,}" if n_bytes > max_bytes else None


def string(field: str, text: object) -> str:
    """Return the text of a field. Raise ValueError if it is not a string."""
    if not isinstance(text, str):
        raise ValueError(f"{field} is not a string but {type(text).__name__}")
    return text


def checked_text(field: str, text: object) -> str:
    """Return the text of a field. Raise ValueError with the reason if it cannot be a program."""
    text = string(field, text)
    if reason := unjudgeable(text):
        raise ValueError(f"{field} {reason}")
    return text


Rows = Iterator[tuple[str, bytes, dict[str, Any]]]
Unlisted = Callable[[int, list[Any]], list[dict[str, Any]]]
"""Returns the objects that an item of a JSON array stands for, given its number; raises ValueError if it is malformed."""


def lines(
    path: Path, problems: Problems, *, name: str | None = None, max_bytes: int = MAX_BYTES, follow: bool = True,
    unlisted: Unlisted | None = None,
) -> Rows:  # fmt: skip
    """Yield (FILE:LINE, line, object) of a JSONL file, gzipped or not; add everything else in it to `problems`.

    Skips blank lines and a byte order mark. A file that begins with a bracket is one JSON array of the same objects: places
    then have the number of the item, from 1, and no more than an item is held in memory (`json_text.MAX_ITEM`).

    Args:
        name: name of the file in places, if not its path.
        follow: whether the file may be a symbolic link.
        unlisted: converts items of an array that are lists themselves; None accepts no such items.
    """
    name = name or str(path)
    try:
        with _unzipped(path, follow) as opened:
            if _begins(opened).startswith(b"["):
                yield from _array_rows(name, opened, problems, 12 * max_bytes, unlisted)
            else:
                yield from _line_rows(name, opened, problems, 12 * max_bytes)
    except OSError as error:
        problems.add(name, error.strerror or error)


def document(path: Path, problems: Problems, pattern: re.Pattern[bytes]) -> Any:
    """Return the JSON value in a file, gzipped or not, if its beginning matches the pattern; else None.

    If it matches but cannot be read, or has more than `MAX_DOCUMENT` bytes, add a problem and return None.
    """
    try:
        with _unzipped(path, follow=True) as opened:
            text = _whole(str(path), opened, problems) if pattern.match(_begins(opened)) else None
        return None if text is None else json.loads(text)
    except OSError as error:
        problems.add(path, error.strerror or error)
    except (ValueError, RecursionError) as error:
        problems.add(path, _malformed(error))
    return None


@contextlib.contextmanager
def _unzipped(path: Path, follow: bool) -> Iterator[io.BufferedReader]:
    with _opened(path, follow) as file:
        zipped = path.suffix == ".gz" or file.peek(2)[:2] == b"\x1f\x8b"
        yield io.BufferedReader(_Unzipped(file), 1 << 16) if zipped else file


def _begins(opened: io.BufferedReader) -> bytes:
    """Return the first bytes without consuming them; none if that fails, which the actual reading will report."""
    try:
        return opened.peek(1).removeprefix(codecs.BOM_UTF8).lstrip()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return b""


def _whole(name: str, opened: io.BufferedReader, problems: Problems) -> str | None:
    """Return the text of a file that is one JSON value; if it cannot be read, add a problem and return None."""
    try:
        data = opened.read(MAX_DOCUMENT + 1)
        if len(data) <= MAX_DOCUMENT:
            return data.removeprefix(codecs.BOM_UTF8).decode()
        problems.add(name, f"one JSON value of more than {MAX_DOCUMENT:,} bytes: write it as JSONL, one object a line")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.add(name, f"broken gzip: {error}")
    except UnicodeDecodeError as error:
        problems.add(name, f"invalid UTF-8 at byte {error.start}")
    return None


def _malformed(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"malformed JSON: {error.msg} at line {error.lineno} column {error.colno}"
    return _TOO_DEEP if isinstance(error, RecursionError) else f"malformed JSON: {error}"


def _array_rows(name: str, opened: io.BufferedReader, problems: Problems, max_bytes: int, unlisted: Unlisted | None) -> Rows:
    try:
        yield from _items(name, JsonText(opened), problems, max_bytes, unlisted)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.add(name, f"broken gzip: {error}")
    except UnicodeDecodeError as error:
        problems.add(name, f"invalid UTF-8 at byte {error.start}")


def _items(name: str, text: JsonText, problems: Problems, max_bytes: int, unlisted: Unlisted | None) -> Rows:
    text.next()
    is_last = text.past() == "]"
    for number in count(1):
        if is_last:
            if text.past():
                problems.add(name, f"more than one JSON array: text behind item {number - 1}")
            return
        place = f"{name}:{number}"
        try:
            item, n_chars = text.value()
            is_last = (behind := text.next()) == "]"
            if not is_last and behind != ",":
                raise text.wrong("Expecting ',' or ']'")
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            problems.add(place, f"{_malformed(error)}; nothing behind it was read")
            return
        try:
            items = unlisted(number, item) if unlisted and isinstance(item, list) else [item]
        except ValueError as error:
            problems.add(place, error)
            items = []
        for row in items:
            if not isinstance(row, dict):
                problems.add(place, f"not an object but {type(row).__name__}")
            elif row is item and n_chars > max_bytes:
                problems.add(place, f"the item has more than {max_bytes:,} characters")
            elif _is_deeper(row, MAX_DEPTH):
                problems.add(place, _TOO_DEEP)
            else:
                yield place, json.dumps(row).encode(), row
        if not is_last:
            text.past()


def source(
    path: Path, problems: Problems, *, max_bytes: int = MAX_BYTES, follow: bool = True, task_id: str | None = None
) -> str | None:
    """Return a Python file's text without byte order mark; if unreadable or too long, add a problem and return None."""
    try:
        with _opened(path, follow) as opened:
            data = opened.read(12 * max_bytes + 1)
        if len(data) > 12 * max_bytes:
            raise OSError(f"more than {12 * max_bytes:,} bytes")
        return data.removeprefix(codecs.BOM_UTF8).decode()
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
            raise OSError(LINK) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")


class _Unzipped(io.RawIOBase):
    """The unzipped file. Everything before a corrupt place can be read before the error is raised."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _line_rows(name: str, opened: io.BufferedIOBase, problems: Problems, max_bytes: int) -> Rows:
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
            line = line.removeprefix(codecs.BOM_UTF8)
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
    """Return whether containers are nested more than `most` deep."""
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


def numeric(path: Path) -> list[tuple[int, str]]:
    """Return a sort key for paths that puts 10.py after 9.py."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
