"""Test classes: run in a box of their own, with the program in another, or, where they patch it, in the program's process.

Apart: the test's process imports, builds and compares; `bridge` carries calls. Shared: the program's process forks off
this one, which alone can write to the supervisor. The child loads the program, then the test, and runs it; each outcome
comes through a pipe, signed with a key that exists only since the program was loaded. A child that ends, changes `unittest`
or a builtin, or looks at other frames has failed. What a program does inside one process with its test, no check there can
exclude: so the host mixes in tests that have to fail, and such a pass is marked.
"""

import builtins
import contextlib
import functools
import hashlib
import importlib
import os
import sys
import types
import unittest
import unittest.case
import unittest.result
import unittest.suite
from collections.abc import Callable
from typing import Any

from images.box.bridge.client import NAME, Client
from images.box.values import NoData
from sandbox.wire import codec

_KEY = 16
_SPYING = frozenset({
    "sys._getframe", "sys._current_frames", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys.setprofile",
    "sys.settrace", "sys.addaudithook", "code.__new__",
})  # fmt: skip
_kinds, _names = vars(type)["__mro__"].__get__, vars(type)["__dict__"].__get__  # which a metaclass cannot make others of
_SELF_JUDGING = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__class__")


class Failed(BaseException):
    """A test has failed. Not an `Exception`, so that no test catches it."""


class NotApart(Exception):
    """The test needs the program's own process."""


class _Result(unittest.TestResult):
    """Reports each test as soon as it is over."""

    def __init__(self, tell: Callable[[str, str, str], None]) -> None:
        super().__init__()
        self.tell, self.found = tell, ("", "")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.found = ("passed", "")

    def _note(self, outcome: str, error: Any) -> None:
        if self.found[0] in ("", "passed"):
            self.found = (outcome, f"{error[0].__name__}: {error[1]}"[:300] if error else "")

    def addError(self, test: Any, err: Any) -> None:
        self._note("error", err)
        if not isinstance(test, unittest.TestCase):  # a class could not be set up: none of its tests is run
            self.tell("", *self.found)

    def addFailure(self, test: Any, err: Any) -> None:
        self._note("failed", err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self._note("failed" if issubclass(err[0], test.failureException) else "error", err)

    def addSkip(self, test: Any, reason: str) -> None:
        self._note("skipped", None)

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._note("failed", None)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.tell(test.id().partition(".")[2], *self.found)


def _cases(names: "dict[str, Any]", classes: "list[str]") -> "list[unittest.TestCase]":
    loader = unittest.TestLoader()
    return [test for name in classes for test in loader.loadTestsFromTestCase(names[name])]  # type: ignore[misc]


def _namespace() -> types.ModuleType:
    """Return a new module for a test and its program, which the interpreter knows by `NAME`."""
    module = types.ModuleType(NAME)
    module.__dict__["__builtins__"] = __builtins__
    module.__file__ = f"{os.getcwd()}/{NAME}.py"
    sys.modules[NAME] = module
    return module


def apart(before: str, test: str, entry_point: str, classes: "list[str]", ask: Callable[..., Any]) -> None:
    """Run test classes whose program is elsewhere. Raise `Failed` with the first test that fails, or `NotApart`.

    Args:
        before: the benchmark's text before the program; the test may use its imports.
        ask: see `Client`.
    """
    client = Client(ask)
    names = _namespace().__dict__
    exec(compile(before, "<prompt>", "exec", dont_inherit=True), names)
    client.files.known = client.files._found()
    names[entry_point] = lambda *arguments, **named: client.asked("call", None, list(arguments), named)
    exec(compile(test, "<test>", "exec", dont_inherit=True), names)

    def tell(name: str, outcome: str, detail: str) -> None:
        if client.strange:
            raise NotApart(client.strange[0])
        if outcome != "passed" and not (outcome == "skipped" and "skip" in test):
            raise Failed(f"{name}: {outcome} {detail}")

    try:
        with contextlib.redirect_stdout(sys.stderr):
            unittest.TestSuite(_cases(names, classes)).run(_Result(tell))
    except NoData as error:
        raise NotApart(str(error)) from None


def shared(receive: Callable[[], bytes], send: Callable[[bytes, bytes], None]) -> None:
    """Run test classes in the program's process, a child of this one; answer with a frame for each test."""
    program, test, entry_point, classes, n_tests = codec.decode(receive())
    ours, theirs = os.pipe()
    go_read, go_write = os.pipe()
    if os.fork() == 0:
        for fd in (3, 4, ours, go_write):
            os.close(fd)
        _child(program, test, entry_point, classes, go_read, theirs)
        os._exit(0)
    os.close(theirs)
    os.close(go_read)

    def heard(n: int) -> bytes:
        parts = b""
        while len(parts) < n:
            part = os.read(ours, n - len(parts))
            if not part:
                _ended()
            parts += part
        return parts

    def told(key: bytes) -> Any:
        size, sign = int.from_bytes(heard(4), "big"), heard(_KEY)
        body = heard(size) if size < 1 << 16 else b""
        if not key or sign != hashlib.blake2b(body, key=key, digest_size=_KEY).digest():
            send(codec.RAISED, b"what it wrote as the outcome of a test is none")
            os._exit(0)
        return codec.decode(body)

    kind = heard(1)
    if kind != codec.LOADED:
        send(kind if kind in (codec.RAISED, codec.COMPILE_ERROR) else codec.RAISED, heard(int.from_bytes(heard(4), "big")))
        os._exit(0)
    send(codec.LOADED, b"")
    receive()
    key = os.urandom(_KEY)
    os.write(go_write, key)
    for _ in range(n_tests):
        found = told(key)
        send(codec.RETURNED, codec.encode([str(each)[:400] for each in found]))
    os._exit(0)


def _ended() -> None:
    """End the way the child ended, so that the facts reported about this process are the child's."""
    _pid, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import signal

        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code or 1)


