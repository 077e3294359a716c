"""The points of the docstring of `toolkit.benchmarks.compare`: what each is about at one place of a pair, and an example."""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS

from sandbox.wire import codec
from tests.toolkit.benchmarks.pairs import Pair, ours, theirs, wires
from tests.toolkit.benchmarks.places import CLOSE, ELEMENT, EQUAL, SET, SPECIAL, Place, Search, bare, plain, quietly, there
from tests.toolkit.benchmarks.values import LoudList, MuteInt
from toolkit.benchmarks import compare


@dataclass(frozen=True)
class Difference:
    """A point of the docstring of `compare`.

    Attributes:
        words: how it begins there.
        holds: whether it is why the rules differ at a place.
        example: a pair about which they differ for this reason alone.
    """

    words: str
    holds: Callable[[Place], bool]
    example: Callable[[], Pair]


def reasons(make: Callable[[], Pair], is_right: bool) -> list[str] | None:
    """Return the points that say why the rules differ about a pair, one for each place; None if no point says so of one.

    Args:
        is_right: what we say of it; EvalPlus says the opposite.
    """
    points = LENIENT if is_right else STRICTER
    ways = []
    for found in Search(make, is_right).ways():
        why = [next((point.words for point in points if quietly(partial(point.holds, place))), None) for place in found]
        ways.append(None if None in why else [words for words in why if words])
    known = [words for words in ways if words]
    if not is_right and len(known) < len(ways):  # it is right there in a way that nobody says is wrong here
        return None
    return known[0] if known else None


def shape(value: Any) -> Any:
    try:
        return numpy.shape(value)
    except ValueError:  # of no shape
        return None


def is_array(x: Any) -> bool:
    return isinstance(x, numpy.ndarray) and bool(x.shape)


def are_alike(one: Any, other: Any) -> bool:
    """Whether both are arrays of one shape and kind."""
    return is_array(one) and is_array(other) and one.shape == other.shape and kind(one) == kind(other)


def kind(array: Any) -> str:
    return {"u": "i"}.get(array.dtype.kind, array.dtype.kind)


# -- stricter ----------------------------------------------------------------------------------------------------------


def is_of_another_shape(place: Place) -> bool:
    return place.how == CLOSE and shape(place.expected) != shape(place.got)


def is_an_array_of_one(place: Place) -> bool:
    """Whether numpy makes an array of one truth of the comparison, and the two are not arrays of one shape and kind."""

    def truth() -> bool:
        found = place.got == place.expected
        return is_array(found) and found.size == 1 and bool(found.all())

    if place.how == CLOSE and place.is_top:  # Mbpp/581 takes what is close by another way
        return place.make().entry_point == "surface_Area" and is_array(place.got) and place.got.size == 1
    return place.how == EQUAL and not are_alike(place.expected, place.got) and quietly(truth)


def is_uncommon(place: Place) -> bool:
    """Whether one is no list, tuple or number of Python's own, or an integer of over 64 bits; inside, numpy's are taken."""
    numbers = (bool, int, float, complex)

    def is_common(x: Any) -> bool:
        if isinstance(x, numpy.generic):
            return not place.is_top and x.dtype.kind in "biufc"
        if type(x) is int:
            return -(1 << 63) <= x < 1 << 64
        return type(x) in (*numbers, list, tuple)

    is_close = place.how == CLOSE and shape(place.expected) == shape(place.got)
    return is_close and not (is_common(place.expected) and is_common(place.got))


def is_of_less_precision(place: Place) -> bool:
    """Whether the two differ as soon as each is what it holds."""
    values = (place.how, plain(place.expected), plain(place.got))
    is_other = any(new is not old for new, old in zip(values[1:], (place.expected, place.got), strict=True))
    return place.how in (EQUAL, ELEMENT, CLOSE) and is_other and not there(values, place.atol)


def is_opaque(x: Any, *, listed: bool = False) -> bool:
    return quietly(lambda: codec.encode(x, listed=listed).startswith(b'{"o":'))


def says_it_is_equal(place: Place) -> bool:
    """Whether one is no plain data, or is plain data that is another, and equal by its own `__eq__` only."""
    both = (place.expected, place.got)
    if place.how == SPECIAL:
        return False
    if place.how == SET:
        return is_opaque(place.got, listed=True)
    return any(map(is_opaque, both)) or (isinstance(place.got, LoudList) and not there((EQUAL, place.expected, list(place.got)), 0))


def counts_nothing(place: Place) -> bool:
    if not (isinstance(place.expected, Counter) and isinstance(place.got, Counter)):
        return False
    return place.expected.keys() != place.got.keys() and +place.expected == +place.got


def is_of_no_kind_taken(place: Place) -> bool:
    """Whether Mbpp/164 is answered with no bool, or HumanEval/32 with no number of Python's or numpy's that is real."""
    found = plain(place.got)
    match place.how, place.make().entry_point:
        case "special", "are_equivalent":
            return not isinstance(place.got, bool)
        case "special", "find_zero":
            return isinstance(found, bool) or not isinstance(found, int | float)
    return False


def is_far_larger(place: Place) -> bool:
    """Whether it is right as soon as no size is asked for."""
    pair = place.make()
    if not place.is_top or not quietly(lambda: wires(pair)):
        return False
    with patch.object(compare, "_is_oversized", lambda *_: False):
        is_right = ours(place.make())
    expected, got = wires(place.make())
    n_expected, n_got = (sum(map(data.count, (b",", b"[", b"{"))) for data in (expected, got))
    return is_right and (len(got) > 32 * len(expected) + (1 << 16) or n_got > 4096 + 4 * n_expected)


