"""pylint and radon on one text, and numbers that a program cannot embellish.

pylint's own numbers are returned unchanged, next to numbers that a program cannot influence: the complexity of all code,
not only of what radon looks at; maintainability without comments and docstrings; the share of statements that do
something; code that is hidden from linters. Pragmas have no effect, however they are spelt.
"""

import ast
import contextlib
import io
import os
import re
import subprocess
import tokenize
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import astroid
import pylint
import radon
from pylint.lint import Run
from pylint.message import Message
from pylint.reporters import BaseReporter
from radon.complexity import cc_visit_ast
from radon.metrics import mi_compute, mi_parameters, mi_visit

from images.box import tools
from images.box.tools import MAX_NAME, PATH, bounded, cut, finding

MAX_ROWS, MAX_NOTES = 1000, 100
"""Most messages, blocks and functions in an answer (the worst); most pragmas, findings of hidden code, and ruff messages."""
RUFF = next((f"/box/site-packages/{name}/scripts/ruff" for name in os.listdir("/box/site-packages")
             if name.startswith("ruff-") and name.endswith(".data")), "ruff")  # fmt: skip
VERSIONS = {"pylint": pylint.__version__, "astroid": astroid.__version__, "radon": radon.__version__}
PRAGMA = re.compile(
    r"#.*?\b(pylint|pyright|mypy|ruff|flake8|isort|fmt|yapf|pyre|pragma|pycodestyle)\s*:|#\s*(noqa|nosec|NOSONAR)\b|#\s*type:\s*ignore",
    re.IGNORECASE,
)
WARM = '''"""What programs most often need, so that it is read once and not for each of them."""
import bisect, cmath, collections, copy, dataclasses, datetime, enum, functools, heapq, itertools, json, math
import operator, os, random, re, string, sys, time, decimal, fractions, statistics, abc, hashlib
from collections import Counter, defaultdict, deque, OrderedDict
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple, Union
from functools import cache, lru_cache, reduce, cmp_to_key
from itertools import accumulate, chain, combinations, permutations, product, groupby
from dataclasses import dataclass, field
@dataclass
class Point:
    x: int = 0
    y: List[int] = field(default_factory=list)
    def norm(self) -> float:
        return math.sqrt(self.x ** 2 + sum(self.y))
@lru_cache(maxsize=None)
def solve(words: List[str], n: int = 2) -> Dict[str, int]:
    seen = defaultdict(int)
    for i, word in enumerate(sorted(words, key=lambda w: (len(w), w))):
        try:
            seen[word.strip().lower()] += int(word) if word.isdigit() else i % n
        except ValueError as error:
            raise RuntimeError(f"{word!r}: {error}") from error
    while n > 0:
        n -= 1
        heap = [x for x in range(n) if x % 2]
        heapq.heapify(heap)
    with open("x", encoding="utf-8") as file:
        print(re.sub(r"\\d+", "", file.read()), "%d" % n, "{}".format(n), json.dumps(seen), set(), {1: 2}, 1.5, b"")
    return dict(Counter(words).most_common(3)) or collections.OrderedDict(seen)
'''


class _Collected(BaseReporter):
    """Keeps messages as they come."""

    name = "collected"

    def handle_message(self, msg: Message) -> None:
        self.messages.append(msg)

    def display_messages(self, layout: Any) -> None:
        """Print nothing."""

    def _display(self, layout: Any) -> None:
        """Print nothing."""


def _linter() -> Any:
    """Return pylint's linter as its command creates it, with our rc file, but deaf to pragmas."""
    with open("warm.py", "w", encoding="utf-8") as file:
        file.write(WARM)
    linter = Run(["--rcfile=/box/pylintrc", "warm.py"], reporter=_Collected(), exit=False).linter
    os.unlink("warm.py")
    astroid.MANAGER.astroid_cache.pop("warm", None)
    linter.__dict__["process_tokens"] = lambda tokens: None
    linter.initialize()
    _open_checkers(linter)
    return linter


def _open_checkers(linter: Any) -> None:
    """Open the linter's checkers before its next check, which saves a third of the time of a small program."""
    checking = linter._astroid_module_checker()
    check = checking.__enter__()

    @contextlib.contextmanager
    def opened() -> Iterator[Any]:
        del linter.__dict__["_astroid_module_checker"]  # a second check in this process opens its own
        yield check
        checking.__exit__(None, None, None)

    linter.__dict__["_astroid_module_checker"] = opened


