"""What is done to a program's text without running it: byte-compiling, and taking the shape of its syntax tree.

A tool takes a text and returns plain data. It runs in a process like a program's own: own user, limits, clean directory;
a text that kills the process or never ends is a fact about that text. `lint.py` adds its tools in the image that has
linters.
"""

import ast
import hashlib
import io
import platform
import tokenize
import warnings
from collections.abc import Callable
from typing import Any

PATH = "solution.py"


def source_bytes(text: str) -> bytes:
    """Return the bytes of `text` as a source file.

    Raises:
        ValueError: Python would read another text out of them, because of what they declare their encoding to be.
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


def finding(symbol: str, message: str, line: int | None = None, column: int | None = None) -> dict[str, Any]:
    """Return one finding: lines count from 1, columns from 0."""
    return {"symbol": symbol, "message": message, "line": line, "column": column}


def of_error(error: BaseException) -> dict[str, Any]:
    """Return the finding that an exception of the compiler or a parser stands for."""
    if isinstance(error, SyntaxError):
        column = None if error.offset is None else max(error.offset - 1, 0)
        return finding(type(error).__name__, error.msg or "invalid syntax", error.lineno, column)
    return finding(type(error).__name__, str(error)[:300] or "the compiler gave up")


def compile_(text: str) -> dict[str, Any]:
    """Byte-compile a text; every warning is kept."""
    found: dict[str, Any] = {"error": None, "warnings": [], "python": platform.python_version()}
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
    found["warnings"] = [finding(w.category.__name__, str(w.message), w.lineno) for w in caught[:100]]
    return found


MIN_NODES = 12


def shape(text: str) -> list[list[Any]]:
    """Return (hash, nodes) of every subtree of at least `MIN_NODES` nodes, docstrings left out, names and constants
    abstracted; nothing where the text does not parse."""
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
                elif isinstance(item, bool | type(None)) and name == "value":
                    parts.append(str(item))
        text = hashlib.blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()
        if size >= MIN_NODES:
            found[text] = size
        return text, size

    try:
        visit(tree)
    except RecursionError:
        return []
    return [[text, size] for text, size in found.items()]


def is_docstring(node: ast.AST) -> bool:
    """Whether a statement is a string and nothing else."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


TOOLS: dict[str, Callable[[str], Any]] = {"compile": compile_, "shape": shape}
