"""Tests made from the examples in a task's prompt, which anyone who answers the task may know.

Nothing else of a task is read, so data filtered with them has not seen a hidden test. Prompts come from the benchmark, not
from a model, so they are parsed in this process.

Of HumanEval's 164 tasks, 152 have examples in a known form; 148 are used (425 asserts), because four have wrong ones
(`WRONG`). All 378 tasks of MBPP+ have one. Canonical solutions pass all examples in use.
"""

import ast
import re
from collections.abc import Iterator

from toolkit.records import Task

WRONG = {
    "HumanEval/47": "says that the median of -10, 4, 6, 1000, 10, 20 is 15.0; it is 8.0",
    "HumanEval/116": "sorts by value, not by the number of ones",
    "HumanEval/130": "writes single numbers of the sequence as the function's values",
    "HumanEval/148": 'writes ("Venus") for a tuple',
}
"""Tasks whose canonical solutions fail their own examples, and why; their examples are not used."""
_SAYS = re.compile(r"\s*(?:#\s*)?(?:==?>?|->|➞|returns|should\s+return)\s*")
_IN_WORDS = re.compile(r"(?:Input:|For) (.+?)\s+(?:Output:|the (?:output|result) should be) *(.+)")


def public_tests(task: Task) -> str | None:
    """Return the examples in the task's prompt as asserts, one per line; None if none can be used.

    Known forms: doctests; `assert` lines; `f(x)` followed by a literal after ==, =>, ==>, =, ->, ➞, `returns`, `# returns`
    or `should return`; "Input: x = 1, y = 2 Output: 3"; "For x = 1 the output should be 3". A float may be off by 1e-6.
    """
    if task.task_id in WRONG:
        return None
    found = [*_lines(task), *_calls(task), *_in_words(task)]
    return "\n".join(dict.fromkeys(found)) or None


def _lines(task: Task) -> Iterator[str]:
    """Yield `assert` lines and doctests: an expression with its value on the lines that follow."""
    lines = [line.strip() for line in task.prompt.splitlines() if line.strip()]
    for at, line in enumerate(lines):
        start = next((start for start in ("assert ", ">>> ") if line.startswith(start)), None)
        source = _parsed(line.removeprefix(start)) if start and task.entry_point in line else None
        if isinstance(source, ast.Compare) and isinstance(source.ops[0], ast.Eq) and _is_literal(source.comparators[0]):
            yield _assert(source.left, source.comparators[0])
        elif start == "assert " and source is not None:
            yield f"assert {ast.unparse(source)}"
        elif source is not None:
            yield from _test(source, "\n".join(lines[at + 1 :]))


def _calls(task: Task) -> Iterator[str]:
    """Yield calls that are followed by their value, anywhere in the text."""
    for call in re.finditer(rf"\b{task.entry_point}\(", task.prompt):
        for end in re.finditer(r"\)", task.prompt[call.start() :]):
            source = _parsed(task.prompt[call.start() : call.start() + end.end()])
            if isinstance(source, ast.Call):
                rest = task.prompt[call.start() + end.end() :]
                if (says := _SAYS.match(rest)) and all(map(_is_literal, source.args)):
                    yield from _test(source, rest[says.end() :])
                break


def _in_words(task: Task) -> Iterator[str]:
    """Yield examples in words, with arguments written as in a call."""
    for arguments, value in _IN_WORDS.findall(task.prompt):
        source = _parsed(f"{task.entry_point}({arguments})")
        if source is not None:
            yield from _test(source, value)


def _test(source: ast.expr, rest: str) -> Iterator[str]:
    """Yield the assert that `source` equals the literal at the start of `rest`, if only a remark follows it."""
    lines = [line.strip() for line in rest.splitlines()]
    for n in range(1, min(len(lines), 4) + 1):
        text = "\n".join(lines[:n]).rstrip(".")
        wanted = _parsed({"true": "True", "false": "False"}.get(text, text))
        if wanted is not None and _is_literal(wanted):
            yield _assert(source, wanted)
            return


def _assert(got: ast.expr, wanted: ast.expr) -> str:
    if isinstance(ast.literal_eval(wanted), float):
        return f"assert abs({ast.unparse(got)} - {ast.unparse(wanted)}) <= 1e-06"
    return f"assert {ast.unparse(got)} == {ast.unparse(wanted)}"


def _parsed(text: str) -> ast.expr | None:
    """Parse a text as one expression; return None if it is not one."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True