def lint(text: str) -> dict[str, Any]:
    """Return the findings of pylint and radon on a text; `error` is set if it cannot be read."""
    found: dict[str, Any] = {"error": None, "versions": VERSIONS, "messages": [], "score": None, "blocks": [], "mi": None}
    found["n_more"] = 0
    try:
        data = tools.source_bytes(text)
    except ValueError as error:
        found["error"] = finding("encoding", str(error))
        return found
    with open(PATH, "wb") as file:
        file.write(data)
    _LINTER.set_reporter(_Collected())
    _LINTER.check([PATH])
    _LINTER.generate_reports()
    found["score"] = getattr(_LINTER.stats, "global_note", None) if _LINTER.stats.statement else None
    found["messages"] = _messages(_LINTER.reporter.messages)
    found["n_more"] = len(_LINTER.reporter.messages) - len(found["messages"])
    stats = _LINTER.stats
    found["penalty"] = 5 * stats.error + stats.warning + stats.refactor + stats.convention
    found["statements"], found["fatal"], found["errors"] = stats.statement, stats.fatal, stats.error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except Exception as error:
        found["error"] = tools.of_error(error)
        return found
    blocks = ([cut(b.fullname, MAX_NAME), b.lineno, b.complexity, b.letter] for b in cc_visit_ast(tree))
    found["blocks"] = _worst(blocks, lambda block: (block[3] == "C", -block[2]))
    try:
        found["mi"] = mi_visit(text, True)
    except Exception as error:
        found["mi_error"] = cut(f"{type(error).__name__}: {error}")
    for name, notes in (("pragmas", list(_pragmas(text))), ("hidden", list(_hidden(tree)))):
        found[name] = bounded(notes, MAX_NOTES)
        found["n_more"] += len(notes) - len(found[name])
    parts = ([cut(name, MAX_NAME), line, n] for name, line, n in _complexity(tree))
    found["complexity"] = _worst(parts, lambda part: -part[2])
    n_effective, n_statements = _effective(tree)
    found["effective"] = n_effective / n_statements if n_statements else 1.0
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            kept = [part for part in body if not tools.is_docstring(part)]
            body[:] = kept or ([ast.Pass()] if body and not isinstance(node, ast.Module) else [])
    found["mi_bare"] = mi_compute(*mi_parameters(ast.unparse(tree), False))
    return found


def _messages(messages: list[Message]) -> list[dict[str, Any]]:
    """Return pylint's messages in order of place; if there are too many, errors first."""

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["line"], row["column"], row["symbol"], row["message"]

    rows = (
        {"symbol": m.symbol, "message": cut(m.msg), "line": m.line, "column": m.column, "end_line": m.end_line,
         "end_column": m.end_column, "id": m.msg_id, "category": m.category, "obj": cut(m.obj, MAX_NAME)}
        for m in sorted(messages, key=lambda m: (m.category not in ("fatal", "error"), m.line, m.column, m.symbol, m.msg))
    )  # fmt: skip
    return sorted(bounded(rows, MAX_ROWS, 1_000_000), key=place)


def _worst(rows: Iterable[list[Any]], key: Callable[[list[Any]], Any]) -> list[list[Any]]:
    """Return the rows that come first by `key` and fit, in their original order."""
    chosen = bounded(sorted(enumerate(rows), key=lambda row: key(row[1])), MAX_ROWS)
    return [row for _, row in sorted(chosen)]


