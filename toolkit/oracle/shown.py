"""Values for display: one line of at most 200 characters, made from the first bytes of the encoded value.

An answer comes from the judged program: it may have 48 MB, stand for more than memory holds, or be malformed. So only a
prefix is read, and nothing here raises. Verdicts are decided earlier, and never from this text.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.wire import codec
from toolkit.samples.lines import printable

MAX_CHARS = 200
"""Of a text; a longer one ends in an ellipsis."""
_READ = 4096
"""Bytes that are read: most tags need 6 per character, and the worst text 12."""
_DEEPEST = MAX_CHARS + 1
"""Deepest nesting that is read: each level adds a bracket to the text."""
_MAX_HEX = 1024
"""Hexadecimal digits of a number that is written as a decimal."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[][{},:]|[^][{},:"]+', re.DOTALL)
_HALF_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?$")
_PUNCTUATION = "[]{},:"


def _tag(pairs: list[tuple[str, Any]]) -> tuple[str, Any]:
    (pair,) = pairs
    return pair


_loads = json.JSONDecoder(object_pairs_hook=_tag).decode
"""A tag is read as a tuple (tag, body). The last ones may hold less than `codec.decode` wants: they are cut off."""


def value(wire: bytes) -> str:
    """Return an encoded value as Python writes it, in one printable line of at most `MAX_CHARS`."""
    return _line(wire, lambda tree: _text(tree, 0))


def call(wire: bytes) -> str:
    """Return the arguments of an encoded call (`codec.encode_batch` of one), separated by commas, as `value` does."""
    return _line(wire, lambda tree: _joined(tree[0], 0))


def text(said: str) -> str:
    """Return a text in one printable line of at most `MAX_CHARS`."""
    line = printable(said[: MAX_CHARS + 1])
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"


def _line(wire: bytes, write: Callable[[Any], str]) -> str:
    try:
        return text(write(_loads(_beginning(wire))))
    except Exception:  # no value, as far as it was read: its bytes then
        return text(wire[: MAX_CHARS + 1].decode("ascii", "replace"))


def _beginning(wire: bytes) -> str:
    """Return the JSON at the beginning of `wire`; where that is cut off, all that is open in it is closed."""
    read = wire[:_READ].decode("ascii", "replace")
    tokens: list[str] = []
    at = depth = 0
    while found := _TOKEN.match(read, at):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > _DEEPEST:
            break
        tokens.append(found[0])
        at = found.end()
    if at == len(wire):
        return read
    if read[at : at + 1] == '"':
        tokens.append(_HALF_ESCAPE.sub(r"\1", read[at:]) + '"')
    elif at == len(read) and tokens and tokens[-1][0] not in _PUNCTUATION + '"':
        tokens.pop()  # a number, perhaps half of one
    while tokens and (tokens[-1] in ("{", ",", ":") or (tokens[-1][0] == '"' and tokens[-2:-1] == ["{"])):
        tokens.pop()
    shut: list[str] = []
    for token in tokens:
        if token in "[{":
            shut.append("]" if token == "[" else "}")
        elif token in "]}" and shut:
            shut.pop()
    return "".join([*tokens, *reversed(shut)])


def _text(tree: Any, depth: int) -> str:
    """Write what `_loads` returned. Raises whatever a body raises that does not hold what it should."""
    if type(tree) is list:
        return f"[{_joined(tree, depth)}]"
    if type(tree) is str:
        return repr(tree[: MAX_CHARS + 1])
    if type(tree) is tuple:
        tag, body = tree
        return _tagged(tag, body, depth + 1)
    return repr(tree)


def _joined(items: Iterable[Any], depth: int) -> str:
    return ", ".join(_text(item, depth + 1) for item in items) if depth <= _DEEPEST else "…"


def _tagged(tag: str, body: Any, depth: int) -> str:
    match tag:
        case "t":
            return f"({_joined(body, depth)}{',' * (len(body) == 1)})"
        case "T":
            return f"[{', '.join(_tagged('t', row, depth) for row in body)}]"
        case "L":
            return f"[{', '.join(_text(piece, depth)[1:-1] for piece in body)}]"
        case "s":
            return f"{{{_joined(body, depth)}}}" if body else "set()"
        case "f":
            return f"frozenset({_tagged('s', body, depth) if body else ''})"
        case "d":
            return f"{{{', '.join(': '.join(_text(part, depth) for part in pair) for pair in body)}}}"
        case "i":
            return str(int(body, 16)) if "x" in body[:-1] and len(body) <= _MAX_HEX else body
        case "c":
            return repr(complex(*map(float, body)))
        case "b":
            return repr(bytes.fromhex(body[: 2 * min(len(body) // 2, MAX_CHARS)]))
        case "r":
            bounds = [_text(part, depth) for part in body]
            return f"range({', '.join(bounds[:2] if bounds[2:] == ['1'] else bounds)})"
        case "q":
            return f"Fraction({', '.join(_tagged('i', part, depth) for part in body)})"
        case "m":
            return f"Decimal({body[: MAX_CHARS + 1]!r})"
        case "n":
            return f"numpy.{_dtype(body)}({_joined(body[1:], depth)})"
        case "a":
            return f"numpy.array of {_dtype(body)}, shape {_joined(body[1:2], depth)}: {_joined(body[2:], depth)}"
        case "u":
            return f"{''.join(body[:1])}({_joined(body[1:], depth)})"
        case "S":
            return _joined(body, depth)
        case "I":
            return f"an iterator over [{_joined(body, depth)}]"
        case "o":
            return f"<{body[:MAX_CHARS]}>"
    raise codec.CodecError(f"unknown tag {tag!r}")


def _dtype(body: list[Any]) -> str:
    return "".join(body[:1]).lstrip("<>|=")
