"""Where in a pair the two rules differ: the smallest parts of it that one calls right and the other wrong."""

import warnings
from collections import UserList, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS, _digit_distance_nums, _surface_Area

from sandbox.wire import codec
from tests.toolkit.benchmarks.pairs import Pair, ours, wires
from tests.toolkit.benchmarks.values import MAPPINGS, Items, LoudList, MuteInt, OldItems, Plain, Same

EQUAL, ELEMENT, CLOSE, SET, SPECIAL = "equal", "element", "close", "set", "special"
"""How two values are compared at a place: by `==`, as members of a set or keys, within a tolerance, as sets of whatever can be
iterated over, or by the task's own rule."""
Values = tuple[str, Any, Any]
"""How they are compared, what is expected, and what was answered."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Two values that the rules judge otherwise, while they agree about all that is inside of both.

    Attributes:
        make: makes the whole pair anew.
        how: as above.
        is_top: whether it is the whole of both.
        atol: the tolerance where it is CLOSE.
    """

    make: Callable[[], Pair]
    how: str
    expected: Any
    got: Any
    is_top: bool
    atol: float = 0.0


def is_own(x: Any) -> bool:
    return isinstance(x, Plain | Same | Items | OldItems | LoudList | MuteInt)


def quietly(test: Callable[[], Any]) -> bool:
    """Return the truth of a comparison; what raises is not equal."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return bool(test())
        except Exception:
            return False


def plain(value: Any) -> Any:
    """Return the number or the text that one of numpy's holds, and anything else as it is."""
    return value.item() if isinstance(value, numpy.generic | numpy.ndarray) and not value.shape else value


def bare(x: Any) -> Any:
    """Return the number or the text that an object of a subclass, or of numpy's, holds; in lists and tuples too."""
    if type(x) in (list, tuple):
        return type(x)(map(bare, x))
    if isinstance(x, bytearray):
        return bytes(x)
    if isinstance(x, str):
        return str.__str__(x)
    return int.__pos__(x) if isinstance(x, int) and not isinstance(x, bool) else plain(x)


def there(values: Values, atol: float) -> bool:
    """Say whether EvalPlus finds two values right in their place."""
    how, expected, got = values
    if how == CLOSE:
        return quietly(lambda: numpy.allclose(got, expected, rtol=1e-07, atol=atol))
    return quietly(lambda: {got} == {expected} if how == ELEMENT else got == expected)


