"""The facts of one program's run, with units. None of them means 'accepted'."""

from dataclasses import dataclass
from enum import StrEnum

KEPT_BYTES, MOST_KEPT_BYTES = 1 << 20, 64 << 20
"""Bytes kept of each standard stream; and of standard output, if so many are asked for (`images/box/job.py`)."""


class Status(StrEnum):
    """How a program ended."""

    EXITED = "exited"
    SIGNALED = "signaled"
    TIMED_OUT = "timed_out"
    MEMORY_EXCEEDED = "memory_exceeded"
    OUTPUT_EXCEEDED = "output_exceeded"
    VIOLATED = "violated"
    """It wrote something that is not an answer into the channel of its answers, or more answers than it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One program's run in a box.

    Attributes:
        status: how it ended.
        exit_code: 0 to 255 when `exited`, minus the signal's number when `signaled`, else None.
        stdout, stderr: the first bytes written, of each 1 MiB or what was asked for, decoded as UTF-8 with replacement.
        charged_s: seconds from fork to end, less the time spent waiting for a processor; what `Limits.charged_s` bounds.
        cpu_s: CPU seconds, user and system, of the program and its reaped children.
        memory_peak_bytes: resident set of its largest process at its peak.
        truncated: whether more was written to stdout or stderr than is kept here.
    """

    status: Status
    exit_code: int | None
    stdout: str
    stderr: str
    charged_s: float
    cpu_s: float
    memory_peak_bytes: int
    truncated: bool
