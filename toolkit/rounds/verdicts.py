"""Verdicts by task of every round, one JSON line each: small enough to commit, and all that p-values are made of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.analysis.alarm import rubber_stamps
from toolkit.analysis.rises import rises
from toolkit.analysis.seeds import BASE, MARGIN, comparisons
from toolkit.errors import UsageError
from toolkit.rounds.settings import RoundsSettings, name_of
from toolkit.store.files import check_same

FILE = "verdicts.jsonl"
_OF_A_RUN = ("output", "seeds", "regimes", "rounds", "stages", "device", "parallel")
"""Settings that may differ between folders that are compared."""


def label(benchmark: str, part: str, parts: Mapping[str, object]) -> str:
    """Return the name of a score: that of the benchmark, and without its plus for the base tests of one that has more."""
    return benchmark.removesuffix("+") if part == "base" and len(parts) > 1 else benchmark


def ledgers(
    settings: RoundsSettings, regimes: Sequence[str] = (), seeds: Sequence[int] = (), last: int = 0,
    dates: list[str] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a row for each ledger of the folder, of some regimes and seeds or all, up to a round or all.

    Args:
        dates: when each was written is added here.
    """
    rows = []
    for seed in seeds or settings.seeds:
        for regime in regimes or settings.regimes:
            for number in range((last or settings.rounds) + 1):
                cell = settings.output / f"seed{seed}" / (name_of(regime) if number else "base") / f"round{number}"
                if (cell / "measure.json").exists():
                    done = json.loads((cell / "measure.json").read_bytes())
                    if dates is not None:
                        dates.append(done.get("date", ""))
                    looked = cell / "measure-stop.json"
                    stop = {"stop": json.loads(looked.read_bytes())["outputs"]} if looked.exists() else {}
                    rows.append({"regime": regime, "seed": seed, "round": number, **done["outputs"], **stop})
    return rows


def collect(
    settings: RoundsSettings, regimes: Sequence[str] = (), seeds: Sequence[int] = ()
) -> Iterator[dict[str, Any]]:
    """Yield a row for each round and score whose verdicts by task the ledger has; see `toolkit.analysis.seeds`."""
    for seed in seeds or settings.seeds:
        for regime in (BASE, *(regimes or settings.regimes)):
            for number in [0] if regime == BASE else range(1, settings.rounds + 1):
                folder = settings.output / f"seed{seed}" / name_of(regime) / f"round{number}"
                for benchmark in settings.benchmarks:
                    file = folder / f"judge-{name_of(benchmark)}.json"
                    parts = json.loads(file.read_bytes())["outputs"].get("tasks", {}) if file.exists() else {}
                    for part, tasks in parts.items():
                        counts = {task: [int(n) for n in text.split("/")] for task, text in tasks.items()}
                        name = label(benchmark, part, parts)
                        yield {"regime": regime, "seed": seed, "round": number, "benchmark": name, "tasks": counts}


def recompute(folders: Sequence[Path], *, margin: float = MARGIN) -> dict[str, Any]:
    """Make every p-value of some finished runs again, from their `verdicts.jsonl` and `summary.json`.

    Args:
        folders: runs with the same settings but for seeds, regimes and rounds.
        margin: as for `seeds.comparisons`.

    Returns:
        `comparisons` (see `seeds`), `rises` and `rubber_stamps` (see `alarm`).

    Raises:
        UsageError: a file is missing or broken, or the folders do not go together; it says which and why.
    """
    rows: list[dict[str, Any]] = []
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    settings: dict[str, Any] = {}
    for folder in folders:
        summary = _read(folder / "summary.json", json.loads)
        if not (folder / FILE).exists():
            raise UsageError(f"{folder}: no {FILE}: this run was made before verdicts by task were kept, so its p-values "
                             "cannot be made again; run toolkit rounds again in a new --output")  # fmt: skip
        lines = _read(folder / FILE, lambda text: [json.loads(line) for line in text.splitlines()])
        try:
            asked = {name: value for name, value in summary["settings"].items() if name not in _OF_A_RUN}
            rows += summary["rows"]
            for row in lines:
                key = (row["regime"], row["seed"], row["round"], row["benchmark"])
                if key in found and (row["regime"] != BASE or found[key] != row):
                    raise UsageError(f"{folder}: regime {key[0]}, seed {key[1]} is in an earlier folder too; give each run "
                                     "seeds or regimes of its own")  # fmt: skip
                found[key] = row
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{folder}: {FILE} or summary.json is not as toolkit rounds writes it ({error!r})") from None
        check_same(folder, settings or asked, asked, "compare runs that differ in seeds, regimes and rounds only")
        settings = asked
    verdicts = list(found.values())
    return {
        "comparisons": comparisons(verdicts, margin=margin),
        "rises": rises(rows),
        "rubber_stamps": rubber_stamps(rows, verdicts),
    }


def read(folder: Path) -> list[dict[str, Any]]:
    """Return a folder's verdicts by task; none where the run was made before they were kept. Raises UsageError."""
    file = folder / FILE
    found: list[dict[str, Any]] = []
    if file.exists():
        found = _read(file, lambda text: [json.loads(line) for line in text.splitlines()])
        for number, row in enumerate(found, 1):
            if not isinstance(row, dict) or {"regime", "seed", "round", "benchmark", "tasks"} - set(row):
                raise UsageError(f"{file}, line {number}: not as toolkit rounds writes it; run toolkit rounds again")
    return found


def _read(file: Path, parse: Any) -> Any:
    try:
        return parse(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; --compare wants the folder of a toolkit rounds run") from None
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from None
