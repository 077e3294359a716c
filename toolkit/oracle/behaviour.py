"""What a program does: a hash of its answers to known calls. Two programs of one behaviour agree in all of them."""

import ast
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sandbox import Box, BoxOutOfMemory
from sandbox.wire import codec
from toolkit.records import Table, Task

MOST_CALLS = 20
"""Calls of a function that are looked at."""
CALL_S, TOTAL_S = 1.0, 5.0
"""Charged seconds of one call, and of a program."""


def calls_of(task: Task, test: str) -> list[list[Any]]:
    """Return calls of a task's function: those of its table, else those in a test whose arguments are all literals."""
    if isinstance(task.tests, Table):
        return [list(call) for call in task.tests.calls[:MOST_CALLS]]
    found: list[list[Any]] = []
    try:
        nodes = list(ast.walk(ast.parse(test)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = (task.entry_point, "candidate")
    for node in nodes:
        if isinstance(node, ast.Call) and not node.keywords and isinstance(node.func, ast.Name) and node.func.id in names:
            with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                found.append([ast.literal_eval(argument) for argument in node.args])
    return found[:MOST_CALLS]


def behaviour(box: Box, code: str, entry_point: str, calls: Sequence[Sequence[Any]]) -> str | None:
    """Return a hash of what a program answers: values, names of exceptions, and where it ends; None if it does not load.

    Raises:
        SandboxError, OSError: a failure of ours.
    """
    limits = replace(box.limits, charged_s=TOTAL_S, cpu_s=2 * TOTAL_S)
    hashed = hashlib.sha256()
    try:
        with box.calls(code, entry_point, limits=limits, call_s=CALL_S) as session:
            for at, call in enumerate(calls):
                batch = session.batch(codec.encode_batch([list(call)]), 1, last=at == len(calls) - 1, call_s=CALL_S)
                if not batch.loaded:
                    return None
                try:
                    kind, body = (session.frames(batch) or [(b"", b"")])[0]
                except codec.CodecError:
                    kind, body = b"", b"none that can be read"
                said = body if kind == codec.RETURNED else body.partition(b":")[0] or session.end().status.encode()
                hashed.update(kind + len(said).to_bytes(8, "big") + said)
                if not kind:
                    break
    except BoxOutOfMemory:
        hashed.update(b"memory")
    return hashed.hexdigest()
