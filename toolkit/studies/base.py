"""What a study is. The package's docstring says how to write one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from toolkit.analysis import contrasts as results
from toolkit.analysis.contrasts import Contrast, over
from toolkit.studies.settings import S, StudySettings

if TYPE_CHECKING:
    from toolkit.studies.lab import Lab

ARXIV = "https://arxiv.org/abs/"
TINY: Mapping[str, Any] = {
    "model": "tiny", "nll_tasks": 4, "pass_tasks": 2, "max_new_tokens": 8, "device": "cpu", "parameters": 3e4,
}
"""The settings of the preset `tiny`, which every study has: all of it in seconds, on a model that knows nothing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of levels. `name` is that of its folder, and what contrasts call it."""

    name: str
    levels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What came out of a cell with one seed.

    Attributes:
        scores: by score, such as `pass@humaneval` (share of passes) and `nll@humaneval` (nats a token), the value of each
            task; a score is left out while its stage waits for another machine.
        numbers: what else is to be in the ledger, plain data.
    """

    scores: dict[str, Mapping[str, float]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


class Study(ABC, Generic[S]):
    """A question with an experiment that answers it. Subclasses set the class variables, and are used without arguments."""

    name: ClassVar[str]
    question: ClassVar[str]
    method: ClassVar[tuple[str, ...]]
    limits: ClassVar[tuple[str, ...]] = ()
    references: ClassVar[Mapping[str, str]]
    settings: type[S]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]

    @abstractmethod
    def cells(self, settings: S) -> Sequence[Cell]:
        """Return the cells, in the order in which they run."""

    @abstractmethod
    def run(self, lab: "Lab[S]", cell: Cell, seed: int) -> Found:
        """Run a cell with one seed, in stages of the lab. What a later stage needs of an earlier one is in its outputs."""

    @abstractmethod
    def contrasts(self, settings: S, rows: Sequence[Mapping[str, Any]] = ()) -> Sequence[Contrast]:
        """Return the contrasts, those on pass@1 first; the last line is about those that are `named`.

        Args:
            rows: the ledger so far, empty before anything ran. Few studies look at it.
        """

    def summary(self, settings: S, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return what this study alone derives from its rows, for `summary.json` and the page: lists of rows, by heading."""
        return {}

    def verdict(self, settings: S, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> str | None:
        """Return the last line, unless it is that of the named contrasts; `more` is what `summary` returned."""
        return None

    def claims(
        self, settings: S, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """Return what the run says: `claim`, `evidence`, whether it is `verified`, and `confidence`, by named contrasts."""
        return results.claims(contrasts)

    def trained(self, settings: S) -> float:
        """Return how many tokens are trained on in all cells of one seed, for --dry-run."""
        return 0.0

    def scored(self, settings: S) -> int:
        """Return how many times a model is scored on each benchmark, in all cells of one seed."""
        return len(self.cells(settings))

    def read(self, settings: S) -> int:
        """Return how many times a model reads each benchmark besides, without answering it."""
        return 0

    def problems(self, settings: S) -> int:
        """Return how many problems that are of no benchmark are read and answered, in all cells of one seed."""
        return 0

    def sees(self, settings: S) -> Sequence[tuple[str, int, float]]:
        """Return what is estimated beside contrasts, for --dry-run: its name, its problems, and the share visible."""
        return []


def both(name: str, weights: Mapping[str, float], settings: StudySettings, *, named: bool = False) -> list[Contrast]:
    """Return a contrast on pass@1 and on nats a token, for each benchmark."""
    return [
        over(name, weights, f"{measure}@{benchmark}", margin, named=named) for benchmark in settings.benchmarks
        for measure, margin in (("pass", settings.margin_pass), ("nll", settings.margin_nll))
        if measure == "nll" or settings.pass_tasks
    ]  # fmt: skip
