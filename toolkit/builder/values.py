"""Values as Python source, as JSON that a person can edit, and as asserts."""

import ast
import math
from collections.abc import Sequence
from typing import Any

MAX_SOURCE = 2000
"""Characters of a value's source, at most."""
_CLOSE = '''\
import math


def _close(got, wanted):
    if isinstance(wanted, float):
        return isinstance(got, (int, float)) and (
            math.isclose(got, wanted, rel_tol=1e-07, abs_tol=1e-06) or (got != got and wanted != wanted))
    if isinstance(wanted, (list, tuple)):
        return type(got) is type(wanted) and len(got) == len(wanted) and all(map(_close, got, wanted))
    if isinstance(wanted, dict):
        return isinstance(got, dict) and got.keys() == wanted.keys() and all(_close(got[key], wanted[key]) for key in wanted)
    return got == wanted


'''


class Refused(ValueError):
    """The value cannot be written down so that it reads back as it was."""


def source(value: Any) -> str:
    """Return an expression that makes an equal value: sets in a fixed order, NaN and infinities as calls of `float`.

    Raises:
        Refused: it is, or holds, anything but builtin data; it is NaN where only identity finds it; it is too long.
    """
    try:
        text = _source(value)
    except (RecursionError, ValueError) as error:  # ints of more digits than are read back
        raise error if isinstance(error, Refused) else Refused(f"cannot be written down: {error}") from None
    if len(text) > MAX_SOURCE:
        raise Refused(f"takes {len(text)} characters to write down, more than {MAX_SOURCE}")
    return text


def _source(value: Any) -> str:
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if kind in (type(None), bool, int, float, str, bytes):
        return repr(value)
    if kind in (list, tuple):
        inside = ", ".join(map(_source, value))
        return f"[{inside}]" if kind is list else f"({inside},)" if len(value) == 1 else f"({inside})"
    if kind in (dict, set, frozenset):
        if any(each != each for each in value):
            raise Refused("holds NaN in a set or as a key")
        if kind is dict:
            return "{" + ", ".join(f"{_source(key)}: {_source(each)}" for key, each in value.items()) + "}"
        inside = "{" + ", ".join(sorted(map(_source, value))) + "}" if value else "set()"
        return inside if kind is set else f"frozenset({inside})"
    raise Refused(f"is or holds {value!r:.50}, whose text does not read back")


def to_json(value: Any) -> Any:
    """Return a value for JSON; what JSON has not is written as `{"$": "(1, 2)"}`. Raises `Refused`."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) is list:
        return [to_json(each) for each in value]
    if type(value) is dict and all(type(key) is str for key in value) and "$" not in value:
        return {key: to_json(each) for key, each in value.items()}
    return {"$": source(value)}


def from_json(value: Any) -> Any:
    """Return what `to_json` was given. Raises `Refused`."""
    if isinstance(value, list):
        return [from_json(each) for each in value]
    if not isinstance(value, dict):
        source(value)
        return value
    if set(value) != {"$"}:
        return {key: from_json(each) for key, each in value.items()}
    if not isinstance(value["$"], str) or len(value["$"]) > MAX_SOURCE:
        raise Refused(f"{value['$']!r:.80} is no literal of at most {MAX_SOURCE} characters")
    try:
        found = ast.literal_eval(value["$"])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise Refused(f"{value['$']!r:.80} is no literal") from None
    source(found)
    return found


def is_literal(value: Any) -> bool:
    """Say whether a value can be an argument: it is written as a literal, and reads back."""
    try:
        ast.literal_eval(source(value))
    except ValueError:
        return False
    return True


def has_float(value: Any) -> bool:
    """Say whether a float is in a value where it is compared by itself: not in a set, nor as a key."""
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    return any(map(has_float, value)) if isinstance(value, list | tuple) else isinstance(value, float)


def asserts(name: str, inputs: Sequence[Sequence[Any]], values: Sequence[Any], *, unordered: bool = False) -> str:
    """Return one assert for each call of `name`. Floats may differ by 1e-6, and lists in their order if `unordered`.

    Raises:
        Refused: an argument or a value cannot be written down.
    """
    lines = []
    for arguments, value in zip(inputs, values, strict=True):
        call = f"{name}({', '.join(map(source, arguments))})"
        if unordered and isinstance(value, list):
            call, value = f"sorted({call}, key=repr)", sorted(value, key=repr)
        lines.append(f"assert _close({call}, {source(value)})" if has_float(value) else f"assert {call} == {source(value)}")
    return (_CLOSE if any(map(has_float, values)) else "") + "\n".join(lines) + "\n"
