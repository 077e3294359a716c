"""Decide whether an answer is right: compare it as it is on the wire, never building more than the expected value is large.

The rule is EvalPlus 0.3.1's (evalplus/eval/__init__.py, `unsafe_execute`): Python's `==`, else, where floats are expected
or the task has a tolerance, `numpy.allclose` of values of the same type. It is stricter in these points:

- An answer of another shape is wrong: nothing is broadcast, and `allclose` over nothing proves nothing.
- A numpy array equals no list, no number and no array of another shape or kind, unless it has no dimension; there, those of
  one element happen to work.
- Within a tolerance are Python's numbers, integers of up to 64 bits, and lists and tuples of them; there, all that numpy can
  make an array of.
- numpy's numbers, half and single precision above all, are compared as the numbers that they hold, not at their own
  precision, and its bytes as they are, not without zeros at their end.
- An object of an own class, or of the library's that holds no plain data, equals nothing, whatever its `__eq__` says.
- A Counter is compared as the dict that it is; there, keys that count nothing are left out.
- The tolerance of 1e-6 for floats holds for the call whose expected value is a float, there for all later calls as well.
- Mbpp/164 takes any bool, there anything at all; HumanEval/32 any int or float that is a zero of the polynomial, there
  nothing ever passes.
- An answer with far more parts or characters than the expected one is wrong before it is read (`_is_oversized`); so is one
  of over 16 MiB unless it is equal to the byte.
- What cannot be written (`codec.encode`) is wrong: nested too deep, too long an iterator, a surrogate pair in a text.

It is more lenient where there nobody, or no sane program, fails:

- A NaN where a NaN is expected is right, as equal bytes are.
- An array where an equal array is expected is right; there, what `==` makes of two has no truth. Where sets are compared,
  an array of another length is what its elements are; there, `==` raises.
- Where anything but None is right, so is what raises when it is compared, such as a signaling NaN.
- Values are taken as the plain data that they hold: a number or a text of a subclass that denies being equal to it, an
  OrderedDict of another order, an array of no dimension or a bytearray in a set, single precision where floats are within a
  tolerance, an own class's name where its object is expected.
"""

import math
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain, islice
from typing import Any

from sandbox.wire import codec
from toolkit.benchmarks.base import Benchmark
from toolkit.records import Table, Task

LARGE_BYTES = 1 << 20
"""Longer answers are compared one at a time, so that memory does not grow with the number of boxes."""
_LARGE = threading.Lock()
_RTOL, _ATOL = 1e-07, 1e-06
_NUMBERS = frozenset({int, float, bool, complex})
_ATOMS = _NUMBERS | {str, bytes, type(None), Fraction, Decimal}
_PLAIN = frozenset({int, float, bool, str, type(None)})
"""Types of what an answer holds without a tag; `==` says what `_same` would of them and of `_ATOMS`."""


class _Differs(Exception):
    """The answer contains something that the expected value cannot contain."""


def matches(benchmark: Benchmark, task: Task, arguments: Sequence[Any], expected: bytes, got: bytes) -> bool:
    """Return whether `got` is right if `expected` is; both are encoded values (`sandbox/wire/codec.py`).

    `got` comes from a program. Time and memory are bounded by the length of both, and nothing in `got` makes this raise.
    """
    if got == expected:
        return True
    if _is_oversized(expected, got):
        return False
    with _LARGE if len(expected) + len(got) > LARGE_BYTES else threading.Lock():
        try:
            wire = codec.read(got)
        except codec.CodecError:
            return False
        is_plain = b"{" not in got and b'{"a":' not in expected
        return _matches(benchmark, task, arguments, codec.decode(expected), wire, is_plain=is_plain)


def _is_oversized(expected: bytes, got: bytes) -> bool:
    def parts(data: bytes) -> int:
        return data.count(b",") + data.count(b"[") + data.count(b"{")

    return len(got) > 32 * len(expected) + (1 << 16) or parts(got) > 4 * parts(expected) + 4096


def _matches(
    benchmark: Benchmark, task: Task, arguments: Sequence[Any], expected: Any, wire: Any, *, is_plain: bool
) -> bool:
    try:
        decided = benchmark.special(task, arguments, expected, _scalar(wire))
        if decided is not None:
            return bool(decided)
        if _is_set_of(expected, wire) if benchmark.is_set(task) else expected == wire if is_plain else _same(expected, wire):
            return True
        atol = task.tests_as(Table).atol or (_ATOL if _is_floats(expected) else 0)
        return bool(atol) and _has_type(expected, wire) and _is_close(expected, wire, atol) and _shape(expected) is not None
    except (_Differs, ArithmeticError, ValueError, TypeError, LookupError, AttributeError, codec.CodecError, RecursionError):
        return False  # a hostile answer can make constructors and comparisons raise these


