"""Is it nearly the same as an earlier one? MinHash over runs of tokens, then the exact similarity.

The similarity of two programs is the Jaccard index of their sets of 5-token runs (`gates/tokens.py` defines tokens;
comments and white space do not count). Each program is compared with those that passed before it: the first of a group
passes, its near copies are refused. Candidates come from MinHash with banding, which misses at most one pair in a hundred
at the threshold and fewer above it; a candidate's similarity is exact. Score: the highest similarity found, 0 if none.

A name that occurs k times changes up to 5k runs: a long program with one name changed is found, with all changed it is not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
        from datasketch import MinHash, MinHashLSH

        bands = _bands(self.similarity)
        blank = MinHash(num_perm=bands[0] * bands[1], hashfunc=int)
        near = MinHashLSH(num_perm=bands[0] * bands[1], params=bands)
        kept: dict[int, NDArray[np.uint64]] = {}

        def compared(index: int, code: str) -> Report:
            started = monotonic()
            shingles = np.unique(grams(hashes(code), SHINGLE))
            sketch = blank.copy()
            sketch.update_batch((shingles >> np.uint64(32)).tolist())
            score, first = max(((_jaccard(shingles, kept[i]), -i) for i in near.query(sketch)), default=(0.0, 0))
            findings = []
            if first and score >= self.similarity:
                findings.append(refused("duplicate", f"{score:.1%} the same as program {-first}"))
            else:
                kept[index] = shingles
                near.insert(index, sketch, check_duplication=False)
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
