"""A test class in one box, its program in another: both ends of what carries calls, values and files between them.

The test holds proxies of what is no data: attributes, calls and items of such an object are asked of the program's box.
What two values are equal to is decided in the test's box alone, and a proxy equals itself only. Before a call the files
that the test made are made for the program too, at the same place; after it, those that the program made for the test.

What a test patches is patched in the program's process for the time of a call: a stand-in there asks the test's box, which
answers while its own call waits. So a mock counts and returns in the test's process, out of the program's reach.
"""

import contextlib
import importlib
import operator
import os
import pickle
import queue
import random
import stat
import sys
import tempfile
import threading
import types
import unittest
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from images.box import values
from images.box.values import NoData

PLACE = "/tmp"
_open, _scan, _lstat, _mkdir, _uid, _here = open, os.scandir, os.lstat, os.mkdir, os.getuid, os.getcwd
_rmdir, _unlink, _chdir = os.rmdir, os.unlink, os.chdir  # a test may patch any of them
MAX_FILES = 2000
MAX_BYTES = 16 << 20
JUDGING = frozenset([
    "equals", "eq", "ne", "isin", "almost_equal", "allclose", "array_equal", "compare", "identical", "difference",
    "symmetric_difference", "issubset", "issuperset", "isdisjoint",
])  # fmt: skip
"""Methods by which an object would say of itself whether it is right."""
_DENIED = frozenset({
    "__class__", "__dict__", "__reduce__", "__reduce_ex__", "__getstate__", "__array__", "__array_interface__",
    "__array_struct__", "__array_ufunc__", "__array_function__", "__await__", "__del__",
})  # fmt: skip


_NO_NAMES = frozenset({"", ".", ".."})


def _folder(path: str) -> None:
    """Make a folder unless it is there. Raises OSError if something else is, such as a link."""
    with contextlib.suppress(FileExistsError):
        _mkdir(path)
    if not stat.S_ISDIR(_lstat(path).st_mode):
        raise NotADirectoryError(path)


class Files:
    """The files of one end, and what the other end knows of them."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, int, int]] = {}

    def _found(self) -> "dict[str, tuple[int, int, int]]":
        """Return (kind, size, time) of each of our files below `PLACE`; folders have size and time 0."""
        found: dict[str, tuple[int, int, int]] = {}
        own = _uid()
        waiting = [PLACE]
        while waiting:
            try:
                entries = list(_scan(waiting.pop()))
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
                with _open(path, "rb") as file:
                    made.append([path, file.read()])
            except OSError:
                continue
        made += [[path, None] for path in sorted(set(self.known) - set(found), reverse=True)]
        self.known = found
        return made

    def take(self, changes: Iterable[Any]) -> None:
        """Make the other end's changes here; nothing outside `PLACE` is touched, and no link is followed."""
        for path, content in changes:
            parts = str(path).split("/")
            is_below = parts[:2] == ["", PLACE[1:]] and len(parts) > 2 and set(parts[2:]).isdisjoint(_NO_NAMES)
            if type(path) is not str or not is_below:
                continue
            try:
                for n in range(3, len(parts)):
                    _folder("/".join(parts[:n]))
                if content is None:
                    (_rmdir if stat.S_ISDIR(_lstat(path).st_mode) else _unlink)(path)
                elif content is True:
                    _folder(path)
                else:
                    with _open(path, "wb") as file:
                        file.write(content)
            except OSError:
                continue
        self.known = self._found()


def state_now() -> "list[Any]":
    """Return what a call depends on beside its arguments: the generators' states, the environment, the folder."""
    numpy = sys.modules.get("numpy")
    return [random.getstate(), numpy and numpy.random.get_state(), dict(os.environ), _here()]


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
    if folder is not None:
        with contextlib.suppress(OSError):
            _chdir(folder)


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
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.asking = threading.Lock()
        self.stands: dict[int, Any] = {}
        self.given: list[Any] = []

    def __call__(self, ask: str, tree: Any, place: str, changes: Any, state: Any) -> Any:
        """Return [what kind of answer, its tree, files, state]: `ok`, or `raised`."""
        if not self.is_placed:
            self._settle(place)
        if ask == "resume":
            self.inbox.put(tree)
            return self.outbox.get()
        patches = None
        if ask == "call":
            self.files.take(changes)
            *set_now, patches = values.unpack(state, self._given)
            set_state(set_now)
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
            changed = values.pack(_changeable(self.given), self._hold)
        except BaseException:
            changed = None
        return [*found, self.files.changes(), ["list", [values.pack(state_now()[:2], self._hold), changed]]]

    @contextlib.contextmanager
    def _patched(self, patches: "list[Any]") -> Iterator[None]:
        """Put what the test has patched in place for the time of a call."""
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
        """Ask the test for something of an object of its own, from inside a call."""
        with self.asking:
            self.outbox.put(["back", [what, number, values.pack(list(given), self._hold)], [], None])
            kind, tree = self.inbox.get()
        found = values.unpack(tree, self._given)
        if kind == "raised":
            raise found
        return found

    def _settle(self, place: str) -> None:
        """Work in a folder that is called as the test's is."""
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
        return _ASKED[ask](target, *more)

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


