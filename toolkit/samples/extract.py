"""The sanitizer's worker process: parse hostile texts and extract programs from them.

Source: `evalplus.sanitize` 0.3.1, whose functions are called, not copied.
"""

import ast
import contextlib
import functools
import json
import os
import re
import resource
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

_THOUGHT = re.compile(r"^[ \t]*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FENCED = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def without_thoughts(text: str) -> str:
    """Remove thinking parts: closed, cut off by the end of the text, or opened in the prompt and only closed here.

    A tag counts only at the start of a line (opening) or at the end of one (closing), so that a program that mentions such
    tags stays whole.
    """
    text = _THOUGHT.sub("", text)
    end = _THOUGHT_END.search(text)
    return text[end.end() :] if end else text


def _tree(program: str, flags: int = 0) -> ast.Module:
    tree = compile(program, "<solution>", "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _defines(program: str, entry_point: str) -> bool:
    """Return whether a program parses and gives the entry point a body of more than a docstring."""
    try:
        tree = _tree(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    found = not entry_point
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == entry_point:
                found = len(node.body) > 1 or not isinstance(node.body[0], ast.Expr | ast.Pass)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
            names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            names += [n.asname or n.name for n in getattr(node, "names", ())]
            found = found or entry_point in names
    return found


@functools.lru_cache(maxsize=1)
def longest_program(text: str) -> str:
    """Return what evalplus's `code_extract` returns, without parsing every range of lines.

    Of the ranges of two lines or more that parse, that is the one with most non-blank lines, the first of equals. Ranges
    that cannot win are skipped, and so are those that must fail like one that failed: all that reach beyond an error
    met before the end of the text (more lines cannot mend it), and all that end within a string or bracket that is
    still open (fewer lines cannot close it).
    """
    lines = text.split("\n")
    filled = [0, *accumulate(bool(line.strip()) for line in lines)]
    best, span = 0, (0, 0)

    def error(i: int, j: int, flags: int = 0) -> SyntaxError | MemoryError | RecursionError | ValueError | None:
        try:
            _tree("\n".join(lines[i : j + 1]), flags)
        except (SyntaxError, MemoryError, RecursionError, ValueError) as caught:
            return caught
        return None

    def broken(i: int, j: int) -> bool:
        # 0x4000 is codeop's PyCF_ALLOW_INCOMPLETE_INPUT: an error at the end of the text then has a message of its own.
        found = error(i, j, 0x4000)
        return isinstance(found, SyntaxError) and found.msg != "incomplete input"

    for i in range(len(lines)):
        if filled[-1] - filled[i] <= best:
            break
        j, won = len(lines) - 1, False
        while j > i and (n := filled[j + 1] - filled[i]) + won > best:
            found = error(i, j)
            if found is None:
                best, span, won = n, (i, j), True
            elif isinstance(found, SyntaxError):
                at = i + (found.lineno or len(lines)) - 1
                if "never closed" in found.msg or "unterminated triple-quoted" in found.msg:
                    j = min(j, max(at, i))
                elif (at := max(at, i + 1)) < j and broken(i, at):
                    j = at
            j -= 1
    return "\n".join(lines[span[0] : span[1] + 1])


@functools.cache
def _evalplus() -> Any:
    # evalplus.data imports `datasets` for a benchmark that is not used here: 1.7 s and 150 MB.
    placeholder = types.ModuleType("datasets")
    vars(placeholder)["load_dataset"] = None
    sys.modules.setdefault("datasets", placeholder)
    import evalplus.sanitize

    evalplus.sanitize.code_extract = longest_program
    return evalplus.sanitize


def _sanitized(text: str, entry_point: str) -> str:
    found: str = _evalplus().sanitize(text, entry_point or None)
    return found


def _from_solution(_: str, entry_point: str, text: str) -> str | None:
    answer = without_thoughts(text)
    program = _sanitized(answer, entry_point)
    if not _defines(program, entry_point):
        program = longest_program(answer)  # evalplus leaves out what is decorated or has no return statement
    return program if _defines(program, entry_point) else None


def _from_raw_response(_: str, entry_point: str, text: str) -> str | None:
    return _sanitized(without_thoughts(text), entry_point)


def _from_completion(prompt: str, entry_point: str, text: str) -> str | None:
    answer = without_thoughts(text)
    define = re.compile(rf"^(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(entry_point)}\b", re.MULTILINE)
    head = define.split(prompt)[0] if entry_point and define.search(prompt) else ""
    bodies = [answer] + [body for body in _FENCED.findall(answer) if not define.search(body)]
    glue = "\n" if prompt.endswith("\n") else ""

    def whole() -> Iterator[str]:
        if program := _from_solution("", entry_point, answer):
            yield head + program

    def cut() -> Iterator[str]:
        for body in bodies:
            yield prompt + body
            yield _sanitized(prompt + glue + body, entry_point)

    is_body = re.match(r"(?:[ \t]*(?:```[^\n]*)?\n)*(?:  |\t)[ \t]*\S", answer)
    makers = (cut, whole) if is_body or not define.search(answer) else (whole, cut)
    return next((program for make in makers for program in make() if _defines(program, entry_point)), None)


FILE = "```"
"""Used as the entry point if the program is a whole file."""
FIELDS = {"solution": _from_solution, "completion": _from_completion, "raw_response": _from_raw_response}
"""The fields a text may come in. `solution` wins over `completion`, which wins over `raw_response`."""


def last_block(text: str) -> str | None:
    """Return the last fenced block, found as LiveCodeBench finds it; None if there is none."""
    lines = text.split("\n")
    fences = [at for at, line in enumerate(lines) if "```" in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) > 1 else None


def _answer(prompt: str, entry_point: str, field: str, text: str) -> str | None:
    """Return the program, or None to use the text as it is."""
    try:
        if field != "raw_response":
            with contextlib.suppress(SyntaxError, ValueError):
                _tree(prompt + text)
                return None
        if entry_point == FILE:
            return last_block(without_thoughts(text))
        return FIELDS[field](prompt, entry_point, text)
    except ImportError:
        raise
    except Exception:  # a hostile text makes evalplus raise anything: RecursionError, MemoryError, IndexError...
        return None


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def serve(cpu_s: float, memory_bytes: int) -> None:
    """Answer batches of texts, one line of JSON each, with a line of JSON per text, until the input ends.

    A text that takes longer than `cpu_s` kills the process by a signal: a busy parser cannot be interrupted otherwise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    warnings.simplefilter("ignore")
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(ImportError):  # reported when it is needed
        _evalplus()
    for line in sys.stdin.buffer:
        for row in json.loads(line):
            reply: object
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            try:
                reply = _answer(*row)
            except ImportError as error:
                reply = {"error": str(error)}
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(1, json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    serve(float(sys.argv[1]), int(sys.argv[2]))
