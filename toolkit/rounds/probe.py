"""What a round asks of gate and model besides training data: held-out answers, known programs, spectra, and when to stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gates import fields_of, prefers_low
from toolkit.analysis import confirmation, stop
from toolkit.analysis.heldout import held_out
from toolkit.rounds import labelled, pool, verdicts
from toolkit.rounds.machine import Weights
from toolkit.store.files import file_hash, read_rows, texts_hash, write_rows

if TYPE_CHECKING:
    from toolkit.rounds.cell import Cell

RAN = "ran.jsonl"
"""Beside a ledger: `of` (candidates, held_out), and whether each of these ran."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Answers to held-out prompts.

    Attributes:
        rows: answers with their reports.
        again: the same answers, judged with other noise; None of a regime without noise.
        first: those of round 1, judged by today's gate.
    """

    rows: Sequence[dict[str, Any]] = ()
    again: Sequence[dict[str, Any]] | None = None
    first: Sequence[dict[str, Any]] = ()


def ask(cell: "Cell", number: int, weights: Weights, folder: Path) -> Probes:
    """Let the model answer held-out prompts several times each, and the gate decide about these and about known programs."""
    settings = cell.settings
    labelled.ask(cell, weights, folder)
    if not settings.probe:
        return Probes()
    tasks = [item.task for item in pool.held_out(list(cell.machine.items().values()))[: settings.probe]]
    file, reports = folder / "held-out.jsonl", folder / "held-out-reports.jsonl"
    asked = cell._sampling(weights, number, (t.prompt for t in tasks)) | {"samples": settings.probe_samples}
    made = cell._stage(folder, "generate-held-out", asked, lambda: (
        cell._generate(weights, tasks, file, number, settings.probe_samples)
    ))  # fmt: skip
    gated = cell._gate_inputs(made)
    cell._stage(folder, "gate-held-out", gated, lambda: cell._gate(file, reports, weights))
    again = None
    if "~" in cell.regime:
        redrawn = folder / "held-out-again.jsonl"
        noise = 1_000_003 + cell.seed
        cell._stage(folder, "gate-held-out-again", gated | {"noise": noise}, lambda: (
            cell._gate(file, redrawn, weights, again=1_000_003)
        ))  # fmt: skip
        again = _joined(file, redrawn)
    return Probes(_joined(file, reports), again, _first(cell, number, weights, folder))


def _first(cell: "Cell", number: int, weights: Weights, folder: Path) -> Sequence[dict[str, Any]]:
    """Return round 1's answers as today's gate judges them: anew where it asks the model that is trained."""
    start = folder.parent / "round1"
    file, reports = start / "held-out.jsonl", start / "held-out-reports.jsonl"
    several = sum("fraction" in fields_of(name) for name in cell.regime.split("+")) > 1  # so there is no one threshold
    if number > 1 and "model" in fields_of(cell.regime) and not several:
        output = folder / "held-out-first.jsonl"
        thresholds = cell.settings.thresholds_of(cell.regime) | cell.cut
        asked = cell._gate_inputs({"sha256": file_hash(file)}) | {"model": weights.digest, "thresholds": thresholds}
        cell._stage(folder, "gate-held-out-first", asked, lambda: cell._gate(file, output, weights, thresholds))
        reports = output
    return _joined(file, reports)


def _joined(file: Path, reports: Path) -> list[dict[str, Any]]:
    return [row | said for row, said in zip(read_rows(file), read_rows(reports), strict=True)]


def told(folder: Path, probes: Probes, ran: Sequence[bool], runs: Sequence[bool]) -> dict[str, Any]:
    """Return what a ledger says of held-out answers; keep beside it which programs ran.

    Args:
        ran, runs: whether each held-out answer, and each of the first candidates, runs.
    """
    write_rows(folder / RAN, [{"of": "candidates", "ran": list(runs)}, {"of": "held_out", "ran": list(ran)}])
    if not probes.rows:
        return {"held_out": None, "confirmation": None, "fixed": None, "labelled": labelled.told(folder)}
    again = None if probes.again is None else [row["accepted"] for row in probes.again]
    known = labels(folder.parent / "round1", "held_out")
    fixed = confirmation.verdict(probes.first, known) if len(known) == len(probes.first) else {}
    return {
        "held_out": held_out(probes.rows, ran, prefers_low),
        "confirmation": confirmation.verdict(probes.rows, ran, again),
        "fixed": {name: fixed[name] for name in ("answers", "mass", "auc", "calibration")} if fixed else None,
        "labelled": labelled.told(folder),
    }  # fmt: skip


def labels(folder: Path, of: str) -> list[bool]:
    """Return which programs of a round ran; [] where that was not kept."""
    file = folder / RAN
    return next((row["ran"] for row in read_rows(file) if row["of"] == of), []) if file.exists() else []


def spectra(cell: "Cell", weights: Weights, folder: Path) -> dict[str, Any] | None:
    """Look at a model on held-out human programs (`toolkit.models.hidden`); None where that waits or is not asked for."""
    settings, machine = cell.settings, cell.machine
    if not settings.spectra:
        return None
    texts = [item.human for item in pool.held_out(list(machine.items().values()))[: settings.spectra]]
    asked = {"weights": weights.digest, "texts": texts_hash(texts), **settings.told("dtype")}
    return cell._aside(folder, "write-spectra", asked, lambda: machine.seen(weights, texts))


def stops(cell: "Cell", number: int, folder: Path) -> bool:
    """Say whether a cell ends after a round (`stop_on`); what was looked at stands beside the ledger."""
    settings = cell.settings
    if not settings.stop_on or number < 2:
        return False
    rows = verdicts.ledgers(settings, [cell.regime], [cell.seed], number)
    judged = [row for row in verdicts.collect(settings, [cell.regime], [cell.seed]) if row["round"] <= number]
    cells = len(settings.regimes) * len(settings.seeds)

    def act() -> dict[str, Any]:
        return stop.look(rows, judged, rounds=settings.rounds, cells=cells)

    asked = {"rule": settings.stop_on, "rounds": settings.rounds, "cells": cells}
    return bool(cell._stage(folder, "measure-stop", asked, act)["stops"])