def _set_item(target: Any, key: Any, value: Any) -> None:
    target[key] = value


_ASKED: "dict[str, Callable[..., Any]]" = {
    "get": getattr, "set": setattr, "len": len, "iter": iter, "next": next, "item": lambda target, key: target[key],
    "put": _set_item, "in": lambda target, item: item in target, "bool": bool, "str": str, "repr": repr, "hash": id,
    "dir": dir,
}  # fmt: skip


_NOTHING = object()


def _changeable(given: Iterable[Any]) -> "list[Any]":
    return [value for value in given if type(value) in (list, dict, set)]


def _change(ours: "list[Any]", theirs: Any) -> None:
    """Change arguments as the program has changed its copies of them."""
    if type(theirs) is not list or len(theirs) != len(ours):
        return
    for own, other in zip(ours, theirs):  # noqa: B905 - strict came with Python 3.10
        if type(own) is not type(other) or own == other:
            continue
        own.clear()
        (own.extend if type(own) is list else own.update)(other)


def _stands_in(tree: Any) -> bool:
    """Return whether something in a tree stays with the test."""
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


def _leave(target: Any, text: Any) -> Any:
    error = None if text is None else Exception(text)
    return target.__exit__(type(error) if error else None, error, None)


_ANSWERED: "dict[str, Callable[..., Any]]" = {
    **_ASKED, "call": lambda target, arguments, named: target(*arguments, **named),
    "enter": lambda target: target.__enter__(), "leave": _leave, "add": operator.add, "path": os.fspath, "int": int,
    "float": float, "lt": operator.lt, "gt": operator.gt, "le": operator.le, "ge": operator.ge,
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
        self.place = _here()
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
            state = ["list", [*map(values.pickled, state_now()), ["list", self._patched()]]] if is_call else None
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
            set_state([*seeds, None, None])
            _change(_changeable([*given[1], *given[2].values()]), changed)
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
        """Return what the program asks of an object of the test's: what kind of answer, and its tree."""
        try:
            target, arguments = self.given[number], values.unpack(tree, self._proxy)
            _allow(target, what, arguments)
            return ["ok", self._sent(_ANSWERED[what](target, *arguments))]
        except Exception as error:
            try:
                return ["raised", values.pickled(error)]
            except NoData:
                return ["raised", values.pickled(Exception(str(error)))]

    def _sent(self, value: Any) -> Any:
        """Return the tree of what the test gives: exact where it can be pickled, else as far as it is data."""
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


NAME = "__test__"
"""Module of a test and its program."""


_OF_MOCKS = frozenset({
    "called", "call_count", "call_args", "call_args_list", "mock_calls", "method_calls", "return_value", "side_effect",
    "reset_mock", "attach_mock", "configure_mock", "mock_add_spec",
})  # fmt: skip


def _allow(target: Any, what: str, arguments: Any) -> None:
    """Raise AttributeError unless a program may do this to an object of the test's: use it, not change what it says."""
    if isinstance(target, unittest.TestCase) or (isinstance(target, type) and issubclass(target, unittest.TestCase)):
        raise AttributeError("a test is its own")
    if what in ("get", "set"):
        name = arguments[0] if arguments and type(arguments[0]) is str else "_"
        is_inner = name.startswith("_") and name not in ("__name__", "__enter__", "__exit__")
        if is_inner or name in _OF_MOCKS or name.startswith("assert"):
            raise AttributeError(name)


def _is_own(value: Any) -> bool:
    """Return whether a value is of the test's own process: a mock, or what its text defines."""
    kind = type(value)
    return kind.__module__ in ("unittest.mock", NAME) or getattr(value, "__module__", None) == NAME


def _record(patches: "list[tuple[Any, str, Any]]") -> None:
    """Have each patch noted for as long as it lasts."""
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


class Proxy:
    """What stands in a test for an object of the program's; its class is the first of `names` that the test has loaded."""

    __slots__ = ("_classes", "_client", "_number")

    def __init__(self, client: Client, number: int, names: Any) -> None:
        for name, value in (("_client", client), ("_number", number), ("_classes", names)):
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        kinds = (values.class_named(*name) for name in object.__getattribute__(self, "_classes"))
        return next((kind for kind in kinds if kind is not None), Proxy)

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
