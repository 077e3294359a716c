"""Does it pass its own tests? Those that came with the program (`Solution.test`), by the oracle's rules.

The tests run in another box and call the program through the host with plain data; the two never share a process, a user
id or a container. No exit code, printed text or file decides: a program passes when the tests reach their end and have
called it. A model may have written the tests too, so they are bound by limits as well.

A test is a `check(candidate)`, or statements (asserts) that call the program's functions by name, at top level or in
functions `test_...` without parameters; `from solution import name` works too. `candidate` is the entry point: the
solution's, else the last function that the program defines at top level. Every other name that the test neither defines
nor imports is the program's; but a builtin is Python's, and so is what a module such as `math` holds, whatever the program
defines (where the solution names its entry point, that one is the program's in any case).

This is stricter than tests in the program's own process: a call that raises refuses the program, even if the test would
catch it; what a program does to its arguments is not seen; a result that is not plain data equals nothing. A test that
creates objects of the program's classes, or passes functions to it, is refused as `test-not-applicable`. A missing or
broken test, or one that never calls the program, is refused too: it is no evidence.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import ClassVar

from gates.base import Finding, Gate, Report, Solution, cut, of_end, of_frame, refused, within
from sandbox import Box, BoxOutOfMemory, Ending, Sandbox, Status, converse
from sandbox.conversation import MANY, text_of
from sandbox.wire import codec

TEST_S = 10.0
"""Seconds for the tests themselves, not counting the time they wait for the program."""
MAX_CALLS = 20_000
"""Most calls that a test may make: what the host does for each is charged neither to the test nor to the program."""
MAX_CALL, MAX_SHOWN = 1000, 200
"""Longest encoded call that is shown, in bytes; longest text that is shown of it, in characters."""
_CALLED = """

0


def _exogate_called(name, arguments, keywords):
    if name not in globals():
        raise NameError(f"{name} is not defined")
    if getattr(globals()[name], "__module__", "") == __name__ and isinstance(globals()[name], type):
        raise type("NotApplicable", (Exception,), {})(f"{name} is a class, whose objects are no plain data")
    return globals()[name](*arguments, **keywords)
"""
"""Appended to the program. The lone statement keeps an open bracket or block of the program from swallowing it."""


@dataclass(frozen=True, kw_only=True)
class Tests(Gate):
    """Refuses programs that fail their own tests. Score: 1 or 0.

    Attributes:
        timeout: charged seconds of the program for all of them.
    """

    name: ClassVar[str] = "tests"
    cost: ClassVar[float] = 200
    image: ClassVar[str | None] = "run"
    worst: ClassVar[float | None] = 0.0
    version: ClassVar[int] = 3
    timeout: float = within(5.0, 0, 3600, above=True)

    def depends(self, solution: Solution) -> list[str | None]:
        """Return the program, its tests and its entry point."""
        return [solution.code, solution.test, solution.entry_point]

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Test each, in two boxes."""
        return sandbox.map(lambda box, solution: self._check(box, solution, sandbox), solutions, failed=self.failed)

    def _check(self, box: Box, solution: Solution, sandbox: Sandbox) -> Report:
        started = monotonic()
        n_calls = 0
        try:
            if (solution.test or "").strip():
                findings, n_calls = self._converse(box, solution, sandbox)
            else:
                findings = [refused("no-tests", "no tests came with the program")]
        except BoxOutOfMemory:
            findings = [refused("memory-limit", "needed more than the memory limit")]
        except codec.CodecError as error:
            findings = [refused("test-broken", str(error))]
        seconds = round(monotonic() - started, 6)
        return self.report(findings, float(not findings), values={"calls": n_calls}, seconds=seconds)

    def _converse(self, box: Box, solution: Solution, sandbox: Sandbox) -> tuple[list[Finding], int]:
        """Return (at most one finding against the program, number of calls that the test made)."""
        last = ["candidate", *re.findall(r"^\ufeff?(?:async +)?def +(\w+)", solution.code, re.M)][-1]
        limits = replace(box.limits, charged_s=self.timeout, cpu_s=2 * self.timeout)
        bounds = replace(box.limits, charged_s=TEST_S, cpu_s=2 * TEST_S)
        with (
            sandbox.box("run", "test") as other,
            box.calls(solution.code + _CALLED, "_exogate_called", limits=limits) as program,
            other.asserts(solution.test or "", solution.entry_point, last, limits=bounds) as test,
        ):
            ending = converse(program, test, most=MAX_CALLS)
            end = program.end()
            violated = [of_end(end, "beside its answers")] if end.status is Status.VIOLATED else []
            return violated or list(_findings(ending)), ending.n_calls


def _findings(ending: Ending) -> Iterator[Finding]:
    """Yield at most one finding against the program."""
    where = f"in call {ending.n_calls - 1}{_shown(ending.call)}" if ending.loaded else "while it was loaded"
    name, _, text = text_of(ending.body).partition(": ")
    if ending.kind == codec.RAISED and name == "NotApplicable":
        yield refused("test-not-applicable", text)
    elif ending.kind == codec.RAISED and name == MANY:
        yield refused("time-limit", text)
    elif not ending.by_test and ending.execution is not None:
        yield of_end(ending.execution, where)
    elif not ending.by_test:
        yield of_frame(ending.kind, ending.body, where)
    elif ending.kind == codec.RAISED and ending.n_calls:
        yield refused("wrong-answer", text)
    elif ending.kind == codec.RAISED:
        yield refused("test-broken", text if name == "Failed" else text_of(ending.body))
    elif ending.execution is not None:
        yield of_end(ending.execution, f"in the test, after {ending.n_calls} calls")
    elif not ending.n_calls:
        yield refused("test-calls-nothing", "the test has ended without a call of the program")


def _shown(call: bytes) -> str:
    """Return a call in Python's notation, shortened; an empty text if it is too long, or malformed."""
    if len(call) > MAX_CALL:
        return ""
    try:
        ((name, arguments, keywords),) = codec.decode(call)
        shown = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in keywords.items())])
        return cut(f", {name}({shown})", MAX_SHOWN)
    except Exception:
        return ""
