"""Does it contain a benchmark? Measure the overlap with known texts, for programs that a model will be trained on.

The caller supplies the texts (`Corpus`): prompts, canonical solutions and tests. Three overlaps with each text are
measured, and findings name the nearest text:

- `ngram`: shared runs of 13 tokens (8 for texts of fewer than 26 tokens), as a share of the smaller of the two sets; a
  program's set counts as 13 at least. So a text inside a longer program counts in full, and so does a program that is a
  piece of a text.
- `run`: the longest shared run of tokens, among the texts that share an n-gram. It finds a piece of a long text, which
  is a small share in `ngram`.
- `ast`: shared subtrees, as a share of the smaller syntax tree, weighted by nodes. Names, constants and docstrings are
  left out, so that a renamed copy is the same. Subtrees of fewer than 12 nodes do not count, nor do programs or solutions
  whose largest statement has fewer than 16: `return max(numbers)` belongs to nobody.

Any overlap counts: a program that answers a benchmark's task contains its prompt and is refused. Score: the higher of
the two shares.

Why these thresholds. With HumanEval, HumanEval+ and MBPP+ as the corpus (1,413 texts of 706 solutions), refused were:

| planted | refused | | control | refused |
|---|---|---|---|---|
| prompt and solution | 706 of 706 | | functions of Python's library | 3 of 16,907 |
| a prompt alone | 543 of 543 | | files of Python's library | 3 of 803 |
| a test alone | 164 of 164 | | a model's answers to 400 contest problems | 2 of 400 |
| solution, docstrings gone, reformatted | 685 of 706 | | MBPP tasks that are not in MBPP+ | 20 of 596 |
| the same, all names changed | 612 of 706 | | | |
| the same, among 8 other functions | 608 of 706 | | | |

Short solutions are missed: 95 of the 706 have fewer than 16 nodes. With 12 instead of 16, 672 renamed copies are
found, but 7 % of the library's files are refused. No function of the library shares 0.3 of a text's 13-grams, or more
than 19 tokens in a row (files: 35). MBPP repeats itself: most of those 20 differ from a task of MBPP+ in names,
constants or one line.

Source: Brown et al., "Language Models are Few-Shot Learners", arXiv 2005.14165, appendix C (13-grams).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from gates.base import Finding, Gate, Report, Solution, batched, from_tool, in_batches, within
from gates.tokens import grams, hashes
from sandbox import Box, Limits, Sandbox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 64
LIMITS = Limits(charged_s=10.0, cpu_s=20.0)
LONG, SHORT = 13, 8
NODES = 16


@dataclass(frozen=True, kw_only=True, repr=False)
class Corpus:
    """Texts that must not be in training data.

    Attributes:
        items: name, text and, to compare syntax trees too, the program that the text is part of.
        left_out: what should be among them but is missing, in words.
    """

    items: tuple[tuple[str, str, str | None], ...]
    left_out: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the items, as hex."""
        return hashlib.sha256(json.dumps(self.items).encode()).hexdigest()

    def has_tokens_of(self, code: str) -> bool:
        """Return whether a program shares as many n-grams, or as long a run, with a text as the gate refuses; no box needed.

        Syntax trees, which find renamed copies, are not compared.
        """
        found = self._known.tokens(code)
        return found["ngram"][0] >= Decontaminate.ngram or found["run"][0] >= Decontaminate.run

    @cached_property
    def _known(self) -> "_Known":
        return _Known(self, [[] for _ in self.items])

    def __repr__(self) -> str:
        return f"Corpus({len(self.items)} items, {self.digest[:16]})"


@dataclass(frozen=True, kw_only=True)
class Decontaminate(Gate):
    """Refuses programs whose overlap with a known text reaches a threshold.

    Attributes:
        ngram: share of n-grams, 0 to 1.
        run: tokens in a row.
        ast: share of the syntax tree, 0 to 1.
        corpus: the texts.
    """

    name: ClassVar[str] = "decontaminate"
    cost: ClassVar[float] = 30
    image: ClassVar[str | None] = "run"
    lowest: ClassVar[bool] = True
    ngram: float = within(0.5, 0, 1, above=True)
    run: float = within(40, 1)
    ast: float = within(0.8, 0, 1, above=True)
    corpus: Corpus

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        """Compare them, many at a time. The corpus is prepared once the first has come."""
        rest = iter(solutions)
        for first in rest:
            known = _Known(self.corpus, list(_shapes([code for _, _, code in self.corpus.items], sandbox)))
            yield from in_batches(partial(self._check, known), chain([first], rest), BATCH, sandbox, self.failed)

    def _check(self, known: "_Known", box: Box, solutions: tuple[Solution, ...]) -> list[Report]:
        started = monotonic()
        said = box.examine("shape", [solution.code for solution in solutions], limits=LIMITS)
        reports = [self._report(known, s.code, one) for s, one in zip(solutions, said, strict=True)]
        seconds = round((monotonic() - started) / len(solutions), 6)
        return [replace(report, seconds=seconds) for report in reports]

    def _report(self, known: "_Known", code: str, said: Any) -> Report:
        found = known.tokens(code)
        findings = []
        tree = from_tool(said, known.trees)
        if isinstance(tree, Finding):
            findings.append(tree)
        else:
            found["ast"] = tree
        unit = {"ngram": "{:.0%} of the n-grams of the smaller", "run": "a run of {:g} tokens", "ast": "{:.0%} of the tree"}
        for level, (value, name) in found.items():
            refused = value >= getattr(self, level)
            if name:
                message = f"{unit[level].format(value)} in common with {name}"
                severity = "error" if refused else "note"
                findings.append(Finding(symbol=f"{level}-overlap", message=message, severity=severity, decisive=refused))
        values = {level: value for level, (value, _) in found.items()}
        return self.report(findings, max(values["ngram"], values.get("ast", 0.0)), values=values)


