"""What a program may use; `execution.py` has what it used."""

import math
from dataclasses import dataclass, fields

from sandbox.errors import BadValue

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one program, all finite.

    Attributes:
        charged_s: seconds that one program (or one call, in a call session) may take, CPU time and voluntary waiting;
            time spent waiting for a busy processor is not charged. Exceeded: `timed_out`.
        cpu_s: CPU seconds of all the program's processes together. Exceeded: `timed_out`.
        memory_bytes: memory of one process at its peak, the interpreter included; and memory and swap of all the program's
            processes and files together, with `engines.base.OVERHEAD_BYTES` on top. Exceeded: `memory_exceeded`. Only at
            the second bound does the kernel kill a process, so a peak can be that much over `memory_bytes`.
        processes: processes and threads at one time. Exceeded: `fork` fails with EAGAIN.
        output_bytes: bytes on standard output and standard error together. Exceeded: `output_exceeded`.
        disk_bytes: bytes of files, all in memory, cleared after the program. Exceeded: ENOSPC.
        open_files: descriptors of one process. Exceeded: EMFILE.

    Raises:
        BadValue: a value is not a finite positive number, or not an integer where units are bytes or counts.
    """

    charged_s: float = 10.0
    cpu_s: float = 20.0
    memory_bytes: int = 1024 * MIB
    processes: int = 64
    output_bytes: int = MIB
    disk_bytes: int = 64 * MIB
    open_files: int = 256

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadValue(f"{field.name} must be a number, not {value!r}")
            if not math.isfinite(value) or value <= 0:
                raise BadValue(f"{field.name} must be finite and above 0, not {value!r}")
            if field.name[-2:] != "_s" and not isinstance(value, int):
                raise BadValue(f"{field.name} must be an integer, not {value!r}")
        if self.memory_bytes < 64 * MIB:
            raise BadValue("memory_bytes must be at least 64 MiB: a Python interpreter needs that much to start")
        if self.processes < 2:
            raise BadValue("processes must be at least 2: the program itself and one thread or child")
        if self.open_files < 16:
            raise BadValue("open_files must be at least 16: the interpreter holds several")
