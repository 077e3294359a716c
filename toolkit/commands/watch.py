"""`toolkit watch`, as a function: how far a run is, and its numbers so far, from a folder that another process writes."""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.report import summary as report
from toolkit.report import words
from toolkit.report.table import Column, Section
from toolkit.rounds.settings import STAGES
from toolkit.store import run_folder as runs


def _percent(share: float | None) -> str:
    return "" if share is None else words.percent(share)


ROUNDS = (
    Column(("seed",), "seed"), Column(("regime",), "regime"), Column(("round",), "round", "number"),
    Column(("stage",), "done"), Column(("accepted",), "accepted", "number", _percent),
    Column(("ran",), "run", "number", _percent), Column(("scores",), "pass@1"),
)  # fmt: skip
_MAX_ROUNDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of a run, from its folder.

    Attributes:
        title: what runs, and how far it has come.
        tables: numbers so far.
        finished: nothing more will be written.
        n: samples judged, or stages done.
    """

    title: str
    tables: Sequence[Section] = field(default_factory=list)
    finished: bool
    n: int

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        tables = {section.title: list(section.rows) for section in self.tables}
        return {"title": self.title, "finished": self.finished, "n": self.n, "tables": tables}


def state(folder: Path) -> State:
    """Return how far a run of `toolkit eval` or `toolkit rounds` has come.

    Raises:
        UsageError: the folder holds neither.
    """
    if (folder / runs.RUN).exists():
        return _of_run(folder)
    if (folder / "pool").is_dir() or any(folder.glob("seed*/*/round*")):
        return _of_rounds(folder)
    raise UsageError(f"{folder}: nothing runs here that is known: no {runs.RUN} of toolkit eval, and no rounds; "
                     "name the folder that one of them writes")  # fmt: skip


def _of_run(folder: Path) -> State:
    run = _json(folder / runs.RUN)
    settings = run.get("settings") or {}
    results = list(runs.read(folder).values())
    n_all = 0
    with contextlib.suppress(OSError), (folder / runs.SAMPLES).open("rb") as file:
        n_all = sum(1 for _ in file)
    found = _json(folder / runs.SUMMARY) or report.summarise(
        benchmark=str(settings.get("benchmark")), results=results, ks=(1, 10), n_samples=n_all or len(results),
        has_plus=any(result.plus for result in results),
    )  # fmt: skip
    finished = (folder / runs.REPORT).exists()
    share = f"{len(results):,} of {n_all:,} samples judged" if n_all else "samples are being written"
    title = f"{found['benchmark']} · {share}"
    if not finished and results and (left := _left(run, len(results), n_all)):
        title += f" · {left}"
    tables = [
        Section("scores so far", words.SCORES, words.scores(found)),
        Section("verdicts", words.VERDICTS, words.verdicts(found)),
    ]
    return State(title=title, tables=[each for each in tables if each.rows], finished=finished, n=len(results))


def _left(run: Mapping[str, Any], n: int, n_all: int) -> str:
    """Return the rate and the time left at that rate, in words; the time before the first sample counts too."""
    with contextlib.suppress(KeyError, ValueError, TypeError):
        seconds = (datetime.now(UTC) - datetime.fromisoformat(run["date"])).total_seconds()
        if seconds > 0:
            return f"{n / seconds:.1f} samples/s · about {seconds / n * max(0, n_all - n):.0f} s left"
    return ""


def _of_rounds(folder: Path) -> State:
    rows, done = [], Counter[str]()
    for place in sorted(folder.glob("seed*/*/round*"), key=lambda it: (it.parts[-3], it.parts[-2], int(it.name[5:] or 0))):
        stages = {file.stem.split("-")[0]: file for file in place.glob("*.json") if file.stem.split("-")[0] in STAGES}
        done.update(list(stages))
        measured = (_json(stages["measure"]).get("outputs") or {}) if "measure" in stages else {}
        scores = ", ".join(f"{name} {words.percent(it['value'])}" for name, it in (measured.get("scores") or {}).items())
        rows.append({
            "seed": place.parts[-3].removeprefix("seed"), "regime": place.parts[-2], "round": int(place.name[5:] or 0),
            "stage": max(stages, key=STAGES.index, default=""), "accepted": measured.get("acceptance_mass"),
            "ran": (measured.get("raw") or {}).get("strict"), "scores": measured.get("stopped") or scores,
        })  # fmt: skip
    finished = (folder / runs.SUMMARY).exists()
    left_out = max(0, len(rows) - _MAX_ROUNDS)
    says = f"and {left_out} rounds before" if left_out else ""
    title = f"rounds · {words.number(len(rows), 'round')}, {words.number(done.total(), 'stage')} done"
    table = Section("rounds", ROUNDS, rows[-_MAX_ROUNDS:], says)
    return State(title=title, tables=[table] if rows else [], finished=finished, n=done.total())


def _json(file: Path) -> dict[str, Any]:
    """Return the object in a file that another process may be writing; an empty one if it cannot be read yet."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}
