"""Whether a proposal holds: it runs, always answers the same, calls the base function, and its tests notice what is wrong.

Nothing that is proposed runs outside a box. The host reads what it answers as plain data, bounded in size.
"""

import ast
import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox import Box, Status
from sandbox.wire import codec
from toolkit.builder.bases import Base, answer, row_of, task_of
from toolkit.builder.mutants import mutants
from toolkit.builder.proposals import Proof, Proposal
from toolkit.builder.values import Refused, asserts, source
from toolkit.oracle import Oracle
from toolkit.oracle.findings import Facts, Finding
from toolkit.records import Task, Verdict

LEAST_TESTS = 3
MAX_MUTANTS = 60
MAX_CONSTANTS = 3
"""Values that the base function is replaced by, besides None."""
MAX_TEXT = 8_000
"""Characters of a problem or a solution."""
_ELSEWHERE = """\
import os, subprocess, sys
found = subprocess.run([sys.executable, "-"], input={program!r}, text=True, env={{**os.environ, "PYTHONHASHSEED": "1"}})
sys.exit(found.returncode and 1)
"""
_TRACED = """\
_counts = []


def _traced(function, before):
    depth = 0

    def call(*arguments, **keywords):
        nonlocal depth
        if not depth:
            before()
        depth += 1
        try:
            return function(*arguments, **keywords)
        finally:
            depth -= 1

    return call


def _count():
    if _counts:
        _counts[-1] += 1


{base} = _traced({base}, _count)
{program}
{name} = _traced({name}, lambda: _counts.append(0))
{tests}
import json as _json
print()
print(_json.dumps(_counts))
"""


