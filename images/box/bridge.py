"""A test class in one box, its program in another: both ends of what carries calls, values and files between them.

The test holds proxies of what is no data: attributes, calls and items of such an object are asked of the program's box.
What two values are equal to is decided in the test's box alone, and a proxy equals itself only. Before a call the files
that the test made are made for the program too, at the same place; after it, those that the program made for the test.
"""

import os
import random
import stat
import sys
import tempfile
import types
from collections.abc import Callable, Iterable
from typing import Any

from images.box import values
from images.box.values import NoData

PLACE = "/tmp"
MAX_FILES = 2000
MAX_BYTES = 16 << 20
JUDGING = frozenset(["equals", "eq", "ne", "isin", "almost_equal", "allclose", "array_equal", "compare", "identical"])
"""Methods by which an object would say of itself whether it is right."""
_DENIED = frozenset({
    "__class__", "__dict__", "__reduce__", "__reduce_ex__", "__getstate__", "__array__", "__array_interface__",
    "__array_struct__", "__array_ufunc__", "__array_function__", "__await__", "__del__",
})  # fmt: skip


class Files:
    """The files of one end, and what the other end knows of them."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, int, int]] = {}

    def _found(self) -> "dict[str, tuple[int, int, int]]":
        """Return (kind, size, time) of each of our files below `PLACE`; folders have size and time 0."""
        found: dict[str, tuple[int, int, int]] = {}
        own = os.getuid()
        waiting = [PLACE]
        while waiting:
            try:
                entries = list(os.scandir(waiting.pop()))
            except OSError:
                continue
            for entry in entries:
                about = entry.stat(follow_symlinks=False)
                if about.st_uid != own or len(found) >= MAX_FILES:
                    continue
                if stat.S_ISDIR(about.st_mode):
                    found[entry.path] = (1, 0, 0)
                    waiting.append(entry.path)
                elif stat.S_ISREG(about.st_mode):
                    found[entry.path] = (0, about.st_size, about.st_mtime_ns)
        return found

    def changes(self) -> list[Any]:
        """Return what has been made, written or removed since last time: [path, bytes], or True for a folder, or None."""
        found = self._found()
        made: list[Any] = []
        n_bytes = 0
        for path, about in sorted(found.items()):
            if self.known.get(path) == about:
                continue
            if about[0]:
                made.append([path, True])
                continue
            n_bytes += about[1]
            if n_bytes > MAX_BYTES:
                raise NoData("more than 16 MiB of files")
            try:
                with open(path, "rb") as file:
                    made.append([path, file.read()])
            except OSError:
                continue
        made += [[path, None] for path in sorted(set(self.known) - set(found), reverse=True)]
        self.known = found
        return made

    def take(self, changes: Iterable[Any]) -> None:
        """Make the other end's changes here; nothing outside `PLACE` is touched, and no link is followed."""
        for path, content in changes:
            if type(path) is not str or os.path.realpath(path) != path or not path.startswith(PLACE + "/"):
                continue
            try:
                if content is None:
                    (os.rmdir if os.path.isdir(path) else os.unlink)(path)
                elif content is True:
                    os.makedirs(path, exist_ok=True)
                else:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "wb") as file:
                        file.write(content)
            except OSError:
                continue
        self.known = self._found()


def state_now() -> "list[Any]":
    """Return what a call depends on beside its arguments: the generators' states, the environment, the folder."""
    numpy = sys.modules.get("numpy")
    return [random.getstate(), numpy and numpy.random.get_state(), dict(os.environ), os.getcwd()]


def set_state(state: "list[Any]") -> None:
    """Set what `state_now` returned; None leaves a part as it is."""
    seeds, arrays, environment, folder = state
    numpy = sys.modules.get("numpy")
    if seeds != random.getstate():
        random.setstate(seeds)
    if arrays and numpy:
        numpy.random.set_state(arrays)
    if environment is not None and environment != dict(os.environ):
        os.environ.clear()
        os.environ.update(environment)
    if folder is not None and os.path.isdir(folder):
        os.chdir(folder)


class Server:
    """The program's end: answers what the test's end asks.

    Args:
        names: of the loaded program.
        entry_point: the function that the test calls.
    """

    def __init__(self, names: "dict[str, Any]", entry_point: str) -> None:
        self.names, self.entry_point = names, entry_point
        self.held: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.files = Files()
        self.is_placed = False

    def __call__(self, ask: str, tree: Any, place: str, changes: Any, state: Any) -> Any:
        """Return [what kind of answer, its tree, files, state]: `ok`, or `raised`."""
        if not self.is_placed:
            self._settle(place)
        is_call = ask == "call"
        if is_call:
            self.files.take(changes)
            set_state(values.unpack(state, self._given))
        try:
            found = ["ok", values.pack(self._done(ask, values.unpack(tree, self._given)), self._hold)]
        except BaseException as error:
            found = ["raised", self._raised(error)]
        return [*found, self.files.changes(), values.pack(state_now(), self._hold)] if is_call else [*found, [], None]

    def _settle(self, place: str) -> None:
        """Work in a folder that is called as the test's is."""
        os.makedirs(place, exist_ok=True)
        os.chdir(place)
        os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = place
        self.is_placed = True

    def _done(self, ask: str, given: "list[Any]") -> Any:
        if ask == "call":
            function, positional, named = given
            return (self.names[self.entry_point] if function is None else function)(*positional, **named)
        target, *more = given
        return _ASKED[ask](target, *more)

    def _given(self, tree: Any) -> Any:
        if tree[0] == "held":
            return self.held[tree[1]]
        if tree[0] == "pickle":
            import pickle

            return pickle.loads(tree[1])
        raise NoData("not a tree")

    def _hold(self, value: Any) -> Any:
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


