"""The test's end: asks the program's end, and answers what the program asks of the test's objects."""

import contextlib
import importlib
import types
import unittest
from collections.abc import Callable
from typing import Any

from images.box import values
from images.box.bridge import context, operations
from images.box.bridge.proxy import Proxy
from images.box.values import NoData

NAME = "__test__"
"""Module that a test and its program run in."""
_OF_MOCKS = frozenset({
    "called", "call_count", "call_args", "call_args_list", "mock_calls", "method_calls", "return_value", "side_effect",
    "reset_mock", "attach_mock", "configure_mock", "mock_add_spec",
})  # fmt: skip


class Client:
    """Ask the program's end, and answer for the test's objects while a call waits.

    Args:
        ask: sends (operation, tree, folder, files, state) to the program's end, returns its answer: see `Server.__call__`.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.files = context.Files()
        self.proxies: dict[int, Any] = {}
        self.place = context.here()
        self.strange: list[str] = []
        self.given: list[Any] = []
        self.patches: list[tuple[Any, str, Any]] = []
        _record(self.patches)

    def asked(self, what: str, *given: Any) -> Any:
        """Return the program's answer. Raises what the program raised."""
        try:
            tree = ["list", [self._sent(item) for item in given]]
            is_call = what == "call"
            changes = self.files.changes() if is_call else []
            state = ["list", [*map(values.pickled, context.state_now()), ["list", self._patched()]]] if is_call else None
        except NoData as error:
            self.strange.append(str(error))
            raise
        kind, found, made, state = self._ask(what, tree, self.place, changes, state)
        while kind == "back":
            answer = self._answer(*found)
            kind, found, made, state = self._ask("resume", answer, self.place, [], None)
        if is_call:
            self.files.take(made)
            seeds, changed = values.unpack(state, self._proxy)
            context.set_state([*seeds, None, None])
            context.change(context.changeable([*given[1], *given[2].values()]), changed)
        if kind == "raised":
            raised = self._raised(*found)
            if isinstance(raised, StopIteration) and what != "next":  # would end a loop of the test's, as if all were well
                raise RuntimeError(f"the program raised {raised!r}")
            raise raised
        return values.unpack(found, self._proxy)

    def _patched(self) -> "list[Any]":
        """Return what the test has patched, as [module, names of what is inside it, attribute, its value now]."""
        found = []
        for target, name, value in self.patches:
            if type(target) is not Proxy and _is_own(target):
                continue  # the program has it only through a stand-in
            if type(target) is Proxy:
                raise NoData("an object of the program's is patched")
            if isinstance(target, types.ModuleType):
                place = [None if target.__name__ == NAME else target.__name__, ["list", []]]
            elif isinstance(target, type):
                is_own = target.__module__ == NAME
                place = [None if is_own else target.__module__, ["list", target.__qualname__.split(".")]]
            else:
                raise NoData(f"an object of the class {type(target).__name__} is patched")
            found.append(["list", [*place, name, self._sent(value)]])
        return found

    def _answer(self, what: str, number: int, tree: Any) -> "list[Any]":
        """Answer what the program asks of one of the test's objects: [`ok` or `raised`, tree]."""
        try:
            target, arguments = self.given[number], values.unpack(tree, self._proxy)
            _allow(target, what, arguments)
            return ["ok", self._sent(operations.OF_TEST[what](target, *arguments))]
        except Exception as error:
            try:
                return ["raised", values.pickled(error)]
            except NoData:
                return ["raised", values.pickled(Exception(str(error)))]

    def _sent(self, value: Any) -> Any:
        """Return the tree of a value the test passes: pickled where that works, else packed as far as it is data."""
        if value is None or type(value) in (str, int, float, bool):
            return value
        if type(value) is Proxy or _is_own(value):
            return self._hold(value)
        try:
            return values.pickled(value)
        except NoData:
            return values.pack(value, self._hold)

    def _hold(self, value: Any) -> Any:
        if type(value) is Proxy:
            return ["held", object.__getattribute__(value, "_number")]
        if not _is_own(value):
            with contextlib.suppress(NoData):
                return values.pickled(value)
        for number, known in enumerate(self.given):
            if known is value:
                return ["mine", number]
        self.given.append(value)
        return ["mine", len(self.given) - 1]

    def _proxy(self, tree: Any) -> Any:
        if tree[0] == "mine" and len(tree) == 2 and type(tree[1]) is int and 0 <= tree[1] < len(self.given):
            return self.given[tree[1]]
        tag, number, names = tree
        if tag != "held" or type(number) is not int:
            raise NoData("not a tree")
        if number not in self.proxies:
            self.proxies[number] = Proxy(self, number, names)
        return self.proxies[number]

    def _raised(self, names: Any, given: Any, text: Any) -> BaseException:
        """Return the exception that the program raised, as the first of its classes that exists here."""
        for module, name in names:
            kind = values.class_named(module, name)
            if kind is None or not issubclass(kind, BaseException) or str(module).startswith("unittest"):
                continue
            if kind in (KeyboardInterrupt, GeneratorExit):
                break
            arguments = values.unpack(given, self._proxy)
            try:
                found = kind.__new__(kind, *arguments)
                found.args = tuple(arguments)
                if str(found) != text and kind.__str__ is not BaseException.__str__:
                    found = kind(*arguments)
            except Exception:
                found = Exception(text)
            return found  # type: ignore[no-any-return]
        return Exception(str(text))


def _allow(target: Any, what: str, arguments: Any) -> None:
    """Raise AttributeError unless a program may do this: it may use the test's objects, not change what they record."""
    if isinstance(target, unittest.TestCase) or (isinstance(target, type) and issubclass(target, unittest.TestCase)):
        raise AttributeError("a test is its own")
    if what in ("get", "set"):
        name = arguments[0] if arguments and type(arguments[0]) is str else "_"
        is_inner = name.startswith("_") and name not in ("__name__", "__enter__", "__exit__")
        if is_inner or name in _OF_MOCKS or name.startswith("assert"):
            raise AttributeError(name)


def _is_own(value: Any) -> bool:
    """Return whether a value belongs to the test's process alone: a mock, or something that its text defines."""
    kind = type(value)
    return kind.__module__ in ("unittest.mock", NAME) or getattr(value, "__module__", None) == NAME


def _record(patches: "list[tuple[Any, str, Any]]") -> None:
    """Keep `patches` equal to the list of (target, attribute, value) that `unittest.mock` has patched right now."""
    kind: Any = importlib.import_module("unittest.mock")._patch
    enter, leave = kind.__enter__, kind.__exit__

    def entered(self: Any) -> Any:
        found = enter(self)
        patches.append((self.target, self.attribute, self.target.__dict__.get(self.attribute, found)))
        return found

    def left(self: Any, *about: Any) -> Any:
        at = [n for n, (target, name, _) in enumerate(patches) if target is self.target and name == self.attribute]
        if at:
            del patches[at[-1]]
        return leave(self, *about)

    kind.__enter__, kind.__exit__ = entered, left
