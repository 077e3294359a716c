"""`toolkit efficiency`, as a function: models on one benchmark, compared by score and cost."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from toolkit.analysis import efficiency
from toolkit.errors import UsageError, check_one_of
from toolkit.report.summary import at_budget
from toolkit.store import run_folder as runs

MAX_MODELS, MAX_BYTES = 1000, 16 << 20
"""Most models to compare, and largest CSV file, in bytes."""
_NUMBERS = (*efficiency.AXES, "n_parameters", "s_per_answer")
_MIXED = {"memory": "kinds of memory", "hardware": "hardware", "batch_size": "numbers of samples at a time"}


def compare(
    sources: Sequence[Path],
    *,
    budget: tuple[str, float] | None = None,
    anchors: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Compare runs.

    Args:
        sources: run folders, and CSV files with one model per row: `model`, `benchmark`, the axes of `efficiency.AXES` and,
            if known, `n_parameters`. Other columns are ignored.
        budget: unit and amount per task; for run folders only.
        anchors: ends of axes, in place of those in `efficiency.FIXED`.

    Returns:
        `models`: for each its numbers, `per` with `per_low` and `per_high` (leaving one other model out), `per_fixed`,
        `pareto`, and `budget` (as in `summary.json`); None where a number is missing. `scaling`, as
        `efficiency.scaling` has it, over `n_active`. `anchors`. `warnings`: why numbers may not be comparable.

    Raises:
        UsageError: a source is neither a finished run nor a CSV file, benchmarks differ, the budget cannot be counted, or
            anchors are invalid.
    """
    ends = dict(efficiency.FIXED)
    for axis, (low, high) in (anchors or {}).items():
        check_one_of("an axis of --anchors", axis, ends)
        if not -math.inf < low < high < math.inf or (ends[axis].log and low <= 0):
            raise UsageError(f"--anchors {axis}={low:g}:{high:g}: LOW must be below HIGH, and above 0 unless for accuracy")
        ends[axis] = efficiency.Anchors(low, high, ends[axis].log)
    rows = [row for source in sources for row in (_table(source) if source.suffix == ".csv" else [_run(source, budget)])]
    if len(rows) > MAX_MODELS:
        raise UsageError(f"{len(rows)} models, and at most {MAX_MODELS} are compared")
    if len(named := sorted({row["benchmark"] for row in rows})) > 1:
        raise UsageError(f"models are compared on one benchmark, and these are of {', '.join(named)}")
    warnings = [
        f"{row['source']}: {', '.join(missing)} not known, so it is in no ratio"
        for row in rows if (missing := [axis for axis in efficiency.AXES if row[axis] is None])
    ]  # fmt: skip
    whole = [row for row in rows if None not in (row[axis] for axis in efficiency.AXES)]
    columns = (efficiency.per(whole), efficiency.leave_one_out(whole), efficiency.per(whole, ends), efficiency.pareto(whole))
    for row in rows:
        row.update(dict.fromkeys(("per", "per_low", "per_high", "per_fixed", "pareto")))
    for row, ratio, between, fixed, best in zip(whole, *columns, strict=True):
        row.update(per=ratio, per_fixed=fixed, pareto=best)
        row.update(zip(("per_low", "per_high"), between or (), strict=False))
    for name, what in _MIXED.items():
        if len(values := {str(row[name]) for row in whole if row.get(name)}) > 1:
            warnings.append(f"{what} differ ({', '.join(sorted(values))}): the ratio compares them too")
    if len({row.get("n_tasks") for row in rows} - {None}) > 1:
        warnings.append("runs are of different numbers of tasks")
    sized = [row for row in rows if row["n_parameters"] and row["accuracy"] is not None]
    scaling = efficiency.scaling([row["n_parameters"] for row in sized], [row["accuracy"] for row in sized])
    told = {axis: {"low": each.low, "high": each.high, "log": each.log} for axis, each in ends.items()}
    return {"models": rows, "scaling": scaling, "anchors": told, "warnings": warnings}


def _run(folder: Path, budget: tuple[str, float] | None) -> dict[str, Any]:
    """Return the row of a run, for its strictest tests."""
    file = folder / runs.SUMMARY
    try:
        summary, run = (json.loads((folder / name).read_bytes()) for name in (runs.SUMMARY, runs.RUN))
        part, score = list(summary["pass_at_k"].items())[-1]
        score, generation = score.get("1"), summary.get("generation") or {}
        said = run["settings"]["samples"]
        parts = [said["model"], said.get("adapter")] if isinstance(said, dict) else []
        row = {
            "model": " + ".join(filter(None, parts)) or generation.get("model") or PurePath(said).name,
            "benchmark": summary["benchmark"], "tests": part,
            "n_tasks": summary["n_tasks_scored"],
            **{end: score and score[key] for end, key in (("accuracy", "value"), ("low", "low"), ("high", "high"))},
            **{name: generation.get(name) for name in (*_NUMBERS[1:4], "s_per_answer", *_MIXED)},
            "n_parameters": generation.get("n_active"), "source": str(folder),
        }  # fmt: skip
    except OSError as error:
        raise UsageError(f"{folder} is no finished run: {error.filename}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is not as toolkit eval writes it: {error}") from None
    if score is None:
        raise UsageError(f"{folder} has no pass@1: its samples were not scored, or --k left it out")
    if budget:
        try:
            row["budget"] = at_budget(list(runs.read(folder).values()), [part], budget, generation)
        except ValueError as error:
            raise UsageError(f"{folder}: --budget {budget[0]}: {error}") from None
    return row


def _table(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file."""
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_BYTES + 1).decode("utf-8-sig")
        if len(text) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES >> 20} MB")
        rows = []
        for number, said in enumerate(csv.DictReader(text.splitlines()), 2):
            row: dict[str, Any] = {"model": said["model"], "benchmark": said["benchmark"], "source": f"{file}:{number}"}
            if not (row["model"] and row["benchmark"]):
                raise ValueError(f"line {number}: no model, or no benchmark")
            for name in _NUMBERS:
                row[name] = value = float(said[name]) if said.get(name) else None
                top = 1 if name == "accuracy" else math.inf
                if value is not None and not (0 <= value <= top and value < math.inf and (value or name == "accuracy")):
                    raise ValueError(f"line {number}: {name} is {said[name]}")
            rows.append(row)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{file} is no table of models: {error}") from None
    except LookupError as error:
        raise UsageError(f"{file} is no table of models: no column {error}") from None
    if not rows:
        raise UsageError(f"{file} is no table of models: it has no rows")
    return rows
