"""Base of the gates that ask a model for a score: they keep the best fraction, or all programs that reach a threshold.

These gates are endogenous: the score is the model's opinion, and a text written to please the model does please it. A
fraction keeps the same share whatever the programs are worth, so acceptance cannot rise or fall; with a threshold it can.
To freeze a threshold, take `values["threshold"]` from any report of the first round and pass it as `threshold` afterwards.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import ClassVar, Protocol

from gates.base import Finding, Gate, Report, Solution, batched, ends_all, refused, within
from sandbox import Sandbox

BATCH = 256


class Scorer(Protocol):
    """A causal language model that says how likely texts are.

    Its `repr` must differ for other weights or settings: it is part of the key of stored reports.
    """

    @property
    def identity(self) -> str:
        """The SHA-256 of the weights."""

    def logprobs(
        self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()
    ) -> Sequence[Sequence[float]]:
        """Return the natural log-probability of each token of each completion, given what precedes it.

        Where `chats` is true, a chat template wrote the prompt and its special tokens are meant as such.
        """

    def next_logits(
        self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None
    ) -> Sequence[Sequence[float]]:
        """Return the logit of each word after each text and `suffix`: n texts x n words.

        Only the `last` tokens of a text are read. A word of several tokens is represented by the first one that differs.
        """

    def written(
        self, texts: Sequence[str], *, suffix: str = "", last: int | None = None, most: int = 64, stop: Sequence[str] = ()
    ) -> Sequence[str]:
        """Return what the model, greedily, writes after each text and `suffix`: up to `most` tokens, or a string of `stop`.

        Only the `last` tokens of a text are read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What is known of one program before the decision.

    Attributes:
        score: None refuses the program, for the reason in `finding`.
        counts: whether it counts among the programs of which a fraction is kept.
        values: further numbers for the report.
    """

    score: float | None
    finding: Finding | None = None
    counts: bool = True
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ranked(Gate):
    """Keeps the programs with the best scores.

    Attributes:
        fraction: share of a call's programs to keep, rounded down; all are read before the first report. Of equal scores,
            the earlier program is kept.
        threshold: the worst score to keep, instead of a fraction; programs are then judged one by one.
    """

    cost: ClassVar[float] = 1000
    fraction: float = within(0.25, 0, 1, above=True)
    threshold: float | None = None

    @abstractmethod
    def scores(self, solutions: Sequence[Solution]) -> Sequence[Scored]:
        """Return the score of each solution."""

    @abstractmethod
    def seen(self) -> Mapping[str, str]:
        """Return the `versions` of a report: the model that was asked."""

    @property
    def compares(self) -> bool:
        """Whether decisions depend on the call's other programs: they do without a threshold."""
        return self.threshold is None

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Score, then decide: batch by batch with a threshold, otherwise once all have come."""
        groups = [tuple(solutions)] if self.threshold is None else batched(solutions, BATCH)
        for group in groups:
            started = monotonic()
            scored = [_finite(one) for one in self._all_scored(group)]
            kept, cut, rule = self._decide(scored)
            seconds = round((monotonic() - started) / max(1, len(group)), 6)
            versions = dict(self.seen())
            for index, one in enumerate(scored):
                found = [one.finding] if one.finding else []
                if one.score is not None and index not in kept:
                    found = [refused(self.name, f"{one.score:.6g} is not {rule}")]
                values = {**one.values, "threshold": cut, "fraction": None if self.threshold is not None else self.fraction}
                yield self.report(found, one.score, seconds=seconds, versions=versions, values=values)

    def _all_scored(self, group: Sequence[Solution]) -> list[Scored]:
        """Return the score of each; a program that cannot be scored by itself is refused. Raises what ends everything."""
        try:
            return list(self.scores(group))
        except Exception as error:
            if len(group) > 1 and not ends_all(error):
                half = len(group) // 2
                return [*self._all_scored(group[:half]), *self._all_scored(group[half:])]
            return [Scored(score=None, finding=self.failed(one, error).findings[0]) for one in group]

    def _decide(self, scored: Sequence[Scored]) -> tuple[set[int], float | None, str]:
        """Return (indices of the programs to keep, the worst score among them, the rule in words)."""
        sign = 1 if self.lowest else -1
        end = "at most" if self.lowest else "at least"
        known = sorted((sign * one.score, index) for index, one in enumerate(scored) if one.score is not None)
        if self.threshold is not None:
            kept = {index for value, index in known if value <= sign * self.threshold}
            return kept, self.threshold, f"{end} {self.threshold:.6g}"
        n = sum(one.counts for one in scored)
        best = known[: math.floor(n * self.fraction + 1e-9)]
        cut = sign * best[-1][0] if best else None
        which = "lowest" if self.lowest else "highest"
        return {index for _, index in best}, cut, f"among the {which} {self.fraction:.6g} of {n} programs" + (
            "" if cut is None else f" ({end} {cut:.6g})"
        )


def _finite(one: Scored) -> Scored:
    """Refuse a NaN or infinite score: a diverged model tells us nothing about a program."""
    if one.score is None or math.isfinite(one.score):
        return one
    return replace(one, score=None, finding=refused("score-not-finite", f"the model's score is {one.score}"))
