"""Run a study, cell by cell and stage by stage, and put together what came out."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, get_args

from toolkit.analysis import contrasts as tests
from toolkit.analysis.stats import mean_interval
from toolkit.progress import Advance
from toolkit.report import study as page
from toolkit.store.files import write_atomically, write_rows
from toolkit.store.stages import Waiting
from toolkit.studies.base import Cell, Study
from toolkit.studies.lab import Lab
from toolkit.studies.settings import S, Stage

LEDGER, TABLE, SUMMARY, PAGE = "ledger.jsonl", "study.csv", "summary.json", "report.html"

FLOOR = 0.1
"""A pass@1 up to this can hardly fall."""


def run(study: Study[S], settings: S, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Run or resume all cells; write ledger, table, summary and page, and return the summary.

    Raises:
        UsageError: settings or data cannot be used, or a stage was done with other settings.
        InfrastructureError: engine, model, memory or disk failed; finished stages are kept.
    """
    rows = []
    with Lab(settings, advance) as lab:
        for cell, seed in cells_of(study, settings):
            try:
                found = study.run(lab, cell, seed)
            except Waiting as error:
                lab.waiting.append(str(error))
                continue
            rows.append({
                "cell": cell.name, "seed": seed, "levels": dict(cell.levels), "scores": found.scores,
                "numbers": found.numbers,
            })  # fmt: skip
    summary = summarise(study, settings, rows, list(dict.fromkeys(lab.waiting)))
    output = settings.output
    output.mkdir(parents=True, exist_ok=True)
    write_rows(output / LEDGER, rows)
    write_atomically(output / TABLE, table(summary["rows"]).encode())
    write_atomically(output / SUMMARY, (json.dumps(summary, indent=1) + "\n").encode())
    write_atomically(output / PAGE, page.html(summary).encode())
    return summary


def summarise(
    study: Study[S], settings: S, rows: Sequence[Mapping[str, Any]], waiting: Sequence[str] = ()
) -> dict[str, Any]:
    """Return all that the page shows of a run's rows."""
    asked = study.contrasts(settings, rows)
    found = [it for it in (tests.evaluate(contrast, rows) for contrast in asked) if it is not None]
    results = tests.with_holm(found)
    more = study.summary(settings, rows)
    seconds = _seconds(settings)
    total = sum(seconds.values())
    return {
        "study": study.name, "question": study.question, "method": list(study.method), "limits": list(study.limits),
        "references": dict(study.references), "settings": settings.plain(),
        "rows": [_shown(row) for row in rows], "contrasts": results, "agreement": _agreement(rows), "more": more,
        "seconds": seconds, "boxes_share": round(seconds.get("judge", 0) / total, 4) if total else None,
        "waiting": list(waiting), "notes": _floors(rows), "claims": study.claims(settings, results, more),
        "verdict": study.verdict(settings, results, more) or tests.told(results, settings.samples),
    }  # fmt: skip


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ledger's row with means for the scores of its tasks."""
    means: dict[str, Any] = {}
    for name, tasks in row["scores"].items():
        values = list(tasks.values())
        if name.startswith("pass@"):
            low, high = mean_interval(values, 1.0)
            means[name] = {"value": fmean(values), "low": low, "high": high}
        else:
            means[name] = round(fmean(values), 6)
    return {"cell": row["cell"], "seed": row["seed"], "levels": row["levels"], "scores": means, "numbers": row["numbers"]}


def _floors(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each benchmark that no cell solves to speak of."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, tasks in row["scores"].items():
            if name.startswith("pass@"):
                found.setdefault(name.partition("@")[2], []).append(fmean(tasks.values()))
    return [
        f"no cell solves more than {FLOOR:.0%} of {name}: pass@1 is at its floor there and tells little; nats carry this run"
        for name, values in found.items() if max(values) <= FLOOR
    ]  # fmt: skip


def _agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, by benchmark, Kendall's tau of nats a token and pass@1 over cells: -1 where they order cells alike."""
    from scipy.stats import kendalltau

    found: dict[str, Any] = {}
    for name in dict.fromkeys(name.partition("@")[2] for row in rows for name in row["scores"]):
        pairs = [
            (fmean(row["scores"][f"nll@{name}"].values()), fmean(row["scores"][f"pass@{name}"].values())) for row in rows
            if f"nll@{name}" in row["scores"] and f"pass@{name}" in row["scores"]
        ]  # fmt: skip
        if len(pairs) > 2 and all(len(set(column)) > 1 for column in zip(*pairs, strict=True)):
            found[name] = {"tau": float(kendalltau(*zip(*pairs, strict=True)).statistic), "cells": len(pairs)}
    return found


def _seconds(settings: Any) -> dict[str, float]:
    found: Counter[str] = Counter()
    for file in settings.output.rglob("*.json"):
        name = file.stem.split("-")[0]
        if name in get_args(Stage):
            try:
                found[name] += json.loads(file.read_bytes())["seconds"]
            except (ValueError, KeyError, TypeError):
                continue
    return {name: round(value, 1) for name, value in sorted(found.items())}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return CSV, a cell and seed a row; numbers and texts only."""
    parts = ("levels", "scores", "numbers")
    lines = [{"cell": row["cell"], "seed": row["seed"], **dict(_leaves(row, parts))} for row in rows]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _leaves(row: Mapping[str, Any], parts: Sequence[str]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for part in parts:
        for name, value in row[part].items():
            if isinstance(value, Mapping):
                found += [(f"{name}.{key}", it) for key, it in value.items() if isinstance(it, int | float | str)]
            elif isinstance(value, int | float | str) or value is None:
                found.append((name, value))
    return found


def cells_of(study: Study[S], settings: S) -> list[tuple[Cell, int]]:
    """Return each cell with each seed."""
    return [(cell, seed) for seed in settings.seeds for cell in study.cells(settings)]
