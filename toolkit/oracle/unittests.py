"""Test classes run in a box of their own and call the program through the host or, where they patch it, share its process.

Apart, comparisons and patches belong to the test. Shared, a pass counts only if decoys, tests that have to fail and are
mixed in under similar names, have failed: whatever makes every test pass makes them pass too.
"""

import ast
import json
import random
import threading
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sandbox import Batch, Box, BoxOutOfMemory, Limits, SandboxError, Session, Status, converse
from sandbox.conversation import text_of
from sandbox.wire import codec
from toolkit.oracle.base import Findings, Judge, Rules
from toolkit.oracle.findings import OF_THE_BOX, Facts, Finding, earned, of_end, of_ending, of_frame
from toolkit.oracle.placed import is_shared
from toolkit.records import Task, UnitTests, Verdict

ROLE = "test"
LOAD_S = 30.0
"""Seconds that importing what program and test import may take, beyond the tests' own."""
MOST_S = 240.0
"""Seconds that a task may take in all: the official harness's limit."""
SLOW = 4.0
"""Each test may take this many times the limit: what tests import, fit and draw takes seconds."""
PLACE_S = 5.0
"""Least limit by which a task's own solution shows where its tests run: the outcome is stored for all limits."""
N_DECOYS = 2
MOST_TOLD = 1 << 16
"""Longest report on one test, in bytes."""
_QUIET = threading.Lock()


