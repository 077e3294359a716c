"""Asserts of a row as a `Check`: which parts the test's box runs, and which the program's process evaluates."""

import ast
import builtins
import copy
import re
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from sandbox import UsageError
from toolkit.records import Check

MAX_CHARS = 1 << 18
"""Most characters of all asserts of one row."""
MAX_NESTED = 60
"""Deepest nesting of brackets; most signs in a row."""
_PROXIES = """
def _proxy(_name):
    def proxy(*arguments, **keywords):
        return _called(_name, list(arguments), keywords)
    return proxy
"""
_NAMED = """
import builtins as _builtins


def _called(name, arguments, keywords):
    found = _builtins.globals().get(name)
    if found is None and "Solution" in _builtins.globals():
        found = _builtins.getattr(Solution(), name, None)
    if found is None:
        raise NameError(f"{name} is not defined")
    return found(*arguments, **keywords)
"""
_STEPS = """
import builtins as _builtins

_steps = {steps!r}
_done = []


def _called(n):
    while _builtins.len(_done) <= n:
        is_value, text = _steps[_builtins.len(_done)]
        code = _builtins.compile(text, "<test>", "eval" if is_value else "exec")
        _done.append(_builtins.eval(code, _builtins.globals()))
    return _done[n]
"""
_LISTING = {"list", "tuple", "set", "sorted", "next", "dict", "frozenset"}
"""Functions that list an iterator, which cannot leave the program's process as such."""
_OF_A_LIST = _LISTING - {"next", "dict"}
"""Those that say the same of a list: the test's box has them, and not the program's own under the same name."""
_TYPES = {"isinstance", "issubclass", "type", "raises", "assertRaises"}


class BadTests(UsageError, ValueError):
    """A row's tests cannot be used: the message says where, and what is expected."""


class _NeedsProxy(BadTests):
    """The program's part of a test uses names that only the test has."""


def check_of(texts: Sequence[str], entry_point: str | None) -> Check:
    """Return asserts as a check; `entry_point` is the function that `candidate` stands for. Raises `BadTests`."""
    if (size := sum(map(len, texts))) > MAX_CHARS:
        raise BadTests(f"tests.asserts: {size} characters are over the bound of {MAX_CHARS}")
    tree = ast.Module(body=[node for at, text in enumerate(texts) for node in _parsed(text, at)], type_ignores=[])
    try:
        return _made(_Asserts(tree, entry_point))
    except RecursionError:
        raise BadTests("tests.asserts: nested too deep") from None


def _made(made: "_Asserts") -> Check:
    if not made.called:
        raise BadTests("tests.asserts: none of them calls a function of the program")
    needs, may = made.objects()
    if needs or may:
        try:
            return made.in_steps()
        except BadTests:
            if needs:
                raise
    return made.by_proxies()


def _parsed(text: str, at: int) -> list[ast.stmt]:
    where = f"tests.asserts[{at}]"
    depth = deepest = 0
    for sign in re.findall(r"[][(){}]", text):
        depth += 1 if sign in "[({" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTED or re.search(rf"(?:[-+~]\s*|\bnot\s+|\blambda\s*:\s*|\bawait\s+){{{MAX_NESTED}}}", text):
        raise BadTests(f"{where}: nested deeper than {MAX_NESTED}")
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadTests(f"{where} does not parse: {str(error)[:100]}") from None


def _names(node: ast.AST, kind: type[ast.expr_context] = ast.Load) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, kind))


def _bound(tree: ast.AST) -> set[str]:
    """Return the names that a test itself defines, anywhere."""
    found = set(_names(tree, ast.Store))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "solution":
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return found


