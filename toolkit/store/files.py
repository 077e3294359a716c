"""Files that survive a kill: each is there whole or not at all, and a journal loses at most what was not yet appended."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from toolkit.errors import InfrastructureError, UsageError


class SettingsChanged(UsageError):
    """The existing output was made with other settings than those it would be continued with.

    Attributes:
        changes: one line per setting, `name: then -> now`.
    """

    def __init__(self, place: object, changes: list[str], remedy: str) -> None:
        lines = "\n  ".join(changes)
        super().__init__(f"{place} was made with other settings; {remedy}:\n  {lines}")
        self.changes = changes


def check_same(
    place: object, then: Any, now: Mapping[str, Any], remedy: str = "give those, another --output, or --overwrite"
) -> None:
    """Compare settings, as JSON has them, with those of the existing output. A missing setting equals null.

    Raises:
        SettingsChanged: they differ.
        TypeError: `then` is not a mapping.
    """
    if not isinstance(then, Mapping):
        raise TypeError(f"settings are no object but {type(then).__name__}")
    before, after = flat(plain(then)), flat(plain(now))
    names = [name for name in after | before if before.get(name) != after.get(name)]
    if names:
        raise SettingsChanged(place, [f"{name}: {_shown(before, name)} -> {_shown(after, name)}" for name in names], remedy)


def plain(value: Any) -> Any:
    """Return a value as it would be after a round trip through JSON; paths and the like become text."""
    return json.loads(json.dumps(value, default=lambda it: dict(it) if isinstance(it, Mapping) else str(it)))


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, part in value.items():
        found |= flat(part, f"{prefix}{name}.") if isinstance(part, dict) else {prefix + name: part}
    return found


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name]) if name in settings else "not set"


def check_output(path: Path, *, is_folder: bool) -> None:
    """Raise `UsageError` if `path` cannot be created because of a file or folder in its place or above it."""
    with contextlib.suppress(OSError):  # of places that may not even be looked at; writing there says more
        if path.is_dir() and not is_folder:
            raise UsageError(f"--output {path} is a folder, and a file is to be written; name a file in it")
        there = next(each for each in (path, *path.parents) if each.exists())
        if not there.is_dir() and (is_folder or there != path):
            raise UsageError(f"--output {path}: {there} is a file, not a folder; choose another --output")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that others see all of it or nothing. Raise OSError that names `path`, not the temporary file."""
    whole = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole.open("xb") as file:
            file.write(data)
        os.replace(whole, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            whole.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


@contextlib.contextmanager
def together(
    folder: Path, names: Sequence[str], guard: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
) -> Iterator[dict[str, IO[bytes]]]:
    """Open files that get their names once all are written, in this order; if anything fails, none remains.

    Args:
        guard: wraps the file operations, but not the caller's block; it may turn OSError into another error.
    """
    files: dict[str, IO[bytes]] = {}
    try:
        with guard():
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                files[name] = (folder / f".{name}.{os.getpid()}").open("wb")
        yield files
        with guard():
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
            if len(names) > 1:
                (folder / names[-1]).unlink(missing_ok=True)
            for name, file in files.items():
                os.replace(file.name, folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            for file in files.values():
                Path(file.name).unlink(missing_ok=True)
        raise
    finally:
        for file in files.values():
            with contextlib.suppress(OSError):
                file.close()


def lock(path: Path, busy: Exception, flags: int = 0) -> int:
    """Open a file, creating it if need be, and lock it until it is closed or this process dies.

    Raises:
        OSError: it cannot be opened.
        busy: another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise busy from None
    return handle


class Journal:
    """A file of lines to append to. Appended lines survive the death of the process, not of the machine.

    Every method raises OSError if the system refuses; the file then ends where it ended before.
    """

    def __init__(self, path: Path, busy: Exception | None = None) -> None:
        """Open the file, creating it if need be, and cut off a torn last line.

        Args:
            busy: also lock the file, and raise this if another process holds the lock.
        """
        self.path = path
        if busy:
            self._handle = lock(path, busy, os.O_APPEND)
        else:
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            repair(path)
        except BaseException:
            self.close()
            raise

    @property
    def n_bytes(self) -> int:
        """The size of the file."""
        return os.fstat(self._handle).st_size

    @property
    def is_empty(self) -> bool:
        """Whether the file still has a name and is empty."""
        return bool(os.fstat(self._handle).st_nlink) and not self.n_bytes

    def append(self, lines: bytes) -> None:
        """Append whole lines: all of them or none."""
        before, written = self.n_bytes, 0
        try:
            while written < len(lines):  # one call, unless the disk is nearly full
                written += os.write(self._handle, lines[written:])
        except BaseException:
            os.ftruncate(self._handle, before)
            raise

    def clear(self) -> None:
        """Remove all lines."""
        os.ftruncate(self._handle, 0)

    def close(self) -> None:
        """Close the file, which releases the lock."""
        os.close(self._handle)


def repair(path: Path) -> None:
    """Cut off an incomplete last line, if the file exists. Raise OSError."""
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - (1 << 16))
            file.seek(start)
            cut = file.read(end - start).rfind(b"\n")
            if cut >= 0:
                end = start + cut + 1
                break
            end = start
        if end < size:
            file.truncate(end)


@contextlib.contextmanager
def writing(path: Path, remedy: str = "") -> Iterator[None]:
    """Turn OSError into `InfrastructureError`, which names the path, the reason and the remedy."""
    try:
        yield
    except OSError as error:
        raise InfrastructureError(f"{path}: {error.strerror or error}{remedy}") from None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def texts_hash(texts: Iterable[str]) -> str:
    """Return a hash of texts in their order, 16 hexadecimal digits."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """Write JSONL atomically; return its SHA-256. Raise OSError."""
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def read_json(path: Path) -> Any:
    """Return the contents of a JSON file of ours. Raise OSError or ValueError."""
    return json.loads(path.read_bytes())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file of ours. Raise OSError or ValueError."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
