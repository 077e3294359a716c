"""A gate that errs: another gate's decision, flipped with a known probability. Written `compile~0.1`.

Whether a program is hit depends only on its text, the gate and the seed, so equal programs are treated alike and a run
can be repeated. Score: the gate's own.
"""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gates.base import Finding, Gate, Report, Solution, refused
from sandbox import BadValue, Sandbox


@dataclass(frozen=True, kw_only=True)
class Noisy(Gate):
    """Flips each decision of `gate` with probability `p`; cost, image and version are that gate's.

    Attributes:
        gate: the gate that is asked.
        p: the probability, 0 to 1.
        seed: another seed hits other programs.
    """

    name: ClassVar[str] = "noisy"
    cost: ClassVar[float] = 0
    gate: Gate
    p: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise BadValue(f"noise is a probability between 0 and 1, not {self.p}")
        own = {name: getattr(self.gate, name) for name in ("cost", "image", "worst", "version")}
        for name, value in {**own, "name": f"{self.gate.name}~{self.p:g}"}.items():
            object.__setattr__(self, name, value)

    @property
    def compares(self) -> bool:
        """Whether the gate's decisions depend on other programs."""
        return self.gate.compares

    def settings(self) -> dict[str, Any]:
        """Return the gate's settings, the probability and the seed."""
        return {**self.gate.settings(), "p": self.p, "seed": self.seed}

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return what determines the gate's report, and the program."""
        return [*self.gate.depends(solution), solution.code]

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Ask the gate, and flip the decisions that are hit."""
        codes: deque[str] = deque()

        def noted() -> Iterator[Solution]:
            for solution in solutions:
                codes.append(solution.code)
                yield solution

        for report in self.gate.check_many(noted(), sandbox):
            yield self._turned(report) if self._hits(codes.popleft()) else replace(report, gate=self.name)

    def _hits(self, code: str) -> bool:
        key = json.dumps([self.gate.name, self.seed, code]).encode()
        return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") < self.p * 2**64

    def _turned(self, report: Report) -> Report:
        if report.passed:
            found = (*report.findings, refused("flipped", f"accepted, then refused by noise (p = {self.p:g})"))
        else:
            note = Finding(symbol="flipped", message=f"refused, then accepted by noise (p = {self.p:g})", severity="note")
            found = (*(replace(one, decisive=False) for one in report.findings), note)
        return replace(report, gate=self.name, passed=not report.passed, findings=found)