def _pragmas(text: str) -> Iterator[dict[str, Any]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and PRAGMA.search(token.string):
            yield finding("pragma", f"has no effect here: {token.string[:80]}", *token.start)


_DEF = ast.FunctionDef | ast.AsyncFunctionDef


def _complexity(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Yield (name, line, cyclomatic complexity) of the module's own code and of each function, however nested.

    Decisions are counted as by radon, and also those in defaults, decorators, asserts, class bodies, `except*`, and
    functions inside classes inside functions.
    """
    parts: list[tuple[str, int, list[ast.AST]]] = [("<module>", 1, list(tree.body))]
    while parts:
        name, line, nodes = parts.pop()
        n = 1
        while nodes:
            node = nodes.pop()
            if isinstance(node, _DEF):
                parts.append((node.name, node.lineno, list(node.body)))
                nodes += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
                continue
            n += _decisions(node)
            nodes += ast.iter_child_nodes(node)
        yield name, line, n


def _decisions(node: ast.AST) -> int:
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.If() | ast.IfExp() | ast.Assert():
            return 1
        case ast.Try() | ast.TryStar():
            return len(node.handlers) + bool(node.orelse)
        case ast.For() | ast.AsyncFor() | ast.While():
            return 1 + bool(node.orelse)
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.Match():
            return max(0, len(node.cases) - any(getattr(case.pattern, "pattern", False) is None for case in node.cases))
    return 0


_RUNS_DATA = {"marshal", "code", "codeop", "runpy", "importlib", "imp", "zipimport", "ctypes", "builtins"}
_REACHES_ALL = {"__builtins__", "__subclasses__", "__globals__", "__code__", "__loader__", "__import__"}


def _hidden(tree: ast.Module) -> Iterator[dict[str, Any]]:
    """Yield a finding wherever a program runs code that is not in its text, or may reach something that does."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    runs_processes = False
    for node in ast.walk(tree):
        what = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in ("exec", "compile") or node.id in _REACHES_ALL:
                what = node.id
            elif node.id == "eval":
                call = called.get(id(node))
                first = call.args[0] if call and call.args else None
                constants = [n.value for n in ast.walk(first or node) if isinstance(n, ast.Constant)]
                if call is None or any(len(str(value)) > 40 for value in constants):
                    what = "eval"
        elif isinstance(node, ast.Attribute) and node.attr in _REACHES_ALL:
            what = node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            roots = {name.split(".")[0] for name in names}
            what = ", ".join(sorted(roots & _RUNS_DATA))
            runs_processes |= bool(roots & {"subprocess", "os", "multiprocessing", "pty"})
        elif isinstance(node, ast.Constant) and node.value == "-c" and runs_processes:
            what = "a process given its code with -c"
        if what:
            place = getattr(node, "lineno", None), getattr(node, "col_offset", None)
            yield finding("hidden-code", f"{what}: code that a linter cannot read", *place)


def _effective(tree: ast.Module) -> tuple[int, int]:
    """Return (number of statements that do something, number of statements); the rest is dead, empty or repeated."""
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)}
    loaded |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    shapes: Counter[str] = Counter()
    n = 0
    stack: list[tuple[ast.stmt, bool]] = [(node, True) for node in tree.body]
    while stack:
        node, alive = stack.pop()
        if tools.is_docstring(node):
            continue
        n += 1
        if alive and not _idle(node, loaded):
            shapes[_header(node)] += 1
        for body, runs in _bodies(node):
            for part in body:
                stack.append((part, alive and runs))
                runs = runs and not isinstance(part, ast.Return | ast.Raise | ast.Continue | ast.Break)
    cap = 4 + len(shapes) // 4
    return sum(min(count, cap) for count in shapes.values()), n


def _bodies(node: ast.stmt) -> Iterator[tuple[list[ast.stmt], bool]]:
    test = getattr(node, "test", None)
    constant = bool(test.value) if isinstance(test, ast.Constant) else None
    for name in ("body", "orelse", "finalbody"):
        runs = constant is None or constant == (name == "body") or isinstance(node, ast.Assert)
        yield getattr(node, name, []), runs
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body, True


def _idle(node: ast.stmt, loaded: set[str]) -> bool:
    """Return whether a statement has no effect: it calls nothing, and what it assigns is never read."""
    if isinstance(node, ast.Pass):
        return True
    if not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
        return False
    if any(isinstance(part, ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for part in ast.walk(node)):
        return False
    if isinstance(node, ast.Expr):
        return True
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    plain = all(isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets)
    return plain and not names & loaded


def _header(node: ast.stmt) -> str:
    """Return a statement's form without nested statements, names and constants."""
    parts = []
    nodes: list[ast.AST] = [node]
    while nodes:
        part = nodes.pop()
        parts.append(type(part).__name__)
        inside = [child for child in ast.iter_child_nodes(part) if not isinstance(child, ast.stmt)]
        nodes += [child for child in inside if not isinstance(child, ast.ExceptHandler | ast.match_case | ast.expr_context)]
    return " ".join(parts)


def newer(text: str) -> dict[str, Any]:
    """Return ruff's syntax errors for the newest Python it knows and, if there are none, for this one."""
    with open(PATH, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
    command = [RUFF, "check", "--isolated", "--no-cache", "--quiet", "--select=E9", "--output-format=json"]
    env = {"RAYON_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}

    def errors(target: str) -> list[str]:
        import json

        done = subprocess.run([*command, f"--target-version={target}", PATH], capture_output=True, env=env, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"ruff ended with {done.returncode}")
        said: list[str] = bounded((cut(row["message"]) for row in json.loads(done.stdout or "[]")), MAX_NOTES)
        return said

    newest = errors("py314")
    return {"newest": newest, "this": [] if newest else errors("py311")}


_LINTER = _linter()
tools.TOOLS.update(lint=lint, newer=newer)
