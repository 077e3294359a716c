"""The points of the docstring of `toolkit.benchmarks.compare`: the pairs that each may be about, and one that it is about."""

import array
import datetime
import math
import re
import types
import warnings
from collections import Counter, OrderedDict, UserList, UserString, deque
from collections.abc import Callable, ItemsView, KeysView, ValuesView
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
from evalplus.eval import is_floats

from tests.toolkit.benchmarks.pairs import Pair, wires
from tests.toolkit.benchmarks.values import ITEMS, MAPPINGS, Items, LoudList, MuteInt, OldItems, Plain, Same


@dataclass(frozen=True)
class Difference:
    """A point of the docstring of `compare`: how it begins there, the pairs that it may be about, and one that it is about."""

    words: str
    holds: Callable[[Pair], Any]
    example: Callable[[], Pair]


def parts(value: Any, depth: int = 0) -> list[Any]:
    """Return a value and all that is inside of it."""
    if isinstance(value, UserList | UserString):
        value = value.data
    found = [value]
    if depth > 50 or not isinstance(value, ITEMS) or (isinstance(value, range) and len(value) > 9):
        return found
    for item in value.items() if isinstance(value, MAPPINGS) else value:
        found += parts(item, depth + 1)
    return found


def has(pair: Pair, test: Callable[[Any], Any]) -> bool:
    return any(map(test, parts(pair.expected) + parts(pair.got)))


def is_array(x: Any) -> bool:
    return isinstance(x, numpy.ndarray) and bool(x.shape)


def is_own(x: Any) -> bool:
    return isinstance(x, Plain | Same | Items | OldItems | LoudList | MuteInt)


def is_no_plain_data(x: Any) -> bool:
    if isinstance(x, numpy.ndarray | numpy.generic) and (x.dtype.kind == "O" or x.dtype.char in "gG"):
        return True
    if isinstance(x, numpy.ndarray) and x.dtype.kind in "US":
        return not x.shape
    kinds = (memoryview, type, types.EllipsisType, datetime.date, array.array, re.Match, KeysView, ItemsView, ValuesView)
    return isinstance(x, kinds) and type(x) is not type({}.keys())


def is_unwritable(x: Any) -> bool:
    if isinstance(x, str):
        return "\ud83d\ude00" in x
    return (isinstance(x, Fraction) and x.denominator > 1 << 16_000) or isinstance(x, types.GeneratorType) or depth(x) > 300


def is_rounded(x: Any) -> bool:
    if isinstance(x, numpy.bytes_):
        return True
    if not isinstance(x, numpy.number) and not (isinstance(x, numpy.ndarray) and not x.shape and x.dtype.kind in "iufc"):
        return False
    return x.dtype.name in ("float16", "float32", "complex64") or bool(math.hypot(x.item().real, x.item().imag) >= 2**53)


def is_broadcast(pair: Pair) -> bool:
    """Whether one of numpy's arrays or numbers meets what has elements."""
    is_one = has(pair, lambda x: isinstance(x, list | tuple | deque | range) and len(x) == 1)
    return has(pair, is_array) or (is_one and has(pair, lambda x: isinstance(x, numpy.generic | numpy.ndarray)))


def depth(value: Any) -> int:
    """Return how deep lists are nested, up to 400."""
    found = 0
    while isinstance(value, list) and value and found < 400:
        value, found = value[0], found + 1
    return found


def has_tolerance(pair: Pair) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return (pair.atol != 0 or is_floats(pair.expected)) and not bool(pair.got == pair.expected)
        except (ArithmeticError, TypeError, ValueError):
            return False


def shape(value: Any) -> Any:
    try:
        return numpy.shape(value)
    except ValueError:  # of no shape
        return None


def is_uncommon(x: Any) -> bool:
    """Whether it is none of Python's numbers, no list and no tuple; numpy may make a number or an array of it all the same."""
    return type(x) not in (bool, int, float, complex, list, tuple)


def is_nan(x: Any) -> bool:
    return x.is_nan() if isinstance(x, Decimal) else isinstance(x, float | complex | numpy.inexact) and x != x


def is_oversized(pair: Pair) -> bool:
    expected, got = wires(pair)
    n_expected, n_got = (sum(map(data.count, (b",", b"[", b"{"))) for data in (expected, got))
    return len(got) > 32 * len(expected) + (1 << 16) or n_got > 4096 + 4 * n_expected


def of_mbpp(name: str, expected: Any, got: Any) -> Pair:
    return Pair(expected=expected, got=got, dataset="mbpp", entry_point=name)


def of_zero(got: Any) -> Pair:
    return Pair(expected=1.0, got=got, dataset="humaneval", entry_point="find_zero", inp=([-1, 1],), atol=1e-4)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


STRICTER = (
    Difference(
        "An answer of another shape",
        lambda pair: has_tolerance(pair) and shape(pair.got) != shape(pair.expected),
        lambda: Pair(expected=[[1.0, 2.0], [1.0, 2.0]], got=[1.0, 2.0], atol=1e-4),
    ),
    Difference("A numpy array equals no list", is_broadcast, lambda: Pair(expected=[5], got=numpy.array([5]))),
    Difference(
        "Within a tolerance",
        lambda pair: has_tolerance(pair) and has(pair, is_uncommon),
        lambda: Pair(expected=[[0, 1]], got=[range(2)], atol=1e-4),
    ),
    Difference("numpy's half and single", lambda pair: has(pair, is_rounded), lambda: Pair(expected=0.1, got=numpy.float16(0.1))),
    Difference(
        "An object of an own class",
        lambda pair: has(pair, lambda x: is_own(x) or is_no_plain_data(x)),
        lambda: Pair(expected=[1, 2], got=LoudList()),
    ),
    Difference(
        "A Counter is compared",
        lambda pair: has(pair, lambda x: isinstance(x, Counter)),
        lambda: Pair(expected=Counter(a=1), got=Counter(a=1, b=0)),
    ),
    Difference(
        "Mbpp/164 takes",
        lambda pair: type(pair.got) not in {"are_equivalent": (bool,), "find_zero": (int, float)}.get(pair.entry_point, (type(pair.got),)),
        lambda: of_mbpp("are_equivalent", True, None),
    ),
    Difference("An answer with far more", is_oversized, lambda: of_mbpp("similar_elements", [1], [1] * 5000)),
    Difference("What cannot be written", lambda pair: has(pair, is_unwritable), lambda: of_mbpp("check_str", "a", nested(310))),
)
LENIENT = (
    Difference("A NaN where", lambda pair: has(pair, is_nan), lambda: Pair(expected=[math.nan], got=[math.nan * 1])),
    Difference(
        "An array where",
        lambda pair: has(pair, is_array),
        lambda: Pair(expected=numpy.array([1, 2]), got=numpy.array([1, 2])),
    ),
    Difference(
        "Values are taken",
        lambda pair: has(
            pair, lambda x: is_own(x) or isinstance(x, OrderedDict) or (isinstance(x, numpy.ndarray) and not x.shape)
        ),
        lambda: Pair(expected=7, got=MuteInt(7)),
    ),
)
UNSEEN = ("The tolerance of 1e-6",)
"""Points that are about more than one call."""
