"""The tasks that a benchmark is built on, with what their functions were seen to answer."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox import Box, Sandbox
from sandbox.wire import codec
from toolkit.benchmarks import Options, pro
from toolkit.benchmarks.base import number_of
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.benchmarks.published import records
from toolkit.builder.values import Refused, is_literal, source
from toolkit.errors import UsageError
from toolkit.oracle.check import ROLE
from toolkit.records import Check, Table, Task
from toolkit.store.files import texts_hash

MAX_CALLS = 64
"""Calls of a base function that are looked at."""
MAX_ARGUMENTS = 400
"""Characters of a call's arguments, and of its value; longer ones are left out."""
FEW = 3
"""Fewer calls are too few to build on."""
MAX_BYTES, MAX_HASHED = 1 << 16, 1000
"""Bytes of an answer that are read, and the most elements of a set or dict in it."""

Call = tuple[list[Any], tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A task to build on.

    Attributes:
        number: the id of what is built on it.
        problem, solution: they make a program, one after the other.
        task: with its tests, by which the function's calls are seen.
        seen: (arguments, value) of calls, all with the same number of arguments, the shortest first.
    """

    number: int
    problem: str
    solution: str
    task: Task
    seen: tuple[tuple[list[Any], Any], ...] = field(default=(), repr=False)

    @property
    def task_id(self) -> str:
        """The task's id."""
        return self.task.task_id

    @property
    def entry(self) -> str:
        """The name of its function."""
        return self.task.entry_point

    @property
    def digest(self) -> str:
        """Stands for what is built on."""
        return texts_hash([self.program, self.entry, self.task.tests.text])

    @property
    def program(self) -> str:
        """Its solution as a program."""
        return f"{self.problem}{self.solution}\n"


def read(name: str, data: Path | None) -> list[Base]:
    """Return the tasks of a benchmark, or of a file: what this package built, or tasks as HumanEval has them.

    Raises:
        UsageError: no such benchmark or file, or none of its tasks can be built on.
        DataMissing: the data is not here, or malformed.
    """
    path = Path(name)
    if path.suffix in (".jsonl", ".json", ".gz") or path.is_file():
        if data is not None:
            raise UsageError("--data goes with a benchmark's name, not with a file")
        try:
            row = next(records(path), None)
        except (OSError, EOFError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not isinstance(row, dict):
            raise UsageError(f"{path} has no records, which are objects with prompt, canonical_solution, test, entry_point")
        name, data = "humaneval-pro" if "new_problem" in row else "humaneval", path
    benchmark = benchmark_named(name)
    tasks, _ = load(benchmark, Options(data=data))
    usable = [task for task in tasks.values() if task.canonical_solution and isinstance(task.tests, Check | Table)]
    if not usable:
        raise UsageError(f"{benchmark.name} has no tasks with a solution and tests that call a function")
    file = data or benchmark.data_file() or path
    rows = {row["id"]: row for row in records(file)} if benchmark.name.endswith("-pro") else {}
    bases = [_base(task, number_of(task.task_id), at, rows) for at, task in enumerate(usable)]
    if len({base.number for base in bases}) < len(bases):
        return [replace(base, number=at) for at, base in enumerate(bases)]
    return bases


def _base(task: Task, number: int | None, at: int, rows: Mapping[Any, Any]) -> Base:
    """Return the base; of a self-invoking task, the statement of which has the solved problem before it."""
    number = at if number is None else number
    row = rows.get(number) or rows.get(str(number))
    if row is None:
        return Base(number=number, problem=task.prompt, solution=task.canonical_solution, task=task)
    problem = f"{row['raw_problem']}{row['raw_solution']}\n{row['new_problem']}"
    return Base(number=number, problem=problem, solution=row["new_solution"], task=task)


def row_of(base: Base, problem: str, solution: str, tests: str) -> dict[str, Any]:
    """Return a record of the official form."""
    return {
        "id": base.number, "raw_problem": base.problem, "raw_solution": base.solution, "new_problem": problem,
        "new_solution": solution, "test_code": tests,
    }  # fmt: skip


def task_of(row: Mapping[str, Any]) -> Task:
    """Return the task of a record, as `humaneval-pro` reads it. Raises KeyError, TypeError, ValueError, SyntaxError."""
    return pro.task_of("HumanEvalPro", json.loads(json.dumps(row)))


def answer(kind: bytes, body: bytes) -> Any:
    """Return the value in a frame of a program. Raises `CodecError`, which says what is there instead."""
    if kind != codec.RETURNED:
        raise codec.CodecError(str(body[:300], "utf-8", "replace"))
    if len(body) > MAX_BYTES:
        raise codec.CodecError(f"an answer of {len(body)} bytes")
    return codec.decode(body, max_hashed=MAX_HASHED)


def observe(pool: Sandbox, box: Box, base: Base) -> Base:
    """Run the base's own tests on its own solution, and keep what calls they make, and the values. Raises `SandboxError`.

    If there are too few, halves of the lists among their arguments make more.
    """
    seen: dict[str, tuple[list[Any], Any]] = {}
    found = _asked(pool, box, base)
    if len(found) < FEW:
        found += _called(box, base, [half for arguments, _ in found for half in _halves(arguments)][:MAX_CALLS])
    for arguments, frame in found:
        with contextlib.suppress(Refused, codec.CodecError):
            value = answer(*frame)
            if is_literal(arguments) and len(source(value)) <= MAX_ARGUMENTS:
                seen.setdefault(source(arguments), (arguments, value))
    shortest = sorted((key for key in seen if len(key) <= MAX_ARGUMENTS), key=lambda key: (len(key), key))
    (arity, _), *_ = Counter(len(seen[key][0]) for key in shortest).most_common(1) or [(0, 0)]
    return replace(base, seen=tuple(seen[key] for key in shortest if len(seen[key][0]) == arity > 0))


def _asked(pool: Sandbox, box: Box, base: Base) -> list[Call]:
    """Return the calls that the tests make, each with its frame, until one has no value."""
    tests = base.task.tests
    if isinstance(tests, Table):
        return _called(box, base, [list(each) for each in tests.calls[:MAX_CALLS]])
    test, found = base.task.tests_as(Check), list[Call]()
    called = test.called or base.entry
    with (
        pool.box("run", ROLE) as other,
        box.calls("\n".join((test.before, base.program, test.after)), called) as program,
        other.check("" if test.is_alone else base.program, test.source, called) as asking,
    ):
        asked = asking.next()
        while len(found) < MAX_CALLS and (frames := asking.frames(asked)) and frames[0][0] == codec.ASKED:
            (call,) = codec.decode_batch(frames[0][1])
            got = program.frames(program.batch(frames[0][1], 1))
            if not got or got[0][0] != codec.RETURNED:
                break
            found.append((call, got[0]))
            asked = asking.batch(b"".join(got[0]), 1)
    return found


def _called(box: Box, base: Base, calls: list[list[Any]]) -> list[Call]:
    with box.calls(base.program, base.entry) as program:
        frames = program.frames(program.batch(codec.encode_batch(calls), len(calls), last=True), max(len(calls), 1))
    return list(zip(calls, frames, strict=False))


def _halves(arguments: list[Any]) -> Iterator[list[Any]]:
    for at, each in enumerate(arguments):
        if isinstance(each, list) and len(each) > 1:
            for half in (each[: len(each) // 2], each[len(each) // 2 :]):
                yield [*arguments[:at], half, *arguments[at + 1 :]]
