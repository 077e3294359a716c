"""Can it be imported? Load the program as a module, in a box; it must finish loading and have defined something.

No exit code, printed text or file decides. Loading has finished when a function of ours, appended to the program, returns
what was defined together with a word that it is sent only then. That function runs in the program's own process, so a
program that takes over the protocol (reports that it is loaded, reads the question and answers it) passes without defining
anything. All it gains is to be taken for a program that does something; whether it does the right thing is for `tests` to
say, where such a forgery gains nothing.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import ClassVar

from gates.base import Finding, Gate, Report, Solution, of_end, of_frame, refused
from sandbox import Box, BoxOutOfMemory, Sandbox
from sandbox.wire import codec

LOAD_S = 10.0
"""Seconds that a program may take to load."""
_ASKED = """

0


def _exogate_asked(source, word):
    import symtable

    top = symtable.symtable(source, "solution", "exec").get_symbols()
    own = [symbol.get_name() for symbol in top if symbol.is_assigned() and not symbol.is_imported()]
    return [word, len([name for name in own if name[0] != "_" and name in globals()])]
"""
"""Appended to the program. The lone statement keeps an open bracket or block of the program from swallowing it."""


@dataclass(frozen=True, kw_only=True)
class Import(Gate):
    """Refuses what cannot be imported, or defines no public name of its own. Score: 1 or 0."""

    name: ClassVar[str] = "import"
    cost: ClassVar[float] = 50
    image: ClassVar[str | None] = "run"
    worst: ClassVar[float | None] = 0.0
    version: ClassVar[int] = 2

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Load each, in a process of its own."""
        return sandbox.map(self._check, solutions, failed=self.failed)

    def _check(self, box: Box, solution: Solution) -> Report:
        started = monotonic()
        found: Finding | int
        try:
            found = self._load(box, solution.code)
        except BoxOutOfMemory:
            found = refused("memory-limit", "needed more than the memory limit")
        values = {"definitions": found if isinstance(found, int) else None}
        if found == 0:
            found = refused("no-definitions", "defines no public name of its own")
        findings = [found] if isinstance(found, Finding) else []
        seconds = round(monotonic() - started, 6)
        return self.report(findings, float(not findings), values=values, seconds=seconds)

    @staticmethod
    def _load(box: Box, code: str) -> Finding | int:
        """Return how many names the program has defined, or why that is not known."""
        word = secrets.token_hex(8)
        limits = replace(box.limits, charged_s=LOAD_S, cpu_s=2 * LOAD_S)
        with box.calls(code + _ASKED, "_exogate_asked", limits=limits) as session:
            batch = session.batch(codec.encode_batch([[code.removeprefix("\ufeff"), word]]), 1, last=True)
            try:
                frames = session.frames(batch)
            except codec.CodecError as error:
                return refused("crash", str(error))
            end = session.end()
        kind, body = frames[0] if frames else (b"", b"")
        said = re.fullmatch(rb'\["%b",(\d{1,6})\]' % word.encode(), body)
        if batch.loaded and said and kind == codec.RETURNED:
            return int(said[1])
        if not frames:
            return of_end(end)
        if kind in (codec.RAISED, codec.COMPILE_ERROR):
            return of_frame(kind, body)
        return refused("crash", "its process answered what was not asked")
