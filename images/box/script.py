"""A program as `python FILE` runs it; if it is `noted`, with files beside it and a note on how it ended."""

import binascii
import os
import sys
import types
from typing import Any

from sandbox.wire import noted

FETCHED_BYTES = 11 << 20
"""Most bytes of all files that are fetched: a box keeps 16 MiB of an answer, and base64 makes a third more of them."""


def run(source: bytes, mark: bytes = b"", files: noted.Files = ()) -> int:
    """Run a text with files beside it, and return its exit code.

    The mark is written on standard error if it has come to its end: to that of the text, or to a `sys.exit` there.
    """
    folder = os.getcwd()
    path = f"{folder}/main.py"
    try:
        for name, data in [*files, ("main.py", source)]:
            if "/" in name:
                os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
    except OSError as error:
        print(f"files: {error}", file=sys.stderr)
        return 1
    error_fd = os.dup(2) if mark else -1
    sys.argv = [path]
    sys.path.insert(0, folder)
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    code, is_whole = 0, False
    try:
        exec(compile(source, path, "exec"), module.__dict__)
        is_whole = True
    except SystemExit as leave:
        if leave.code is None or isinstance(leave.code, int):
            code = (leave.code or 0) & 255
            is_whole = bool(mark) and not code and _is_last(source, leave)
        else:
            print(leave.code, file=sys.stderr)
            code = 1
    except BaseException as error:
        code = 1
        trace = error.__traceback__
        error.__traceback__ = trace.tb_next if trace else None  # without this function
        sys.excepthook(type(error), error, error.__traceback__)
    if mark and is_whole:
        try:
            sys.stderr.flush()
            os.write(error_fd, mark)
        except BaseException:
            pass
    return code


def _is_last(source: bytes, leave: SystemExit) -> bool:
    """Return whether an exit came of a text's last statement, which is no assertion."""
    import ast

    last = ast.parse(source).body[-1:]
    trace = leave.__traceback__ and leave.__traceback__.tb_next  # without `run`
    return bool(trace and last and trace.tb_lineno >= last[0].lineno and not isinstance(last[0], ast.Assert))


def over(code: int) -> int:
    """End as an interpreter does: threads joined, exit functions run, output flushed. Return the exit code."""
    import atexit
    import threading

    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        code = code or 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120
    return code


def fetch(folder: str, wanted: "list[str]") -> "dict[str, Any]":
    """Return the base64 of files within the program's own folder, of those that are there and fit."""
    found, left = {}, FETCHED_BYTES
    for name in wanted:
        path = os.path.realpath(os.path.join(folder, name))
        try:
            with open(path, "rb") as file:
                data = file.read(left + 1) if path.startswith(folder + os.sep) else None
        except OSError:
            continue
        if data is not None and len(data) <= left:
            found[name] = binascii.b2a_base64(data, newline=False).decode()
            left -= len(data)
    return found
