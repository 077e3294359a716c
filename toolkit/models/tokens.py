"""Turn text into tokens, none of them special, and find the tokens of a text to be filled in the middle, and its order."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from toolkit.errors import UsageError


class Middle(NamedTuple):
    """A model's tokens for filling in the middle: those before the prefix, the middle and the suffix."""

    prefix: int
    middle: int
    suffix: int


FAMILIES = (
    ("<fim-prefix>", "<fim-middle>", "<fim-suffix>"),
    ("<fim_prefix>", "<fim_middle>", "<fim_suffix>"),
    ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
    ("▁<PRE>", "▁<MID>", "▁<SUF>"),
)
"""SantaCoder, StarCoder, Qwen2.5-Coder, Code Llama."""


def middle_tokens(tokenizer: Any) -> Middle:
    """Return a model's tokens for filling in the middle. Raises `UsageError` if it has none."""
    vocabulary = tokenizer.get_vocab()
    for names in FAMILIES:
        if all(name in vocabulary for name in names):
            return Middle(*(vocabulary[name] for name in names))
    raise UsageError("this model has no tokens for filling in the middle; train it with --fim-rate 0")


def tokens_of(tokenizer: Any, text: str, *, inside: bool) -> list[int]:
    """Return a text's tokens, none of them special; `inside` a longer text, without the space some put first."""
    encode = functools.partial(tokenizer.encode, add_special_tokens=False, split_special_tokens=True, verbose=False)
    before = encode("\n") if inside else []
    if len(before) < 2:
        return list(encode(text))
    return list(encode("\n" + text)[len(before) :])


def arranged(prefix: Sequence[int], middle: Sequence[int], suffix: Sequence[int], mark: Middle, *, spm: bool) -> list[int]:
    """Return the parts of a text in the order shown to the model: prefix first (PSM), or suffix first (SPM)."""
    if spm:
        return [mark.prefix, mark.suffix, *suffix, mark.middle, *prefix, *middle]
    return [mark.prefix, *prefix, mark.suffix, *suffix, mark.middle, *middle]


def restored(tokens: Sequence[int], mark: Middle) -> list[int]:
    """Undo `arranged`: return the tokens in the text's own order."""
    if mark.prefix not in tokens:
        return list(tokens)
    start, suffix, middle = (tokens.index(each) for each in (mark.prefix, mark.suffix, mark.middle))
    return [*tokens[:start], *tokens[start + 1 : suffix], *tokens[middle + 1 :], *tokens[suffix + 1 : middle]]