@dataclass(frozen=True)
class Search:
    """Finds where the rules differ about a pair.

    Attributes:
        make: makes the pair anew.
        is_right: what we say of it; EvalPlus says the opposite.
    """

    make: Callable[[], Pair]
    is_right: bool

    def ways(self) -> list[list[Place]]:
        """Return places for each way in which the pair is right for one of the rules."""
        pair = self.make()
        is_zero = (pair.dataset, pair.entry_point) == ("humaneval", "find_zero")
        if is_zero or pair.entry_point in ("are_equivalent", *MBPP_OUTPUT_NOT_NONE_TASKS):
            return [[self.whole(SPECIAL)]]
        if pair.is_set:
            if self.is_right or quietly(lambda: set(self.make().got) == set(pair.expected)):
                return [self.of_elements()]
            return [self.within((CLOSE, pair.expected, pair.got), is_top=True)]
        for how in (EQUAL, CLOSE):
            found = [(how, wanted, pair.got) for wanted in alternatives(pair) if self.is_right_for_one((how, wanted, pair.got))]
            if found:
                return [self.within(values, is_top=True) for values in found]
        return [self.within((EQUAL, pair.expected, pair.got), is_top=True)]

    @property
    def atol(self) -> float:
        return self.make().atol or 1e-6

    def is_right_for_one(self, values: Values) -> bool:
        """Say whether the rule finds two values right that finds the whole right."""
        return self.here(values) if self.is_right else there(values, self.atol)

    def is_right_for_both(self, values: Values) -> bool:
        return self.here(values) and there(values, self.atol)

    def here(self, values: Values) -> bool:
        """Say whether we find two values right in their place: what is no plain data is, if all has the same bytes."""
        how, expected, got = values
        if how == CLOSE:
            beside = all_as(expected, 0.0), all_as(expected, self.atol / 2)  # so that the whole is close, and not equal
            return quietly(lambda: ours(Pair(expected=[expected, beside[0]], got=[got, beside[1]], atol=self.atol)))
        if how == ELEMENT:
            expected, got = frozenset([expected]), frozenset([got])
        one = 1 if quietly(lambda: len(set(wires(self.make()))) == 1) else 1.0
        return quietly(lambda: ours(Pair(expected=[expected, 1], got=[got, one])))  # beside an integer, no tolerance holds

    def whole(self, how: str) -> Place:
        pair = self.make()
        return Place(make=self.make, how=how, expected=pair.expected, got=pair.got, is_top=True)

    def of_elements(self) -> list[Place]:
        """Return the places of answers that are compared as sets: elements, or the whole."""
        try:
            inner = matched(set(self.make().expected), set(self.make().got))
        except Exception:  # an element that cannot be hashed
            inner = None
        return self.among(inner) or [self.whole(SET)]

    def within(self, values: Values, *, is_top: bool = False) -> list[Place]:
        how, expected, got = values
        itself = Place(make=self.make, how=how, expected=expected, got=got, is_top=is_top, atol=self.atol if how == CLOSE else 0)
        return self.among(inside(values)) or [itself]

    def among(self, inner: list[Values] | None) -> list[Place]:
        """Return the places among what is inside; none if one of them is wrong for the rule that calls the whole right."""
        if not inner or not all(map(self.is_right_for_one, inner)):
            return []
        return [place for values in inner if not self.is_right_for_both(values) for place in self.within(values)]


def all_as(given: Any, number: float) -> Any:
    """Return lists and tuples as they are, with one number for all that is inside."""
    return type(given)([all_as(x, number) for x in given]) if type(given) in (list, tuple) else number


def alternatives(pair: Pair) -> list[Any]:
    """Return what is right for a task: the expected value, and what else its own rule takes."""
    match pair.entry_point if pair.dataset == "mbpp" else "":
        case "sum_div":
            return [pair.expected, 0]
        case "surface_Area":
            return [pair.expected, _surface_Area(*pair.inp)]
        case "digit_distance_nums":
            return [pair.expected, _digit_distance_nums(*pair.inp)]
    return [pair.expected]


def inside(values: Values) -> list[Values] | None:
    """Return what is inside of two values, side by side; None if their elements are not compared one by one."""
    how, expected, got = values
    if isinstance(got, LoudList) and quietly(lambda: list(got) == expected):  # what it says happens to be so
        got = list(got)
    both = (expected, got)
    if any(map(is_own, both)):
        return None
    if all(isinstance(x, list | tuple | deque | UserList) for x in both):
        return [(how, a, b) for a, b in zip(expected, got, strict=True)] if len(expected) == len(got) else None
    if how == CLOSE:
        return None
    if all(isinstance(x, MAPPINGS) for x in both):
        keys = matched(expected, got)
        return None if keys is None else [*keys, *((EQUAL, expected[a], got[b]) for _, a, b in keys)]
    return matched(expected, got) if all(isinstance(x, set | frozenset | type({}.keys())) for x in both) else None


_BESIDE: tuple[Callable[[Any, Any], bool], ...] = (
    lambda a, b: {a} == {b},
    lambda a, b: codec.encode([a]) == codec.encode([b]),
    lambda a, b: bool(bare(a) == bare(b)),
)


def matched(expected: Iterable[Any], got: Iterable[Any]) -> list[Values] | None:
    """Return elements that can be hashed, each beside the one that it equals, or else that is written or holds what it does."""
    left = list(dict.fromkeys(got))
    found: list[Values] = []
    for key in expected:
        at = next((at for test in _BESIDE for at, other in enumerate(left) if quietly(partial(test, other, key))), None)
        if at is None:
            return None
        found.append((ELEMENT, key, left.pop(at)))
    return None if left else found
