"""A gate with a threshold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from gates.base import Finding, Gate, Report, Solution
from sandbox import Sandbox


@dataclass(frozen=True, kw_only=True)
class Short(Gate):
    """Refuses long programs.

    Attributes:
        lines: the most that a program may have.
    """

    name: ClassVar[str] = "short"
    cost: ClassVar[float] = 1
    lines: float = 3

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Count the lines of each."""
        for solution in solutions:
            n = len(solution.code.splitlines())
            yield self.report([Finding(symbol="too-long", message=f"{n} lines", decisive=True)] if n > self.lines else ())
