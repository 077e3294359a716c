"""Recursive rounds: train a model on what it wrote, round after round, under a gate. Which gates prevent collapse?

A cell is a regime (a gate) with a seed. A round of a cell is generate -> gate -> train -> write -> judge -> measure. Each
of these stages leaves a small JSON file that says what went in and what came out. A stage that has its file is not run
again; one whose inputs have changed since is refused, and the difference shown. So a run may be killed at any time and
started again, and stages may run on several machines: `stages` says which run here, and a cell waits at the first that
does not.

Source: the protocol of arXiv 2606.28438, without its weak points: acceptance is counted over all candidates, scores have
intervals, and a gate is compared with execution (AUC), not with its own pass rate.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gates import fields_of
from toolkit.analysis import ledger
from toolkit.errors import UsageError
from toolkit.progress import Advance
from toolkit.report.rounds import html
from toolkit.report.table import csv, leaves
from toolkit.rounds.settings import STAGES, RoundsSettings, name_of
from toolkit.store.cache import write_atomically


def run(settings: RoundsSettings, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Run or resume all cells; write the summary to the folder and return it.

    Raises:
        UsageError: the pool cannot be used, or a stage was done with other settings.
        InfrastructureError: engine, model, memory or disk failed; finished stages are kept.
    """
    from toolkit.rounds.cell import Cell
    from toolkit.rounds.machine import Machine

    waiting: list[str] = []
    with Machine(settings, advance) as machine:
        cells = [Cell(machine, regime, seed) for seed in settings.seeds for regime in settings.regimes]
        for cell in cells:
            try:
                cell.run()
            except Waiting as error:
                waiting.append(str(error))
    summary = summarise(settings, waiting)
    write_atomically(settings.output / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    write_atomically(settings.output / "rounds.csv", csv(leaves(summary["rows"]), summary["rows"]).encode())
    write_atomically(settings.output / "report.html", html(summary).encode())
    return summary


def summarise(settings: RoundsSettings, waiting: Sequence[str] = ()) -> dict[str, Any]:
    """Collect the folder's ledgers into rows, one a round, and summarise each cell."""
    rows = []
    for seed in settings.seeds:
        for regime in settings.regimes:
            for number in range(settings.rounds + 1):
                cell = settings.output / f"seed{seed}" / (name_of(regime) if number else "base")
                file = cell / f"round{number}" / "measure.json"
                if file.exists():
                    outputs = json.loads(file.read_bytes())["outputs"]
                    rows.append({"regime": regime, "seed": seed, "round": number, **outputs})
    return {
        "settings": settings.plain(),
        "rows": rows,
        "cells": ledger.cells(rows),
        "seconds": _seconds(settings),
        "waiting": list(waiting),
    }


def _seconds(settings: RoundsSettings) -> dict[str, float]:
    """Return the seconds each kind of stage took over all cells; gates that ask a model are counted separately."""
    found: Counter[str] = Counter()
    for seed in settings.seeds:
        for regime in (*settings.regimes, "base"):
            asks = fields_of(regime) & {"model", "judge_model"}
            for file in (settings.output / f"seed{seed}" / name_of(regime)).glob("round*/*.json"):
                name = file.stem.split("-")[0]
                if name in STAGES:
                    found[f"{name} (model)" if asks and name == "gate" else name] += json.loads(file.read_bytes())["seconds"]
    return {name: round(value, 1) for name, value in found.items()}


# --- stages -----------------------------------------------------------------------------------------------------------


class Changed(UsageError):
    """A stage was done with other inputs than it would be given now."""


class Waiting(Exception):
    """A stage that does not run here is not done yet."""


def stage(folder: Path, name: str, inputs: Mapping[str, Any], here: Iterable[str], act: Callable[[], dict[str, Any]]) -> Any:
    """Return what `act` says came out of a stage: now, or when it was done.

    Raises:
        Changed: it was done with other inputs.
        Waiting: it is not done, and does not run here.
    """
    file = folder / f"{name}.json"
    asked = json.loads(json.dumps(inputs, default=str))
    if file.exists():
        try:
            done = json.loads(file.read_bytes())
            before, outputs = done["inputs"], done["outputs"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{file} cannot be read; remove it to do the stage again") from None
        if before != asked:
            names = [key for key in asked | before if asked.get(key) != before.get(key)]
            shown = "; ".join(f"{key}: {json.dumps(before.get(key))} -> {json.dumps(asked.get(key))}" for key in names)
            raise Changed(f"{file.parent}: the stage {name} was done with other settings ({shown}). Use another --output, "
                          f"or remove {file} and what came after it.")  # fmt: skip
        return outputs
    if name.split("-")[0] not in here:
        raise Waiting(f"{folder}: waits for the stage {name}, which does not run here")
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    outputs = json.loads(json.dumps(act(), default=str))
    seconds = round(time.monotonic() - started, 3)
    done = {"inputs": asked, "outputs": outputs, "seconds": seconds}
    write_atomically(file, (json.dumps(done, indent=1) + "\n").encode())
    return outputs


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """Write JSONL, atomically; return its SHA-256."""
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
