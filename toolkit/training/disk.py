"""Texts and tokens in temporary files without a name: what training holds in memory does not grow with its data."""

import contextlib
import os
import pickle
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Generic, TypeVar, overload

from toolkit.store.files import writing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")


def _writing() -> contextlib.AbstractContextManager[None]:
    return writing(Path(tempfile.gettempdir()), "; set TMPDIR to a folder with room for the training data")


def _file() -> IO[bytes]:
    with _writing():
        return tempfile.TemporaryFile()


class OnDisk(Sequence[T], Generic[T]):
    """A sequence whose items are in a file; memory has eight bytes of each.

    Raises:
        InfrastructureError: the file cannot be made, or the disk is full.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._file, self._ends, self._is_flushed = _file(), array("q", [0]), True
        weakref.finalize(self, self._file.close)
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add an item, which pickle must be able to write."""
        data = pickle.dumps(item)
        with _writing():
            self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))
        self._is_flushed = False

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        if not self._is_flushed:
            with _writing():
                self._file.flush()
            self._is_flushed = True
        start, end = self._ends[index % len(self)], self._ends[index % len(self) + 1]
        item: T = pickle.loads(os.pread(self._file.fileno(), end - start, start))
        return item

    def __iter__(self) -> Iterator[T]:
        return (self[i] for i in range(len(self)))


def rows(blocks: Iterable[Sequence[int]], length: int, padding: int) -> "NDArray[np.int32]":
    """Return n blocks x `length` numbers, mapped from a file; a shorter block is padded.

    Raises:
        InfrastructureError: the file cannot be made, or the disk is full.
    """
    import numpy as np

    n = 0
    with _file() as file:
        with _writing():
            for block in blocks:
                file.write(np.array([*block, *[padding] * (length - len(block))], np.int32).tobytes())
                n += 1
            file.flush()
        if not n:
            return np.empty((0, length), np.int32)
        return np.memmap(file, np.int32, "r", shape=(n, length))
