"""What both boxes keep the same around a call: files, random state, environment, folder, and arguments changed in place."""

import contextlib
import os
import random
import stat
import sys
from collections.abc import Iterable
from typing import Any

from images.box.values import NoData

PLACE = "/tmp"
_open, _scan, _lstat, _mkdir, _uid = open, os.scandir, os.lstat, os.mkdir, os.getuid
_rmdir, _unlink, _chdir, here = os.rmdir, os.unlink, os.chdir, os.getcwd  # a test may patch any of them
MAX_FILES = 2000
MAX_BYTES = 16 << 20
_NO_NAMES = frozenset({"", ".", ".."})


def _folder(path: str) -> None:
    """Make a folder unless it exists. Raises OSError if something else has that path, such as a link."""
    with contextlib.suppress(FileExistsError):
        _mkdir(path)
    if not stat.S_ISDIR(_lstat(path).st_mode):
        raise NotADirectoryError(path)


class Files:
    """The files of this box, and which of them the other box has."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, int, int]] = {}

    def _found(self) -> "dict[str, tuple[int, int, int]]":
        """Return (kind, size, time) of each of our files below `PLACE`; folders have size and time 0."""
        found: dict[str, tuple[int, int, int]] = {}
        own = _uid()
        waiting = [PLACE]
        while waiting:
            try:
                entries = list(_scan(waiting.pop()))
            except OSError:
                continue
            for entry in entries:
                about = entry.stat(follow_symlinks=False)
                if about.st_uid != own or len(found) >= MAX_FILES:
                    continue
                if stat.S_ISDIR(about.st_mode):
                    found[entry.path] = (1, 0, 0)
                    waiting.append(entry.path)
                elif stat.S_ISREG(about.st_mode):
                    found[entry.path] = (0, about.st_size, about.st_mtime_ns)
        return found

    def changes(self) -> list[Any]:
        """Return what changed since the last call: [path, bytes], or [path, True] for a folder, or [path, None] if removed.

        Raises:
            NoData: the changed files have more than `MAX_BYTES` in all.
        """
        found = self._found()
        made: list[Any] = []
        n_bytes = 0
        for path, about in sorted(found.items()):
            if self.known.get(path) == about:
                continue
            if about[0]:
                made.append([path, True])
                continue
            n_bytes += about[1]
            if n_bytes > MAX_BYTES:
                raise NoData("more than 16 MiB of files")
            try:
                with _open(path, "rb") as file:
                    made.append([path, file.read()])
            except OSError:
                continue
        made += [[path, None] for path in sorted(set(self.known) - set(found), reverse=True)]
        self.known = found
        return made

    def take(self, changes: Iterable[Any]) -> None:
        """Apply the other box's changes; nothing outside `PLACE` is touched, and no link is followed."""
        for path, content in changes:
            parts = str(path).split("/")
            is_below = parts[:2] == ["", PLACE[1:]] and len(parts) > 2 and set(parts[2:]).isdisjoint(_NO_NAMES)
            if type(path) is not str or not is_below:
                continue
            try:
                for n in range(3, len(parts)):
                    _folder("/".join(parts[:n]))
                if content is None:
                    (_rmdir if stat.S_ISDIR(_lstat(path).st_mode) else _unlink)(path)
                elif content is True:
                    _folder(path)
                else:
                    with _open(path, "wb") as file:
                        file.write(content)
            except OSError:
                continue
        self.known = self._found()


def state_now() -> "list[Any]":
    """Return what a call depends on besides its arguments: random states (Python, numpy), environment, folder."""
    numpy = sys.modules.get("numpy")
    return [random.getstate(), numpy and numpy.random.get_state(), dict(os.environ), here()]


def set_state(state: "list[Any]") -> None:
    """Restore what `state_now` returned; a part that is None is left alone."""
    seeds, arrays, environment, folder = state
    numpy = sys.modules.get("numpy")
    if seeds != random.getstate():
        random.setstate(seeds)
    if arrays and numpy:
        numpy.random.set_state(arrays)
    if environment is not None and environment != dict(os.environ):
        os.environ.clear()
        os.environ.update(environment)
    if folder is not None:
        with contextlib.suppress(OSError):
            _chdir(folder)


def changeable(given: Iterable[Any]) -> "list[Any]":
    """Return the arguments that a call can change in place and that are sent back after it."""
    return [value for value in given if type(value) in (list, dict, set)]


def change(ours: "list[Any]", theirs: Any) -> None:
    """Give the test's arguments the contents that the program's copies have after a call."""
    if type(theirs) is not list or len(theirs) != len(ours):
        return
    for own, other in zip(ours, theirs):  # noqa: B905 - strict came with Python 3.10
        if type(own) is not type(other) or _same(own, other):
            continue
        own.clear()
        (own.extend if type(own) is list else own.update)(other)


def _same(own: Any, other: Any) -> bool:
    try:
        return bool(own == other)
    except Exception:  # arrays and tables in them have no one answer
        return False
