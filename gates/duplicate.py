"""Is it nearly the same as an earlier one? MinHash over runs of tokens, then the exact similarity.

The similarity of two programs is the Jaccard index of their sets of 5-token runs (`gates/tokens.py` defines tokens;
comments and white space do not count). Each program is compared with those that passed before it: the first of a group
passes, its near copies are refused. Candidates come from MinHash with banding, which misses at most one pair in a hundred
at the threshold and fewer above it; a candidate's similarity is exact. Score: the highest similarity found, 0 if none.
Where very many are almost that similar, only the nearest by their sketches are compared, so that no crowd makes a program
cost more than `COMPARED` comparisons; exact copies are found there too.

A name that occurs k times changes up to 5k runs: a long program with one name changed is found, with all changed it is not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from gates.base import Gate, Report, Solution, refused, within
from gates.tokens import grams, hashes
from sandbox import Sandbox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHINGLE = 5
PERMUTATIONS = 64
RECALL = 0.99
CROWD, COMPARED = 256, 64
"""Most programs that are found by the same band of a sketch; most candidates that a program is compared with."""


@dataclass(frozen=True, kw_only=True)
class Duplicate(Gate):
    """Refuses near copies of an earlier program in the same call of `check_many`.

    Attributes:
        similarity: two programs this similar, or more, count as the same; above 0, at most 1.
    """

    name: ClassVar[str] = "duplicate"
    cost: ClassVar[float] = 20
    lowest: ClassVar[bool] = True
    similarity: float = within(0.85, 0, 1, above=True)

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Compare each with those that passed before it; findings number the programs that reach this gate from 1."""
        import numpy as np
        from datasketch import MinHash

        n_bands, n_rows = _bands(self.similarity)
        blank = MinHash(num_perm=n_bands * n_rows, hashfunc=int)
        near = _Near(n_bands)
        kept: dict[int, NDArray[np.uint64]] = {}

        def compared(index: int, code: str) -> Report:
            started = monotonic()
            shingles = np.unique(grams(hashes(code), SHINGLE))
            sketch = blank.copy()
            sketch.update_batch((shingles >> np.uint64(32)).tolist())
            score, first = max(((_jaccard(shingles, kept[i]), -i) for i in near.found(sketch.hashvalues)), default=(0.0, 0))
            findings = []
            if first and score >= self.similarity:
                findings.append(refused("duplicate", f"{score:.1%} the same as program {-first}"))
            else:
                kept[index] = shingles
                near.add(index, sketch.hashvalues)
            return self.report(findings, score, seconds=round(monotonic() - started, 6))

        for index, solution in enumerate(solutions, 1):
            try:
                report = compared(index, solution.code)
            except Exception as error:
                report = self.failed(solution, error)
            yield report

    @property
    def compares(self) -> bool:
        """Whether decisions depend on other programs: yes, on those before."""
        return True


@dataclass(slots=True)
class _Near:
    """Earlier programs, found by the bands of their sketches, and by whole sketches."""

    n_bands: int
    sketches: "dict[int, NDArray[np.uint64]]" = field(default_factory=dict)
    places: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def _keys(self, sketch: "NDArray[np.uint64]") -> Iterator[int]:
        return (hash((at, band.tobytes())) for at, band in enumerate([sketch, *sketch.reshape(self.n_bands, -1)]))

    def found(self, sketch: "NDArray[np.uint64]") -> list[int]:
        """Return the programs that share a band with `sketch`: the first `COMPARED`, by what they share of all of it."""
        import numpy as np

        found = list({index for key in self._keys(sketch) for index in self.places.get(key, ())})
        if len(found) > COMPARED:
            shared = (np.array([self.sketches[index] for index in found]) == sketch).sum(1)
            found = [found[at] for at in np.argsort(-shared, kind="stable")[:COMPARED]]
        return found

    def add(self, index: int, sketch: "NDArray[np.uint64]") -> None:
        """Let a program be found."""
        self.sketches[index] = sketch
        for key in self._keys(sketch):
            if len(self.places[key]) < CROWD:
                self.places[key].append(index)


def _bands(similarity: float) -> tuple[int, int]:
    """Return the (bands, rows) with fewest candidates that miss at most 1 in 100 pairs of that similarity."""

    def found(rows: int) -> float:
        return float(1 - (1 - similarity**rows) ** (PERMUTATIONS // rows))

    rows = max((rows for rows in range(1, PERMUTATIONS // 2 + 1) if found(rows) >= RECALL), default=1)
    return PERMUTATIONS // rows, rows


def _jaccard(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> float:
    import numpy as np

    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)