class _Asserts:
    """The asserts of one row.

    Attributes:
        theirs: names of the program, which the tests load and neither define nor import.
        called: those that are called.
    """

    def __init__(self, tree: ast.Module, entry_point: str | None) -> None:
        self.tree, self.entry_point = tree, entry_point
        self.imported: dict[str, str] = {}
        for at, node in reversed(list(enumerate(tree.body))):
            if isinstance(node, ast.ImportFrom) and node.module == "solution":
                self.imported |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name != "*"}
                del tree.body[at]
            elif isinstance(node, ast.Import) and any(alias.name == "solution" for alias in node.names):
                raise BadTests("tests.asserts: write `from solution import f` for `import solution`")
        ours = _bound(tree) | {"__name__", "__file__"}
        known = ours | (set(vars(builtins)) - ({entry_point} if entry_point else set()))
        self.ours = ours
        self.theirs = {name for name in _names(tree) if name not in known} | (set(self.imported) - ours)
        self.has_check = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
        if ("candidate" in self.theirs or self.has_check) and not entry_point:
            raise BadTests("tests.entry_point: the asserts name a candidate, so it has to be said which function that is")
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.called = {name for call in calls for name in [_root(call)] if name in self.theirs}
        if self.has_check and entry_point:
            self.called.add(entry_point)

    # -- by proxies ----------------------------------------------------------------------------------------------------

    def by_proxies(self) -> Check:
        """Return a check whose test calls the program's functions by name, with plain data."""
        names = {name: self.imported.get(name, name) for name in sorted(self.theirs)}
        if self.entry_point and "candidate" in names:
            names["candidate"] = self.entry_point
        lines = [_PROXIES, *(f"{name} = _proxy({real!r})" for name, real in names.items()), ast.unparse(self.tree)]
        functions = [node for node in self.tree.body if isinstance(node, ast.FunctionDef)]
        tests = [node.name for node in functions if node.name.startswith("test_") and not ast.unparse(node.args)]
        top = [name for node in self.tree.body if not isinstance(node, ast.FunctionDef) for name in _names(node)]
        lines += [f"{name}()" for name in tests if name not in top]
        if self.has_check:
            call = [] if "check" in top else [f"_checked(_proxy({self.entry_point!r}))"]
            lines += ["_checked = check", "del check", *call]
        return Check(source="\n".join(lines) + "\n", after=_NAMED, called="_called", raises=True, is_alone=True)

    # -- by steps ------------------------------------------------------------------------------------------------------

    def objects(self) -> tuple[bool, bool]:
        """Return whether the tests need objects of the program. Raises `BadTests` if they need what cannot be provided."""
        needs = may = False
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and _root(node) in self.theirs:
                needs = True
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name, given = node.func.id, [*node.args, *(keyword.value for keyword in node.keywords)]
                if name in _TYPES and any(isinstance(one, ast.Name) and one.id in self.theirs for one in given):
                    raise BadTests(f"tests.asserts: `{_line(node)}` asks for a class that only the program has")
                if name in self.theirs:
                    needs = needs or name[0].isupper() or any(map(self._is_object, given))
                elif name in _LISTING and any(_root(one) in self.theirs for one in given if isinstance(one, ast.Call)):
                    may = True
            elif isinstance(node, ast.ExceptHandler) and node.type and self.theirs & set(_names(node.type)):
                raise BadTests("tests.asserts: an except clause names a class that only the program has")
        return needs, may

    def _is_object(self, node: ast.expr) -> bool:
        """Whether an argument is one that cannot be sent to another process."""
        if isinstance(node, ast.Lambda | ast.GeneratorExp):
            return True
        if not isinstance(node, ast.Name):
            return False
        return node.id in self.theirs or (node.id not in self.ours and callable(vars(builtins).get(node.id)))

    def in_steps(self) -> Check:
        """Return a check whose parts that hold the program's objects are evaluated in its process, in order.

        Raises `BadTests` if such a part is within a compound statement, or uses what only the test has.
        """
        steps: list[tuple[bool, str]] = []
        spare: dict[int, ast.stmt] = {}
        inside = set(self.theirs)
        shared = set(vars(builtins))
        body: list[ast.stmt] = []

        def is_known(name: str) -> bool:
            return name in inside or name in shared

        for node in self.tree.body:
            is_theirs = bool(inside & set(_names(node)))
            if isinstance(node, ast.Assert):
                taken = _Taken(inside, shared, steps)
                changed = taken.visit(copy.deepcopy(node))  # not in place: it may turn out that proxies have to do
                body.append(cast(ast.stmt, ast.fix_missing_locations(changed)))
            elif not is_theirs:
                shared |= _bound(node)
                spare |= {} if isinstance(node, ast.Import | ast.ImportFrom) else {len(steps): node}
                steps.append((False, ast.unparse(node)))
                body.append(node)
            elif (
                isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and len(node.targets) == 1
                and (taken := _Taken(inside, shared, steps)).lists(node.value)
            ):  # fmt: skip
                changed = ast.Assign(node.targets, cast(ast.expr, taken.visit(copy.deepcopy(node.value))), lineno=0)
                body.append(ast.fix_missing_locations(changed))
                inside.discard(node.targets[0].id)  # each has its own: the program has no say in the test's
                shared.add(node.targets[0].id)
                steps.append((False, ast.unparse(changed).replace("_called(", "_done.__getitem__(")))
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr):
                _refuse_unknown(node, is_known)
                for each in ast.walk(node):
                    if isinstance(each, ast.Compare) and inside & set(_names(each)):
                        raise BadTests(f"tests.asserts: `{_line(node)}` compares where the program is: compare in an assert")
                inside |= _bound(node)
                steps.append((False, ast.unparse(node)))
            else:
                raise _NeedsProxy(f"tests.asserts: `{_line(node)}` needs objects that only the program's process has")
        if not any(is_value for is_value, _ in steps):
            raise BadTests("tests.asserts: no assert depends on what the program answers")
        _keep_back(steps, spare)
        before = "".join(f"{name} = {real}\n" for name, real in self.imported.items() if name != real)
        if self.entry_point and "candidate" in self.theirs:
            before += f"candidate = {self.entry_point}\n"
        source = "\n".join(map(ast.unparse, body)) + "\n"
        return Check(
            source=source, after=before + _STEPS.format(steps=steps), called="_called", raises=True, is_alone=True
        )