def judge(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> Findings:
    """Run the classes of a task. Each test may take `SLOW` times `timeout_s`, and all of them 240 s. Raises as `Box.run`."""
    tests = task.tests_as(UnitTests)
    n_tests = len(names_of(tests))

    def found(solution: str, is_shared: bool, rules: Rules, facts: Facts) -> Finding:
        program = "\n".join(filter(None, (tests.before, solution)))
        total_s = min(MOST_S, LOAD_S + SLOW * rules.timeout_s * n_tests)
        limits = replace(rules.limits, charged_s=total_s, cpu_s=2 * total_s)
        try:
            act = _shared if is_shared else _apart
            return replace(act(task, tests, program, box, rules, facts, limits), shared=is_shared)
        except BoxOutOfMemory:
            return Finding(Verdict.MEMORY_LIMIT, OF_THE_BOX, shared=is_shared)

    def placing(solution: str, is_shared: bool) -> Finding:
        return found(solution, is_shared, replace(rules, timeout_s=max(rules.timeout_s, PLACE_S)), Facts())

    image = rules.pool.engine.image_digest(rules.benchmark.image)
    return found(solution, is_shared(task, tests, image, placing), rules, facts), None


def names_of(tests: UnitTests) -> list[str]:
    """Return the tests as `Class.method`. Raises `SandboxError` if there are none."""
    found = [
        f"{name}.{method.name}" for name, methods in _methods(_parsed(tests.source), tests.classes) for method in methods
    ]
    if not found:
        raise SandboxError("the benchmark's test classes have no tests")
    return found


def _parsed(source: str) -> ast.Module:
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in a benchmark's own tests
        return ast.parse(source)


def _methods(tree: ast.Module, classes: Sequence[str]) -> list[tuple[str, list[ast.FunctionDef]]]:
    known = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for name in classes:
        functions = [node for node in known[name].body if isinstance(node, ast.FunctionDef)]
        methods = {node.name: node for node in functions if node.name.startswith("test")}
        found.append((name, list(methods.values())))
    return found


def _apart(
    task: Task, tests: UnitTests, program: str, box: Box, rules: Rules, facts: Facts, limits: Limits
) -> Finding:
    entry, one_s = task.entry_point, SLOW * rules.timeout_s
    with (
        rules.pool.box(rules.benchmark.image, ROLE) as other,
        box.calls(program, entry, limits=limits, call_s=LOAD_S + one_s, bridged=True) as candidate,
        other.unittests(tests.before, tests.source, entry, tests.classes, limits=limits) as checking,
    ):
        ending = converse(candidate, checking, call_s=one_s)
        facts.add(end := candidate.end())
        if end.status is Status.VIOLATED:
            return of_end(end, "beside its answers")
        if ending.by_test and not ending.n_calls and ending.execution is None:
            return Finding(Verdict.RUNTIME_ERROR, f"its test ends before the first call: {text_of(ending.body)}")
        found = of_ending(ending)
        if ending.by_test and ending.kind == codec.RAISED:
            said = text_of(ending.body).removeprefix("Failed: ")
            is_error = said.partition(": ")[2].startswith("error")
            return Finding(Verdict.RUNTIME_ERROR if is_error else Verdict.WRONG_ANSWER, said)
        return found


def _shared(
    task: Task, tests: UnitTests, program: str, box: Box, rules: Rules, facts: Facts, limits: Limits
) -> Finding:
    source, decoys = with_decoys(tests)
    real = set(names_of(tests))
    n_tests = len(real) + len(decoys)
    one_s = SLOW * rules.timeout_s
    with box.tests(
        program, source, task.entry_point, tests.classes, n_tests, limits=limits, load_s=LOAD_S + one_s
    ) as session:
        finding = _asked(session, real, decoys, one_s)
        facts.add(end := session.end())
        if end.status is Status.VIOLATED:
            return of_end(end, "beside its answers")
        return finding or of_end(end, "in the tests")


def _asked(session: Session, real: set[str], decoys: set[str], call_s: float) -> Finding | None:
    """Return the finding of a program's tests; None if they ended early."""
    n_tests = len(real) + len(decoys)
    batch = session.batch(b"[]", n_tests, last=True, call_s=call_s, in_parts=True)
    if not batch.loaded:
        return _unloaded(session, batch)
    passed: set[str] = set()
    heard: set[str] = set()
    while True:
        for kind, body in session.frames(batch, n_tests):
            if kind != codec.RETURNED:
                return of_frame(kind, body, "in the tests")
            told = _told(body)
            if told is None:
                return Finding(Verdict.RUNTIME_ERROR, "what was written as the outcome of a test is none")
            name, outcome, detail = told
            heard.add(name)
            if outcome == "passed":
                passed.add(name)
            elif name not in decoys:
                verdict = Verdict.RUNTIME_ERROR if outcome == "error" else Verdict.WRONG_ANSWER
                session.end()
                return Finding(verdict, text_of(f"{name}: {outcome} {detail}".encode()))
        if not batch.more:
            break
        batch = session.more()
    if heard != real | decoys:
        return None
    if passed & decoys:
        return Finding(Verdict.RUNTIME_ERROR, "a test that has to fail has passed: the program changes what tests say")
    return earned(len(real), len(passed & real))


def _told(body: bytes) -> tuple[str, str, str] | None:
    """Return a test's name, outcome and detail; None if malformed, since the program could have written it."""
    try:
        found: Any = json.loads(body) if len(body) <= MOST_TOLD else None
    except (ValueError, RecursionError):
        return None
    if type(found) is not list or len(found) != 3 or {str} != set(map(type, found)):
        return None
    return found[0], found[1], found[2]


def _unloaded(session: Session, batch: Batch) -> Finding:
    frames = session.frames(batch)
    if frames and frames[0][0] in (codec.RAISED, codec.COMPILE_ERROR):
        return of_frame(*frames[0], "while it was loaded")
    return of_end(session.end(), "while it was loaded")


def with_decoys(tests: UnitTests) -> tuple[str, set[str]]:
    """Return the source with a few decoys, which are copies of other tests with a failing end, and the decoys' names."""
    tree, chance = _parsed(tests.source), random.SystemRandom()
    copied = [(name, method) for name, methods in _methods(tree, tests.classes) for method in methods if _ends(method)]
    taken = {method.name for _, methods in _methods(tree, tests.classes) for method in methods}
    bodies = {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
    decoys = set()
    for owner, method in chance.sample(copied, min(N_DECOYS, len(copied))):
        copy = ast.parse(ast.unparse(method)).body[0]
        assert isinstance(copy, ast.FunctionDef)
        while copy.name in taken:
            copy.name = f"{chance.choice(sorted(taken))}_{chance.choice(_WORDS)}"
        taken.add(copy.name)
        copy.body += ast.parse(chance.choice(_ENDINGS).format(chance.randrange(100), chance.randrange(100, 200))).body
        bodies[owner].insert(chance.randrange(len(bodies[owner]) + 1), copy)
        decoys.add(f"{owner}.{copy.name}")
    return ast.unparse(ast.fix_missing_locations(tree)), decoys


def _ends(method: ast.FunctionDef) -> bool:
    """Return whether a test always runs to its end."""
    return not any(isinstance(node, ast.Return) for node in ast.walk(method)) and "skip" not in ast.unparse(method)


_WORDS = ("case", "again", "values", "result", "more", "edge", "large", "small", "types", "output", "2", "3")
_ENDINGS = (
    "self.assertEqual({}, {})", "self.assertTrue({} > {})", "self.assertIn({}, [{}])", "self.assertGreater({}, {})",
    "self.assertAlmostEqual({}, {})", "self.assertIsNone(({}, {}))",
)  # fmt: skip


CANARY_SOURCE = """
import unittest


class TestCases(unittest.TestCase):
    def test_number(self):
        self.assertEqual(double(1), 2)

    def test_text(self):
        self.assertEqual(double("ab"), "abab")
"""
JUDGE = Judge(
    findings=judge,
    canary=UnitTests(source=CANARY_SOURCE, classes=("TestCases",)),
    others=(UnitTests(source=CANARY_SOURCE, classes=("TestCases",), shared=True),),
    roles=(ROLE,),
)