def _scalar(wire: Any) -> Any:
    """Return the number, text, bool or None that an answer is, or else an `Opaque`, which equals nothing."""
    if type(wire) is tuple:
        tag, body = wire
        if tag == "S":
            return _scalar(_only(body))
        if tag not in ("i", "c", "q", "m", "n"):
            return codec.Opaque(tag)
        found = codec.atom(tag, body)
        return int(found) if type(found) is bool else found  # numpy's bool is not Python's
    return codec.Opaque("list") if type(wire) is list else wire


def _only(body: Any) -> Any:
    (inside,) = body
    return inside


def _is_floats(value: Any) -> bool:
    if isinstance(value, float):
        return True
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.name in ("float64", "float32")


# -- Python's == -------------------------------------------------------------------------------------------------------


def _same(expected: Any, wire: Any) -> bool:
    """Return whether Python finds the value of `wire` equal to `expected`. May raise what `matches` catches."""
    kind = type(expected)
    if type(wire) is list:
        return kind is list and _all_same(expected, wire)
    if type(wire) is not tuple:
        return kind in _ATOMS and bool(expected == wire)
    tag, body = wire
    match tag:
        case "S":
            return _same(expected, _only(body))
        case "t":
            return kind is tuple and _all_same(expected, body)
        case "T" | "L":
            tuples = _tuples(tag, body)
            if tuples and kind is list and _is_flat(tuples, list, _PLAIN) and _is_flat(expected, tuple, _ATOMS):
                both = (chain.from_iterable(rows) for rows in (expected, tuples))  # `==` of tuples looks at identity first
                return [*map(len, expected)] == [*map(len, tuples)] and all(map(operator.eq, *both))
            return kind is list and _all_same(expected, list(_rows(tag, body)))
        case "s" | "f":
            return kind in (set, frozenset) and len(body) == len(expected) and _covers(expected, body)
        case "d":
            return kind is dict and _same_dict(expected, body)
        case "u":
            name, inside = body
            wanted = {"UserList": list, "UserString": str, "UserDict": dict}.get(name)
            if name == "deque":
                return kind.__name__ == "deque" and _all_same(expected, inside)
            return kind is wanted and _same(expected, inside)
        case "r":
            return kind is range and len(body) == 3 and bool(expected == range(*map(codec.whole, body)))
        case "a":
            return _same_array(expected, body)
        case "o" | "I":
            return False
    return kind in _ATOMS and bool(expected == codec.atom(tag, body))


def _tuples(tag: str, body: Any) -> list[Any]:
    """Return the rows of a list that has nothing but rows of tuples, in one piece or several; else nothing."""
    pieces = [("T", body)] if tag == "T" else body
    are_rows = all(type(piece) is tuple and piece[0] == "T" for piece in pieces)
    return [*chain.from_iterable(piece[1] for piece in pieces)] if are_rows else []


def _is_flat(rows: Any, kind: type, inside: frozenset[Any]) -> bool:
    """Return whether all rows are of type `kind`, with elements of types `inside`: Python's own loops can compare those."""
    return type(rows) is list and set(map(type, rows)) <= {kind} and set(map(type, chain.from_iterable(rows))) <= inside


def _all_same(expected: Any, wire: Any) -> bool:
    return type(wire) is list and len(expected) == len(wire) and all(map(_same, expected, wire))


def _rows(tag: str, body: Any) -> Iterator[Any]:
    """Yield the elements of a list that is written as rows of tuples, or in pieces."""
    for piece in body:
        if tag == "T":
            yield "t", piece
        elif type(piece) is list:
            yield from piece
        elif type(piece) is tuple and piece[0] == "T":
            yield from (("t", row) for row in piece[1])
        else:
            raise _Differs


def _same_dict(expected: dict[Any, Any], body: Any) -> bool:
    seen, most = set(), _largest(expected)
    for key_wire, value in body:
        key = _key(key_wire, most)
        if key not in expected or not _same(expected[key], value):
            return False
        seen.add(key)
    return len(body) == len(seen) == len(expected)


def _covers(expected: Any, elements: Any) -> bool:
    """Return whether `elements` are exactly those of `expected`; only members of `expected` are ever put into a set."""
    seen, most = set(), _largest(expected)
    for wire in elements:
        key = _key(wire, most)
        if key not in expected:
            return False
        seen.add(key)
    return len(seen) == len(expected)