class _Taken(ast.NodeTransformer):
    """Replaces the parts of an assert that are the program's by `_called(n)`."""

    def __init__(self, inside: set[str], shared: set[str], steps: list[tuple[bool, str]]) -> None:
        self.inside, self.shared, self.steps = inside, shared, steps

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace expressions rooted in a name of the program, and functions that list those."""
        if self.lists(node):
            call = cast(ast.Call, node)
            first, *more = call.args
            listed = self.visit(first) if self.lists(first) else self._taken(f"[*{ast.unparse(first)}]", first)
            call.args = [cast(ast.expr, listed), *more]
            return call
        if isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Name) and self._is_theirs(node):
            return self._taken(ast.unparse(node), node)
        if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            _refuse_unknown(node, lambda name: name in self.shared and name not in self.inside)
        return self.generic_visit(node)

    def _taken(self, text: str, node: ast.expr) -> ast.expr:
        _refuse_unknown(node, lambda name: name in self.inside or name in self.shared)
        self.steps.append((True, text))
        return ast.parse(f"_called({len(self.steps) - 1})", mode="eval").body

    def lists(self, node: ast.AST) -> bool:
        """Return whether a function of `_OF_A_LIST` is called with what is the program's, and with nothing else of it."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OF_A_LIST and node.args):
            return False
        others = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
        if node.func.id in self.inside or any(self.inside & (set(_names(one)) - _bound(one)) for one in others):
            return False
        return isinstance(node.args[0], ast.Call) and self._is_theirs(node.args[0])

    def _is_theirs(self, node: ast.expr) -> bool:
        if _root(node) in self.inside:
            return True
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return False
        return node.func.id in _LISTING and any(isinstance(one, ast.Call) and self._is_theirs(one) for one in node.args[:1])


def _keep_back(steps: list[tuple[bool, str]], spare: dict[int, ast.stmt]) -> None:
    """Empty those of the `spare` steps that no other one needs: what is expected is not for the program to read."""
    changing: dict[str, list[int]] = {}
    for at, node in spare.items():
        for name in _changed(node):
            changing.setdefault(name, []).append(at)
    trees = [ast.parse(text) for at, (_, text) in enumerate(steps) if at not in spare]
    needed = [name for tree in trees for name in (*_names(tree), *_bound(tree))]
    while needed:
        for at in changing.pop(needed.pop(), ()):
            if at in spare:
                kept = spare.pop(at)
                needed += [*_names(kept), *_changed(kept)]
    for at in spare:
        steps[at] = (False, "pass")


def _changed(node: ast.stmt) -> set[str]:
    """Return the names of what a statement may change: of one that neither assigns nor defines, all that it uses."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        given = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else [node.value] if node.value else []
        is_new = (ast.Call, ast.Slice)  # else it may be changed by either name
        other_names = {_root(one) for one in given if not any(isinstance(each, is_new) for each in ast.walk(one))}
        return _bound(node).union(other_names - {""}, *map(_names, targets))
    return _bound(node) | set(_names(node))


def _root(node: ast.AST) -> str:
    """Return the name that a chain of calls, attributes and items begins with; empty if it begins otherwise."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _line(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0][:80]


def _refuse_unknown(node: ast.AST, is_known: Callable[[str], bool]) -> None:
    if left := {name for name in _names(node) if not is_known(name)} - _bound(node):
        raise _NeedsProxy(f"tests.asserts: `{_line(node)}` needs {min(left)!r} where the program is")
