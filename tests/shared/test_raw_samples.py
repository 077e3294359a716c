"""Raw answers of real models become the very programs that evalplus made of them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.records import Task
from toolkit.samples.sanitize import Sanitizer


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def answers(shared: Path) -> list[tuple[Task, str, str]]:
    """(task, raw answer, evalplus's solution) of all raw files."""
    tasks = {
        row["task_id"]: Task(**{key: row[key] for key in ("task_id", "prompt", "entry_point", "canonical_solution")})
        for name in ("HumanEvalPlus", "MbppPlus")
        for row in rows(shared / "data" / f"{name}.jsonl.gz")
    }
    return [
        (tasks[raw["task_id"]], raw["raw_response"], reference["solution"])
        for path in sorted((shared / "data" / "samples").glob("*.raw.jsonl.gz"))
        for raw, reference in zip(rows(path), rows(path.with_name(path.name.replace(".raw", ""))), strict=True)
    ]


def test_raw_responses_become_the_reference_solutions_byte_for_byte(answers: list[tuple[Task, str, str]]) -> None:
    assert len(answers) >= 890
    with Sanitizer() as sanitizer:
        found = list(sanitizer.solutions((task, "raw_response", raw) for task, raw, _ in answers))
    assert [task.task_id for (task, _, want), got in zip(answers, found, strict=True) if want != got] == []


@pytest.mark.parametrize("field", ["solution", "completion"])
def test_a_raw_answer_in_another_field_keeps_every_program_that_passed(
    shared: Path, answers: list[tuple[Task, str, str]], field: str
) -> None:
    verdicts = [
        json.loads(line)
        for path in sorted((shared / "data" / "samples").glob("*.raw.jsonl.gz"))
        for line in path.with_name(path.name.replace(".raw.jsonl.gz", ".verdicts.jsonl")).read_text().splitlines()
    ]
    with Sanitizer() as sanitizer:
        found = list(sanitizer.solutions((task, field, raw) for task, raw, _ in answers))
    lost = [
        verdict["task_id"]
        for verdict, (_, _, want), got in zip(verdicts, answers, found, strict=True)
        if verdict["base"] == "pass" and not set(want.splitlines()) <= set(got.splitlines())
    ]
    assert lost == []
