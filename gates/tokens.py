"""Tokens of a program without a parser, and hashes of runs of tokens.

A token is a word (letters, digits and `_`) or one other character; white space and comments are not tokens. Strings are read
like the rest, so docstrings count. Hashes are the same in every process. Time and memory are linear in the text, whatever
the text is.
"""

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STRING_OR_COMMENT = re.compile(
    r'''("""(?:[^"\\]|\\.|"(?!""))*+(?:""")?|\'\'\'(?:[^'\\]|\\.|'(?!''))*+(?:\'\'\')?'''
    r"""|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?)|#[^\n]*""",
    re.DOTALL,
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_BASE = 0x9E3779B97F4A7C15


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, in order."""
    return _TOKEN.findall(_STRING_OR_COMMENT.sub(lambda found: found[1] or " ", text))


def hashes(text: str) -> "NDArray[np.uint64]":
    """Return a hash of each token of a text, in order."""
    import numpy as np

    found = tokens(text)
    known = {token: _hash(token) for token in set(found)}
    return np.fromiter((known[token] for token in found), np.uint64, len(found))


def _hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def grams(tokens: "NDArray[np.uint64]", n: int) -> "NDArray[np.uint64]":
    """Return a hash of every run of `n` tokens, in order; if there are fewer, of all of them.

    Equal rows have equal hashes, which are the rows read as numbers in base `_BASE`, modulo 2 ** 64.
    """
    import numpy as np

    n = min(n, len(tokens))
    powers = np.cumprod(np.append(np.uint64(1), np.full(len(tokens), _BASE, np.uint64)))
    inverse = np.cumprod(np.append(np.uint64(1), np.full(len(tokens), pow(_BASE, -1, 1 << 64), np.uint64)))
    sums = np.append(np.uint64(0), np.cumsum(tokens * powers[:-1]))
    rows: NDArray[np.uint64] = (sums[n:] - sums[: len(sums) - n]) * inverse[: len(sums) - n]
    return rows
