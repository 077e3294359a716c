"""The program's end: answers what the test's end asks, and stands in for objects of the test's."""

import contextlib
import importlib
import os
import pickle
import queue
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from images.box import values
from images.box.bridge import context, operations
from images.box.values import NoData

_NOTHING = object()


class Server:
    """Answer what the test's end asks.

    Args:
        names: the namespace of the loaded program.
        entry_point: the function that the test calls.
    """

    def __init__(self, names: "dict[str, Any]", entry_point: str) -> None:
        self.names, self.entry_point = names, entry_point
        self.held: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.files = context.Files()
        self.is_placed = False
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.asking = threading.Lock()
        self.stands: dict[int, Any] = {}
        self.given: list[Any] = []

    def __call__(self, ask: str, tree: Any, place: str, changes: Any, state: Any) -> Any:
        """Return [kind, tree, files, state], with kind `ok`, `raised`, or `back` where the test is asked something first."""
        if not self.is_placed:
            self._settle(place)
        if ask == "resume":
            self.inbox.put(tree)
            return self.outbox.get()
        patches = None
        if ask == "call":
            self.files.take(changes)
            *set_now, patches = values.unpack(state, self._given)
            context.set_state(set_now)
        if not patches and not self.stands and not _stands_in(tree):
            return self._answer(ask, tree, [])
        threading.Thread(target=lambda: self.outbox.put(self._answer(ask, tree, patches or [])), daemon=True).start()
        return self.outbox.get()

    def _answer(self, ask: str, tree: Any, patches: "list[Any]") -> "list[Any]":
        try:
            with self._patched(patches):
                done = self._done(ask, values.unpack(tree, self._given))
            found = ["ok", values.pack(done, self._hold)]
        except BaseException as error:
            found = ["raised", self._raised(error)]
        if ask != "call":
            return [*found, [], None]
        try:
            changed = values.pack(context.changeable(self.given), self._hold)
        except BaseException:
            changed = None
        return [*found, self.files.changes(), ["list", [values.pack(context.state_now()[:2], self._hold), changed]]]

    @contextlib.contextmanager
    def _patched(self, patches: "list[Any]") -> Iterator[None]:
        """Put what the test has patched in place for the duration of a call."""
        with contextlib.ExitStack() as stack:
            for module, path, name, value in patches:
                try:
                    target: Any = self.names if module is None else importlib.import_module(module)
                    for part in path:
                        target = getattr(target, part)
                except (ImportError, AttributeError):
                    continue
                if target is self.names:
                    stack.callback(_put_back, target, name, target.get(name, _NOTHING))
                    target[name] = value
                    continue
                stack.callback(_set_back, target, name, vars(target).get(name, _NOTHING))
                setattr(target, name, value)
            yield

    def back(self, what: str, number: int, *given: Any) -> Any:
        """Ask the test's end about an object of its own, from inside a call. Raises what the test's object raised."""
        with self.asking:
            self.outbox.put(["back", [what, number, values.pack(list(given), self._hold)], [], None])
            kind, tree = self.inbox.get()
        found = values.unpack(tree, self._given)
        if kind == "raised":
            raise found
        return found

    def _settle(self, place: str) -> None:
        """Work in a folder of the same path as the test's."""
        os.makedirs(place, exist_ok=True)
        os.chdir(place)
        os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = place
        self.is_placed = True

    def _done(self, ask: str, given: "list[Any]") -> Any:
        if ask == "call":
            function, positional, named = given
            self.given = [*positional, *named.values()]
            return (self.names[self.entry_point] if function is None else function)(*positional, **named)
        target, *more = given
        return operations.OF_PROGRAM[ask](target, *more)

    def _given(self, tree: Any) -> Any:
        if tree[0] == "held":
            return self.held[tree[1]]
        if tree[0] == "pickle":
            return pickle.loads(tree[1])
        if tree[0] == "mine":
            if tree[1] not in self.stands:
                self.stands[tree[1]] = StandIn(self, tree[1])
            return self.stands[tree[1]]
        raise NoData("not a tree")

    def _hold(self, value: Any) -> Any:
        if type(value) is StandIn:
            return ["mine", object.__getattribute__(value, "_number")]
        number = self.numbers.setdefault(id(value), len(self.held))
        if number == len(self.held):
            self.held.append(value)
        kind = type(value)
        return ["held", number, [[str(one.__module__), one.__qualname__] for one in kind.__mro__[:-1]][:12]]

    def _raised(self, error: BaseException) -> Any:
        kind = type(error)
        names = [[str(one.__module__), one.__qualname__] for one in kind.__mro__ if issubclass(one, BaseException)]
        try:
            given = values.pack(list(error.args), self._hold)
        except BaseException:
            given = ["list", []]
        try:
            text = str(error)[:2000]
        except BaseException:
            text = ""
        return [names, given, text]


def _stands_in(tree: Any) -> bool:
    """Return whether a tree refers to an object that stays with the test."""
    return type(tree) is list and (tree[:1] == ["mine"] or any(map(_stands_in, tree)))


def _put_back(names: "dict[str, Any]", name: str, value: Any) -> None:
    names.pop(name, None)
    if value is not _NOTHING:
        names[name] = value


def _set_back(target: Any, name: str, value: Any) -> None:
    if value is _NOTHING:
        delattr(target, name)
    else:
        setattr(target, name, value)


class StandIn:
    """What stands in the program's process for an object of the test's, such as a mock."""

    __slots__ = ("_number", "_server")

    def __init__(self, server: Server, number: int) -> None:
        object.__setattr__(self, "_server", server)
        object.__setattr__(self, "_number", number)

    def _ask(self, what: str, *given: Any) -> Any:
        server: Server = object.__getattribute__(self, "_server")
        return server.back(what, object.__getattribute__(self, "_number"), *given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__name__", "__enter__", "__exit__"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ask("call", list(arguments), named)

    def __exit__(self, kind: Any, error: Any, _trace: Any) -> Any:
        return self._ask("leave", None if error is None else str(error))


for _name, _what in {
    "__len__": "len", "__iter__": "iter", "__next__": "next", "__getitem__": "item", "__setitem__": "put",
    "__contains__": "in", "__bool__": "bool", "__str__": "str", "__enter__": "enter", "__int__": "int", "__float__": "float",
    "__index__": "int", "__lt__": "lt", "__gt__": "gt", "__le__": "le", "__ge__": "ge", "__add__": "add",
    "__fspath__": "path",
}.items():  # fmt: skip
    setattr(StandIn, _name, lambda self, *given, _what=_what: self._ask(_what, *given))
