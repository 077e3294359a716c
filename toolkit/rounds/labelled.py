"""Programs of which it is known whether they are right, put to the gate of every round.

What a model writes changes, and of a weak one next to nothing runs. On a fixed set of several hundred programs a gate's AUC
has an interval of a few points, and what changes from round to round is the gate.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gates import Solution, prefers_low
from toolkit.analysis import ranking
from toolkit.errors import UsageError
from toolkit.rounds.machine import Weights
from toolkit.samples import rows
from toolkit.samples.lines import Problems
from toolkit.store.files import file_hash, read_rows, write_rows

if TYPE_CHECKING:
    from toolkit.rounds.cell import Cell

FILE = "labelled-reports.jsonl"
"""Beside a ledger: `task_id`, `right`, `accepted` and `reports` of each program."""


@cache
def read(file: Path) -> list[tuple[str, bool, Solution]]:
    """Return the programs of a JSONL file with what is known of them: task, whether it is right, and the program.

    Raises:
        UsageError: a row is no whole program, does not say `passed` as true or false, or all say the same.
    """
    problems, found = Problems(), []
    for one in rows.programs([rows.Source(file, str(file))], problems, ()):
        row = json.loads(one.line)
        if one.field or not isinstance(row.get("passed"), bool):
            problems.add(f"{file}:{one.number}", "wants a whole program, and true or false in passed")
        found.append((str(row.get("task_id", one.number)), row.get("passed") is True, one.solution))
    if problems:
        raise UsageError("\n".join(["labelled programs cannot be used", *problems.listed()]))
    if len({is_right for _, is_right, _ in found}) < 2:
        raise UsageError(f"{file}: labelled programs are right and wrong ones, and all of these say the same in passed")
    return found


def ask(cell: "Cell", weights: Weights, folder: Path) -> None:
    """Let the gate of a round decide about the programs, where there are any."""
    if not cell.settings.labelled:
        return
    file = Path(cell.settings.labelled)
    known = read(file)

    def act() -> dict[str, Any]:
        given = cell.machine.given(cell.regime, weights, cell.seed)
        reports = cell.machine.check(cell.regime, [one for _, _, one in known], given, thresholds=cell._thresholds())
        digest = write_rows(folder / FILE, [
            {"task_id": task_id, "right": is_right, "accepted": all(report.passed for report in each),
             "reports": [report.to_row() for report in each]}
            for (task_id, is_right, _), each in zip(known, reports, strict=True)
        ])  # fmt: skip
        return {"sha256": digest}

    cell._stage(folder, "gate-labelled", cell._gate_inputs({"sha256": file_hash(file)}) | {"model": weights.digest}, act)


def told(folder: Path) -> Mapping[str, Any] | None:
    """Return what a ledger says of them: `programs`, how many are `right` and `accepted`, and `gates` (`ranking.gates`)."""
    if not (folder / FILE).exists():
        return None
    found = read_rows(folder / FILE)
    return {
        "programs": len(found), "right": sum(row["right"] for row in found),
        "accepted": sum(row["accepted"] for row in found),
        "gates": ranking.gates(found, [row["right"] for row in found], prefers_low),
    }  # fmt: skip
