"""What a row of JSONL means. It is decided here, once: what a gate judges is what training learns.

A row has its program in the first of `FIELDS` that is present. `completion` continues the row's `prompt`. In a chat the
prompt is a message instead, and no part of the program; where a chat template wrote it, the answer is `raw_response` (with
`completion` taken out of it), and that is both judged and learnt. `test_samples.py` proves it for every set of fields.
"""

import codecs
import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from gates import Solution
from toolkit.errors import InfrastructureError, UsageError
from toolkit.samples.lines import MAX_WHOLE, Problems, lines, numeric, printable, source, string, unjudgeable
from toolkit.store import run_folder as runs

FIELDS = ("solution", "completion", "code", "text", "content", "raw_response")
"""Fields that may hold a row's program; the first that is present counts."""
JUDGED = "judged_sha256"
"""Field for the hash of what the gate judged: `Row.sha256`."""
MAX_STDIN = 16 << 30
"""Most bytes read from standard input."""
ADDED = (JUDGED, "reports")
"""Fields that the gate adds to a row, replacing those of an earlier gate."""


def field_of(row: Mapping[str, Any], fields: Sequence[str] = FIELDS) -> str:
    """Return the field that holds a row's program. Raise ValueError if there is none."""
    field = next((name for name in fields if name in row), None)
    if field is None:
        raise ValueError(f"none of {', '.join(fields)} is there")
    return field


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The content of a row, before model text is turned into a program.

    Attributes:
        field: the field that holds `text`.
        text: the program, or the text that a program is made from.
        prompt: the text that `text` continues; in a chat the message that it answers. None if the row has none.
        chat: whether the prompt is a message.
        templated: whether a chat template wrote the prompt, special tokens included; a message sent to an endpoint is not.
    """

    field: str
    text: str
    prompt: str | None = None
    chat: bool = False
    templated: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read a row. Raise ValueError if it is malformed."""
        field, settings = field_of(row), row.get("settings")
        settings = settings if isinstance(settings, dict) else {}
        chat = field in ("completion", "raw_response") and (row.get("chat") is True or settings.get("chat") is True)
        templated = chat and "base_url" not in settings
        if templated and row.get("raw_response") is not None:
            field = "raw_response"
        prompt = row.get("prompt") if field == "completion" or templated else None
        return cls(
            field=field, text=string(field, row[field]), prompt=None if prompt is None else string("prompt", prompt),
            chat=chat, templated=templated,
        )  # fmt: skip

    @property
    def program(self) -> str:
        """The program, as far as the row alone determines it."""
        return self.text if self.chat else (self.prompt or "") + self.text

    @property
    def is_part(self) -> bool:
        """Whether `program` may be only part of a program, or more than one: it then goes through the sanitizer."""
        return self.field in ("completion", "raw_response") and (self.prompt is None or self.chat)

    @property
    def sha256(self) -> str:
        """Hash of everything that is judged and learnt: for a whole program, the SHA-256 of its UTF-8."""
        how = ("template" if self.templated else "message", self.prompt or "") if self.chat else ()
        return hashlib.sha256("\0".join((*how, self.program)).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of the gate's input.

    Attributes:
        file, number: its source; `number` counts rows from 1 and is None if the file is the program.
        line: the row as it came, in JSON.
        has_added: whether the row already has any of `ADDED`.
        solution: as far as the row alone determines it.
        sha256: `Row.sha256`.
        field: the field of `solution.code`, if that may be only part of a program.
        key: task and sample, if the row names a task.
    """

    file: str
    number: int | None = None
    line: bytes
    has_added: bool = False
    solution: Solution
    sha256: str = ""
    field: str | None = None
    key: runs.Key | None = None


class Source(NamedTuple):
    """A file to read, its name in messages, and whether it may be a symbolic link: only if the user named it."""

    path: Path
    name: str
    follow: bool = True

    def is_program(self) -> bool:
        """Return whether the file is one program: by its suffix; standard input is one unless it begins like rows.

        Rows begin with `{`, `[` or gzip's magic number.
        """
        if self.name == str(self.path):
            return self.path.suffix == ".py"
        with self.path.open("rb") as file:
            head = file.read(1 << 16).removeprefix(codecs.BOM_UTF8).lstrip()
        return bool(head) and head[0] not in b"{[\x1f"


def sources(files: Sequence[str], stack: contextlib.ExitStack) -> Iterator[Source]:
    """Yield the files to read. Standard input is copied into a file that `stack` removes.

    Args:
        files: files, folders, or `-`; if empty, standard input if it is a pipe or a file, else the newest run folder.

    Raises:
        UsageError: there is nothing to read.
        InfrastructureError: standard input cannot be stored.
    """
    if not files and _is_piped():
        piped = spooled(stack)
        if piped.stat().st_size:
            yield Source(piped, "stdin")
            return
    if not files:
        found = [path for path in Path("runs").glob(f"*/{runs.SAMPLES}") if path.is_file()]
        if not found:
            raise UsageError("nothing to judge: name a FILE, or pipe rows in; there is no run folder under runs/ either")
        newest = max(found, key=lambda path: path.stat().st_mtime)
        yield Source(newest, str(newest), follow=False)
    for name in files:
        path = Path(name)
        if name == "-":
            yield Source(spooled(stack), "stdin")
        elif path.is_dir() and not (path / runs.SAMPLES).is_file():
            below = list(_below(path))
            if not below:
                raise UsageError(f"{printable(name)}: neither {runs.SAMPLES} nor any .py file is in it")
            yield from (Source(file, str(file), follow=False) for file in below)
        elif path.is_dir():
            yield Source(path / runs.SAMPLES, str(path / runs.SAMPLES), follow=False)
        else:
            yield Source(path, str(path))


def _below(folder: Path) -> Iterator[Path]:
    """Yield all Python files below a folder, without hidden ones and without following links to folders."""
    waiting = [str(folder)]
    while waiting:  # os.walk of Python 3.11 calls itself, and a tree may be deeper than that can
        where = waiting.pop()
        try:
            names = os.listdir(where)
        except OSError:
            continue
        paths = {name: os.path.join(where, name) for name in names}
        folders = [path for name, path in sorted(paths.items()) if name[0] != "." and os.path.isdir(path)]
        links = [path for path in folders if os.path.islink(path)]
        files = [path for name, path in paths.items() if name.endswith(".py") and not os.path.isdir(path)]
        yield from sorted(map(Path, links + files), key=numeric)
        waiting += [path for path in reversed(folders) if path not in links]


def _is_piped() -> bool:
    """Return whether standard input is a pipe or a file, rather than a terminal or /dev/null."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)


def spooled(stack: contextlib.ExitStack) -> Path:
    """Copy standard input into a file that `stack` removes. Raise `UsageError` if it is too long, or as `sources`."""
    try:
        spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="toolkit-stdin-"))  # noqa: SIM115
        n_left = MAX_STDIN
        while part := sys.stdin.buffer.read(min(n_left + 1, 1 << 20)):
            spool.write(part)
            n_left -= len(part)
            if n_left < 0:
                raise UsageError(f"standard input has more than {MAX_STDIN:,} bytes: put it into a file, and name that")
        spool.flush()
    except OSError as error:
        where = error.filename or tempfile.tempdir or "a temporary file"
        why = f"{error.strerror or error}; make room there, or name another folder with TMPDIR"
        raise InfrastructureError(f"standard input cannot be put into {where}: {why}") from None
    return Path(spool.name)


