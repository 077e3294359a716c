"""How varied the texts are that a model wrote."""

import ast
import bisect
import math
import random
import statistics
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gates.tokens import tokens

WINDOW = 500
"""N-grams among which different ones are counted."""
LONGEST = 8000
"""Characters of a text that is parsed: Python's parser bounds the depth of what it reads, but not the time."""


def texts(completions: Sequence[str]) -> dict[str, float | None]:
    """Measure how varied texts are; empty if there are none.

    `distinct_1`, `_2`, `_3` are the share of different ones among `WINDOW` n-grams of words, averaged over the texts: the
    share falls with their number, so that is fixed, and where there are fewer it is None. `compressed` is zlib's size over
    the size, `repeated_lines` and `unique` are shares of lines and of texts, all in [0, 1]; `characters` is the mean length.
    """
    if not completions:
        return {}
    words = [completion.split() for completion in completions]
    found: dict[str, float | None] = {}
    for n in (1, 2, 3):
        grams = [gram for each in words for gram in zip(*(each[i:] for i in range(n)), strict=False)]
        shares = [len(set(grams[end - WINDOW : end])) / WINDOW for end in range(WINDOW, len(grams) + 1, WINDOW)]
        found[f"distinct_{n}"] = round(sum(shares) / len(shares), 4) if shares else None
    joined = "\n".join(completions).encode("utf-8", "surrogatepass")
    found["compressed"] = round(len(zlib.compress(joined, 6)) / max(1, len(joined)), 4)
    lines = Counter(line.strip() for each in completions for line in each.splitlines() if line.strip())
    found["repeated_lines"] = round((lines.total() - len(lines)) / max(1, lines.total()), 4)
    found["unique"] = round(len(set(completions)) / len(completions), 4)
    found["characters"] = round(sum(map(len, completions)) / len(completions), 1)
    return found


def at_equal_tokens(
    populations: Sequence[Sequence[str]], *, reference: int | None = None, seed: int = 0
) -> list[dict[str, Any]]:
    """Measure how varied populations of programs are, each cut to as many tokens as the smallest of them has.

    Texts are shuffled (`seed`); the first so many tokens count, and for the structure the texts that lie within them whole.
    Tokens are those of `gates.tokens`. Texts longer than `LONGEST` characters are not parsed.

    Args:
        reference: which population's vocabulary the others are held against; None: none.

    Returns:
        For each population: `texts`, `tokens` (all the same), and where there are any tokens:
        lexical: `distinct_1`, `_2`, `_3` (different n-grams over n-grams), `entropy_1`, `_2`, `_3` (bits an n-gram),
        `self_bleu` (mean over texts of BLEU-4 against all others), `self_repetition` (mean over texts of ln(1 + 4-grams that
        another text has too)), `compressed` (zlib's bytes over bytes), `repeated_lines`, and with `reference` `coverage`
        (share of its different tokens that occur); structural, of the texts that parse: `parses` (share), `node_entropy`,
        `path_entropy` (bits of node types, and of runs of 3 on the way down), `unique_trees` (share of syntax trees that
        differ when names and constants are left out), `depth_sd`, `size_sd`, `imports`, `calls` (different names).
    """
    found = [[tokens(text) for text in texts] for texts in populations]
    most = min((sum(map(len, each)) for each in found), default=0)
    measured = [_measured(texts, each, most, seed) for texts, each in zip(populations, found, strict=True)]
    words = [about.pop("words") for about in measured]
    if reference is not None and words[reference]:
        for about, mine in zip(measured, words, strict=True):
            about["coverage"] = round(len(mine & words[reference]) / len(words[reference]), 4)
    return measured


def _measured(texts: Sequence[str], found: Sequence[list[str]], most: int, seed: int) -> dict[str, Any]:
    order = [i for i in range(len(texts)) if found[i]]
    random.Random(seed).shuffle(order)
    taken: list[list[str]] = []
    whole: list[str] = []
    left = most
    for i in order:
        if not left:
            break
        taken.append(found[i][:left])
        if len(found[i]) <= left:
            whole.append(texts[i])
        left -= len(taken[-1])
    about: dict[str, Any] = {"texts": len(taken), "tokens": most, "words": {token for each in taken for token in each}}
    if not most:
        return about
    for n in (1, 2, 3):
        counted = Counter(gram for each in taken for gram in _grams(each, n))
        about[f"distinct_{n}"] = len(counted) / counted.total() if counted else None
        about[f"entropy_{n}"] = entropy(counted.values())
    joined = "\n".join(map(" ".join, taken)).encode("utf-8", "surrogatepass")
    lines = Counter(line.strip() for text in whole for line in text.splitlines() if line.strip())
    about |= {
        "self_bleu": self_bleu(taken), "self_repetition": _self_repetition(taken),
        "compressed": len(zlib.compress(joined, 6)) / len(joined),
        "repeated_lines": (lines.total() - len(lines)) / lines.total() if lines else None, **_structure(whole),
    }  # fmt: skip
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in about.items()}


