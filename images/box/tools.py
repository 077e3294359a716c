"""Tools that look at a program's text without running it: the byte-compiler, and the shape of the syntax tree.

A tool takes a text and returns plain data. It runs in a process like a program's: own user, limits, clean directory. If a
text kills the process or never ends, that is a fact about the text. `lint.py` adds its tools in the image with linters.

An answer has at most 2 MB, whatever the text: strings are cut (`cut`) and lists bounded (`bounded`); `n_more` says how
many findings were left out.
"""

import ast
import hashlib
import io
import json
import platform
import tokenize
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
PATH = "solution.py"
MAX_MESSAGE, MAX_NAME = 500, 200
"""Most characters of a message; of a symbol or a name."""
MAX_WARNINGS = 100
MAX_BYTES = 250_000
"""Most bytes of a list as it is written into the answer."""


def cut(text: str, most: int = MAX_MESSAGE) -> str:
    """Return `text`, cut to `most` characters with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def bounded(items: Iterable[T], most: int, n_bytes: int = MAX_BYTES) -> list[T]:
    """Return the first items, at most `most` of them and `n_bytes` of JSON."""
    found: list[T] = []
    for item in items:
        n_bytes -= len(json.dumps(item)) + 1
        if n_bytes < 0 or len(found) == most:
            break
        found.append(item)
    return found


def source_bytes(text: str) -> bytes:
    """Return the bytes of `text` as a source file.

    Raises:
        ValueError: Python would read a different text from them, because of the encoding that they declare.
    """
    data = text.encode()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        read = data.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        raise ValueError(f"the encoding that the program declares cannot be used: {error}") from None
    if read.removeprefix("\ufeff") != text.removeprefix("\ufeff"):
        raise ValueError(f"the program declares the encoding {encoding}, which hides its text; it is UTF-8")
    return data


def finding(symbol: str, message: str, line: "int | None" = None, column: "int | None" = None) -> dict[str, Any]:
    """Return one finding, symbol and message cut. Lines count from 1, columns from 0."""
    return {"symbol": cut(symbol, MAX_NAME), "message": cut(message), "line": line, "column": column}


def of_error(error: BaseException) -> dict[str, Any]:
    """Return the finding for an exception of the compiler or a parser."""
    if isinstance(error, SyntaxError):
        column = None if error.offset is None else max(error.offset - 1, 0)
        return finding(type(error).__name__, error.msg or "invalid syntax", error.lineno, column)
    return finding(type(error).__name__, str(error) or "the compiler gave up")


def compile_(text: str) -> dict[str, Any]:
    """Byte-compile a text; keep the first `MAX_WARNINGS` warnings."""
    found: dict[str, Any] = {"error": None, "warnings": [], "n_more": 0, "python": platform.python_version()}
    try:
        data = source_bytes(text)
    except ValueError as error:
        found["error"] = finding("encoding", str(error))
        return found
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            compile(data, PATH, "exec", dont_inherit=True)
        except Exception as error:
            found["error"] = of_error(error)
    warned = (finding(w.category.__name__, str(w.message), w.lineno) for w in caught)
    found["warnings"] = bounded(warned, MAX_WARNINGS)
    found["n_more"] = len(caught) - len(found["warnings"])
    return found


MIN_NODES = 12
MAX_SUBTREES = 50_000


def shape(text: str) -> list[list[Any]]:
    """Return (hash, nodes) of every subtree of at least `MIN_NODES` nodes, without docstrings, names and constants.

    Nothing if the text does not parse; at most the largest `MAX_SUBTREES`. The whole file comes last.
    """
    try:
        tree = ast.parse(source_bytes(text))
    except Exception:
        return []
    found: dict[str, int] = {}

    def visit(node: ast.AST) -> tuple[str, int]:
        parts, size = [type(node).__name__], 1
        for name, value in ast.iter_fields(node):
            values = value if isinstance(value, list) else [value]
            for i, item in enumerate(values):
                if isinstance(item, ast.AST):
                    if name == "body" and i == 0 and is_docstring(item):
                        continue
                    inner, n = visit(item)
                    parts.append(inner)
                    size += n
                elif isinstance(item, (bool, type(None))) and name == "value":
                    parts.append(str(item))
        text = hashlib.blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()
        if size >= MIN_NODES:
            found[text] = size
        return text, size

    try:
        visit(tree)
    except RecursionError:
        return []
    return [[text, size] for text, size in sorted(found.items(), key=lambda item: item[1])[-MAX_SUBTREES:]]


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is only a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


TOOLS: dict[str, Callable[[str], Any]] = {"compile": compile_, "shape": shape}
