"""The two ways in which a command ends without a result."""

import contextlib
import errno
import os
from collections.abc import Iterator

from sandbox.registry import nearest as nearest


class UsageError(Exception):
    """What was asked for cannot be done as asked: exit code 2."""


class InfrastructureError(Exception):
    """Something of ours failed: exit code 3."""


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
