"""What a round learns of a candidate is what its gate judges and what is executed: the text as the model wrote it.

A candidate that continues its prompt is judged behind it, an answer in a fenced block as the block stands. Only in an answer
with several blocks or none is the program looked for as in `toolkit eval`.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gates import Solution
from toolkit.rounds.pool import Item
from toolkit.samples import read as sample_files
from toolkit.store.files import read_rows
from toolkit.training.data import has_ended

_BLOCK = re.compile(r"^```[\w+-]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)


def programs(file: Path, items: Mapping[str, Item]) -> list[str]:
    """Return the program of each row of a candidates file."""
    rows = read_rows(file)
    found = [_as_written(row, items[row["task_id"]]) for row in rows]
    if any(program is None for program in found):
        samples = sample_files.read(file, {name: item.task for name, item in items.items()})[0]
        found = [sample.solution if one is None else one for sample, one in zip(samples, found, strict=True)]
    return [program for program in found if program is not None]


def solutions(file: Path, items: Mapping[str, Item]) -> list[Solution]:
    """Return what the gates judge of each row of a candidates file."""
    return [
        Solution(
            code=program, completion=row["written"], prompt=row["prompt"], chat=row["chat"], n_tokens=row["n_tokens"],
            test=items[row["task_id"]].test or None, entry_point=items[row["task_id"]].task.entry_point or None,
        )
        for row, program in zip(read_rows(file), programs(file, items), strict=True)
    ]  # fmt: skip


def _as_written(row: Mapping[str, Any], item: Item) -> str | None:
    if "solution" in row:
        return str(row["solution"])
    written = str(row["written"])
    if "raw_response" in row:
        blocks = _BLOCK.findall(written)
        return str(blocks[0]) if len(blocks) == 1 else None
    return written if is_asked(row, item) or item.is_whole else row["prompt"] + written


def is_asked(row: Mapping[str, Any], item: Item) -> bool:
    """Return whether a row's prompt asks for an answer, rather than being the pool's own, to be continued."""
    return bool(row["prompt"].strip() != item.task.prompt.strip())


def is_learnable(row: Mapping[str, Any], unfinished: str) -> bool:
    """Return whether an accepted candidate may be trained on: one that was cut off may be left out."""
    return bool(row["accepted"]) and (unfinished != "leave-out" or has_ended(row))


def of_model(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return training rows of candidates."""
    return [
        {"task_id": row["task_id"], "prompt": row["prompt"], "chat": row["chat"], "human": False, "finished": has_ended(row),
         "completion": row["written"], "program": row["solution"]} for row in rows
    ]  # fmt: skip


def of_people(items: Sequence[Item], asked: Mapping[str, Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return training rows of human programs, in the form of the model's.

    Args:
        asked: how the model is asked each prompt (`Machine.asked`); None if it continues them.
    """
    rows = []
    for item in items:
        own = {"prompt": item.task.prompt + "\n" * item.is_whole, "chat": False}
        how: Mapping[str, Any] = own if asked is None else asked[item.task.task_id]
        rows.append({
            "task_id": item.task.task_id, "prompt": how["prompt"], "chat": how["chat"], "human": True, "finished": True,
            "completion": item.task.canonical_solution if asked is None else _answer(how["prompt"], item.human),
            "program": item.human,
        })  # fmt: skip
    return rows


def _answer(prompt: str, program: str) -> str:
    """Return a program as an answer: the rest of a fenced block that the prompt begins, or a block of its own."""
    if not prompt.rstrip().endswith("```python"):
        return f"```python\n{program.rstrip()}\n```"
    return "\n" * (not prompt.endswith("\n")) + program.rstrip()
