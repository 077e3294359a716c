"""The gate that accepts every program: no review at all, as a baseline."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from gates.base import Gate, Report, Solution
from sandbox import Sandbox


@dataclass(frozen=True, kw_only=True)
class Nothing(Gate):
    """Passes every program."""

    name: ClassVar[str] = "none"
    cost: ClassVar[float] = 0

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Pass each."""
        for _ in solutions:
            yield self.report(())
