"""How many tests a program passes: partial credit. The count never makes a pass; only the verdict does.

Each test counts by itself: calls of a table continue after a wrong one, in a new process if the program ended; each assert
is judged without the others; cases of standard input are processes of their own anyway. Test classes are one test.
"""

import ast
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox import Box, BoxDestroyed, BoxOutOfMemory, Session, Status
from sandbox.wire import codec
from toolkit.benchmarks.compare import matches
from toolkit.oracle import check, stdin
from toolkit.oracle.base import Rules
from toolkit.oracle.expected import Chunk, Expected
from toolkit.oracle.findings import Facts
from toolkit.oracle.judge import Oracle
from toolkit.records import Check, Sample, Stdin, Table, Task, UnitTests, Verdict
from toolkit.samples.lines import unjudgeable

VERSION = 1
"""Increment whenever a count may change."""
MAX_PROCESSES = 8
"""Most processes of one program for its table; calls left after that count as failed."""
MAX_PARTS = 16
"""Most parts that asserts are judged in: if there are more asserts, neighbours pass or fail together."""


def n_tests(task: Task, rules: Rules) -> int:
    """Return how many tests a task has under the rules."""
    tests = task.tests
    if isinstance(tests, Table):
        return len(tests.base) if rules.base_only else len(tests.calls)
    if isinstance(tests, Check):
        return sum(n for n, _ in parts(tests.source))
    return len(tests.cases) if isinstance(tests, Stdin) else 1


def count(
    task: Task, solution: str, box: Box, rules: Rules, facts: Facts, groups: Sequence[tuple[int, Task]] = ()
) -> int:
    """Return how many tests of a task a program that fails passes, within `total_timeout_s`. Raises as `Oracle.judge`.

    `groups` has the tests as tasks of their own, each with its number of tests, where the task's tests cannot be told apart.
    """
    if unjudgeable(solution) or isinstance(task.tests, UnitTests):
        return 0
    if groups:
        return _of_groups(groups, solution, box, rules, facts)
    if isinstance(task.tests, Table):
        return _of_table(task, solution, box, rules, facts)
    if isinstance(task.tests, Stdin):
        return _of_stdin(task, solution, box, rules, facts)
    return _of_check(task, solution, box, rules, facts)


