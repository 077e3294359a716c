"""Values on the wire: JSON with tags. No pickle, no marshal, no eval; decoding runs no code of the sender's.

A JSON scalar stands for itself and a JSON array for a list. Everything else is an object with exactly one key:

    {"T": [[...], ...]} list of tuples of scalars             {"L": [[...], ...]} long list, in pieces
    {"t": [...]} tuple        {"s": [...]} set          {"f": [...]} frozenset     {"d": [[k, v], ...]} dict
    {"i": "0x.."} big int     {"c": [re, im]} complex   {"b": "hex"} bytes         {"r": [a, b, c]} range
    {"q": ["0x1", "0x3"]} Fraction                      {"m": "1.50"} Decimal
    {"n": [dtype, v]} numpy scalar                      {"a": [dtype, shape, [...]]} numpy array
    {"u": ["UserList", v]} a container of the library's (also UserString, UserDict, deque)
    {"S": [v]} a number, list or tuple of a subclass    {"I": [...]} what an iterator gave, written out
    {"o": "module.Type"} anything else: equal to nothing

Sets are sorted by their encoded elements, so equal sets have equal bytes. Subclasses of the builtins are sent as their
base type by the base type's own methods: what a program's `__eq__`, `__len__` or `__class__` claims is not asked.
The same file is used inside the box (to encode what a solution returned) and on the host. No tag expands: what is built
out of n bytes is O(n). The host builds values only of bytes that a benchmark's own solution made, or one of our tools; a
program's answers are compared as they are on the wire (`toolkit/benchmarks/compare.py`).
"""

import json
import re
import sys
from collections import ChainMap, UserDict, UserList, UserString, deque
from collections.abc import Iterator
from itertools import chain, islice
from math import prod
from types import MappingProxyType
from typing import Any

MAX_DEPTH = 300
"""Most containers inside containers; a list that contains itself ends here."""
MAX_HASHED = 200_000
"""Most elements of one set or dict: the sender chooses their hashes, which may all collide."""
PART_ROWS = 1 << 16
"""Items of a list that are encoded at a time."""
MIN_PART = PART_ROWS
"""Fewest bytes of a piece of a value: shorter ones do not come from `encode_parts`."""
MAX_FRACTION = 4096
"""Most hexadecimal digits of a fraction."""
MAX_DIMENSIONS = 64
"""Most dimensions of an array, as in numpy."""
MAX_LISTED = 1 << 16
"""Most elements that are taken from an iterator."""
_BIG = 1 << 4096

_SCALARS = frozenset({int, float, str, bool, type(None)})
_ATOMS = frozenset({float, str, bool, type(None)})
_MARKED = (list, tuple, int, float, complex)
_ITERABLES = (
    list, tuple, set, frozenset, dict, str, bytes, bytearray, range, deque, UserList, UserString, UserDict, ChainMap,
)  # fmt: skip
_LENGTHS = {"r": 3, "c": 2, "q": 2, "n": 2, "a": 3, "u": 2, "S": 1}
"""Parts of what a tag holds."""
_MARKED_FORMS = (list, int, float, "t", "i", "c")
_LIBRARY_FORMS = {"deque": list, "UserList": list, "UserString": str, "UserDict": "d"}
"""What `S` and `u` hold on the wire: a type of JSON, or a tag."""
_TEXTS = frozenset({"i", "b", "m", "o"})
_NUMPY_KINDS = frozenset("biufcUS")
_DTYPE = re.compile(r"[<>|=]?(b(?=1$)|[iu](?=[1248]$)|f(?=(?:[248]|16)$)|c(?=(?:8|16|32)$)|[US])\d{1,9}")
"""Types of numpy's that are plain data; no others, since a comparison on the wire would not notice that there is none."""
_digits = getattr(sys, "get_int_max_str_digits", lambda: 0), getattr(sys, "set_int_max_str_digits", lambda _: None)

_dumps = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode


def _tag(pairs: list[tuple[str, Any]]) -> tuple[str, Any]:
    (pair,) = pairs
    if not _fits(*pair):
        raise CodecError(f"tag {pair[0][:20]!r} does not hold what it should")
    return pair


