"""Findings: what one part of the tests showed. `earned` is the only place that says passed."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox import Ending, Execution, SandboxError, Status
from sandbox.conversation import text_of
from sandbox.wire import codec
from toolkit.oracle import shown
from toolkit.records import FailedCall, Verdict

_ENDS = {
    Status.TIMED_OUT: Verdict.TIME_LIMIT,
    Status.MEMORY_EXCEEDED: Verdict.MEMORY_LIMIT,
    Status.OUTPUT_EXCEEDED: Verdict.OUTPUT_LIMIT,
}
OF_THE_BOX = "the whole box ran out of memory"
"""Detail of a program that brought its box down. It names no box, since that differs from run to run."""


class BrokenTest(SandboxError):
    """A test that fails by itself or calls nothing: it is no evidence about any program."""


@dataclass(slots=True)
class Finding:
    """What one part of the tests showed.

    Attributes:
        detail: one line, the same in every run; at most 500 characters.
        failed: the call that it is about, for display.
        shared: the tests ran in the program's own process.
    """

    verdict: Verdict
    detail: str = ""
    failed: FailedCall | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        self.detail = self.detail[:500]


@dataclass(slots=True)
class Facts:
    """The cost of judging one sample. It is measured, so it differs from run to run.

    Attributes:
        seconds: wall time.
        charged_s, cpu_s, memory_peak_bytes: of the program, as in `Execution`.
        cached: the verdict was stored, or was reached for an equal solution in this run.
    """

    seconds: float = 0.0
    charged_s: float = 0.0
    cpu_s: float = 0.0
    memory_peak_bytes: int = 0
    cached: bool = False

    def add(self, execution: Execution) -> None:
        """Add one run of the program."""
        self.charged_s = round(self.charged_s + execution.charged_s, 6)
        self.cpu_s = round(self.cpu_s + execution.cpu_s, 6)
        self.memory_peak_bytes = max(self.memory_peak_bytes, execution.memory_peak_bytes)


def at_call(
    finding: Finding,
    call: int,
    asked: Callable[[], bytes],
    expected: Callable[[], bytes | None],
    got: bytes | None = None,
    *,
    said: bytes | None = None,
) -> Finding:
    """Return a finding with its failed call added, or unchanged if that cannot be shown; the verdict stays the same.

    Args:
        call: the call's number, from 0.
        asked: returns the call (`codec.encode_batch` of one).
        expected: returns the right answer, or None if it is not known.
        got: the answer, if there was one.
        said: the frame about the exception, if there was one.
    """
    with contextlib.suppress(Exception):  # it is only to look at
        right = expected()
        finding = replace(finding, failed=FailedCall(
            call=call, input=shown.call(asked()), expected=None if right is None else shown.value(right),
            got=shown.value(got) if got is not None else shown.text(text_of(said)) if said is not None else None,
        ))  # fmt: skip
    return finding


def earned(n_calls: int, n_right: int) -> Finding:
    """Return PASSED for a part of `n_calls` calls if `n_right`, the calls shown to be answered correctly, is all of them.

    Raises:
        ValueError: there are no calls, or not all of them were.
    """
    if not 0 < n_calls == n_right:
        raise ValueError(f"{n_right} of {n_calls} answers are known to be right: that is no pass")
    return Finding(Verdict.PASSED)


def of_frame(kind: bytes, body: bytes, where: str) -> Finding:
    """Judge an answer that is not a value."""
    text = text_of(body)
    if text.startswith("MemoryError"):
        return Finding(Verdict.MEMORY_LIMIT, f"{where}: {text}")
    if kind == codec.COMPILE_ERROR:
        return Finding(Verdict.COMPILE_ERROR, text)
    if kind == codec.UNENCODABLE:
        return Finding(Verdict.WRONG_ANSWER, f"{where}: the value is no plain data ({text})")
    return Finding(Verdict.RUNTIME_ERROR, f"{where}: {text}")


def of_end(execution: Execution, where: str) -> Finding:
    """Judge a program that ended instead of answering."""
    if execution.status in _ENDS:
        return Finding(_ENDS[execution.status], where)
    if execution.status is Status.VIOLATED:
        return Finding(Verdict.RUNTIME_ERROR, f"{where}: what the program wrote as its answers is none, or too many")
    code = execution.exit_code or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Finding(Verdict.RUNTIME_ERROR, f"{where}: the program ended itself ({how})")


def of_ending(ending: Ending) -> Finding:
    """Judge a program by how the benchmark's test of it ended. Raises `SandboxError` if the test itself is at fault."""
    if not ending.by_test:
        where = f"in call {ending.n_calls - 1}" if ending.loaded else "while it was loaded"
        if ending.execution is not None:
            return of_end(ending.execution, where)
        if not ending.kind:
            return Finding(Verdict.RUNTIME_ERROR, text_of(ending.body))
        return of_frame(ending.kind, ending.body, where)
    if ending.execution is not None:
        return of_end(ending.execution, f"in the test, after call {ending.n_calls}")
    if not ending.n_calls and ending.kind == codec.RAISED:
        raise BrokenTest(f"the benchmark's test fails before its first call: {ending.body[:200]!r}")
    if not ending.n_calls:
        raise BrokenTest("the benchmark's test ended without a call of the candidate")
    if ending.kind == codec.RAISED:
        name = ending.body.decode("utf-8", "replace").split(":")[0]
        return Finding(Verdict.WRONG_ANSWER, f"after call {ending.n_calls - 1}: the test raised {name}")
    if ending.kind != codec.ENDED:
        raise BrokenTest(f"the benchmark's test ended with a frame of kind {ending.kind!r}")
    return earned(ending.n_calls, ending.n_answered)