def _shapes(codes: Sequence[str | None], sandbox: Sandbox) -> Iterator[Any]:
    """Return the tool `shape`'s answer for each program, in order; an empty one for None."""
    batches = batched((Solution(code=code) for code in codes if code is not None), BATCH)
    said = chain.from_iterable(
        sandbox.map(lambda box, batch: box.examine("shape", [s.code for s in batch], limits=LIMITS), batches)
    )
    return ([] if code is None else next(said) for code in codes)


class _Known:
    """A corpus prepared for comparison."""

    def __init__(self, corpus: Corpus, shapes: Sequence[Any]) -> None:
        import numpy as np

        self.names = [name for name, _, _ in corpus.items]
        self.texts = [hashes(text) for _, text, _ in corpus.items]
        self.short = np.array([len(text) < 2 * LONG for text in self.texts], bool)
        rows = [_rows(text, SHORT if short else LONG) for text, short in zip(self.texts, self.short, strict=True)]
        self.grams = _Index([(row, np.ones(len(row))) for row in rows])
        self.subtrees = _Index([_tree(said if isinstance(said, list) else []) for said in shapes])

    def tokens(self, code: str) -> dict[str, tuple[float, str]]:
        """Return the highest share of n-grams and the longest run, each with the name of the text."""
        import numpy as np

        text = hashes(code)
        short, long = _rows(text, SHORT), _rows(text, LONG)
        both = np.concatenate([short, long])
        common = self.grams.common(both, np.ones(len(both)))
        smaller = np.minimum(self.grams.totals, np.where(self.short, len(short), len(long)).clip(LONG))
        return {"ngram": self._nearest(common, smaller), "run": self._longest(text, np.flatnonzero(common))}

    def trees(self, said: Any) -> tuple[float, str]:
        """Return the highest share of the syntax tree, with the name of the text."""
        import numpy as np

        subtrees, nodes = _tree(said)
        return self._nearest(self.subtrees.common(subtrees, nodes), np.minimum(self.subtrees.totals, nodes.sum()))

    def _nearest(self, common: "NDArray[np.float64]", smaller: "NDArray[np.float64]") -> tuple[float, str]:
        """Return the highest share and the text's name; of several, the text that shares most."""
        import numpy as np

        shares = common / smaller.clip(1)
        if not shares.any():
            return 0.0, ""
        highest = np.flatnonzero(shares == shares.max())
        at = highest[common[highest].argmax()]
        return float(shares[at]), self.names[at]

    def _longest(self, text: "NDArray[np.uint64]", near: "NDArray[np.int64]") -> tuple[float, str]:
        """Return the longest run shared with a text of the corpus, by bisection: a run of n contains one of n - 1."""
        import numpy as np

        def holder(n: int) -> int | None:
            """Return the index of a text that shares a run of `n` tokens with `text`; None if there is none."""
            rows = [grams(self.texts[i], n) if len(self.texts[i]) >= n else empty for i in near]
            shared = np.flatnonzero(np.isin(np.concatenate(rows), grams(text, n)))
            ends = np.cumsum([len(row) for row in rows])
            return int(near[np.searchsorted(ends, shared[0], "right")]) if len(shared) else None

        empty = np.zeros(0, np.uint64)
        low, high, best = 0, min(len(text), max((len(self.texts[i]) for i in near), default=0)), None
        while low < high:
            middle = (low + high + 1) // 2
            found = holder(middle)
            if found is None:
                high = middle - 1
            else:
                low, best = middle, found
        return float(low), "" if best is None else self.names[best]


class _Index:
    """An inverted index of sets of weighted hashes.

    Args:
        sets: distinct hashes and weights of each; a hash has the same weight in every set.
    """

    def __init__(self, sets: "Sequence[tuple[NDArray[np.uint64], NDArray[np.float64]]]") -> None:
        import numpy as np

        self.totals = np.array([weights.sum() for _, weights in sets])
        together = np.concatenate([members for members, _ in sets] or [np.zeros(0, np.uint64)])
        order = np.argsort(together, kind="stable")
        self.hashes = together[order]
        self.owners = np.repeat(np.arange(len(sets)), np.array([len(members) for members, _ in sets], int))[order]

    def common(self, hashes: "NDArray[np.uint64]", weights: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Return for each set the total weight of these hashes that are in it."""
        import numpy as np

        first = np.searchsorted(self.hashes, hashes, "left")
        counts = np.searchsorted(self.hashes, hashes, "right") - first
        at = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        common = np.bincount(self.owners[at], np.repeat(weights, counts), len(self.totals))
        return common.astype(np.float64)


def _rows(text: "NDArray[np.uint64]", n: int) -> "NDArray[np.uint64]":
    """Return the distinct hashes of runs of `n` tokens; none for shorter texts."""
    import numpy as np

    return np.unique(grams(text, n)) if len(text) >= n else np.zeros(0, np.uint64)


def _tree(said: Any) -> "tuple[NDArray[np.uint64], NDArray[np.float64]]":
    """Return hashes and node counts of all subtrees but the last: the whole file, which changes with any addition."""
    import numpy as np

    subtrees = {int(name, 16): nodes for name, nodes in said[:-1]}
    if any(type(nodes) is not int or not 0 < nodes < 1 << 31 for nodes in subtrees.values()):
        raise TypeError("nodes are not counted so")
    if max(subtrees.values(), default=0) < NODES:
        subtrees = {}
    return np.array(list(subtrees), np.uint64), np.array(list(subtrees.values()), np.float64)
