"""Programs that a test starts, and does not leave behind whatever becomes of the test."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@contextmanager
def started(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """`Popen`, killed at the end: its own `with` waits for ever on a program that a failed test forgot."""
    with subprocess.Popen([str(word) for word in command], **options) as process:
        try:
            yield process
        finally:
            process.kill()


def peak_rss_kib(command: Sequence[object], *, exit_code: int = 0) -> int:
    """The most resident memory of a command that ends with `exit_code`.

    Asked of a small process in between: what a child has at its fork, a copy of this suite with all it imports, counts as its peak.
    """
    words = [sys.executable, "-c", PEAK, *(str(word) for word in command)]
    code, peak = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert code == str(exit_code)
    return int(peak)


@contextmanager
def busy(n: int) -> Iterator[None]:
    """n processes that take all the processor they get."""
    with ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(started([sys.executable, "-c", "while True: pass"]))
        yield
