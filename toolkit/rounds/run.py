"""Recursive rounds: train a model on what it wrote, round after round, under a gate. Which gates prevent collapse?

A cell is a regime (a gate) with a seed. A round of a cell is generate -> gate -> train -> write -> judge -> measure. Each
of these stages leaves a small JSON file that says what went in and what came out. A stage that has its file is not run
again; one whose inputs have changed since is refused, and the difference shown. So a run may be killed at any time and
started again, and stages may run on several machines: `stages` says which run here, and a cell waits at the first that
does not.

Source: the protocol of arXiv 2606.28438, without its weak points: acceptance is counted over all candidates, scores have
intervals, a gate is compared with execution (AUC), not with its own pass rate, and verdicts by task are kept.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gates import fields_of
from toolkit.analysis import ledger
from toolkit.analysis.alarm import rubber_stamps
from toolkit.analysis.rises import rises
from toolkit.analysis.seeds import comparisons
from toolkit.progress import Advance
from toolkit.report import rounds as report
from toolkit.report.table import csv, leaves
from toolkit.rounds import labelled
from toolkit.rounds.cell import Cell
from toolkit.rounds.machine import Machine
from toolkit.rounds.settings import STAGES, RoundsSettings, name_of
from toolkit.rounds.verdicts import FILE, collect, ledgers
from toolkit.store.files import write_atomically, write_rows
from toolkit.store.stages import Waiting


def run(settings: RoundsSettings, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Run or resume all cells; write the summary to the folder and return it.

    Raises:
        UsageError: the pool cannot be used, or a stage was done with other settings.
        InfrastructureError: engine, model, memory or disk failed; finished stages are kept.
    """
    waiting: list[str] = []
    if settings.labelled:
        labelled.read(Path(settings.labelled))
    with Machine(settings, advance) as machine:
        cells = [Cell(machine, regime, seed) for seed in settings.seeds for regime in settings.regimes]
        for cell in cells:
            try:
                cell.run()
            except Waiting as error:
                cell.waiting.append(str(error))
            waiting += [line for line in cell.waiting if line not in waiting]
    summary = summarise(settings, waiting)
    rows = list(collect(settings))
    write_rows(settings.output / FILE, rows)
    write_atomically(settings.output / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    write_atomically(settings.output / "rounds.csv", csv(leaves(summary["rows"]), summary["rows"]).encode())
    page = report.html(report.named([report.Run(summary=summary, verdicts=rows)]), docs=report.link(settings.output))
    write_atomically(settings.output / "report.html", page.encode())
    return summary


def summarise(settings: RoundsSettings, waiting: Sequence[str] = ()) -> dict[str, Any]:
    """Collect the folder's ledgers into rows, one a round, and summarise each cell."""
    dates = [""]
    rows = ledgers(settings, dates=dates)
    verdicts = list(collect(settings))
    return {
        "settings": settings.plain(),
        "rows": rows,
        "cells": ledger.cells(rows),
        "rubber_stamps": rubber_stamps(rows, verdicts),
        "comparisons": comparisons(verdicts),
        "rises": rises(rows),
        "date": max(dates),
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