def is_unwritable(place: Place) -> bool:
    """Whether the answer as a whole cannot be written, or one of the two is another when it is read."""
    return not quietly(lambda: wires(place.make())) or any(map(is_other_when_read, (place.expected, place.got)))


def is_other_when_read(x: Any) -> bool:
    try:
        found = codec.decode(codec.encode(x))
    except codec.CodecError:
        return True
    return isinstance(x, str) and found != x


# -- more lenient ------------------------------------------------------------------------------------------------------


def are_nan(place: Place) -> bool:
    """Whether both are the same NaN; of a complex number, both parts count."""
    expected, got = plain(place.expected), plain(place.got)
    if isinstance(expected, Decimal) and isinstance(got, Decimal):
        return expected.is_nan() and str(expected) == str(got)
    parts = [(x.real, x.imag) if isinstance(x, float | complex) else () for x in (expected, got)]
    pairs = list(zip(*parts, strict=False))
    return any(a != a for a, _ in pairs) and all(a == b or (a != a and b != b) for a, b in pairs)


def are_equal_arrays(place: Place) -> bool:
    """Whether both are arrays of one shape and kind, of equal elements."""
    if not are_alike(place.expected, place.got):
        return False
    elements = zip(place.expected.ravel().tolist(), place.got.ravel().tolist(), strict=True)
    return all(a == b or are_nan(replace(place, expected=a, got=b)) for a, b in elements)


def is_an_array_of_elements(place: Place) -> bool:
    """Whether an array answers where sets are compared, and its elements, as a list, are right there."""
    return place.how == SET and is_array(place.got) and is_right_there(place, list)


def holds_the_same(place: Place) -> bool:
    """Whether both hold equal plain data, which one denies, or are of a class whose name is all that is compared."""
    expected, got = place.expected, place.got
    if isinstance(expected, OrderedDict) and isinstance(got, OrderedDict):
        return list(expected) != list(got) and expected.keys() == got.keys()
    if is_opaque(expected) and is_opaque(got):
        return type(expected) is type(got)
    if place.how == SET:
        return is_right_there(place, lambda items: [bare(item) for item in items])
    if place.how == CLOSE and place.is_top:  # floats of numpy's single precision are none there, and no tolerance holds
        return is_right_there(place, bare)
    values = (place.how, bare(expected), bare(got))
    return any(new is not old for new, old in zip(values[1:], (expected, got), strict=True)) and there(values, place.atol)


def is_right_there(place: Place, change: Callable[[Any], Any]) -> bool:
    """Whether the answer is right there once it is changed; what is expected is taken as the plain data that it holds."""
    pair = place.make()
    return quietly(lambda: theirs(replace(pair, expected=bare(pair.expected), got=change(pair.got))))


def raises_there(place: Place) -> bool:
    """Whether all that is asked is that there is an answer, and comparing it raises."""
    if place.how != SPECIAL or place.make().entry_point not in MBPP_OUTPUT_NOT_NONE_TASKS:
        return False
    try:
        bool(place.got == (place.expected is not None))
    except Exception:
        return True
    return False


# -- the points --------------------------------------------------------------------------------------------------------


def of_mbpp(name: str, expected: Any, got: Any) -> Pair:
    return Pair(expected=expected, got=got, dataset="mbpp", entry_point=name)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


STRICTER = (
    Difference("An answer of another shape", is_of_another_shape, lambda: Pair(expected=[[1.0, 2.0], [1.0, 2.0]], got=[1.0, 2.0], atol=1e-4)),
    Difference("A numpy array equals no list", is_an_array_of_one, lambda: Pair(expected=[5], got=numpy.array([5]))),
    Difference("Within a tolerance", is_uncommon, lambda: Pair(expected=[[0, 1]], got=[range(2)], atol=1e-4)),
    Difference("numpy's numbers", is_of_less_precision, lambda: Pair(expected=0.1, got=numpy.float16(0.1))),
    Difference("An object of an own class", says_it_is_equal, lambda: Pair(expected=[1, 2], got=LoudList())),
    Difference("A Counter is compared", counts_nothing, lambda: Pair(expected=Counter(a=1), got=Counter(a=1, b=0))),
    Difference("Mbpp/164 takes", is_of_no_kind_taken, lambda: of_mbpp("are_equivalent", True, None)),
    Difference("An answer with far more", is_far_larger, lambda: of_mbpp("similar_elements", [1], [1] * 5000)),
    Difference("What cannot be written", is_unwritable, lambda: of_mbpp("check_str", "a", nested(310))),
)
LENIENT = (
    Difference("A NaN where", are_nan, lambda: Pair(expected=[math.nan], got=[math.nan * 1])),
    Difference("An array where", lambda p: are_equal_arrays(p) or is_an_array_of_elements(p), lambda: Pair(expected=numpy.array([1, 2]), got=numpy.array([1, 2]))),
    Difference("Where anything but None", raises_there, lambda: of_mbpp("text_match_three", "a", Decimal("sNaN"))),
    Difference("Values are taken", holds_the_same, lambda: Pair(expected=7, got=MuteInt(7))),
)
UNSEEN = ("The tolerance of 1e-6",)
"""Points that are about more than one call."""
