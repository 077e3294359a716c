"""Is it well written? pylint's score and messages, radon's cyclomatic complexity and maintainability index.

Default thresholds: a pylint score of at least 7.0 (of 10; our `images/pylintrc`); cyclomatic complexity of at most 10
(radon's rank B) for every function and for the module's own code; a maintainability index of at least 20 (rank A).
pylint's errors and fatals refuse whatever the score is. Score of a report: pylint's.

Exogenous means that a program cannot talk its way to a better report. Where it could look better than it is, the decision
disregards the trick, and a finding says so: pragmas have no effect; complexity counts all code, including code that radon
skips; maintainability ignores comments and docstrings; when more than a third of the statements do nothing or repeat
others (`padding`), pylint's penalties are weighed against the rest alone; and a program that runs code which is not in its
text (`hidden-code`) is refused, because it cannot be read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, ClassVar

from gates.base import Finding, Gate, Report, Solution, cut, more, number, refused, said_finding, within
from sandbox import Box, Limits, Sandbox

PADDED = 2 / 3
_SEVERITY = {"fatal": "error", "error": "error", "warning": "warning"}


@dataclass(frozen=True, kw_only=True)
class Quality(Gate):
    """Refuses badly written programs.

    Attributes:
        pylint: lowest score.
        cc: highest cyclomatic complexity of a function.
        mi: lowest maintainability index.
        timeout: charged seconds for linting one program; a program that takes longer is refused.
    """

    name: ClassVar[str] = "quality"
    cost: ClassVar[float] = 100
    image: ClassVar[str | None] = "lint"
    pylint: float = within(7.0, high=10)
    cc: float = within(10, 1)
    mi: float = within(20.0, 0, 100)
    timeout: float = within(10.0, 0, 3600, above=True)

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Lint each, in a process of its own."""
        return sandbox.map(self._check, solutions, "lint", failed=self.failed)

    def _check(self, box: Box, solution: Solution) -> Report:
        started = monotonic()
        limits = Limits(charged_s=self.timeout, cpu_s=2 * self.timeout)
        said = box.examine("lint", [solution.code], limits=limits)[0]
        return replace(self.told(said, self._made), seconds=round(monotonic() - started, 6))

    def _made(self, said: Any) -> Report:
        score = number(said["score"])
        versions = {name: cut(said["versions"][name]) for name in ("pylint", "astroid", "radon")}
        findings = [
            said_finding(one, _SEVERITY.get(one["category"], "note"), decisive=one["category"] in ("fatal", "error"))
            for one in said["messages"]
        ]
        if said["error"] is not None:
            findings = [said_finding(said["error"], "error", decisive=True), *findings, *more(said["n_more"])]
            return self.report(findings, score, versions=versions)
        findings += [said_finding(pragma, "note") for pragma in said["pragmas"]]
        findings += [said_finding(hidden, "error", decisive=True) for hidden in said["hidden"]]
        findings += [*self._judged(said), *more(said["n_more"])]
        values = {
            "pylint": score,
            "cc": max([number(n) for _, _, n, letter in said["blocks"] if letter != "C"], default=None),
            "mi": number(said["mi"]),
            "cc_all": max(number(n) for _, _, n in said["complexity"]),
            "mi_bare": number(said["mi_bare"]),
            "effective": number(said["effective"]),
        }
        return self.report(findings, score, versions=versions, values=values)

    def _judged(self, said: Any) -> Iterator[Finding]:
        score = said["score"]
        if score is None:
            yield refused("no-code", "there is no statement in it")
            return
        if said["effective"] < PADDED:
            left = f"{said['effective']:.0%} of the statements do something that others do not"
            score = max(0.0, 10 - 10 * said["penalty"] / max(1.0, said["effective"] * said["statements"]))
            yield Finding(symbol="padding", message=f"{left}: against these alone, pylint's score is {score:.2f}")
        if score < self.pylint:
            yield refused("pylint-score", f"{score:.2f} is below {self.pylint:g}")
        for name, line, n in said["complexity"]:
            if n > self.cc:
                yield refused("complexity", f"{cut(name)}: cyclomatic complexity {n} is above {self.cc:g}", line)
        if said["mi_bare"] < self.mi:
            yield refused("maintainability", f"index {said['mi_bare']:.1f} (without comments) is below {self.mi:g}")
