"""The structure of programs whose functions call each other: a script that boxes are given, and no part of an image.

Standard input is one JSON object with `mode`, and what `examine` or `trace` takes; the answer is JSON on standard output.
"""

import ast
import inspect
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPE = _FUNCTION | ast.Lambda | ast.ClassDef
_END = ast.Return | ast.Raise | ast.Break | ast.Continue


def examine(programs: list[tuple[str, str, str]], complexity: Callable[[ast.AST], int]) -> list[dict[str, Any] | None]:
    """Return what there is to say of each program, given with the names of its new and base function; None if it is none.

    `lines` and `nodes` are without docstrings, the lines as `ast.unparse` writes them; `cyclomatic` is one more than the
    decisions of all code together, as radon counts them; `invokes` is what `invokes` says, None without names.
    """
    found: list[dict[str, Any] | None] = []
    for text, new, base in programs:
        try:
            tree = ast.parse(text)
            said = invokes(tree, new, base) if new and base else None
            cyclomatic = complexity(tree)
            for node in ast.walk(tree):
                if isinstance(body := getattr(node, "body", None), list) and body and _is_text(body[0]):
                    body[:] = body[1:] or ([] if node is tree else [ast.Pass()])
            nodes = sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree))
            lines = sum(map(bool, ast.unparse(tree).splitlines()))
            found.append({"lines": lines, "nodes": nodes, "cyclomatic": cyclomatic, "invokes": said})
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found.append(None)
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def invokes(tree: ast.Module, new: str, base: str) -> str:
    """Return whether a program's function `new` calls its function `base`, as its text says.

    `direct`: there is a call of that name within `new` that can be reached. `indirect`: `new` hands the name on, as in
    `map(base, xs)`, or calls it by way of other functions or names of the module. `no`: neither. `undefined`: the program
    defines only one of the two, or none.

    Not reached is what stands behind `return`, `raise`, `break` or `continue`, and under a condition that is the constant
    0, False or None. A name that a function binds itself is not the module's.
    """
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, _FUNCTION | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Lambda | ast.Call):
            defined.update({name.id: node.value for name in node.targets if isinstance(name, ast.Name)})
    if new not in defined or base not in defined:
        return "undefined"
    uses = dict(_uses(defined[new]))
    if uses.get(base):
        return "direct"
    seen, waiting = {new}, list(uses)
    while waiting:
        name = waiting.pop()
        if name == base:
            return "indirect"
        if name in defined and name not in seen:
            seen.add(name)
            waiting += dict(_uses(defined[name]))
    return "no"


def _uses(node: ast.AST, bound: frozenset[str] = frozenset()) -> Iterator[tuple[str, bool]]:
    """Give the module's names that can be reached within a node, and whether each is called; those that are called last."""
    found: dict[str, bool] = {}
    waiting = [(node, bound)]
    while waiting:
        node, bound = waiting.pop()
        if isinstance(node, _SCOPE):
            bound |= _bound(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in bound:
            found[node.func.id] = True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound:
            found.setdefault(node.id, False)
        waiting += [(child, bound) for child in _reached(node)]
    yield from sorted(found.items(), key=lambda use: use[1])


def _reached(node: ast.AST) -> Iterator[ast.AST]:
    """Give the children of a node that can be reached."""
    never = isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(node.test, ast.Constant) and not node.test.value
    for name, value in ast.iter_fields(node):
        if never and name == "body":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
            if isinstance(child, _END):
                break


def _bound(scope: ast.AST) -> set[str]:
    """Return the names that a function binds itself."""
    names: set[str] = set()
    shared: set[str] = set()
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global):
            shared |= set(node.names)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, _FUNCTION | ast.ClassDef):
            names.add(node.name)
        waiting += [] if isinstance(node, _SCOPE) else ast.iter_child_nodes(node)
    return set() if isinstance(scope, ast.ClassDef) else names - shared


def trace(program: str, tests: str, new: str, base: str, say: Callable[[str], None]) -> None:
    """Run a program and the statements of its tests, and say `yes` as soon as `new` has brought a call of `base` about.

    Otherwise `no` once all statements have run, whatever they raised; nothing of a program that cannot be loaded, has not
    both functions in Python, or ends itself.
    """
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    exec(compile(program, "solution.py", "exec"), module.__dict__)
    codes = [getattr(inspect.unwrap(module.__dict__[name]), "__code__", None) for name in (new, base)]
    if None in codes:
        return
    depth = 0

    def profile(frame: types.FrameType, event: str, _: object) -> None:
        nonlocal depth
        if frame.f_code is codes[0]:
            depth += (event == "call") - (event == "return")
        elif event == "call" and depth and frame.f_code is codes[1]:
            sys.setprofile(None)
            say("yes")

    for statement in ast.parse(tests).body:
        sys.setprofile(profile)
        try:
            exec(compile(ast.Module([statement], []), "tests.py", "exec"), module.__dict__)
        except Exception:
            depth = 0
        finally:
            sys.setprofile(None)
    say("no")


def main() -> None:
    """Answer the question on standard input; nothing that a program prints gets among the answer."""
    asked = json.loads(sys.stdin.buffer.read())
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(answer: Any) -> None:
        with os.fdopen(answers, "w") as file:
            json.dump(answer, file)
        os._exit(0)

    if asked.pop("mode") == "trace":
        trace(**asked, say=say)
    else:
        from radon.visitors import ComplexityVisitor

        say(examine(**asked, complexity=lambda tree: int(ComplexityVisitor.from_ast(tree).total_complexity)))


if __name__ == "__main__":
    main()