def entropy(counts: Iterable[int]) -> float:
    """Return the entropy of a distribution given by counts, in bits; 0 without any."""
    counts = list(counts)
    total = sum(counts)
    return math.fsum(-n / total * math.log2(n / total) for n in counts if n)


def self_bleu(found: Sequence[Sequence[str]]) -> float | None:
    """Return the mean BLEU-4 of each text against all others, 0 to 1; None with fewer than two texts of 4 tokens.

    An n-gram counts as often as the other text that has it most; orders without a match count as half a match.

    Source: Papineni et al. (2002); Zhu et al., arXiv 1802.01886.
    """
    long = [each for each in found if len(each) >= 4]
    if len(long) < 2:
        return None
    precisions = [[0.0] * 4 for _ in long]
    for n in (1, 2, 3, 4):
        counted = [Counter(_grams(each, n)) for each in long]
        best: dict[Any, tuple[int, int, int]] = {}  # the two highest counts of a gram, and whose the first is
        for i, counts in enumerate(counted):
            for gram, count in counts.items():
                first, owner, second = best.get(gram, (0, -1, 0))
                best[gram] = (count, i, first) if count > first else (first, owner, max(second, count))
        for i, counts in enumerate(counted):
            matched = 0
            for gram, count in counts.items():
                first, owner, second = best[gram]
                matched += min(count, second if owner == i else first)
            precisions[i][n - 1] = max(matched, 0.5) / counts.total()
    lengths = sorted(map(len, long))
    scores = []
    for each, parts in zip(long, precisions, strict=True):
        at = bisect.bisect_left(lengths, len(each))
        others = lengths[max(0, at - 1) : at] + lengths[at + 1 : at + 2]
        nearest = min((abs(length - len(each)), length) for length in others)[1]
        brevity = min(1.0, math.exp(1 - nearest / len(each)))
        scores.append(brevity * math.exp(math.fsum(map(math.log, parts)) / 4))
    return math.fsum(scores) / len(scores)


def _self_repetition(found: Sequence[Sequence[str]]) -> float | None:
    holders = Counter(gram for each in found for gram in set(_grams(each, 4)))
    values = [math.log1p(sum(holders[gram] > 1 for gram in _grams(each, 4))) for each in found]
    return math.fsum(values) / len(values) if values else None


def _grams(each: Sequence[str], n: int) -> Iterable[tuple[str, ...]]:
    return zip(*(each[i:] for i in range(n)), strict=False)


def _structure(texts: Sequence[str]) -> dict[str, Any]:
    trees = [tree for tree in map(parsed, texts) if tree is not None]
    about: dict[str, Any] = {"parses": len(trees) / len(texts) if texts else None}
    if not trees:
        return about
    nodes: Counter[str] = Counter()
    paths: Counter[tuple[str, ...]] = Counter()
    imports, calls = set(), set()
    shapes, depths, sizes = [], [], []
    for tree in trees:
        depth = size = 0
        shape = []
        stack: list[tuple[ast.AST, tuple[str, ...], int]] = [(tree, (), 1)]
        while stack:
            node, above, at = stack.pop()
            kind = type(node).__name__
            path = (*above, kind)[-3:]
            shape.append(f"{at} {kind}")
            depth, size = max(depth, at), size + 1
            nodes[kind] += 1
            if len(path) == 3:
                paths[path] += 1
            if isinstance(node, ast.Import):
                imports |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imports.add(node.module or ".")
            elif isinstance(node, ast.Call):
                calls.add(str(getattr(node.func, "attr", getattr(node.func, "id", ""))))
            below = (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context))
            stack += [(child, path, at + 1) for child in below]
        shapes.append("\n".join(shape))
        depths.append(depth)
        sizes.append(size)
    return about | {
        "node_entropy": entropy(nodes.values()), "path_entropy": entropy(paths.values()),
        "unique_trees": len(set(shapes)) / len(shapes), "depth_sd": statistics.pstdev(depths),
        "size_sd": statistics.pstdev(sizes), "imports": len(imports), "calls": len(calls - {""}),
    }  # fmt: skip


def parsed(text: str) -> ast.Module | None:
    """Return the syntax tree of a text that is short enough and a program; nothing is run."""
    if len(text) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
