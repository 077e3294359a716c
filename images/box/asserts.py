"""Run a test in its own box: any statements that call a program's functions by name, or a `check(candidate)`.

Names that the test neither defines nor imports become proxies, whose calls go to the program through the host. What is
plain data and what is the program's is as `gates/tests.py` says.
"""

import builtins
import contextlib
import importlib
import re
import sys
import types
from collections.abc import Callable
from typing import Any

from sandbox.wire import codec


class Failed(BaseException):
    """The test has failed, or is broken. Not an `Exception`, so that no test swallows it."""


class NotApplicable(BaseException):
    """The test asks for something that only a program in the same process could answer."""


def check(call: Callable[..., object], test: str, entry_point: "str | None", last: str) -> None:
    """Run `test`; raise `Failed` or `NotApplicable`, or what compiling it raises.

    Args:
        call: given (name, arguments, keywords), it returns the program's answer.
        entry_point: the function that the test is about, where known.
        last: the last function that the program defines. Of all this, only it is the program's choice.
    """
    made: list[str] = []
    strange: list[str] = []
    unread: list[str] = []

    def function(name: str) -> Callable[..., object]:
        def proxy(*arguments: object, **keywords: object) -> object:
            if b'{"o":' in codec.encode([arguments, keywords]):
                raise NotApplicable(f"an argument of {name} is no plain data")
            made.append(name)
            try:
                value = call(name, list(arguments), keywords)
            except BaseException as error:
                unread.append(f"the answer of {name} cannot be read: {error}")
                raise
            if type(value) is codec.Opaque:
                strange.append(f" (an answer is a {value.type_name}, which is no plain data)")
            return value

        return proxy

    class Names(dict[str, Any]):
        def __missing__(self, name: str) -> object:
            if name == "candidate":
                return function(entry_point or last)
            if name == entry_point:
                return function(name)
            if hasattr(builtins, name) or name.startswith("__"):
                raise KeyError(name)
            proxy = function(name)
            if name in getattr(sys, "stdlib_module_names", ()):
                with contextlib.suppress(ImportError):
                    vars(proxy).update(vars(importlib.import_module(name)))
            return proxy

    class Program(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            if name.startswith("__"):
                raise AttributeError(name)
            return function(name)

    sys.modules["solution"] = Program("solution")
    names = Names(__name__="test")
    code = compile(test, "<test>", "exec")
    try:
        exec(code, names)
        for name, value in list(names.items()):
            if name.startswith("test_") and isinstance(value, types.FunctionType) and value.__globals__ is names:
                value()
        if "check" in names and not (made and re.search(r"^\s*check\(", test, re.M)):
            names["check"](function(entry_point or last))
    except NotApplicable:
        raise
    except BaseException as error:
        at, line = error.__traceback__, 0
        while at:
            line = at.tb_lineno if at.tb_frame.f_code.co_filename == "<test>" else line
            at = at.tb_next
        text = test.splitlines()[line - 1].strip()[:120] if line else ""
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise Failed(f"line {line} of the test, `{text}`: {said}{''.join(strange[-1:])}") from None
    finally:
        if unread:
            raise Failed(unread[0])
