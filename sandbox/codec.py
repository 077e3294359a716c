"""Values on the wire: JSON with tags. No pickle, no marshal, no eval; decoding runs no code of the sender's.

A JSON scalar stands for itself and a JSON array for a list. Everything else is an object with exactly one key:

    {"T": [[...], ...]} list of tuples of scalars             {"L": [[...], ...]} long list, in pieces
    {"t": [...]} tuple        {"s": [...]} set          {"f": [...]} frozenset     {"d": [[k, v], ...]} dict
    {"i": "0x.."} big int     {"c": [re, im]} complex   {"b": "hex"} bytes         {"r": [a, b, c]} range
    {"q": "1/3"} Fraction     {"m": "1.50"} Decimal     {"n": [dtype, v]} numpy scalar
    {"a": [dtype, shape, [...]]} numpy array            {"o": "module.Type"} anything else: equal to nothing

Sets are sorted by their encoded elements, so equal sets have equal bytes. Subclasses of the builtins are sent as their
base type by the base type's own methods: what a program's `__eq__`, `__len__` or `__class__` claims is not asked.
The same file is used inside the box (to encode what a solution returned) and on the host.
"""

import json
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

MAX_DEPTH = 300
"""Containers inside containers, at most; a list that contains itself ends here."""
MAX_HASHED = 200_000
"""Elements of one set or dict, at most: their hashes are the sender's choice, and may all collide."""
PART_ROWS = 1 << 16
"""Items of a list that are encoded at once."""
_BIG = 1 << 4096

_SCALARS = frozenset({int, float, str, bool, type(None)})
_ATOMS = frozenset({float, str, bool, type(None)})
_NUMPY_KINDS = frozenset("biufcUS")

_dumps = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode


class CodecError(ValueError):
    """The value has no place on the wire, or the bytes are not a value."""


class Opaque:
    """A value of a type that is not plain data. It equals nothing, itself included."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(self.type_name)

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def encode(value: object) -> bytes:
    """Return the bytes of `value`; equal bytes mean equal values of equal types.

    Raises:
        CodecError: deeper than MAX_DEPTH.
    """
    return b"".join(encode_parts(value))


def _encode(value: Any) -> bytes:
    kind = type(value)
    try:
        if kind in _SCALARS:
            return _dumps(value).encode("ascii")
        if kind is list or kind is tuple:
            text = _rows(value)
            if text is not None:
                return text.encode("ascii")
    except (ValueError, TypeError):  # an integer of more than 4,300 digits; a value that JSON has not
        pass
    return _dumps(_plain(value, 0)).encode("ascii")


def _rows(value: Any) -> str | None:
    """Write a list or tuple of scalars, or a list of such rows, without copying it; None where it is something else.

    The writer takes tuples for lists; whether there were any inside shows in the number of brackets, which is far
    cheaper to count than types are. (A bracket inside a string only means that the careful way is taken.)
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
    """Yield the bytes of `encode`, a long list in pieces, so that it is never held a second time. Raises as `encode`."""
    if type(value) is not list or len(value) <= PART_ROWS:
        yield _encode(value)
        return
    before = b'{"L":['
    for at in range(0, len(value), PART_ROWS):
        yield before + _encode(value[at : at + PART_ROWS])
        before = b","
    yield b"]}"


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
        return {"d": [[_plain(k, depth), _plain(v, depth)] for k, v in value.items()]}
    return _other(value, kind, depth)


def _other(value: Any, kind: type, depth: int) -> Any:
    """Sets, numpy values, and subclasses of the builtins."""
    bases = kind.__mro__
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        array, generic = getattr(numpy, "ndarray", None), getattr(numpy, "generic", None)
        if array in bases and value.dtype.kind in _NUMPY_KINDS:
            flat = numpy.ndarray.ravel(value).tolist()
            return {"a": [value.dtype.str, list(value.shape), [_plain(item, depth) for item in flat]]}
        if generic in bases and value.dtype.kind in _NUMPY_KINDS:
            return {"n": [value.dtype.str, _plain(value.item(), depth)]}
    if set in bases:
        return {"s": sorted((_plain(item, depth) for item in set.__iter__(value)), key=_dumps)}
    if frozenset in bases:
        return {"f": sorted((_plain(item, depth) for item in frozenset.__iter__(value)), key=_dumps)}
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
        return {"d": [[_plain(k, depth), _plain(v, depth)] for k, v in dict.items(value)]}
    if complex in bases:
        number = complex.__complex__(value)
        return {"c": [number.real, number.imag]}
    if bytes in bases or bytearray in bases:
        return {"b": memoryview(value).hex()}
    if kind is range:
        return {"r": [_plain(n, depth) for n in (value.start, value.stop, value.step)]}
    if kind is type({}.keys()):
        return {"s": sorted((_plain(item, depth) for item in value), key=_dumps)}
    if kind.__name__ == "Fraction" and kind is getattr(sys.modules.get("fractions"), "Fraction", None):
        return {"q": f"{value.numerator:d}/{value.denominator:d}"}
    if kind.__name__ == "Decimal" and kind is getattr(sys.modules.get("decimal"), "Decimal", None):
        return {"m": str(value)}
    return {"o": f"{kind.__module__}.{kind.__qualname__}"[:200]}


