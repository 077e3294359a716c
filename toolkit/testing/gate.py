"""What every gate promises: one report per program, in order, the same each time, bounded, whatever the program is."""

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass, replace

from gates import All, Gate, Report, Solution
from gates.base import MAX_TEXT, refused, unfit
from sandbox import Sandbox, open_engine, recipes
from toolkit.testing.suite import Suite, equal, held

PLAIN = (
    '"""A square."""\n\n\ndef square(x):\n    """Return x squared."""\n    return x * x\n',
    "import math\n\n\ndef area(r):\n    return math.pi * r ** 2\n",
    "x = 1\n",
)
HOSTILE = (
    "",
    "def f(:\n",
    "\f\n\t",
    "(" * 500,
    "print('passed')\nraise SystemExit(0)\n",
    "import os\nos._exit(0)\n",
    "x = '" + "é" * 10_000 + "'\n",
    "# pylint: disable=all\n" * 300,
)
UNFIT = ("x = 1\0", "x = '\ud800'", "#" * (MAX_TEXT + 1))
MAX_AHEAD = 5_000
"""Most programs that a gate which does not compare them may consume before its first report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A gate, boxes, and programs that it must accept and refuse."""

    gate: Gate
    sandbox: Sandbox
    accepts: Sequence[Solution] = ()
    refuses: Sequence[Solution] = ()

    def reports(self, solutions: Sequence[Solution]) -> list[Report]:
        """Return one report for each, without the seconds."""
        found = list(self.gate.check_many(iter(solutions), self.sandbox))
        equal(len(found), len(solutions), "the number of reports")
        return [replace(report, seconds=0.0) for report in found]

    @property
    def programs(self) -> list[Solution]:
        """Programs of all sorts; they have tests, which gates that want them run."""
        own = [*self.accepts, *self.refuses]
        return [*own, *(Solution(code=code, test="assert True", entry_point="square") for code in (*PLAIN, *HOSTILE))]


GATE: Suite[Subject] = Suite()
"""The checks."""


def check_gate(
    gate: Gate,
    *,
    accepts: Sequence[Solution | str] = (),
    refuses: Sequence[Solution | str] = (),
    sandbox: Sandbox | None = None,
    skip: Collection[str] = (),
) -> None:
    """Check what gates promise.

    Args:
        accepts: programs that the gate must accept, all in one call.
        refuses: programs that it must refuse, all in one call.
        sandbox: boxes; None opens the engine that `TOOLKIT_ENGINE` names.
        skip: names of checks in `GATE`.

    Raises:
        Nonconforming: one line for each check that failed.
        SandboxError: there is no engine.
    """
    def solutions(given: Sequence[Solution | str]) -> list[Solution]:
        return [Solution(code=one) if isinstance(one, str) else one for one in given]

    with ExitStack() as stack:
        if sandbox is None:
            engine = open_engine()
            stack.callback(engine.close)
            sandbox = stack.enter_context(Sandbox(engine, 2))
        GATE.run(Subject(gate=gate, sandbox=sandbox, accepts=solutions(accepts), refuses=solutions(refuses)), skip)


@GATE
def it_is_what_it_says_of_itself(it: Subject) -> None:
    gate = type(it.gate)
    held(isinstance(it.gate, Gate) and is_dataclass(gate), f"{gate.__name__} is no dataclass that is a Gate")
    held(gate.__dataclass_params__.frozen, f"{gate.__name__} is not frozen")  # type: ignore[attr-defined]
    held(re.fullmatch(r"[a-z][a-z0-9-]*(~.*)?", it.gate.name), f"its name is {it.gate.name!r}: small letters, digits and -")
    held(gate.__doc__ and not gate.__doc__.startswith(f"{gate.__name__}("), "its class has no docstring, which --help shows")
    held(isinstance(it.gate.cost, int | float) and it.gate.cost >= 0, f"its cost is {it.gate.cost!r}")
    held(type(it.gate.version) is int, f"its version is {it.gate.version!r}")
    held(it.gate.image in (None, recipes.RUN, recipes.LINT), f"its image is {it.gate.image!r}")
    held(type(it.gate.compares) is bool, f"compares is {it.gate.compares!r}")


@GATE
def what_it_decides_by_is_plain(it: Subject) -> None:
    settings = it.gate.settings()
    equal(json.loads(json.dumps(settings)), settings, "settings, written and read,")
    names = {field.name for field in fields(it.gate) if not isinstance(getattr(it.gate, field.name), Gate)}
    held(names <= set(settings), f"settings lack {', '.join(sorted(names - set(settings)))}: stored reports depend on them")
    for solution in it.programs:
        parts = it.gate.depends(solution)
        held(all(isinstance(part, str | None) for part in parts), f"depends returns {parts!r}")


@GATE
def each_program_has_its_report_in_order(it: Subject) -> None:
    programs = it.programs
    for solution, report in zip(programs, it.reports(programs), strict=True):
        what = f"of {solution.code[:40]!r}: {report}"
        held(type(report) is Report and report.gate == it.gate.name, f"the report's gate is another, {what}")
        equal(report.passed, not any(found.decisive for found in report.findings), f"passed, {what}")
        held(report.score is None or math.isfinite(report.score), f"the score is no finite number, {what}")
        equal(Report.from_row(json.loads(json.dumps(report.to_row()))), report, f"the report, written and read, {what}")
    equal(it.reports([]), [], "the reports on no program")


@GATE
def the_same_program_has_the_same_report(it: Subject) -> None:
    programs = it.programs
    first = it.reports(programs)
    equal(it.reports(programs), first, "what was said the second time")
    if not it.gate.compares:
        for solution, report in list(zip(programs, first, strict=True))[:6]:
            equal(it.reports([solution]), [report], "what was said of it alone")


@GATE
def a_text_that_is_none_costs_its_own_row(it: Subject) -> None:
    programs = [Solution(code=UNFIT[0]), *it.programs[:2], *(Solution(code=text) for text in UNFIT[1:])]
    reports = [each for (each,) in All(gates=[it.gate]).check_many(programs, it.sandbox)]
    refusals = [unfit(one) in report.findings for one, report in zip(programs, reports, strict=True)]
    equal(refusals, [True, False, False, True, True], "what was refused unseen")
    unseen = it.gate.unseen(refused("x", "x"))
    equal((unseen.passed, unseen.score, unseen.gate), (False, it.gate.worst, it.gate.name), "the report on what is unseen")


@GATE
def examples_are_decided_as_they_should_be(it: Subject) -> None:
    for name, programs, wanted in (("accepts", it.accepts, True), ("refuses", it.refuses, False)):
        wrong = [report for report in it.reports(programs) if report.passed != wanted] if programs else []
        held(not wrong, f"{len(wrong)} of what it {name}: {wrong[:3]}")


@GATE
def programs_are_taken_as_they_are_needed(it: Subject) -> None:
    if it.gate.compares:
        return
    taken = 0

    def endless() -> Iterator[Solution]:
        nonlocal taken
        while True:
            taken += 1
            held(taken <= MAX_AHEAD, f"it takes {MAX_AHEAD} programs before its first report")
            yield Solution(code=f"x = {taken}\n", test="assert True")

    reports = it.gate.check_many(endless(), it.sandbox)
    next(reports)
    if isinstance(reports, Iterator) and hasattr(reports, "close"):
        reports.close()