def _of_stdin(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> int:
    tests = task.tests_as(Stdin)
    groups = [(1, replace(task, tests=replace(tests, cases=(case,)))) for case in tests.cases]
    return _of_groups(groups, solution, box, rules, facts)


def _of_check(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> int:
    tests = task.tests_as(Check)
    groups = [(n, replace(task, tests=replace(tests, source=source))) for n, source in parts(tests.source)]
    return _of_groups(groups, solution, box, rules, facts)


def _of_groups(groups: Sequence[tuple[int, Task]], solution: str, box: Box, rules: Rules, facts: Facts) -> int:
    n_right = 0
    for n, task in groups:
        if facts.charged_s > rules.total_timeout_s:
            break
        judge = stdin.judge if isinstance(task.tests, Stdin) else check.judge
        n_right += n * (judge(task, solution, box, rules, facts)[0].verdict is Verdict.PASSED)
    return n_right


def parts(source: str) -> list[tuple[int, str]]:
    """Split a test by its asserts, at top level or in `check`; return how many each part has, and its source.

    A statement with asserts in it, such as a loop, is one. What holds none stays in every part.
    """
    tree = ast.parse(source)
    body = next((node.body for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"), tree.body)
    whole = list(body)
    at = [i for i, node in enumerate(whole) if any(isinstance(inner, ast.Assert) for inner in ast.walk(node))]
    if len(at) < 2:
        return [(1, source)]
    n_parts, found = min(len(at), MAX_PARTS), []
    for part in range(n_parts):
        kept = at[part * len(at) // n_parts : (part + 1) * len(at) // n_parts]
        body[:] = [node for i, node in enumerate(whole) if i in kept or i not in at]
        found.append((len(kept), ast.unparse(tree) + "\n"))
    return found


def _of_table(task: Task, solution: str, box: Box, rules: Rules, facts: Facts) -> int:
    right = rules.answers.of(task, box)
    calls = task.tests_as(Table).calls
    chunks = [chunk for chunk in right.chunks if not (rules.base_only and chunk.plus)]
    left, n_right = [(chunk, 0) for chunk in chunks], 0
    for _ in range(MAX_PROCESSES):
        total_s = rules.total_timeout_s + 4 * right.charged_s - facts.charged_s
        if not left or total_s <= 0:
            break
        limits = replace(rules.limits, charged_s=total_s, cpu_s=2 * total_s)
        listed = rules.benchmark.is_set(task)
        try:
            with box.calls(
                solution, task.entry_point, limits=limits, call_s=rules.timeout_s, listed=listed
            ) as session:
                found = 0
                while left:
                    chunk, first = left.pop(0)
                    n_answered, n_good = _ask(task, session, chunk, first, calls, right, rules)
                    found += n_good
                    if session.execution is not None:  # it ended in the call after those it answered
                        after = first + n_answered + 1
                        left[:0] = [(chunk, after)] if after < chunk.n_calls and n_answered >= 0 else []
                        break
                facts.add(end := session.end())
        except BoxOutOfMemory:
            break
        if end.status is Status.VIOLATED:
            return 0
        n_right += found
        if n_answered < 0:  # it was not even loaded
            break
    return n_right


def _ask(
    task: Task, session: Session, chunk: Chunk, first: int, calls: Sequence[Any], right: Expected, rules: Rules
) -> tuple[int, int]:
    """Make the calls of a chunk from `first` on; return how many were answered (-1: not loaded), how many of them right."""
    asked = list(calls[chunk.first + first : chunk.first + chunk.n_calls])
    batch = session.batch(codec.encode_batch(asked), len(asked), call_s=rules.timeout_s + 4 * chunk.charged_s)
    if not batch.loaded:
        session.end()
        return -1, 0
    if not first and batch.n_frames == chunk.n_calls and batch.digest == chunk.digest:
        return batch.n_frames, batch.n_frames
    stream = session.fetch() if batch.stream is None else batch.stream
    wanted = right.frames(chunk)[first : first + batch.n_frames] if chunk.n_bytes else []
    if len(wanted) != batch.n_frames or not stream:  # too long to keep, in the box or here: as a whole it is wrong
        return batch.n_frames, 0
    if hashlib.blake2b(codec.join_frames(list(wanted)), digest_size=16).hexdigest() == batch.digest:
        return batch.n_frames, batch.n_frames
    got = codec.split_frames(stream, len(wanted), strict=False)
    n_good = 0
    for arguments, (kind, body), (right_kind, right_body) in zip(asked, got, wanted, strict=False):
        same = (kind, body) == (right_kind, right_body)
        n_good += same or (
            kind == codec.RETURNED and matches(rules.benchmark, task, arguments, right_body, body)
        )
    return batch.n_frames, n_good


def count_many(
    oracle: Oracle,
    samples: Sequence[Sample],
    groups: Mapping[str, Sequence[tuple[int, Task]]],
    stop: threading.Event | None = None,
) -> dict[int, int]:
    """Return by `sample_id` how many tests each program passes, if it could be counted. Raises as `Oracle.judge_many`.

    `groups` are by task, as in `count`.
    """
    keys = {sample.sample_id: f"{oracle._key(sample)} counted {VERSION}" for sample in samples}
    stored = {keys[sample.sample_id]: oracle.cache.get(keys[sample.sample_id]) for sample in samples} if oracle.cache else {}
    found = {key: int(row["n"]) for key, row in stored.items() if row}
    waiting = {keys[sample.sample_id]: sample for sample in samples if keys[sample.sample_id] not in found}

    def counted(box: Box, key: str) -> tuple[str, int | None]:
        sample = waiting[key]
        task = oracle.tasks[sample.task_id]
        n = count(task, sample.solution, box, oracle.rules, Facts(), groups.get(sample.task_id, ()))
        if oracle.cache:
            oracle.cache.put(key, {"n": n})
        return key, n

    def failed(key: str, error: Exception) -> tuple[str, int | None]:
        return key, 0 if isinstance(error, BoxDestroyed) else None

    image = oracle.rules.benchmark.image
    counts = oracle.pool.map(counted, waiting, image, is_ordered=False, failed=failed, stop=stop)
    found |= {key: n for key, n in counts if n is not None}
    return {number: found[key] for number, key in keys.items() if key in found}
