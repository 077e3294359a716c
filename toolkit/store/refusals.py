"""Why a run folder cannot be used."""

import errno
from pathlib import Path

from toolkit.errors import InfrastructureError, UsageError


class RunExists(UsageError):
    """The folder already holds a run."""


class NoRun(UsageError):
    """The folder holds no run."""


class RunFolderError(InfrastructureError):
    """The run folder cannot be used; the text says why, and what to do."""


class RunInUse(RunFolderError):
    """Another process is writing the same folder."""


class RunFolderUnwritable(RunFolderError):
    """The operating system refused a write: disk full, quota, input/output error, no permission. Nothing is lost."""

    def __init__(self, path: Path, error: OSError) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space there" if full else "make it writable, or choose another --output"
        super().__init__(f"{path}: {error.strerror}; {remedy}, then go on with --resume")
