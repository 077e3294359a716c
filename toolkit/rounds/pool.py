"""Prompt pools: the prompts that recursive rounds generate from, with human solutions.

`stdlib` needs no download: it is the functions with docstrings in the run image's own Python standard library, with
signature and docstring as prompt, the body as human solution, and the docstring's `>>>` examples, if any, as tests. Source
and licence: CPython 3.11, Python Software Foundation License 2.0. Anything else is a JSONL file, or a data set of the hub
(`OWNER/NAME[@REVISION][:CONFIG][:SPLIT]`, or a folder that `datasets` can read). Rows have `prompt`, and optionally
`solution` (what follows the prompt, or a program if the prompt is prose), `test`, `entry_point` and `id`.
"""

import ast
import hashlib
import itertools
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import Box, Engine, Execution, Limits, SandboxError
from toolkit.errors import UsageError, missing, nearest
from toolkit.records import Task
from toolkit.samples.lines import Problems, lines

STDLIB = "stdlib"
COLUMNS = ("prompt", "solution", "test", "entry_point", "id")
LICENCE = "CPython 3.11 standard library, PSF-2.0"
_BEGUN = re.compile(r"^(async\s+)?(def|class|import|from)\s", re.MULTILINE)
_EXTRACT = '''
import ast, json, pathlib, sysconfig
found = {}
for path in sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py")):
    parts = path.parts
    if "test" in parts or "tests" in parts or "idlelib" in parts or "site-packages" in parts or "lib2to3" in parts:
        continue
    try:
        text = path.read_text("utf-8")
        tree = ast.parse(text)
    except (SyntaxError, ValueError, OSError):
        continue
    lines = text.splitlines(True)
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list or len(node.body) < 2:
            continue
        doc = ast.get_docstring(node)
        start, split, end = node.lineno - 1, node.body[0].end_lineno, node.end_lineno
        if not doc or not 20 <= len(doc) <= 1000 or not 2 <= end - split <= 40:
            continue
        row = {"id": f"{path.stem}.{node.name}", "prompt": "".join(lines[start:split]),
               "solution": "".join(lines[split:end]), "entry_point": node.name}
        found.setdefault(row["prompt"], row)
for row in found.values():
    print(json.dumps(row))
'''


Run = Callable[[str, Limits], Execution]
Cut = Callable[[str], tuple[str, str] | None]
"""Returns what of a text is the prompt, and the rest; None if the text is none for a prompt."""


class PoolError(UsageError):
    """A pool cannot be used; says where and why."""

    def __init__(self, said: str) -> None:
        super().__init__(f"pool: {said}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One prompt of a pool.

    Attributes:
        task: prompt, entry point and the human solution (`canonical_solution`, empty if unknown).
        test: the row's tests, or the examples in its docstring; empty if there are none.
        held_out: never trained on.
        continued: an answer goes on where the prompt ends, whatever the prompt looks like: it is the beginning of a file.
    """

    task: Task
    test: str = ""
    held_out: bool = False
    continued: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether an answer is a whole program, because the prompt is prose."""
        prompt, solution = self.task.prompt, self.task.canonical_solution
        if self.continued or _parses(prompt + solution):
            return False
        return _parses(solution) if solution else not _BEGUN.search(prompt)

    @property
    def human(self) -> str:
        """The whole human program."""
        return self.task.prompt * (not self.is_whole) + self.task.canonical_solution


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def load(
    source: str, engine: Engine | Run | None = None, held_out: float = 0.1, columns: Mapping[str, str] | None = None, *,
    limit: int = 0, cut: Cut = lambda text: (text, ""), continued: bool = False,
) -> list[Item]:  # fmt: skip
    """Read a pool. Whether an item is held out depends only on its prompt's hash, so all runs agree.

    Args:
        source: `stdlib`, a JSONL file, or a data set.
        engine: needed for `stdlib`; or what runs a program within limits elsewhere.
        held_out: share of prompts that are held out, 0 to 1.
        columns: other names for our columns, such as `{"prompt": "text", "test": "test_list"}`; lists of strings become
            lines.
        limit: read until there are so many prompts; 0: all.
        cut: applied to each prompt; the rest is the solution of a row that has none.
        continued: all prompts are beginnings of files; else those of rows that say so (`"continued": true`).

    Raises:
        PoolError: the file cannot be read, or rows cannot be used: all of them are listed.
        SandboxError: the standard library cannot be read in a box.
    """
    rows: Iterable[tuple[str, dict[str, Any]]]
    if source == STDLIB:
        rows = _stdlib(engine)
    else:
        is_file = Path(source).is_file() or source.endswith(".jsonl")
        found = iter(_file(Path(source)) if is_file else _dataset(source, streams=limit > 0))
        first = list(itertools.islice(found, 1000))
        for ours, theirs in (columns or {}).items():
            if not any(theirs in row for _, row in first):
                there = dict.fromkeys(name for _, row in first for name in row)
                raise PoolError(f"{source}: {ours}={theirs}: its columns are {', '.join(there)}{nearest(theirs, there)}")
        rows = ((place, _renamed(row, columns or {})) for place, row in itertools.chain(first, found))
    items: dict[str, Item] = {}
    problems: list[str] = []
    for place, row in rows:
        if limit and len(items) == limit:
            break
        prompt = row.get("prompt")
        name, solution, test, own = (row.get(field) or "" for field in ("entry_point", "solution", "test", "id"))
        texts = (prompt, name, solution, test, own)
        if not prompt or not all(isinstance(text, str) for text in texts):
            problems.append(f"{place}: wants `prompt`, and text in `solution`, `test`, `entry_point` and `id`")
            continue
        if (parts := cut(prompt)) is None:
            continue
        prompt, solution = parts[0], solution or parts[1]
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
        items.setdefault(digest, Item(
            task=Task(task_id=own or f"pool/{digest[:12]}", prompt=prompt, entry_point=name, canonical_solution=solution),
            test=test,
            held_out=int(digest[:8], 16) / 2**32 < held_out, continued=continued or row.get("continued") is True,
        ))  # fmt: skip
    if problems or not items:
        raise PoolError("\n".join(problems or [f"{source}: no prompt in it"]))
    names = [item.task.task_id for item in items.values()]
    if len(set(names)) < len(names):
        raise PoolError(f"{source}: {next(n for n in names if names.count(n) > 1)!r} is the id of two different prompts")
    return list(items.values())


def columns_of(pairs: Iterable[str]) -> dict[str, str]:
    """Return the other names of our columns from pairs such as `prompt=text`. Raises ValueError."""
    found = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and theirs) or ours not in COLUMNS:
            near = nearest(ours, COLUMNS) if equals else ""
            raise ValueError(f"{pair!r} is no pair such as prompt=text; ours are {', '.join(COLUMNS)}{near}")
        found[ours] = theirs
    return found