def _set_item(target: Any, key: Any, value: Any) -> None:
    target[key] = value


_ASKED: "dict[str, Callable[..., Any]]" = {
    "get": getattr, "set": setattr, "len": len, "iter": iter, "next": next, "item": lambda target, key: target[key],
    "put": _set_item, "in": lambda target, item: item in target, "bool": bool, "str": str, "repr": repr, "hash": id,
    "dir": dir,
}  # fmt: skip


class Client:
    """The test's end.

    Args:
        ask: carries (what, tree, folder, files, state) to the program, and its answer back.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.files = Files()
        self.proxies: dict[int, Any] = {}
        self.place = os.getcwd()
        self.strange: list[str] = []

    def asked(self, what: str, *given: Any) -> Any:
        """Return the program's answer. Raises what the program raised."""
        try:
            tree = ["list", [self._sent(item) for item in given]]
            is_call = what == "call"
            changes = self.files.changes() if is_call else []
            state = values.pickled(state_now()) if is_call else None
        except NoData as error:
            self.strange.append(str(error))
            raise
        kind, found, made, state = self._ask(what, tree, self.place, changes, state)
        if is_call:
            self.files.take(made)
            set_state([*values.unpack(state, self._proxy)[:2], None, None])
        if kind == "raised":
            raise self._raised(*found)
        return values.unpack(found, self._proxy)

    def _sent(self, value: Any) -> Any:
        """Return the tree of what the test gives: exact where it can be pickled, else as far as it is data."""
        if value is None or type(value) in (str, int, float, bool):
            return value
        try:
            return values.pack(value, self._hold) if type(value) is Proxy else values.pickled(value)
        except NoData:
            return values.pack(value, self._hold)

    def _hold(self, value: Any) -> Any:
        if type(value) is Proxy:
            return ["held", object.__getattribute__(value, "_number")]
        return values.pickled(value)

    def _proxy(self, tree: Any) -> Any:
        tag, number, names = tree
        if tag != "held" or type(number) is not int:
            raise NoData("not a tree")
        if number not in self.proxies:
            kinds = (values.class_named(*name) for name in names)
            self.proxies[number] = Proxy(self, number, next((kind for kind in kinds if kind is not None), None))
        return self.proxies[number]

    def _raised(self, names: Any, given: Any, text: Any) -> BaseException:
        """Return the exception that the program raised: of the first of its classes that is known here."""
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


class Proxy:
    """What stands in a test for an object of the program's."""

    __slots__ = ("_client", "_kind", "_number")

    def __init__(self, client: Client, number: int, kind: Any) -> None:
        for name, value in (("_client", client), ("_number", number), ("_kind", kind)):
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return object.__getattribute__(self, "_kind") or Proxy

    def __getattr__(self, name: str) -> Any:
        if name in JUDGING:
            _client(self).strange.append(f"an object of the program's would say itself whether it {name}")
            raise NoData(name)
        if name in _DENIED or name.startswith("_client"):
            raise AttributeError(name)
        return _client(self).asked("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _client(self).asked("set", self, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _client(self).asked("call", self, list(arguments), named)

    def __len__(self) -> int:
        return int(_client(self).asked("len", self))

    def __iter__(self) -> Any:
        return _Iterator(_client(self), _client(self).asked("iter", self))

    def __next__(self) -> Any:
        return _client(self).asked("next", self)

    def __getitem__(self, key: Any) -> Any:
        return _client(self).asked("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _client(self).asked("put", self, key, value)

    def __contains__(self, item: Any) -> bool:
        return any(each is item or each == item for each in self)

    def __bool__(self) -> bool:
        return bool(_client(self).asked("bool", self))

    def __str__(self) -> str:
        return str(_client(self).asked("str", self))

    def __repr__(self) -> str:
        return str(_client(self).asked("repr", self))

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError("it is in the program's box")

    def __dir__(self) -> Any:
        return list(_client(self).asked("dir", self))

    def __enter__(self) -> Any:
        return _client(self).asked("get", self, "__enter__")()

    def __exit__(self, *_about: object) -> None:
        _client(self).asked("get", self, "__exit__")(None, None, None)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return int(object.__getattribute__(self, "_number"))


class _Iterator:
    def __init__(self, client: Client, source: Any) -> None:
        self.client, self.source = client, source

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if type(self.source) is Proxy:
            return self.client.asked("next", self.source)
        return next(self.source)


def _client(proxy: Proxy) -> Client:
    found: Client = object.__getattribute__(proxy, "_client")
    return found


def namespace(name: str) -> types.ModuleType:
    """Return a new module that is known to the interpreter by `name`."""
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = __builtins__
    module.__file__ = f"{os.getcwd()}/{name}.py"
    sys.modules[name] = module
    return module
