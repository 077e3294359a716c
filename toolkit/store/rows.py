"""The lines of a run folder's files: which fields of samples and results are kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from toolkit.records import FailedCall, Result, Sample, Verdict


def to_row(result: Result) -> dict[str, Any]:
    """Return a row of `results.jsonl`, which is the same in every run."""
    return {
        "task_id": result.task_id,
        "sample_id": result.sample_id,
        "verdict": result.verdict,
        "base": result.base,
        "plus": result.plus,
        "error": result.error,
        "detail": result.detail,
        "base_call": result.base_call,
        "plus_call": result.plus_call,
        "failed": asdict(result.failed) if result.failed else None,
        "shared": result.shared,
    }


def from_row(row: Mapping[str, Any]) -> Result:
    """Return the result that `to_row` was given.

    Raises:
        ValueError, LookupError, TypeError: the row is malformed.
    """
    verdict, base, plus = (Verdict(row[name]) if row[name] else None for name in ("verdict", "base", "plus"))
    return Result(
        task_id=str(row["task_id"]), sample_id=int(row["sample_id"]), verdict=verdict, base=base, plus=plus,
        error=row["error"], detail=str(row["detail"]), base_call=row.get("base_call"), plus_call=row.get("plus_call"),
        failed=FailedCall(**row["failed"]) if row.get("failed") else None, shared=bool(row.get("shared", False)),
    )  # fmt: skip


def sample_row(sample: Sample) -> dict[str, Any]:
    """Return a row of `samples.jsonl`."""
    row = {"task_id": sample.task_id, "sample_id": sample.sample_id, "solution": sample.solution}
    return row if sample.raw is None else {**row, "raw": sample.raw}


def to_line(row: Mapping[str, Any]) -> str:
    """Return the row as a line of JSON."""
    return json.dumps(row) + "\n"
