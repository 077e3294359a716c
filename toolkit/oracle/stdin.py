"""Programs that read standard input: one process for each case, and the host compares what it printed.

Lines are compared without surrounding white space, as text or else as decimal numbers, as LiveCodeBench does. Only printed
output counts: no file or exit code makes up for it.
"""

import contextlib
import threading
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from sandbox import Box, BoxOutOfMemory, Execution, Status
from sandbox.conversation import text_of
from sandbox.execution import KEPT_BYTES, MOST_KEPT_BYTES
from toolkit.oracle.base import Findings, Judge, Rules
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, earned, of_end
from toolkit.records import Stdin, Task, Verdict

MAX_DIGITS = 10_000
"""Longest word that is compared as a number, in characters; longer ones have to be equal as text."""
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")
_LARGE = threading.Lock()
"""Outputs of which more than usual is kept are compared one at a time, so that memory does not grow with the boxes."""


def judge(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> Findings:
    """Run the program on each case until one is wrong. Each may take `timeout_s`. Raises as `Box.run`."""
    tests = task.tests_as(Stdin)
    program = "\n".join(filter(None, (tests.before, solution, tests.after)))
    limits = replace(rules.limits, charged_s=rules.timeout_s, cpu_s=2 * rules.timeout_s)
    n_right = 0
    for given, wanted in tests.cases:
        kept = min(max(KEPT_BYTES, 2 * len(wanted.encode())), MOST_KEPT_BYTES)
        try:
            execution = box.run(program, stdin=given.encode(), limits=limits, kept_bytes=kept)
        except BoxOutOfMemory:
            return Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX), None
        facts.add(execution)
        with _LARGE if kept > KEPT_BYTES else contextlib.nullcontext():
            finding = _wrong(execution, wanted, f"in case {n_right}", kept)
        if finding is not None:
            return finding, None
        n_right += 1
    return earned(len(tests.cases), n_right), None


def _wrong(execution: Execution, wanted: str, where: str, kept: int) -> Finding | None:
    """Return what is wrong with a run, or None."""
    if execution.status is not Status.EXITED or execution.exit_code:
        last = text_of(execution.stderr.rstrip().rpartition("\n")[2].encode())
        if execution.exit_code == 1 and last.startswith(_SYNTAX) and not execution.stderr.startswith("Traceback"):
            return Finding(Verdict.COMPILE_ERROR, last)
        return Finding(Verdict.RUNTIME_ERROR, f"{where}: {last}") if execution.exit_code == 1 else of_end(execution, where)
    if execution.truncated and len(execution.stdout.encode()) >= kept:  # else it is standard error that was cut
        return Finding(Verdict.OUTPUT_LIMIT, where)
    if same_output(execution.stdout, wanted):
        return None
    return Finding(Verdict.WRONG_ANSWER, f"{where}: other output than expected")


def same_output(got: str, wanted: str) -> bool:
    """Return whether two outputs are the same: line by line, as text or as numbers.

    There are never more lines and words of what a program printed than of what is wanted.
    """
    got, wanted = got.strip(), wanted.strip()
    if got == wanted:
        return True
    return got.count("\n") == wanted.count("\n") and all(map(_same_line, got.split("\n"), wanted.split("\n")))


def _same_line(one: str, other: str) -> bool:
    if (one := one.strip()) == (other := other.strip()):
        return True
    others = other.split()
    words = one.split(maxsplit=len(others))  # what is too many stays in one piece
    if len(words) != len(others) or max(map(len, words + others), default=0) > MAX_DIGITS:
        return False
    try:
        return all(Decimal(word) == Decimal(wanted) for word, wanted in zip(words, others, strict=True))
    except InvalidOperation:
        return False


JUDGE = Judge(
    findings=judge,
    canary=Stdin(cases=(("1\n", "2\n"), ("2.5\n", "5.00\n")), after="\n0\n\nprint(double(float(input())))\n"),
)