_loads = json.JSONDecoder(object_pairs_hook=_tag).decode
"""A tag is read as a tuple (tag, body): JSON has none of its own, and it is a third of a dict's size."""


class CodecError(ValueError):
    """The value cannot be sent, or the bytes are not a value."""


class Opaque:
    """A value of a type that is not plain data. It equals nothing, not even itself."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return id(self)  # those of one type are all different, and so are their hashes

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def encode(value: object, *, listed: bool = False) -> bytes:
    """Return the bytes of `value`; equal bytes mean equal values of equal types.

    Args:
        listed: write out the elements of iterators, and of other iterables that are not plain data.

    Raises:
        CodecError: deeper than MAX_DEPTH.
    """
    if listed and (elements := _elements(value)) is not None:
        return _dumps({"I": [_plain(element, 0) for element in elements]}).encode("ascii")
    return b"".join(encode_parts(value))


def _elements(value: Any) -> "list[Any] | None":
    """Return the elements of an iterable without a tag of its own; None if it has one, or is too long or not iterable."""
    if any(base in type(value).__mro__ for base in _ITERABLES):
        return None
    try:
        iterator = iter(value)  # of what has items in order and no `__iter__`, too
    except TypeError:
        return None
    elements = list(islice(iterator, MAX_LISTED + 1))
    return elements if len(elements) <= MAX_LISTED else None


def _encode(value: Any) -> bytes:
    kind = type(value)
    get, put = _digits
    limit = get()
    try:
        put(4300)  # what the other end reads; the program may have lifted it here
        if kind in _SCALARS:
            return _dumps(value).encode("ascii")
        if kind is list or kind is tuple:
            text = _rows(value)
            if text is not None:
                return text.encode("ascii")
    except (ValueError, TypeError):  # an integer of more digits; a value that JSON has not
        pass
    finally:
        put(limit)
    plain = _plain(value, 0)
    if kind not in _MARKED and any(base in kind.__mro__ for base in _MARKED) and not (type(plain) is dict and "n" in plain):
        plain = {"S": [plain]} if kind is not bool else plain
    return _dumps(plain).encode("ascii")


def _rows(value: Any) -> "str | None":
    """Write a list or tuple of scalars, or a list of such rows, without copying; None for anything else.

    The writer takes tuples for lists; the number of brackets shows whether there were any inside, and is far cheaper to
    count than types. (A bracket inside a string only means that the careful way is taken.)
    """
    kind = type(value)
    inside = type(value[0]) if value else None
    if kind is list and (inside is list or inside is tuple):
        if set(map(type, value)) != {inside}:
            return None
        text = _dumps(value)
        if text.count("[") != len(value) + 1 or "{" in text:
            return None
        return text if inside is list else f'{{"T":{text}}}'
    text = _dumps(value)
    if text.count("[") != 1 or "{" in text:
        return None
    return text if kind is list else f'{{"t":{text}}}'


def encode_parts(value: object) -> Iterator[bytes]:
    """Yield the bytes of `encode`, a long list in pieces, so that it is never held twice. Raises as `encode`.

    Every piece but the last has at least MIN_PART bytes.
    """
    if type(value) is not list or len(value) <= PART_ROWS:
        yield _encode(value)
        return
    before = b'{"L":['
    last = (len(value) - 1) // PART_ROWS * PART_ROWS
    for at in range(0, last, PART_ROWS):
        yield before + _encode(value[at : at + PART_ROWS])
        before = b","
    yield before + _encode(value[last:]) + b"]}"


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is int:
        return value if -_BIG < value < _BIG else {"i": hex(value)}
    if depth > MAX_DEPTH:
        raise CodecError(f"nested deeper than {MAX_DEPTH}")
    depth += 1
    if kind is list:
        return [_plain(item, depth) for item in value]
    if kind is tuple:
        return {"t": [_plain(item, depth) for item in value]}
    if kind is dict:
        return _pairs(value, depth)
    return _other(value, kind, depth)


def _pairs(value: Any, depth: int) -> Any:
    return {"d": [[_plain(k, depth), _plain(v, depth)] for k, v in dict.items(value)]}


def _sorted(values: Any, depth: int) -> list[Any]:
    return sorted((_plain(item, depth) for item in values), key=_dumps)


def _other(value: Any, kind: type, depth: int) -> Any:
    """Sets, numpy values, subclasses of the builtins, and containers of the library."""
    bases = kind.__mro__
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        array, generic = getattr(numpy, "ndarray", None), getattr(numpy, "generic", None)
        if array in bases and value.dtype.kind in _NUMPY_KINDS:
            flat = numpy.ndarray.ravel(value).tolist()
            if not value.shape:
                return {"n": [value.dtype.str, _number(flat[0], depth)]}
            return {"a": [value.dtype.str, list(value.shape), [_number(item, depth) for item in flat]]}
        if generic in bases and value.dtype.kind in _NUMPY_KINDS:
            return {"n": [value.dtype.str, _number(value.item(), depth)]}
    if set in bases:
        return {"s": _sorted(set.__iter__(value), depth)}
    if frozenset in bases:
        return {"f": _sorted(frozenset.__iter__(value), depth)}
    if int in bases:
        return _plain(int.__pos__(value), depth)
    if float in bases:
        return float.__float__(value)
    if str in bases:
        return str.__str__(value)
    if list in bases:
        return [_plain(item, depth) for item in list.__iter__(value)]
    if tuple in bases:
        return {"t": [_plain(item, depth) for item in tuple.__iter__(value)]}
    if dict in bases:
        return _pairs(value, depth)
    if complex in bases:
        number = complex.__complex__(value)
        return {"c": [number.real, number.imag]}
    if bytes in bases or bytearray in bases:
        return {"b": memoryview(value).hex()}
    if kind is range:
        return {"r": [_plain(n, depth) for n in (value.start, value.stop, value.step)]}
    if kind is type({}.keys()) or kind is type({}.items()):
        return {"s": _sorted(value, depth)}
    if deque in bases:
        return {"u": ["deque", [_plain(item, depth) for item in deque.__iter__(value)]]}
    if UserList in bases:
        return {"u": ["UserList", _plain(list(value.data), depth)]}
    if UserString in bases:
        return {"u": ["UserString", _plain(str(value.data), depth)]}
    if UserDict in bases or ChainMap in bases or kind is MappingProxyType:
        return {"u": ["UserDict", _pairs(dict(value), depth)]}
    if (fraction := getattr(sys.modules.get("fractions"), "Fraction", None)) in bases:
        return {"q": [hex(fraction.numerator.fget(value)), hex(fraction.denominator.fget(value))]}
    if (decimal := getattr(sys.modules.get("decimal"), "Decimal", None)) in bases:
        return {"m": decimal.__str__(value)}
    return {"o": f"{kind.__module__}.{kind.__qualname__}"[:200]}


def _number(item: Any, depth: int) -> Any:
    """Write an element of an array; a float longer than Python's as the one that it equals, if there is one."""
    if not hasattr(item, "dtype"):
        return _plain(item, depth)
    plain = complex(item) if item.dtype.kind == "c" else float(item)
    return _plain(plain, depth) if plain == item or item != item else {"o": str(item.dtype)}


