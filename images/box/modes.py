"""What the process of a program does, once every right is taken away: one function for each mode.

Only here is the program's text read. From then on the process is in the program's hands: nothing that it reports is
believed, and the host compares the values.

Descriptors: 0 is standard input, 1 and 2 are captured output, 3 comes from the supervisor, 4 goes to the supervisor.
"""

import builtins
import contextlib
import os
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

from images.box import asserts, script, tools, unittests
from images.box.bridge.server import Server
from sandbox.wire import codec, noted

_FLUSH_BYTES = 1 << 16
_FLUSH_S = 0.01


def _read_exactly(n: int, read: Callable[[int, int], bytes] = os.read) -> bytes:
    parts = []
    while n:
        part = read(3, min(n, 1 << 20))
        if not part:
            os._exit(121)
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _receive() -> bytes:
    return _read_exactly(int.from_bytes(_read_exactly(4), "big"))


def _send(data: bytes, write: Callable[[int, memoryview], int] = os.write) -> None:
    view = memoryview(data)
    while view:
        view = view[write(4, view) :]


def _frame(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def _describe(error: BaseException) -> bytes:
    """Return one line about an exception, without trusting its methods."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{name}: {text}".encode("utf-8", "backslashreplace")[:300] if text else name.encode()[:300]


def _module(name: str, source: str) -> types.ModuleType:
    import linecache

    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = __builtins__
    module.__file__ = f"{os.getcwd()}/{name}.py"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(True), module.__file__)
    sys.modules[name] = module
    return module


def _script(spec: dict[str, Any]) -> None:
    """Run the text as `python FILE` would, and exit with its exit code."""
    told = _receive()
    os.close(3)
    os.close(4)
    os._exit(script.over(script.run(*noted.unpack(told)) if spec["noted"] else script.run(told)))


def _fetching(told: bytes) -> Callable[[list[str]], list[Any]]:
    """Return what runs a text, and returns its exit code and files once it is over."""
    folder = os.getcwd()

    def go(wanted: list[str]) -> list[Any]:
        code = script.over(script.run(*noted.unpack(told)))
        return [code, script.fetch(folder, wanted)]

    return go


def _calls(spec: dict[str, Any]) -> None:
    """Load the text as a module, then answer batches of calls of its entry point, one frame per call."""
    source = _receive()
    if spec["noted"]:
        _answer_calls(_fetching(source))
    entry = spec["entry_point"]
    send, frame = _send, _frame
    compiled = _compile(source, "solution")
    if compiled is None:
        return
    module = _module("solution", source.decode("utf-8", "replace"))
    try:
        exec(compiled, module.__dict__)
        function = module.__dict__[entry]
        if not callable(function):
            raise TypeError(f"{entry} is not a function")
    except KeyError as error:
        missing = entry not in module.__dict__ and error.args == (entry,)
        send(frame(codec.RAISED, b"no " + entry.encode() + b" is defined" if missing else _describe(error)))
        return
    except BaseException as error:
        send(frame(codec.RAISED, _describe(error)))
        return
    if spec.get("bridged"):
        function = Server(module.__dict__, entry)
    _answer_calls(function, listed=bool(spec.get("listed")))


def _tool(spec: dict[str, Any]) -> None:
    """Answer batches of calls of one of our tools; the argument is a program's text, which is never run."""
    _receive()
    _answer_calls(tools.TOOLS[spec["entry_point"]])


def _answer_calls(function: Callable[..., Any], *, listed: bool = False) -> None:
    send, frame, encode = _send, _frame, codec.encode
    send(frame(codec.LOADED, b""))
    clock, recursion = time.monotonic, sys.setrecursionlimit
    for blob in iter(_receive, None):
        batch = codec.decode_batch(blob)
        batch.reverse()
        parts: list[bytes] = []
        size, flushed = 0, clock()
        n_answered, n_flush = 0, 1
        while batch:
            arguments: Any = batch.pop()
            try:
                value = function(*arguments)
            except BaseException as error:
                kind, body = codec.RAISED, _describe(error)
            else:
                try:
                    if type(value) is list and len(value) > codec.PART_ROWS:
                        send(b"".join(parts))
                        parts, size, body = [], 0, b""
                        for piece in codec.encode_parts(value):
                            if body:
                                send(frame(codec.PART, body))
                            body = piece
                        kind = codec.RETURNED
                    else:
                        kind, body = codec.RETURNED, encode(value, listed=listed) if listed else encode(value)
                except RecursionError:
                    recursion(20_000)
                    kind, body = codec.UNENCODABLE, b"nested too deep"
                except BaseException as error:
                    kind, body = codec.UNENCODABLE, _describe(error)
            value = arguments = None
            if len(body) > _FLUSH_BYTES:  # large: written as it is, not copied
                parts.append(kind + len(body).to_bytes(4, "big"))
                send(b"".join(parts))
                send(body)
                parts, size, flushed = [], 0, clock()
                continue
            parts.append(frame(kind, body))
            size += len(body) + 5
            n_answered += 1
            if batch and (n_answered == n_flush or size > _FLUSH_BYTES or clock() - flushed > _FLUSH_S):
                if n_answered == n_flush:  # the next call may be endless: most answers before it should be out by then
                    n_flush *= 2
                send(b"".join(parts))
                parts, size, flushed = [], 0, clock()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        send(b"".join(parts))
    os._exit(70)  # reached only if the program moves this frame's line number


def _compile(source: bytes, name: str) -> "types.CodeType | None":
    import warnings

    warnings.simplefilter("ignore")
    try:
        text = source.decode("utf-8-sig")  # as text, so that no line of it says in which coding it is: it is UTF-8
        return compile(text, f"{os.getcwd()}/{name}.py", "exec")
    except BaseException as error:
        _send(_frame(codec.COMPILE_ERROR, _describe(error)))
        return None


class CandidateFailed(BaseException):
    """The candidate raised. Not an `Exception`, so that no test swallows it."""


def _raised(text: str) -> BaseException:
    """Return the exception that a candidate raised, as the test sees it: same name and text, builtin if it was."""
    name, _, rest = text.partition(": ")
    kind = getattr(builtins, name, Exception)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return CandidateFailed(text)
    if issubclass(kind, (StopIteration, StopAsyncIteration)):  # it would end a loop of the test's, as if all were well
        kind = RuntimeError
    is_group = name == "ExceptionGroup"
    own: Any = type(name.replace("\0", ""), (Exception if is_group else kind,), {"__str__": lambda _: rest})
    return own.__new__(own, rest)  # type: ignore[no-any-return]


def _check(spec: dict[str, Any]) -> None:
    """Run a test that calls the candidate; each call goes out through the host.

    It is the benchmark's own, behind the task's prompt and canonical solution; with `spec["asserts"]`, any test at all; with
    `spec["unittests"]`, test classes.
    """
    first, *rest = codec.decode(_receive())
    send, frame = _send, _frame

    def candidate(*arguments: object) -> object:
        send(frame(codec.ASKED, codec.encode_batch([list(arguments)])))
        kind, body = (answer := _receive())[:1], answer[1:]
        if kind != codec.RETURNED:
            raise _raised(body.decode("utf-8", "replace"))
        return codec.decode(body)

    try:
        if spec.get("unittests"):
            unittests.apart(first, rest[0], rest[1], rest[2], candidate)
        elif spec["asserts"]:
            asserts.check(candidate, first, *rest)
        else:
            names = _module("check", first).__dict__
            exec(compile(first, "<prompt>", "exec"), names)
            names[spec["entry_point"]] = candidate
            before = names.get("check")
            exec(compile(rest[0], "<test>", "exec"), names)
            if names.get("check") is not before:
                names["check"](candidate)
    except BaseException as error:
        send(frame(codec.RAISED, _describe(error)))
        return
    send(frame(codec.ENDED, b""))


def _tests(_spec: dict[str, Any]) -> None:
    """Run test classes in the program's own process, a child of this one."""
    unittests.shared(_receive, lambda kind, body: _send(_frame(kind, body)))


MODES: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "script": _script, "calls": _calls, "check": _check, "tool": _tool, "tests": _tests,
}  # fmt: skip
