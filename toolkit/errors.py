"""The two kinds of errors that commands and the public functions raise, and a message's help with misspelt names."""

import contextlib
import errno
import os
from collections.abc import Collection, Iterator

from sandbox.errors import InfrastructureError as InfrastructureError
from sandbox.errors import UsageError as UsageError
from sandbox.registry import nearest as nearest


def check_one_of(label: str, given: str, known: Collection[str]) -> None:
    """Raise `UsageError` unless a setting is one of the names that are known; the text has them, and the nearest."""
    if given not in known:
        raise UsageError(f"{label} is one of {', '.join(known)}, not {given!r}{nearest(given, known)}")


def missing(error: ImportError) -> str:
    """Say how to get the package that an import did not find; all that models need are in one extra."""
    return f'{error}; models and endpoints need more packages: pip install "exogate[train]"'


@contextlib.contextmanager
def room() -> Iterator[None]:
    """Raise `InfrastructureError` where the system says that a disk is full, as that of temporary files may be."""
    try:
        yield
    except OSError as error:
        # tempfile tries all folders that it knows, and then says only that it found none
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and "temporary directory" not in str(error.strerror):
            raise
        where = error.filename or os.environ.get("TMPDIR") or "a temporary folder or the cache"
        remedy = "make room there, or name other folders with TMPDIR and TOOLKIT_CACHE"
        raise InfrastructureError(f"{where}: {error.strerror}; {remedy}") from None
