"""Programs with a label, for clients whose data differ in kind: functions of this Python's standard library, by topic.

No download. Source and licence: CPython, Python Software Foundation License 2.0. The label is the topic of the module that a
function is in: a company that works with a library has its code.
"""

import ast
import functools
import sysconfig
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_NAMES = {
    "net":
        "http urllib socketserver ftplib smtplib imaplib poplib nntplib telnetlib ssl socket xmlrpc wsgiref ipaddress "
        "webbrowser cgi selectors asyncore asynchat smtpd",
    "text":
        "email html xml json csv re string textwrap difflib configparser tokenize ast mimetypes quopri base64 codecs "
        "encodings gettext locale argparse optparse getopt plistlib pprint tomllib shlex",
    "concurrency":
        "asyncio multiprocessing threading concurrent queue subprocess signal sched pty contextvars",
    "ui":
        "tkinter turtle curses cmd idlelib turtledemo getpass readline rlcompleter",
    "files":
        "os shutil pathlib glob tempfile zipfile tarfile gzip bz2 lzma fileinput mailbox posixpath ntpath genericpath "
        "fnmatch dbm shelve pickle stat zipapp sqlite3 ctypes distutils wave aifc sunau chunk",
    "numbers":
        "decimal fractions statistics random datetime _pydecimal calendar numbers hashlib hmac secrets uuid colorsys "
        "_strptime zoneinfo math operator",
    "introspection":
        "inspect unittest doctest pdb bdb trace traceback dis pydoc logging warnings importlib pkgutil runpy cProfile "
        "profile pstats timeit code codeop ensurepip venv site sysconfig pyclbr modulefinder pickletools tracemalloc "
        "lib2to3 symtable imp zipimport compileall platform",
    "structures":
        "collections functools heapq bisect copy types typing enum dataclasses abc weakref contextlib reprlib graphlib "
        "array _collections_abc _weakrefset copyreg linecache struct io _pyio itertools cgitb",
}
TOPICS: Mapping[str, tuple[str, ...]] = {topic: tuple(names.split()) for topic, names in _NAMES.items()}
"""Modules of each topic, by their top-level name."""
CAP = 200
"""Functions of one module, at most: tkinter alone has hundreds."""
_OUT = {"test", "tests", "idlelib", "site-packages", "lib2to3", "__pycache__"}


@functools.cache
def functions() -> tuple[Mapping[str, str], ...]:
    """Return functions with a docstring and at most 40 lines: `id`, `text`, `label` (a topic), `module`, by rising id."""
    label = {module: topic for topic, modules in TOPICS.items() for module in modules}
    found: dict[str, Mapping[str, str]] = {}
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if _OUT & set(parts) or parts[0] not in label:
            continue
        try:
            text = path.read_text("utf-8")
            tree = ast.parse(text)
        except (SyntaxError, ValueError, OSError):
            continue
        lines = text.splitlines(keepends=True)
        inside = [each for node in tree.body if isinstance(node, ast.ClassDef) for each in node.body]
        for node in [*tree.body, *inside]:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not ast.get_docstring(node):
                continue
            own = lines[node.lineno - 1 : node.end_lineno]
            if len(node.body) < 2 or len(own) > 40:
                continue
            cut = "".join(line[node.col_offset :] if line[: node.col_offset].isspace() else line for line in own)
            name = f"{'.'.join(parts)}.{node.name}"
            found.setdefault(cut, {"id": f"{name}:{node.lineno}", "text": cut, "label": label[parts[0]], "module": parts[0]})
    seen: Counter[str] = Counter()
    chosen = []
    for row in sorted(found.values(), key=lambda row: row["id"]):
        seen[row["module"]] += 1
        if seen[row["module"]] <= CAP:
            chosen.append(row)
    return tuple(chosen)
