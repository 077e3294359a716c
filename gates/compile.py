"""Does it compile: the byte-compiler of the run image's Python, in the box, every warning kept as a finding.

A text that only a newer Python accepts is refused as well, and its finding says which one (ruff knows, in the lint image).
One process compiles many texts, for a compiler runs none of them; one that ends the process is looked at again, alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, ClassVar

from gates.base import Finding, Gate, Report, Solution, batched, of_end, one_by_one
from sandbox import Box, BoxDestroyed, Execution, Limits, Sandbox

BATCH = 64
LIMITS = Limits(wall_s=10.0, cpu_s=20.0)


@dataclass(frozen=True, kw_only=True)
class Compile(Gate):
    """Refuses what Python cannot compile. Score: 1 or 0."""

    name: ClassVar[str] = "compile"
    cost: ClassVar[float] = 10
    kind: ClassVar[str | None] = "run"

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Compile each; many at a time."""
        failed = one_by_one(self._check, lambda solution, error: (solution, self.failed(solution, error)), sandbox)
        for reports in sandbox.map(self._check, batched(solutions, BATCH), failed=failed):
            for solution, report in reports:
                newer = self._newer(solution, sandbox) if _is_syntax(report) else None
                yield report if newer is None else replace(report, findings=(newer, *report.findings))

    def _check(self, box: Box, solutions: tuple[Solution, ...]) -> list[tuple[Solution, Report]]:
        started = monotonic()
        said = box.examine("compile", [solution.code for solution in solutions], limits=LIMITS)
        seconds = round((monotonic() - started) / len(solutions), 6)
        return [(s, replace(self._report(one), seconds=seconds)) for s, one in zip(solutions, said, strict=True)]

    def _report(self, said: Any) -> Report:
        if isinstance(said, Execution):
            return self.report([of_end(said)], 0.0)
        if isinstance(said, str):
            return self.report([Finding(symbol="crash", message=said, severity="error", decisive=True)], 0.0)
        findings = [Finding(**warning) for warning in said["warnings"]]
        if said["error"]:
            findings.insert(0, Finding(**said["error"], severity="error", decisive=True))
        return self.report(findings, float(not said["error"]), versions={"python": said["python"]})

    @staticmethod
    def _newer(solution: Solution, sandbox: Sandbox) -> Finding | None:
        """Ask whether a newer Python reads what this one does not."""
        try:
            said = sandbox.attempt(lambda box: box.examine("newer", [solution.code], limits=LIMITS), "lint")[0]
        except BoxDestroyed:
            return None
        if not isinstance(said, dict) or said["newest"] or not said["this"]:
            return None
        return Finding(symbol="newer-python", message="; ".join(said["this"]), severity="error", decisive=True)


def _is_syntax(report: Report) -> bool:
    return any(one.decisive and one.symbol == "SyntaxError" for one in report.findings)