def _largest(items: Any) -> int:
    """Return the size of the largest frozenset among hashable values, at any depth; -1 if there is none."""
    nested = [item for item in items if type(item) in (frozenset, tuple)]
    return max((max(_largest(item), len(item) if type(item) is frozenset else -1) for item in nested), default=-1)


def _key(wire: Any, most: int) -> Any:
    """Return a hashable value; frozensets of more than `most` elements are not read. Raises `_Differs`."""
    if type(wire) is list:
        raise _Differs
    if type(wire) is not tuple:
        return wire
    tag, body = wire
    match tag:
        case "t":
            return tuple([_key(item, most) for item in body])
        case "f" if len(body) <= most:
            return frozenset(_key(item, most) for item in body)
        case "r":
            return range(*map(codec.whole, body))
        case "S":
            return _key(_only(body), most)
        case "u" if body[0] == "UserString" and type(body[1]) is str:
            return body[1]
    return codec.atom(tag, body)


def _same_array(expected: Any, body: Any) -> bool:
    dtype, shape, flat = body
    if type(expected).__name__ != "ndarray" or list(expected.shape) != shape or set(map(type, shape)) - {int}:
        return False
    if _kind(expected.dtype.kind) != _kind(dtype.strip("<>|=")[0]):
        return False
    values = expected.ravel().tolist()
    return len(values) == len(flat) and all(a == codec.number([dtype, b]) for a, b in zip(values, flat, strict=True))


def _kind(kind: str) -> str:
    return {"u": "i"}.get(kind, kind)


# -- with a tolerance --------------------------------------------------------------------------------------------------


def _has_type(expected: Any, wire: Any) -> bool:
    """Return whether the answer has exactly the type of `expected`, not a subclass."""
    if type(wire) is tuple:
        tag = wire[0]
        return type(expected) is {"t": tuple, "T": list, "L": list, "c": complex, "i": int}.get(tag)
    return type(wire) is type(expected)


def _shape(expected: Any) -> tuple[int, ...] | None:
    """Return the shape of nested lists and tuples of numbers; None if numpy could not make an array of them."""
    if not isinstance(expected, list | tuple):
        return () if type(expected) in _NUMBERS and not (type(expected) is int and not _is_int64(expected)) else None
    inside = {_shape(item) for item in expected} or {()}
    shape = inside.pop()
    return None if inside or shape is None else (len(expected), *shape)


def _is_int64(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 64


def _is_close(expected: Any, wire: Any, atol: float) -> bool:
    """Return whether nested lists and tuples of numbers have the same lengths and close values."""
    if isinstance(expected, list | tuple):
        elements = _sequence(wire)
        return len(expected) == len(elements) and all(_is_close(a, b, atol) for a, b in zip(expected, elements, strict=True))
    got = codec.atom(*wire) if type(wire) is tuple else wire
    if type(got) not in _NUMBERS or (type(got) is int and not _is_int64(got)):
        return False
    if got == expected:
        return True
    bound = atol + _RTOL * abs(expected)
    return math.isfinite(bound) and bool(abs(got - expected) <= bound)


def _sequence(wire: Any) -> list[Any]:
    if type(wire) is list:
        return wire
    if type(wire) is tuple and wire[0] in ("t", "T", "L"):
        return list(wire[1] if wire[0] == "t" else _rows(*wire))
    raise _Differs


# -- in any order ------------------------------------------------------------------------------------------------------


def _is_set_of(expected: Any, wire: Any) -> bool:
    """Return whether `set(got) == set(expected)`, for any iterable `got`."""
    wanted = set(expected)
    elements: dict[str, Callable[[Any], Any]] = {
        "t": iter, "s": iter, "f": iter, "I": iter, "b": bytes.fromhex,
        "T": lambda body: _rows("T", body), "L": lambda body: _rows("L", body), "d": lambda body: (key for key, _ in body),
        "r": lambda body: islice(range(*map(codec.whole, body)), 4 * len(wanted) + 4096),
    }  # fmt: skip
    if isinstance(wire, list | str):
        return _covers(wanted, wire)
    if type(wire) is not tuple:
        return False
    tag, body = wire
    if tag in ("S", "u"):
        return _is_set_of(expected, _only(body[tag == "u" :]))
    if tag == "a":
        dtype, shape, flat = body
        is_flat = shape == [len(flat)] == [len(expected)] and type(shape[0]) is int
        return is_flat and _covers(wanted, [("n", [dtype, item]) for item in flat])
    return tag in elements and _covers(wanted, elements[tag](body))
