"""Does it compile? Ask the byte-compiler of the run image's Python, in a box; every warning becomes a finding.

A text that only a newer Python accepts is refused too, and its finding says so (ruff, in the lint image, knows). One
process compiles many texts, since it runs none of them; a text that kills the process is tried again alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, ClassVar

from gates.base import Finding, Gate, Report, Solution, cut, from_tool, in_batches, more, refused, said_finding
from sandbox import Box, BoxDestroyed, Limits, Sandbox

BATCH = 64
LIMITS = Limits(charged_s=10.0, cpu_s=20.0)


@dataclass(frozen=True, kw_only=True)
class Compile(Gate):
    """Refuses what Python cannot compile. Score: 1 or 0."""

    name: ClassVar[str] = "compile"
    cost: ClassVar[float] = 10
    image: ClassVar[str | None] = "run"
    worst: ClassVar[float | None] = 0.0

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Compile them, many at a time."""
        asked = in_batches(self._check, solutions, BATCH, sandbox, lambda one, error: (one, self.failed(one, error)))
        for solution, report in asked:
            newer = self._newer(solution, sandbox) if _is_syntax(report) else None
            yield report if newer is None else replace(report, findings=(newer, *report.findings))

    def _check(self, box: Box, solutions: tuple[Solution, ...]) -> list[tuple[Solution, Report]]:
        started = monotonic()
        said = box.examine("compile", [solution.code for solution in solutions], limits=LIMITS)
        seconds = round((monotonic() - started) / len(solutions), 6)
        return [(s, replace(self.told(one, self._made), seconds=seconds)) for s, one in zip(solutions, said, strict=True)]

    def _made(self, said: Any) -> Report:
        findings = [said_finding(warning) for warning in said["warnings"]]
        if said["error"] is not None:
            findings.insert(0, said_finding(said["error"], "error", decisive=True))
        findings += more(said["n_more"])
        return self.report(findings, float(said["error"] is None), versions={"python": cut(said["python"])})

    @staticmethod
    def _newer(solution: Solution, sandbox: Sandbox) -> Finding | None:
        """Return a finding if a newer Python accepts what this one does not."""
        try:
            said = sandbox.attempt(lambda box: box.examine("newer", [solution.code], limits=LIMITS), "lint")[0]
        except BoxDestroyed:
            return None
        message = from_tool(said, lambda said: "" if said["newest"] else "; ".join(said["this"]))
        return None if isinstance(message, Finding) or not message else refused("newer-python", message)


def _is_syntax(report: Report) -> bool:
    return any(one.decisive and one.symbol == "SyntaxError" for one in report.findings)
