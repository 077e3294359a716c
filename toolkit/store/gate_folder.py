"""The folder of a gate run: accepted rows, rejected rows and a summary, all of them or none."""

import contextlib
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

from toolkit.errors import UsageError
from toolkit.store.files import check_output, together, writing

ACCEPTED, REJECTED, SUMMARY = FILES = ("accepted.jsonl", "rejected.jsonl", "summary.json")
REMEDY = "; nothing was written. Make room there, or choose another --output"


def choose(output: Path | None, *, overwrite: bool) -> Path:
    """Return the folder to write to: `output`, else a new one under `runs`.

    Raises:
        UsageError: it already has such files, or is not a folder.
    """
    stem = time.strftime("gate-%Y%m%d-%H%M%S")
    names = (Path("runs", stem + (f"-{n}" if n > 1 else "")) for n in count(1))
    folder = output or next(path for path in names if not path.exists())
    check_output(folder, is_folder=True)
    found = next((name for name in FILES if os.path.lexists(folder / name)), None)
    if found and not overwrite:
        raise UsageError(f"{folder} has {found} already; replace it (--overwrite), or choose another --output")
    return folder


@contextlib.contextmanager
def written(folder: Path) -> Iterator[dict[str, IO[bytes]]]:
    """Open the files of a run; if anything fails, none remains. Raise `InfrastructureError` if the disk refuses."""
    is_new = not folder.exists()
    try:
        with together(folder, FILES, lambda: writing(folder, REMEDY)) as files:
            yield files
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
