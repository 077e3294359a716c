"""Values of all kinds, and others that are nearly equal to them."""

import collections
import enum
import math
import random
import re
import types
import warnings
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy

from sandbox.wire import codec


class Plain:
    pass


class Same:
    """Equal to all of its kind."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same)

    def __hash__(self) -> int:
        return 1


class Anything(Same):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Items:
    """Can be iterated over, and says that it is any list."""

    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __iter__(self) -> Any:
        return iter(self.items)


class OldItems:
    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __getitem__(self, at: int) -> Any:
        return self.items[at]


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyStr(str):
    pass


class MyBytes(bytes):
    pass


class MyList(list[Any]):
    pass


class MyTuple(tuple[Any, ...]):
    pass


class MySet(set[Any]):
    pass


class MyDict(dict[Any, Any]):
    pass


class MyFraction(Fraction):
    pass


class MyDecimal(Decimal):
    pass


class LoudList(list[Any]):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class MuteInt(int):
    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0


class Color(str, enum.Enum):  # noqa: UP042
    A = "a"
    AB = "ab"


class Level(enum.IntEnum):
    ZERO = 0
    ONE = 1


Two = collections.namedtuple("Two", "x y")

INTS = (0, 1, 2, 3, -1, 7, 10, 255, 300, 2**31, 2**53, 2**53 + 1, -(2**63), 2**63, 2**64, 10**22, 10**30, 7**6000, 5 * (2**61 - 1))
FLOATS = (0.0, -0.0, 1.0, 2.0, 0.5, 0.1, 2.5, -3.75, 33.0, 1e-5, 5e-324, 1e16, 2.0**53, 1e22, 1e300, 1.7e308, math.inf, -math.inf)
TEXTS = ("", "a", "ab", "abc", "10", "1.5", "é", "日本", "😀", "\ud83d\ude00", "\udc00", '"[{,', "{}", "\x00\n", "None")
NUMPY_TYPES = (
    numpy.float16, numpy.float32, numpy.float64, numpy.int8, numpy.int64, numpy.uint8, numpy.uint64,
    numpy.bool_, numpy.complex64, numpy.complex128,
)  # fmt: skip


def number(rng: random.Random) -> Any:
    match rng.randrange(12):
        case 0 | 1 | 2:
            return rng.randrange(-3, 12)
        case 3:
            return rng.choice(INTS)
        case 4 | 5 | 6:
            return rng.randrange(-40, 40) / 8
        case 7:
            return rng.choice(FLOATS)
        case 8:
            return rng.random() < 0.5
        case 9:
            return float("nan") if rng.random() < 0.3 else rng.uniform(-1e3, 1e3)
        case 10:
            return complex(rng.randrange(3), rng.choice((0, 0.5, 2)))
    return as_type(rng.choice((Fraction, Decimal, *NUMPY_TYPES)), rng.randrange(-8, 8) / 4)


def as_type(kind: Callable[[Any], Any], value: Any) -> Any:
    """`value` as another type, or as it is where that is impossible."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return kind(value)
        except Exception:
            return value