def _child(program: str, test: str, entry_point: str, classes: "list[str]", go: int, out: int) -> None:
    """Load program and test into one namespace, as the official harness does, and run the classes."""
    write, read, leave = os.write, os.read, os._exit
    module = _namespace()
    path = str(module.__file__)
    judging = _judging_itself(path)
    _guard(judging)
    wanted = _watched(not_builtins="builtins" in test)
    seen: list[str] = []
    _listen(path, seen)

    def fail(kind: bytes, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace")[:300]
        write(out, kind + len(text).to_bytes(4, "big") + text)
        leave(0)

    try:
        compiled = compile(program, path, "exec", dont_inherit=True)
    except BaseException as error:
        fail(codec.COMPILE_ERROR, error)
    try:
        exec(compiled, module.__dict__)
        if entry_point not in module.__dict__:
            raise NameError(f"no {entry_point} is defined")
        _same(wanted, seen)
        module.__dict__[entry_point] = _answering(module.__dict__[entry_point], judging, seen)
        exec(compile(test, "<test>", "exec", dont_inherit=True), module.__dict__)
        tests = _cases(module.__dict__, classes)
        _same(wanted, seen)
    except BaseException as error:
        fail(codec.RAISED, error)
    write(out, codec.LOADED)
    signer = hashlib.blake2b(key=read(go, _KEY), digest_size=_KEY)

    def tell(name: str, outcome: str, detail: str) -> None:
        with contextlib.suppress(Exception):
            if "plt" in module.__dict__ and "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")
        try:
            _same(wanted, seen)
        except Tampered as error:
            outcome, detail = "error", f"Tampered: {error}"
        body = codec.encode([name, outcome, detail])
        sign = signer.copy()
        sign.update(body)
        write(out, len(body).to_bytes(4, "big") + sign.digest() + body)

    unittest.TestSuite(tests).run(_Result(tell))
    leave(0)


class Tampered(Exception):
    """The program has changed something that its tests rely on."""


def _contents(value: Any) -> Any:
    return (value, value.__code__, value.__defaults__) if isinstance(value, types.FunctionType) else (value,)