def read(data: bytes) -> Any:
    """Return the JSON of `data`, each tag as a tuple (tag, body). Raises `CodecError`."""
    try:
        return _loads(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise CodecError(str(error)[:200]) from None


def decode(data: bytes, *, max_hashed: int = MAX_HASHED) -> Any:
    """Return the value of `data`, built from plain types only: numpy scalars and library containers become Python's own.

    Raises:
        CodecError: the bytes are not a value: malformed, of an unknown tag, too deep, an integer too long, or a set
            or dict with an element that cannot be hashed or with more than `max_hashed` of them.
    """
    try:
        return _value(read(data), 0, max_hashed)
    except Exception as error:  # the bytes are a program's: whatever they make numpy or a constructor raise is theirs
        raise CodecError(str(error)[:200]) from None


def _value(wire: Any, depth: int, hashed: int) -> Any:
    if depth > MAX_DEPTH + 2:
        raise CodecError(f"nested deeper than {MAX_DEPTH}")
    depth += 1
    if type(wire) is list:
        return wire if _SCALARS.issuperset(map(type, wire)) else [_value(item, depth, hashed) for item in wire]
    if type(wire) is not tuple:
        return wire
    return _tagged(wire[0], wire[1], depth, hashed)


def _form(wire: Any) -> Any:
    return wire[0] if type(wire) is tuple else type(wire)


def _fits(tag: str, body: Any) -> bool:
    """Return whether a tag's body has the form that the encoder writes, without looking inside its elements."""
    if type(body) is not (str if tag in _TEXTS else list):
        return False
    if tag in _LENGTHS and len(body) != _LENGTHS[tag]:
        return False
    if tag in ("n", "a"):
        is_typed = type(body[0]) is str and _DTYPE.fullmatch(body[0]) is not None
        return is_typed and (tag == "n" or type(body[1]) is type(body[2]) is list)
    if tag in ("d", "T"):
        return {list}.issuperset(map(type, body)) and (tag == "T" or {2}.issuperset(map(len, body)))
    if tag == "S":
        return _form(body[0]) in _MARKED_FORMS
    if tag == "u":
        return type(body[0]) is str and _form(body[1]) == _LIBRARY_FORMS.get(body[0], "")
    return True


def _tagged(tag: str, body: Any, depth: int, hashed: int) -> Any:
    """Return the value that a tag stands for."""
    if tag in ("s", "f", "d") and len(body) > hashed:
        raise CodecError(f"more than {hashed} elements in a set or dict")
    if tag == "t":
        return tuple([_value(item, depth, hashed) for item in body])
    if tag == "T":
        return [tuple(_array(row, depth, hashed)) for row in body]
    if tag == "L":
        return list(chain.from_iterable(_piece(piece, depth, hashed) for piece in body))
    if tag == "s":
        return {_value(item, depth, hashed) for item in body}
    if tag == "f":
        return frozenset(_value(item, depth, hashed) for item in body)
    if tag == "d":
        return {_value(k, depth, hashed): _value(v, depth, hashed) for k, v in body}
    if tag == "u":
        name, inside = body
        plain = _value(inside, depth, hashed)
        return deque(plain) if name == "deque" and type(plain) is list else plain
    if tag == "S":
        (inside,) = body
        return _value(inside, depth, hashed)
    if tag == "r":
        return range(*map(whole, body))
    if tag == "n":
        return number(body)
    if tag == "a":
        return _array_of(body)
    if tag == "o":
        return Opaque(body)
    if tag == "I":
        return Opaque("iterator")
    return atom(tag, body)


def atom(tag: str, body: Any) -> Any:
    """Return the number or bytes behind a tag. Raises `CodecError`, or what its constructor raises."""
    if tag == "i":
        return int(body, 16)
    if tag == "b":
        return bytes.fromhex(body)
    if tag == "c":
        real, imaginary = body
        return complex(float(real), float(imaginary))
    if tag == "q":
        from fractions import Fraction

        numerator, denominator = body
        if len(numerator) + len(denominator) > MAX_FRACTION:  # reducing one takes the square of its length
            raise CodecError("a fraction of too many digits")
        return Fraction(int(numerator, 16), int(denominator, 16))
    if tag == "m":
        from decimal import Decimal

        return Decimal(body)
    if tag == "n":
        return number(body)
    raise CodecError(f"unknown tag {tag!r}")


def number(body: Any) -> Any:
    """Return Python's own value of a numpy scalar, whatever its precision. Raises as `atom`."""
    dtype, wire = body
    found = _DTYPE.fullmatch(dtype)
    if not found:
        raise CodecError(f"numpy type {dtype!r} is not plain data")
    if type(wire) is tuple:
        wire = atom(*wire)
    kinds: dict[str, tuple[type, ...]] = {"b": (bool,), "f": (int, float), "c": (complex,), "U": (str,), "S": (bytes,)}
    if type(wire) not in kinds.get(found[1], (int,)):
        raise CodecError(f"a numpy value of type {dtype!r} is not written so")
    return float(wire) if found[1] == "f" else wire


def whole(wire: Any) -> int:
    """Return one of the three integers of a range. Raises as `atom`."""
    found = atom(*wire) if type(wire) is tuple else wire
    if type(found) is not int:
        raise CodecError("a range wants whole numbers")
    return found


def _array(wire: Any, depth: int, hashed: int) -> list[Any]:
    if type(wire) is not list:
        raise CodecError("an array is wanted here")
    return wire if _SCALARS.issuperset(map(type, wire)) else [_value(item, depth, hashed) for item in wire]


def _piece(wire: Any, depth: int, hashed: int) -> list[Any]:
    if type(wire) is tuple and wire[0] == "T":
        return [tuple(_array(row, depth, hashed)) for row in wire[1]]
    return _array(wire, depth, hashed)


def _array_of(body: Any) -> Any:
    import numpy

    dtype, shape, flat = body
    values = [number([dtype, item]) for item in flat]
    kind = numpy.dtype(dtype).kind
    is_shape = len(shape) <= MAX_DIMENSIONS and all(type(n) is int and 0 <= n < 1 << 32 for n in shape)
    if not is_shape or prod(shape) != len(values):
        raise CodecError("an array's shape is not that of its values")
    if kind in "US" and max(map(len, values), default=0) * len(values) > 16 * sum(map(len, values)) + (1 << 16):
        raise CodecError("array too large")
    return numpy.array(values, dtype={"f": float, "c": complex, "U": None, "S": None}.get(kind, dtype)).reshape(shape)


def encode_batch(calls: list[Any]) -> bytes:
    """Return the bytes of `n calls x arguments`, to be decoded by `decode_batch`."""
    return _dumps([[_plain(argument, 0) for argument in call] for call in calls]).encode("ascii")


def decode_batch(data: bytes) -> list[list[Any]]:
    """Return `n calls x arguments` from trusted bytes, fast where no tag occurs."""
    calls: list[list[Any]] = _loads(data.decode("ascii"))
    if b"{" not in data:
        return calls
    return [[_value(argument, 0, MAX_HASHED) for argument in call] for call in calls]


def split_frames(stream: bytes, most: int, *, strict: bool = True) -> list[tuple[bytes, bytes]]:
    """Split a program's output into (kind, body) frames, with pieces joined and an incomplete last frame left out.

    Unless `strict`, also leave out everything from the first byte that is no answer.

    Raises:
        CodecError: more than `most` frames, one of unknown kind, or a piece that is too short: the program wrote into
            its result channel itself.
    """
    frames: list[tuple[bytes, bytes]] = []
    pieces: list[bytes] = []
    at, end = 0, len(stream)
    while end - at >= 5:
        kind, size = stream[at : at + 1], int.from_bytes(stream[at + 1 : at + 5], "big")
        is_whole = at + 5 + size <= end
        if not is_frame(kind, size) or (is_whole and len(frames) == most):
            if not strict:
                break
            raise CodecError("the result channel holds bytes that are no answer")
        if not is_whole:
            break
        body = stream[at + 5 : at + 5 + size]
        at += 5 + size
        if kind == PART:
            pieces.append(body)
            continue
        frames.append((kind, b"".join([*pieces, body]) if pieces else body))
        pieces.clear()
    return frames


def is_frame(kind: bytes, size: int) -> bool:
    """Return whether a frame may begin like this."""
    return kind in FRAME_KINDS and (kind != PART or size >= MIN_PART)


def join_frames(frames: list[tuple[bytes, bytes]]) -> bytes:
    """Return the stream that `split_frames` splits into `frames`."""
    return b"".join(chain.from_iterable((kind, len(body).to_bytes(4, "big"), body) for kind, body in frames))


LOADED, COMPILE_ERROR, RAISED, RETURNED, UNENCODABLE, ASKED, ENDED = b"L", b"C", b"X", b"R", b"U", b"Q", b"D"
PART = b"P"
"""A piece of a value; the next frame holds the next piece, and the last piece is in a RETURNED frame."""
FRAME_KINDS = frozenset({LOADED, COMPILE_ERROR, RAISED, RETURNED, UNENCODABLE, ASKED, ENDED, PART})
