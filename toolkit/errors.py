"""The two kinds of errors that commands and the public functions raise, and a message's help with misspelt names."""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

from sandbox.errors import InfrastructureError as InfrastructureError
from sandbox.errors import UsageError as UsageError


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


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'compile'?` for a misspelt word, or an empty text when no known one is near."""
    import difflib

    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