def _watched(*, not_builtins: bool) -> "list[tuple[dict[str, Any], dict[str, Any]]]":
    """Return (namespace, its values now) for all that a test relies on; without builtins if the test changes them."""
    mock = importlib.import_module("unittest.mock")
    watched = [
        unittest, unittest.case, unittest.suite, unittest.result, mock, unittest.TestCase, unittest.TestSuite,
        unittest.TestResult, unittest.suite.BaseTestSuite, vars(unittest.case)["_Outcome"],
        unittest.case._AssertRaisesContext, unittest.case._AssertRaisesBaseContext, mock.NonCallableMock,
        mock.CallableMixin, *([] if not_builtins else [builtins]),
    ]  # fmt: skip
    spaces: list[Any] = [vars(each) for each in watched]
    kept = (types.FunctionType, types.BuiltinFunctionType, type)
    found = [(space, {name: _contents(it) for name, it in space.items() if isinstance(it, kept)}) for space in spaces]
    modules = (unittest, unittest.case, unittest.suite, unittest.result, mock, builtins)
    return [*found, (sys.modules, {each.__name__: (each,) for each in modules})]


def _same(watched: "list[tuple[dict[str, Any], dict[str, Any]]]", seen: "list[str]") -> None:
    """Raise `Tampered` if a watched value has changed, or the program has spied."""
    if seen:
        raise Tampered(f"the program {seen[0]}")
    for space, before in watched:
        for name, was in before.items():
            now = space.get(name, seen)
            if now is not was[0] or (len(was) == 3 and (now.__code__ is not was[1] or now.__defaults__ is not was[2])):
                raise Tampered(f"the program changed {name}")


def _listen(path: str, seen: "list[str]") -> None:
    """Record in `seen` when the program itself inspects other frames and objects. An audit hook cannot be removed."""
    frame, busy = sys._getframe, [False]

    def hook(event: str, _arguments: Any) -> None:
        if event not in _SPYING or busy[0]:
            return
        busy[0] = True
        try:
            caller = frame(1)
            if caller.f_globals.get("__name__") == "inspect" and caller.f_back:
                caller = caller.f_back
            if caller.f_code.co_filename == path:
                seen.append(f"asked for {event}")
        finally:
            busy[0] = False

    sys.addaudithook(hook)


def _judging_itself(path: str) -> Callable[..., bool]:
    """Return a function that tells whether a value's class, defined by the program, decides itself what it is equal to."""
    mock: Any = importlib.import_module("unittest.mock")

    def is_forged(found: Any, is_mock: bool) -> bool:
        if isinstance(found, types.FunctionType):
            return is_mock or found.__code__.co_filename == path
        if not is_mock or not isinstance(found, mock.NonCallableMock):
            return False
        act = getattr(found.side_effect, "__code__", None)  # made by the library, when a mock is first compared
        is_as_made = found._mock_return_value is mock.DEFAULT and act is not None and act.co_filename == mock.__file__
        return not is_as_made and found._mock_return_value is not NotImplemented

    def is_judge(value: Any) -> bool:
        if type(value) is type(mock.ANY):
            return True
        kinds = _kinds(type(value))
        is_mock = mock.NonCallableMock in kinds
        return any(
            is_forged(own.fget if isinstance(own, property) else own, is_mock and name not in ("__class__", "__bool__"))
            for kind in kinds for name in _SELF_JUDGING if (own := _names(kind).get(name)) is not None
        )

    def judging(*values: Any) -> bool:
        inside = (it for value in values if type(value) in (list, tuple) for it in value[:100])
        return any(map(is_judge, (*values, *inside)))

    return judging


def _guard(judging: Callable[..., bool]) -> None:
    """Let no assertion take a value that says itself what it is equal to."""

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def assertion(self: Any, *arguments: Any, **named: Any) -> Any:
            if judging(*arguments, *named.values()):
                raise AssertionError("a value of a class of the program's own, which says itself what it is equal to")
            return method(self, *arguments, **named)

        return assertion

    for name in [name for name in vars(unittest.TestCase) if name.startswith("assert") and "Raises" not in name]:
        setattr(unittest.TestCase, name, guarded(getattr(unittest.TestCase, name)))


def _answering(function: Any, judging: Callable[..., bool], seen: "list[str]") -> Any:
    """Return the function that the test calls, such that no answer that says itself what it is equal to stays unnoticed."""

    @functools.wraps(function)
    def answering(*arguments: Any, **named: Any) -> Any:
        value = function(*arguments, **named)
        if judging(value):
            seen.append("answered with a value that says itself what it is equal to")
        return value

    return answering
