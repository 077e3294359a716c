"""What a judge is asked and what it answers, the same for boxes here and for a server."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.errors import UsageError
from toolkit.samples.extract import FIELDS
from toolkit.samples.lines import string
from toolkit.samples.rows import field_of

Row = Mapping[str, Any] | tuple[Any, str]
"""A mapping with `task_id` or `tests`, and `solution`, `completion` or `raw_response`; or a pair (task, completion), where a
task is its id, or the tests of the row itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known of one text.

    Attributes:
        verdict: `passed`, `wrong_answer`... (docs/judging.md); None if it was not judged.
        score: the reward, 0 to 1; None if it was not judged, which is never the program's fault.
        tests_passed, tests: how many of how many; `tests_passed` is None where nobody counted (see `Judge`).
        error: why it was not judged.
        detail: the first test that failed, or the exception: empty unless `show_detail`.
    """

    verdict: str | None
    score: float | None
    tests_passed: int | None = None
    tests: int = 0
    error: str | None = None
    detail: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether every test passed; None if it was not judged."""
        return None if self.verdict is None else self.verdict == "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One row, checked. Equal rows are equal, and judged once.

    Attributes:
        task_id: of a benchmark's task; of a row's own tests, a hash of them.
        tests: JSON of a row's own `tests`, and of the `prompt` that a completion continues; empty for a benchmark's task.
        field, text: what the program is made of, and how (`toolkit.samples.sanitize`).
    """

    task_id: str
    tests: str = ""
    field: str
    text: str


def asked(rows: Iterable[Row], *, own: bool, of: str = "tests") -> list[Asked]:
    """Check rows; `own` says whether they bring their tests, in the key `of`. Raise `UsageError` if one is wrong."""
    if isinstance(rows, str | bytes | Mapping):
        raise UsageError('rows must be a list, such as [("HumanEval/0", text)], not a single row')
    found = []
    for i, row in enumerate(rows):
        try:
            found.append(_asked(row, own, of))
        except ValueError as error:
            raise UsageError(f"rows[{i}]: {error}") from None
    return found


def _asked(row: Row, own: bool, of: str) -> Asked:
    if isinstance(row, tuple) and len(row) == 2:
        row = {of if own else "task_id": row[0], "completion": row[1]}
    if not isinstance(row, Mapping):
        raise ValueError(f"neither a mapping nor a pair (task, text) but {type(row).__name__}")
    field = field_of(row, tuple(FIELDS))
    text = string(field, row[field])
    if not own:
        if not isinstance(row.get("task_id"), str):
            raise ValueError(f"task_id is not a string but {type(row.get('task_id')).__name__}")
        return Asked(task_id=row["task_id"], field=field, text=text)
    tests = tests_of(row.get(of), of, row.get("prompt") or "")
    return Asked(task_id=f"own/{hashlib.sha256(tests.encode()).hexdigest()[:32]}", tests=tests, field=field, text=text)


def tests_of(tests: Any, name: str, prompt: str) -> str:
    """Return a row's own tests as JSON, the same for equal ones; they may be JSON already. Raise ValueError for others."""
    try:
        tests = json.loads(tests) if isinstance(tests, str) else tests
        if not isinstance(tests, Mapping):
            raise ValueError(f"{name} is not a mapping but {type(tests).__name__}")
        return json.dumps({"tests": tests, "prompt": string("prompt", prompt)}, sort_keys=True)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"{name} cannot be written as JSON: {error}") from None