class _Fails(Exception):
    def __init__(self, reason: str, repair: str = "", bad: tuple[int, ...] = ()) -> None:
        self.proof = Proof(reason=reason, repair=repair, bad=bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """Checks proposals in boxes of `oracle.pool`.

    Attributes:
        timeout_s: of one answer of a solution, and of one run of its tests; the pool's limits bound the rest.
    """

    oracle: Oracle
    timeout_s: float = 5.0

    def prove(self, box: Box, base: Base, proposal: Proposal) -> Proof:
        """Return what the checks find; the first that fails ends them. Raises `SandboxError`."""
        try:
            return self._prove(box, base, proposal)
        except _Fails as failed:
            return failed.proof
        except (RecursionError, MemoryError):  # of its text, which is parsed here and runs in boxes
            return Proof(reason="it is nested too deep")

    def _prove(self, box: Box, base: Base, proposal: Proposal) -> Proof:
        if proposal.drop:
            raise _Fails(f"dropped: {proposal.drop}")
        new = proposal.problem + proposal.solution
        name = _static(base, new)
        values = self._answers(box, base.program + new, name, proposal)
        try:
            tests = asserts(name, proposal.inputs, values, unordered=proposal.unordered)
            task = task_of(row_of(base, proposal.problem, proposal.solution, tests))
        except (LookupError, TypeError, ValueError, SyntaxError) as error:
            raise _Fails(f"no task can be made of it: {error}") from None
        if task.entry_point != name:
            raise _Fails(f"its tests are taken to be about {task.entry_point}, not {name}")
        if (found := self._found(task, base.program + new, box)).verdict is not Verdict.PASSED:
            raise _Fails(f"its own tests refuse it: {found.verdict} {found.detail}")
        calls = self._elsewhere(box, base, new, name, tests, ordered=not proposal.unordered, values=values)
        if 2 * sum(map(bool, calls)) < len(calls) or max(calls) < 2:
            raise _Fails(f"its tests call {base.entry} {list(calls)} times, and should in half of them, and twice in one")
        wrong = _wrong(base, new, name, set(proposal.equivalent))
        survivors = tuple(said for said, program in wrong if self._found(task, program, box).verdict is Verdict.PASSED)
        reason = f"its tests pass {len(survivors)} of {len(wrong)} wrong programs: {survivors[0]}" if survivors else ""
        repair = "tests" if survivors else ""
        return Proof(reason=reason, repair=repair, tests=tests, calls=calls, mutants=len(wrong), survivors=survivors)

    def _found(self, task: Task, program: str, box: Box) -> Finding:
        return self.oracle.findings(task, program, box, Facts())[0]

    def _answers(self, box: Box, program: str, name: str, proposal: Proposal) -> list[Any]:
        """Return what the solution answers. Raises `_Fails`."""
        inputs = [list(each) for each in proposal.inputs]
        values, bad, why = [], [], []
        with box.calls(program, name, call_s=self.timeout_s) as session:
            try:
                batch = session.batch(codec.encode_batch(inputs), len(inputs), last=True)
                frames = session.frames(batch, len(inputs))
            except codec.CodecError as error:
                raise _Fails(f"it writes what is no answer: {error}") from None
            end = session.end()
        if not batch.loaded:
            said = str(frames[0][1][:300], "utf-8", "replace") if frames else f"it ends as it is loaded: {end.status}"
            raise _Fails(f"it does not load: {said}")
        for at, frame in enumerate(frames):
            try:
                value = answer(*frame)
                source(value)
                values.append(value)
            except (codec.CodecError, Refused) as error:
                bad.append(at)
                why.append(f"on input {at + 1}: {error}")
        if len(frames) < len(inputs):
            bad.append(len(frames))
            why.append(f"on input {len(frames) + 1} it ends without an answer: {end.status}")
        if bad:
            enough = len(inputs) - len(bad) >= LEAST_TESTS
            raise _Fails("; ".join(why[:3]), "inputs" if enough else "", tuple(bad))
        if len({source(each) for each in inputs}) < LEAST_TESTS:
            raise _Fails(f"it has fewer than {LEAST_TESTS} different inputs", "tests")
        return values

    def _elsewhere(
        self, box: Box, base: Base, new: str, name: str, tests: str, *, ordered: bool, values: list[Any]
    ) -> tuple[int, ...]:
        """Run program and tests in one process, whose texts have other hashes; return the calls of the base in each test."""
        traced = _TRACED.format(base=base.entry, program=new, name=name, tests=tests)
        end = box.run(_ELSEWHERE.format(program=base.program + traced))
        said = end.stderr.strip().rpartition("\n")[2][:300]
        if end.exit_code == 0:
            try:
                counts = json.loads(end.stdout.strip().rpartition("\n")[2])
                if isinstance(counts, list) and len(counts) == len(values) and all(type(each) is int for each in counts):
                    return tuple(counts)
            except ValueError:
                pass
            raise _Fails("it ends, or prints, where its calls are counted")
        if end.status is not Status.EXITED:
            raise _Fails(f"its tests do not pass in a process of their own: {end.status}")
        is_order = ordered and any(isinstance(value, list) for value in values) and said.startswith("AssertionError")
        raise _Fails(f"it answers otherwise in another process (the order of a set?): {said}", "order" if is_order else "")


def _static(base: Base, new: str) -> str:
    """Return the new function's name. Raises `_Fails` if it does not call the base function, by its text."""
    if len(new) > MAX_TEXT or "\0" in new:
        raise _Fails(f"it has {len(new)} characters, more than {MAX_TEXT}, or NUL")
    try:
        tree = ast.parse(new)
    except (SyntaxError, ValueError) as error:
        raise _Fails(f"it does not parse: {error}") from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if not functions:
        raise _Fails("it defines no function")
    name = list(functions)[-1]
    taken = {node.name for node in ast.parse(base.program).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    if again := (functions.keys() | bound) & (taken | {base.entry}):
        raise _Fails(f"it defines {min(again)} again")
    reached, waiting = {name}, [name]
    while waiting:
        used = {node.id for node in ast.walk(functions[waiting.pop()]) if isinstance(node, ast.Name)}
        if base.entry in used:
            return name
        waiting += (used & functions.keys()) - reached
        reached |= used
    raise _Fails(f"{name} does not use {base.entry}")


def _wrong(base: Base, new: str, name: str, equivalent: set[str]) -> list[tuple[str, str]]:
    """Return programs that the tests have to refuse, each with what is wrong with it."""
    constants = list(dict.fromkeys(["None", *(source(value) for _, value in base.seen)]))[: MAX_CONSTANTS + 1]
    found = [
        (f"{base.entry} answers {each[:80]}", f"{base.program}\ndef {base.entry}(*_, **__):\n    return {each}\n{new}")
        for each in constants
    ]
    found.append(("nothing", f"{base.program}\ndef {name}(*_):\n    pass\n"))
    plain = ast.unparse(ast.parse(new)).splitlines()
    texts = islice(mutants(new), 4 * MAX_MUTANTS)
    made = {_changed(plain, text.splitlines()): f"{base.program}\n{text}\n" for text in texts}
    return found + [(said, made[said]) for said in made if said and said not in equivalent][:MAX_MUTANTS]


def _changed(before: list[str], after: list[str]) -> str:
    """Return the first line of the solution that differs, as it is in a mutant; empty if none does."""
    return next((" ".join(new.split()) for old, new in zip(before, after, strict=False) if old != new), "")
