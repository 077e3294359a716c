"""A gate that needs reference data: texts that no training data may contain. What is called `corpus` is given to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gates import Corpus, Finding, Gate, Report, Solution
from sandbox import Sandbox


@dataclass(frozen=True, kw_only=True)
class Copied(Gate):
    """Refuses programs that have the prompt of a benchmark in them, to the letter."""

    name: ClassVar[str] = "copied"
    cost: ClassVar[float] = 2
    corpus: Corpus

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return what the report depends on."""
        return [solution.code, self.corpus.digest]

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Look for each prompt in each program."""
        prompts = [(name, text) for name, text, _ in self.corpus.items if name.endswith("(prompt)")]
        for solution in solutions:
            found = [name for name, text in prompts if text.strip() in solution.code]
            yield self.report([Finding(symbol="copied", message=name, decisive=True) for name in found])
