"""What boxes find out about programs: their structure, without running them, and whether one function calls another."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates.base import Solution, batched
from sandbox import Box, Limits, Sandbox, Status

BATCH = 64
LIMITS = Limits(charged_s=10.0, cpu_s=20.0)
"""Of one program's structure."""
TRACE = Limits(charged_s=5.0, cpu_s=10.0)
"""Of one program with all its tests, until the base function is called."""
_SOURCE = Path(__file__).parents[2] / "images" / "structure.py"
_SAID = ("direct", "indirect", "no", "undefined")

Row = tuple[str, str, str]
"""(program, name of its new function, name of its base function); names are empty if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The structure of a program that parses.

    Attributes:
        lines, nodes, cyclomatic: of the whole program, as `images/structure.py` counts.
        invokes: `direct`, `indirect`, `no` or `undefined`, see `invokes` there; None without names.
        tree: (hash, nodes) of its subtrees, the whole file last.
    """

    lines: int
    nodes: int
    cyclomatic: int
    invokes: str | None
    tree: tuple[tuple[str, int], ...]


def examined(pool: Sandbox, rows: Sequence[Row]) -> Iterator[Examined | None]:
    """Yield the structure of each program, in order; None for one that does not parse or exceeds a limit.

    Raises as `Sandbox.map`.
    """
    rest = iter(rows)
    batches = ([next(rest) for _ in batch] for batch in batched((Solution(code=text) for text, _, _ in rows), BATCH))
    for said in pool.map(_look, batches, "lint"):
        yield from said


def traced(pool: Sandbox, rows: Iterable[tuple[Row, str]]) -> Iterator[bool | None]:
    """Yield for each program, run with its tests, whether its new function led to a call of the base function, in order.

    None if unknown: the program cannot be loaded, lacks one of the two, or ended or hit a limit before. The program shares
    a process with the code that counts calls and could lie about it; no verdict depends on the answer.

    Raises as `Sandbox.map`.
    """

    def look(box: Box, row: tuple[Row, str]) -> bool | None:
        (program, new, base), tests = row
        said = _said(box, {"mode": "trace", "program": program, "tests": tests, "new": new, "base": base}, TRACE)
        return {"yes": True, "no": False}.get(said) if isinstance(said, str) else None

    return pool.map(look, rows)


def _look(box: Box, batch: Sequence[Row]) -> list[Examined | None]:
    """Look at programs in one process; each alone if one of them ends it."""
    said = _said(box, {"mode": "examine", "programs": batch}, LIMITS)
    trees = box.examine("shape", [text for text, _, _ in batch], limits=LIMITS)
    if isinstance(said, list) and len(said) == len(batch):
        return [_examined(*each) for each in zip(said, trees, strict=True)]
    return [None] if len(batch) == 1 else [each for row in batch for each in _look(box, [row])]


def _examined(said: Any, tree: Any) -> Examined | None:
    try:
        numbers = {name: int(said[name]) for name in ("lines", "nodes", "cyclomatic")}
        invokes = said["invokes"] if said["invokes"] in _SAID else None
        return Examined(**numbers, invokes=invokes, tree=tuple((str(name), int(nodes)) for name, nodes in tree))
    except (TypeError, ValueError, LookupError):
        return None


def _said(box: Box, asked: dict[str, Any], limits: Limits) -> Any:
    """Return the answer of `structure`, run in a box; None without one."""
    ended = box.run(_SOURCE.read_bytes(), stdin=json.dumps(asked).encode(), limits=limits)
    try:
        return json.loads(ended.stdout) if ended.status is Status.EXITED else None
    except ValueError:
        return None
