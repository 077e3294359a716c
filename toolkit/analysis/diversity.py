"""How varied the texts are that a model wrote."""

import zlib
from collections import Counter
from collections.abc import Sequence

WINDOW = 500
"""N-grams among which different ones are counted."""


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