def _renamed(row: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    named = row | {ours: row.get(theirs) for ours, theirs in columns.items()}
    lists = {name: value for name, value in named.items() if isinstance(value, list)}
    named |= {name: "\n".join(value) for name, value in lists.items() if all(isinstance(line, str) for line in value)}
    return named | ({"id": str(named["id"])} if isinstance(named.get("id"), int) else {})


def _dataset(source: str, *, streams: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import datasets
    except ImportError as error:
        raise PoolError(f"{source} is no file here, so it may be a data set: {missing(error)}") from None
    name, *parts = source.split(":")
    name, _, revision = name.partition("@")
    config, split = (None, "train") if not parts else (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(name, config, split=split, revision=revision or None, streaming=streams)
        for number, row in enumerate(found, 1):
            yield f"{source}, row {number}", dict(row)
    except Exception as error:  # whatever the package, the hub's client or a reader raises
        reason = " ".join(str(error).split())[:300]
        raise PoolError(f"{source} is no file here, and no data set that can be read: {reason}") from None


def _file(path: Path) -> list[tuple[str, dict[str, Any]]]:
    problems = Problems()
    rows = [(place, row) for place, _, row in lines(path, problems)]
    if problems:
        raise PoolError("\n".join(problems.listed()))
    return rows


def _stdlib(engine: Engine | Run | None) -> list[tuple[str, dict[str, str]]]:
    from toolkit.benchmarks.examples import public_tests

    if engine is None:
        raise PoolError("the pool `stdlib` is read in a box, which needs an engine: see `toolkit doctor`")
    limits = Limits(charged_s=120, cpu_s=120, output_bytes=32 << 20)
    if callable(engine):
        execution = engine(_EXTRACT, limits)
    else:
        with Box(engine, limits) as box:
            execution = box.run(_EXTRACT, limits=limits)
    if execution.exit_code != 0 or execution.truncated:
        raise SandboxError(f"the standard library could not be read: {execution.status} {execution.stderr[-300:]}")
    rows = []
    for line in execution.stdout.splitlines():
        row = json.loads(line)
        task = Task(task_id=row["id"], prompt=row["prompt"], entry_point=row["entry_point"], canonical_solution="")
        row["id"] += "-" + hashlib.sha256(row["prompt"].encode()).hexdigest()[:6]
        rows.append((row["id"], row | {"test": public_tests(task) or ""}))
    return rows


def cutter(tokenizer: Any, at_least: int, at_most: int) -> Cut:
    """Return what leaves out texts of fewer tokens, and cuts others after so many (0: never), between two characters."""

    def cut(text: str) -> tuple[str, str] | None:
        flags = dict.fromkeys(("split_special_tokens", "return_offsets_mapping"), True)
        read = tokenizer(text, add_special_tokens=False, verbose=False, **flags)
        places = read.offset_mapping
        if len(places) < at_least:
            return None
        end = len(text)
        if 0 < at_most < len(places):
            end = min(places[at_most - 1][1], places[at_most][0])  # which differ inside a character
        return text[:end], text[end:]

    return cut


def order(items: Sequence[Item], seed: int) -> list[Item]:
    """Return the items that may be trained on, shuffled by `seed`."""
    chosen = [item for item in items if not item.held_out]
    random.Random(seed).shuffle(chosen)
    return chosen


def content_hash(prompt: str) -> str:
    """Return what stands for a prompt's content: SHA-256, without white space around it."""
    return hashlib.sha256(prompt.strip().encode("utf-8", "surrogatepass")).hexdigest()


def common(items: Sequence[Item]) -> tuple[str, str] | None:
    """Return the ids of a prompt that is held out and of one that is not, with the same content; None if there are none."""
    trained = {content_hash(item.task.prompt): item.task.task_id for item in items if not item.held_out}
    both = ((item.task.task_id, trained.get(content_hash(item.task.prompt))) for item in items if item.held_out)
    return next(((ours, theirs) for ours, theirs in both if theirs is not None), None)


def held_out(items: Sequence[Item]) -> list[Item]:
    """Return the items that are never trained on, in the same order in all runs."""
    chosen = [item for item in items if item.held_out]
    random.Random(0).shuffle(chosen)
    return chosen
