"""Does it repeat itself, and is it more than a stub? The quality rule of the study of models that review themselves.

The rate is the share of lines, stripped and not empty, that equal an earlier one. A program passes if the rate is at most
0.3 and the completion has at least 50 tokens. Score: the rate. The completion is judged or, if there is none, the program.

Tokens are the model's own if the solution says how many there are (`n_tokens`). Otherwise a run of letters and `_`, a run
of digits, a run of other characters, and a line break with the indentation after it are one token each; other white space
is none.

Source: Song, Cai and Zhao, "When AI Reviews Its Own Code", arXiv 2606.28438.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

from gates.base import Gate, Report, Solution, refused, within
from sandbox import Sandbox

_TOKEN = re.compile(r"\n\s*|[^\W\d]+|\d+|[^\w\s]+")


@dataclass(frozen=True, kw_only=True)
class Repetition(Gate):
    """Refuses programs that repeat their lines, and short ones.

    Attributes:
        repetition: highest share of lines that repeat an earlier one.
        tokens: lowest number of tokens of the completion.
    """

    name: ClassVar[str] = "repetition"
    cost: ClassVar[float] = 5
    lowest: ClassVar[bool] = True
    repetition: float = within(0.3, 0, 1)
    tokens: float = within(50, 0)

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Count the lines and tokens of each."""
        for solution in solutions:
            yield self._check(solution)

    def depends(self, solution: Solution) -> Sequence[str | None]:
        """Return the text that is judged, and its number of tokens."""
        return [_text(solution), None if solution.n_tokens is None else str(solution.n_tokens)]

    def _check(self, solution: Solution) -> Report:
        started, text = monotonic(), _text(solution)
        lines = [line.strip() for line in text.splitlines()]
        counts = Counter(filter(None, lines))
        rate = (counts.total() - len(counts)) / max(1, counts.total())
        n_tokens = len(_TOKEN.findall(text)) if solution.n_tokens is None else solution.n_tokens
        findings = []
        if rate > self.repetition:
            line, n = counts.most_common(1)[0]
            message = f"{rate:.1%} of the lines repeat an earlier one, over {self.repetition:.1%}; {n} times: {line[:80]!r}"
            findings.append(refused("repetition", message, lines.index(line) + 1))
        if n_tokens < self.tokens:
            findings.append(refused("too-short", f"{n_tokens} tokens, fewer than {self.tokens:g}"))
        values = {"repetition": rate, "tokens": float(n_tokens)}
        return self.report(findings, rate, seconds=round(monotonic() - started, 6), values=values)


def _text(solution: Solution) -> str:
    return solution.code if solution.completion is None else solution.completion