def programs(files: Iterable[Source], problems: Problems, tasks: Container[str]) -> Iterator[Program]:
    """Yield the programs of the input in order; add everything wrong with it to `problems`.

    Samples without a `sample_id` are numbered only for `tasks`: those that will be looked up.
    """
    for file in files:
        seen: Counter[str] = Counter()
        n_problems, is_empty, is_program = len(problems), True, file.is_program()
        for place, line, row in _rows(file, problems, is_program):
            is_empty = False
            number = None if is_program else int(place.removeprefix(f"{file.name}:"))
            try:
                yield _program(file.name, number, line, row, seen, tasks)
            except ValueError as error:
                problems.add(place, error)
        if is_empty and len(problems) == n_problems:
            problems.add(file.name, "empty")


def given(rows: Iterable[str | Mapping[str, Any]], problems: Problems) -> Iterator[Program]:
    """Yield programs that are in memory, texts or rows, in order; add everything wrong with them to `problems`."""
    seen: Counter[str] = Counter()
    for i, row in enumerate(rows):
        try:
            if not isinstance(row, str | Mapping):
                raise ValueError(f"neither text nor a mapping but {type(row).__name__}")
            yield _program("programs", i + 1, b"", {"code": row} if isinstance(row, str) else dict(row), seen, ())
        except ValueError as error:
            problems.add(f"programs[{i}]", error)


def _rows(file: Source, problems: Problems, is_program: bool) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield (place, the row as it came, its value)."""
    path, name, follow = file
    if not is_program:
        yield from lines(path, problems, name=name, follow=follow)
    elif (text := source(path, problems, follow=follow)) is not None:
        row = {"path": name, "code": text}
        yield name, json.dumps(row).encode(), row


def _program(
    file: str, number: int | None, line: bytes, row: dict[str, Any], seen: Counter[str], tasks: Container[str]
) -> Program:
    """Return the program of a row; `seen` counts samples of `tasks`. Raise ValueError if the row is malformed.

    A text that cannot be a program (`unjudgeable`) is kept as the code, for gates to refuse.
    """
    said = Row.of(row)
    given = {name: value for name, value in row.items() if value is not None}
    other: str | None = None
    if said.field == "solution":
        other = next((name for name in ("completion", "raw") if name in given), None)
    elif said.chat and "raw_response" in given:
        other = "raw_response"
    completion = string(other, given[other]) if other else None if said.prompt is None else said.text
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
        if isinstance(value, int) and abs(value) > MAX_WHOLE:
            raise ValueError(f"{name} is a whole number of more than {MAX_WHOLE:,}")
    key = None
    if isinstance(task_id, str | int):
        key = str(task_id), seen[str(task_id)] if sample_id is None else sample_id
        if key[0] in tasks:
            seen[key[0]] += 1
    return Program(
        file=file,
        number=number,
        line=line,
        has_added=any(name in row for name in ADDED),
        solution=Solution(
            code=said.program,
            completion=completion,
            prompt=said.prompt if said.chat else None,
            chat=said.templated,
            n_tokens=n_tokens,
            test=None if test is None else string("test", test),
            entry_point=given.get("entry_point"),
        ),
        sha256=said.sha256,
        field=said.field if said.is_part and not unjudgeable(said.text) else None,
        key=key,
    )