def atom(rng: random.Random) -> Any:
    match rng.randrange(14):
        case 0 | 1 | 2:
            return rng.choice(TEXTS)
        case 3:
            return rng.choice((b"", b"a", b"\xff\x00"))
        case 4:
            return None
        case 5:
            return rng.choice((Decimal("1.50"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Fraction(1, 3)))
        case 6:
            return rng.choice((Color.A, Level.ONE, Plain(), Same(), ..., int, numpy.str_("ab"), numpy.bytes_(b"a"), range(3)))
    return number(rng)


def hashable(rng: random.Random, depth: int = 0) -> Any:
    match rng.randrange(8 if depth < 2 else 6):
        case 6:
            return tuple([hashable(rng, depth + 1) for _ in range(rng.randrange(3))])
        case 7:
            return frozenset(unique(rng, depth + 1))
    return atom(rng)


def unique(rng: random.Random, depth: int = 0) -> list[Any]:
    found: dict[Any, None] = {}
    for _ in range(rng.randrange(4)):
        item = hashable(rng, depth)
        if as_type(hash, item) is not item or type(item) is int:
            found[item] = None
    return list(found)


def value(rng: random.Random, depth: int = 0) -> Any:
    """Any value; those that benchmarks expect more often than others."""
    n = rng.randrange(5)
    match rng.randrange(24 if depth < 3 else 5):
        case 0 | 1 | 2 | 3:
            return atom(rng)
        case 4:
            return number(rng)
        case 5 | 6 | 7:
            return [rng.randrange(-80, 80) / 8 for _ in range(n)]
        case 8:
            return tuple(rng.randrange(-80, 80) / 8 for _ in range(n))
        case 9:
            return [number(rng) for _ in range(n)]
        case 10:
            return list(range(n))
        case 11:
            return [[rng.randrange(-80, 80) / 8 for _ in range(n)] for _ in range(rng.randrange(4))]
        case 12:
            return [(rng.randrange(9), rng.choice(TEXTS)) for _ in range(n)]
        case 13 | 14:
            return [value(rng, depth + 1) for _ in range(n)]
        case 15 | 16:
            return tuple([value(rng, depth + 1) for _ in range(n)])
        case 17:
            return rng.choice((set, frozenset))(unique(rng))
        case 18 | 19:
            return {key: value(rng, depth + 1) for key in unique(rng)}
        case 20:
            return Counter({key: rng.randrange(3) for key in unique(rng)})
        case 21:
            return rng.choice((OrderedDict, UserDict, ChainMap, MyDict, types.MappingProxyType))(dict.fromkeys(unique(rng), n))
        case 22:
            return rng.choice((deque, UserList, MyList, MyTuple, numpy.array))([rng.randrange(9) / 2 for _ in range(n)])
    return rng.choice((range(n), Two(n, 0.5), UserString("ab"), numpy.array(1.5), numpy.array([[1.0, 2.0]]), bytearray(b"a")))


MAPPINGS = (dict, UserDict, ChainMap, types.MappingProxyType)
ITEMS = (list, tuple, set, frozenset, deque, UserList, range, *MAPPINGS)


def parts(value: Any, depth: int = 0) -> list[Any]:
    """Return a value and all that is inside of it."""
    found = [value]
    if depth > 50 or not isinstance(value, ITEMS) or (isinstance(value, range) and len(value) > 9):
        return found
    for item in value.items() if isinstance(value, MAPPINGS) else value:
        found += parts(item, depth + 1)
    return found


def in_order(items: Any) -> list[Any]:
    """Return the elements, those of a set in the same order in every process."""
    if not isinstance(items, set | frozenset):
        return list(items)
    return sorted(items, key=lambda item: re.sub(rb'"[0-9a-f]{16}"', b"", codec.encode(item)))


def retyped(rng: random.Random, given: Any) -> Any:
    """The same value as another type, or nearly."""
    kinds: tuple[Callable[[Any], Any], ...]
    if isinstance(given, bool | int | float | complex | Fraction | Decimal | numpy.number | numpy.bool_):
        given = as_type(lambda x: x.item(), given)  # a fraction of numpy's integers would overflow
        kinds = (
            int, float, complex, Fraction, Decimal, bool, MyInt, MyFloat, MyFraction, MyDecimal, Level, MuteInt, *NUMPY_TYPES,
            numpy.float64, numpy.int64, numpy.array, numpy.array, lambda x: numpy.array([x]), lambda x: [x], lambda x: numpy.float64([x]), str,
        )  # fmt: skip
    elif isinstance(given, str):
        given = str.__str__(given)  # of an Enum's, numpy would take the name
        kinds = (UserString, MyStr, numpy.str_, numpy.array, list, str.encode, Color, str.upper)
    elif isinstance(given, bytes | bytearray):
        kinds = (bytearray, bytes, MyBytes, numpy.bytes_, list, memoryview)
    elif isinstance(given, MAPPINGS):
        kinds = (
            dict, OrderedDict, Counter, lambda d: defaultdict(int, d), UserDict, lambda d: ChainMap({}, dict(d)), types.MappingProxyType,
            MyDict, lambda d: OrderedDict(reversed(list(d.items()))), lambda d: dict(reversed(list(d.items()))),
            lambda d: Counter({**d, "more": 0}), lambda d: d.items(), lambda d: d.keys(), lambda d: d.values(), list,
        )  # fmt: skip
    elif isinstance(given, set | frozenset):
        kinds = (set, frozenset, MySet, in_order, lambda s: dict.fromkeys(in_order(s)).keys(), lambda s: UserDict.fromkeys(in_order(s)).keys())
    elif isinstance(given, list | tuple | deque | UserList | range | numpy.ndarray):
        kinds = (
            list, tuple, deque, UserList, MyList, MyTuple, lambda x: Two(*x), LoudList, numpy.array, numpy.array, iter, set, dict.fromkeys,
            lambda x: (y for y in x), lambda x: map(as_is, x), lambda x: range(len(x)), lambda x: range(0, 2 * len(x) - 1, 2), Items, lambda x: [x],
            lambda x: [numpy.array(y) for y in x], lambda x: [numpy.float32(y) for y in x], lambda x: [numpy.float64(y) for y in x],
            lambda x: [list(y) for y in x], lambda x: [tuple(y) for y in x], lambda x: [numpy.array([y]) for y in x], lambda x: [[y] for y in x],
        )  # fmt: skip
    else:
        kinds = (lambda x: Anything(), lambda x: [x], str)
    return as_type(rng.choice(kinds), given)


def as_is(x: Any) -> Any:
    return x


def changed(rng: random.Random, given: Any) -> Any:
    """Another value, not far away."""
    if isinstance(given, bool) or given is None:
        return rng.choice((True, False, None, 0, 1))
    if isinstance(given, int | float | complex | numpy.generic):
        change = rng.choice((1, 1e-9, 3e-8, 5e-7, 2e-6, 5e-5, 2e-4, 1e-3))
        how = rng.choice((lambda x: x + change, lambda x: x - change, lambda x: x * (1 + change), lambda x: -x, lambda x: float("nan")))
        return as_type(how, given)
    if isinstance(given, str):
        return rng.choice((given + "x", given[1:], given.upper(), given[::-1]))
    if isinstance(given, list | tuple | deque | UserList):
        items = list(given)
        at = rng.randrange(len(items) + 1)
        match rng.randrange(6):
            case 0:
                items = items[:-1]
            case 1:
                items = [*items[:at], value(rng, 3), *items[at:]]
            case 2:
                items = items[::-1]
            case 3:
                items = items * 2
            case 4:
                items = items[:1] * len(items)
            case 5:
                items = [x + rng.choice((1e-9, 5e-7, 5e-5)) if isinstance(x, float | numpy.floating) else x for x in items]
        return as_type(type(given), items)
    return value(rng, 1)


def inside(rng: random.Random, given: Any) -> Any:
    """Change one element."""
    items: Any = in_order(given) if isinstance(given, ITEMS) else []
    if not items:
        return retyped(rng, given)
    if isinstance(given, MAPPINGS):
        key = rng.choice(items)
        if rng.random() < 0.3:
            return as_type(lambda key: {near(rng, k) if k is key else k: v for k, v in given.items()}, key)
        return as_type(type(given), {k: near(rng, v) if k is key else v for k, v in given.items()})
    at = rng.randrange(len(items))
    items[at] = near(rng, items[at])
    return as_type(type(given), items)


def near(rng: random.Random, given: Any) -> Any:
    """What a program may answer where `given` is expected."""
    if rng.random() < (0.03 if not isinstance(given, list | tuple | str | dict | set) or given else 0.25):
        return rng.choice((None, 0, False, "", [], (), {}, set(), 0.0, -0.0, [[]], numpy.array([])))
    found = given
    for _ in range(rng.choice((1, 1, 1, 2))):
        how = rng.choice((retyped, retyped, retyped, changed, inside, inside, inside))
        found = how(rng, found)
    return found
