"""Rules of comparison that are wrong in one point each: the differential test has to fail for every one of them."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest

from sandbox.wire import codec
from tests.toolkit.benchmarks.differences import shape
from tests.toolkit.benchmarks.places import quietly
from tests.toolkit.benchmarks.values import parts
from toolkit.benchmarks import compare

Fault = Callable[[pytest.MonkeyPatch], None]
Test = Callable[[Any, Any], Any]


def value(wire: Any) -> Any:
    return codec._value(wire, 0, 1 << 20)


def _asks(test: Test, says: Callable[[bool, bool], bool]) -> Fault:
    real = compare._matches

    def matches(*given: Any, is_plain: bool) -> bool:
        *_, expected, wire = given
        return says(real(*given, is_plain=is_plain), quietly(lambda: test(expected, value(wire))))

    return lambda patch: patch.setattr(compare, "_matches", matches)


def right(test: Test) -> Fault:
    """Whatever else is right, a pair for which the test holds is."""
    return _asks(test, lambda is_right, holds: is_right or holds)


def wrong(test: Test) -> Fault:
    """Whatever else is wrong, a pair for which the test holds is."""
    return _asks(test, lambda is_right, holds: is_right and not holds)


def holds(*kinds: Any) -> Test:
    """Say whether what was answered is of one of some kinds, or has one inside."""
    return lambda _, got: any(isinstance(x, kinds) for x in parts(got))


def tagged(tag: str) -> Fault:
    """Any answer with this tag is wrong."""

    def has(wire: Any) -> bool:
        return (type(wire) is tuple and wire[0] == tag) or (type(wire) in (list, tuple) and any(map(has, wire)))

    real = compare._matches
    return lambda patch: patch.setattr(compare, "_matches", lambda *given, is_plain: not has(given[-1]) and real(*given, is_plain=is_plain))


def instead(name: str, new: Any, module: Any = compare) -> Fault:
    return lambda patch: patch.setattr(module, name, new)


def of_half_precision(body: Any, real: Callable[[Any], Any] = codec.number) -> Any:
    return numpy.float16(real(body)) if body[0] == "<f2" else real(body)


def in_any_order(x: Any) -> list[str]:
    return sorted(map(repr, x))


def as_listed(expected: Any, wire: Any) -> bool:
    return bool(list(expected) == list(value(wire)))


def are_near(a: Any, b: Any, *, rtol: float = 1e-7, atol: float = 1e-4) -> bool:
    return bool(numpy.allclose(a, b, rtol=rtol, atol=atol))


WRONG: dict[str, Fault] = {
    "shapes are broadcast": right(lambda a, b: shape(a) != shape(b) and are_near(a, b)),
    "what has no elements is close to what has none": right(lambda a, b: shape(a) != shape(b) and 0 in shape(a) and 0 in shape(b)),
    "what has no elements is close to anything": instead("_is_close", lambda a, wire, atol, real=compare._is_close: 0 in shape(value(wire)) or real(a, wire, atol)),
    "half precision": instead("number", of_half_precision, codec),
    "a set is a list of its elements": right(lambda a, b: isinstance(b, set | frozenset) and isinstance(a, list) and in_any_order(a) == in_any_order(b)),
    "a tuple is a list": right(lambda a, b: {type(a), type(b)} == {list, tuple} and list(a) == list(b)),
    "a range is a list": right(lambda a, b: isinstance(b, range) and a == list(b)),
    "a deque is a list": right(lambda a, b: isinstance(b, deque) and a == list(b)),
    "an array is a list": right(lambda a, b: isinstance(b, numpy.ndarray) and a == b.tolist()),
    "a frozenset is no set": wrong(lambda a, b: type(a) is not type(b) and isinstance(b, set | frozenset)),
    "0.0 is not -0.0": wrong(lambda a, b: a == b and "-0.0" in repr((a, b)) and repr(a) != repr(b)),
    "1 is not 1.0": wrong(lambda a, b: type(a) is float and type(b) is int),
    "1 is not True": wrong(lambda a, b: a == b and {type(a), type(b)} == {bool, int}),
    "a NaN is any number": right(lambda a, b: isinstance(a, float) and b != b),
    "with a NaN all is right": right(lambda _, b: any(isinstance(x, float) and x != x for x in parts(b))),
    "with an array all is right": right(holds(numpy.ndarray)),
    "with a decimal all is right": right(holds(Decimal)),
    "a dict of more keys": right(lambda a, b: isinstance(a, dict) and isinstance(b, dict) and a.items() <= b.items()),
    "a dict of another order": wrong(lambda a, b: isinstance(a, dict) and isinstance(b, dict) and list(a) != list(b)),
    "a longer list": right(lambda a, b: isinstance(a, list) and isinstance(b, list) and a == b[: len(a)]),
    "a shorter list": right(lambda a, b: isinstance(a, list) and isinstance(b, list) and b == a[: len(b)]),
    "any order": right(lambda a, b: isinstance(a, list) and isinstance(b, list) and in_any_order(a) == in_any_order(b)),
    "capitals are not told apart": right(lambda a, b: isinstance(a, str) and a.lower() == b.lower()),
    "a text is its number": right(lambda a, b: isinstance(b, str) and str(a) == b),
    "None is nothing": right(lambda a, b: b is None and not a),
    "a tolerance for all": right(lambda a, b: type(a) is type(b) and shape(a) == shape(b) and are_near(a, b)),
    "a tolerance of 1e-3": instead("_ATOL", 1e-3),
    "a relative tolerance of 1e-3": instead("_RTOL", 1e-3),
    "no tolerance": instead("_is_close", lambda *_: False),
    "no tolerance but a task's": instead("_is_floats", lambda _: False),
    "a tolerance for another type": instead("_has_type", lambda *_: True),
    "a fraction is no number": wrong(holds(Fraction)),
    "an empty answer is none": wrong(lambda _, b: isinstance(b, list | tuple | dict | str) and not b),
    "a long answer is none": instead("_is_oversized", lambda _, got: len(got) > 99),
    "numpy's numbers are none": tagged("n"),
    "subclasses are none": tagged("S"),
    "the library's containers are none": tagged("u"),
    "iterators are none": tagged("I"),
    "sets are none": tagged("s"),
    "a part of a set is enough": instead("_covers", lambda expected, elements: all(value(x) in expected for x in elements)),
    "sets are compared in order": instead("_is_set_of", as_listed),
}  # fmt: skip