def decode(data: bytes) -> Any:
    """Return the value of `data`, built from plain types only.

    Raises:
        CodecError: the bytes are not a value: malformed, of an unknown tag, too deep, an integer too long, or a set
            or dict with an element that cannot be hashed or with more than MAX_HASHED of them.
    """
    try:
        return _value(_loads(data.decode("ascii")), 0)
    except Exception as error:  # the bytes are a program's: whatever they make numpy or a constructor raise is theirs
        raise CodecError(str(error)[:200]) from None


def _value(wire: Any, depth: int) -> Any:
    if depth > MAX_DEPTH + 2:
        raise CodecError(f"nested deeper than {MAX_DEPTH}")
    depth += 1
    if type(wire) is list:
        if _SCALARS.issuperset(map(type, wire)):
            return wire
        return [_value(item, depth) for item in wire]
    if type(wire) is not dict:
        return wire
    ((tag, body),) = wire.items()
    if tag in ("t", "T", "L", "s", "f", "d", "r", "c", "n", "a"):
        if type(body) is not list:
            raise CodecError(f"tag {tag!r} wants an array")
    elif type(body) is not str:
        raise CodecError(f"tag {tag!r} is unknown or wants a string")
    if tag in ("s", "f", "d") and len(body) > MAX_HASHED:
        raise CodecError(f"more than {MAX_HASHED} elements in a set or dict")
    match tag:
        case "t":
            return tuple([_value(item, depth) for item in body])
        case "T":
            return [tuple(_row(row, depth)) for row in body]
        case "L":
            return list(chain.from_iterable(_value(piece, depth) for piece in body))
        case "s":
            return {_value(item, depth) for item in body}
        case "f":
            return frozenset(_value(item, depth) for item in body)
        case "d":
            return {_value(k, depth): _value(v, depth) for k, v in body}
        case "i":
            return int(body, 16)
        case "c":
            real, imaginary = body
            return complex(float(real), float(imaginary))
        case "b":
            return bytes.fromhex(body)
        case "r":
            return range(*(_value(n, depth) for n in body))
        case "q":
            from fractions import Fraction

            numerator, denominator = body.split("/")
            return Fraction(int(numerator), int(denominator))
        case "m":
            from decimal import Decimal

            return Decimal(body)
        case "n" | "a":
            return _numpy_value(tag, body, depth)
        case "o":
            return Opaque(body)
    raise CodecError(f"unknown tag {tag!r}")


def _row(wire: Any, depth: int) -> list[Any]:
    if type(wire) is not list:
        raise CodecError("tag 'T' wants arrays")
    return [_value(item, depth) for item in wire]


def _numpy_value(tag: str, body: list[Any], depth: int) -> Any:
    import numpy

    dtype = numpy.dtype(str(body[0]))
    if dtype.kind not in _NUMPY_KINDS or dtype.itemsize > 4096:
        raise CodecError(f"numpy type {body[0]!r} is not plain data")
    if tag == "n":
        return dtype.type(_value(body[1], depth))
    flat = [_value(item, depth) for item in body[2]]
    if dtype.itemsize * len(flat) > 1 << 28:
        raise CodecError("array too large")
    return numpy.array(flat, dtype=dtype).reshape([int(n) for n in body[1]])


def encode_batch(calls: list[Any]) -> bytes:
    """Return the bytes of `n calls x arguments`, to be decoded by `decode_batch`."""
    return _dumps([[_plain(argument, 0) for argument in call] for call in calls]).encode("ascii")


def decode_batch(data: bytes) -> list[list[Any]]:
    """Return `n calls x arguments` from trusted bytes, fast where no tag occurs."""
    calls: list[list[Any]] = _loads(data.decode("ascii"))
    if b"{" not in data:
        return calls
    return [[_value(argument, 0) for argument in call] for call in calls]


def split_frames(stream: bytes) -> list[tuple[bytes, bytes]]:
    """Split what a program's process wrote into (kind, payload) frames, pieces joined; an incomplete last is left out.

    Raises:
        CodecError: a frame of unknown kind: the program wrote into its result channel itself.
    """
    frames: list[tuple[bytes, bytes]] = []
    pieces: list[bytes] = []
    at, end = 0, len(stream)
    while end - at >= 5:
        kind, size = stream[at : at + 1], int.from_bytes(stream[at + 1 : at + 5], "big")
        if kind not in FRAME_KINDS:
            raise CodecError("the result channel holds bytes that are no frame")
        if at + 5 + size > end:
            break
        body = stream[at + 5 : at + 5 + size]
        at += 5 + size
        if kind == PART:
            pieces.append(body)
            continue
        frames.append((kind, b"".join([*pieces, body]) if pieces else body))
        pieces.clear()
    return frames


def join_frames(frames: list[tuple[bytes, bytes]]) -> bytes:
    """Return the stream of which `split_frames` gives `frames`."""
    return b"".join(chain.from_iterable((kind, len(body).to_bytes(4, "big"), body) for kind, body in frames))


LOADED, COMPILE_ERROR, RAISED, RETURNED, UNENCODABLE, ASKED, ENDED = b"L", b"C", b"X", b"R", b"U", b"Q", b"D"
PART = b"P"
"""A piece of a value; the frame that follows holds the next, and the last piece is in a RETURNED frame."""
FRAME_KINDS = frozenset({LOADED, COMPILE_ERROR, RAISED, RETURNED, UNENCODABLE, ASKED, ENDED, PART})
