"""Recursive rounds: a model is trained on what it wrote, round after round, under a gate; who collapses?

One cell is a regime (a gate) with a seed. A round of a cell is generate -> gate -> train -> write -> judge -> measure.
Each of these stages leaves a small JSON file that says what went in and what came out. A stage whose file is there is not
run again; one whose inputs have changed since is refused, and the difference shown. So a run may be killed at any time
and started again, and stages may run on several machines: `stages` says which run here, and a cell waits at the first
other one.

Source: the protocol of arXiv 2606.28438, without its weak points: acceptance is counted over all candidates, scores have
intervals, and a gate is set beside execution (AUC), not beside its own pass rate.
"""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gates import fields_of
from toolkit.analysis import ledger
from toolkit.errors import InfrastructureError, UsageError
from toolkit.rounds import pool
from toolkit.store.files import write_atomically
from toolkit.store.stages import Waiting

STAGES = ("pool", "generate", "gate", "train", "write", "judge", "measure")
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsSettings:
    """All that a run of rounds can be told; every field is a key of the TOML file and a flag.

    Attributes:
        output: the run's folder.
        model: as `toolkit generate --model`; "" is the default model. `TOOLKIT_MODEL` where neither file nor flag names it.
        judge_model: the frozen model of the gate `judge`; "" is `model` as it was before the first round.
        pool: `stdlib`, a JSONL file of prompts, or a data set of the hub, `OWNER/NAME[@REVISION][:CONFIG][:SPLIT]`.
        pool_columns: where that file or data set has other names, as `prompt=text`.
        held_out: share of the prompts that are never trained on.
        regimes: gates, as `toolkit gate --kind`.
        rounds, seeds: how many rounds, and the seeds of the cells.
        accept, budget: a round generates until so many programs are accepted, or so many candidates are spent.
        chunk: candidates generated at a time; 0 is `accept` (`budget` for gates that compare candidates).
        thresholds: of the gates, as `--threshold`.
        freeze: gates that compare candidates keep a fraction in round 1 only; from then on all that score at least as
            well as the worst that was kept there. So their acceptance can rise and fall.
        data: train on this round's programs (`replace`), on those of all rounds (`accumulate`), or on this round's with
            human programs among them (`mixed`).
        human: with `mixed`, the share of human programs.
        anchors: share of human programs, each used once and only if it runs, that is added to every round's data whatever
            `data` is.
        weights: go on from the last round's weights (`cumulative`), or begin with the first model's (`base`).
        temperature, top_p, max_new_tokens, prompt: of the candidates.
        probe, probe_samples: how many held-out prompts are answered in each round, and how often, to see whether the gate
            tells the answers to one prompt apart; nothing is trained on them.
        steps, learning_rate, batch_size, sequence, full: of the training; `full` trains all weights, else LoRA.
        benchmarks, limit, samples, eval_temperature, eval_tokens: what each round's model is scored on: the first
            `limit` tasks (0: all), `samples` a task, greedy when the temperature is 0.
        timeout: seconds, of the oracle.
        measured: candidates whose execution is looked at, at most, in each of the ledger's populations.
        stages: those that run here.
        device: where models run; "" is the best there is.
        parallel: boxes at one time.
    """

    output: Path = Path("runs/rounds")
    model: str = ""
    judge_model: str = ""
    pool: str = pool.STDLIB
    pool_columns: tuple[str, ...] = ()
    held_out: float = 0.1
    regimes: tuple[str, ...] = ("none", "compile", "compile+quality")
    rounds: int = 2
    seeds: tuple[int, ...] = (0,)
    accept: int = 64
    budget: int = 256
    chunk: int = 0
    thresholds: tuple[str, ...] = ()
    freeze: bool = False
    data: str = "replace"
    human: float = 0.5
    anchors: float = 0.0
    weights: str = "cumulative"
    temperature: float = 0.8
    top_p: float = 0.95
    max_new_tokens: int = 256
    prompt: str = ""
    probe: int = 0
    probe_samples: int = 4
    steps: int = 50
    learning_rate: float = 2e-4
    batch_size: int = 8
    sequence: int = 512
    full: bool = False
    benchmarks: tuple[str, ...] = ("humaneval",)
    limit: int = 0
    samples: int = 1
    eval_temperature: float = 0.0
    eval_tokens: int = 512
    timeout: float = 5.0
    measured: int = 500
    stages: tuple[str, ...] = STAGES
    device: str = ""
    parallel: int = 2

    def __post_init__(self) -> None:
        def wants(ok: bool, what: str) -> None:
            if not ok:
                raise UsageError(f"rounds: {what}")

        wants(self.rounds >= 1 and bool(self.seeds) and bool(self.regimes), "at least one round, seed and regime")
        wants(1 <= self.accept <= self.budget, "accept is at least 1 and at most budget")
        wants(self.data in ("replace", "accumulate", "mixed"), "data is replace, accumulate or mixed")
        wants(self.weights in ("cumulative", "base"), "weights is cumulative or base")
        wants(0 <= self.human < 1 and 0 <= self.anchors < 1 and 0 <= self.held_out < 1, "shares are at least 0 and below 1")
        wants(self.probe >= 0 and self.probe_samples >= 2, "probe is at least 0 and probe_samples at least 2")
        wants(not (self.probe and not self.held_out), "probe wants prompts that are held out")
        wants(not (self.probe and not self.temperature), "probe wants a temperature above 0, or all answers are the same")
        wants(all("=" in pair for pair in self.pool_columns), "pool_columns are pairs, as prompt=text")
        wants(set(self.stages) <= set(STAGES), f"stages are of {', '.join(STAGES)}")
        wants(len(set(self.regimes)) == len(self.regimes), "a regime is named twice")


def read(path: Path | None, flags: Mapping[str, Any]) -> RoundsSettings:
    """Return the settings of a TOML file, or of a preset's name, with `flags` (as text) over them.

    Raises:
        UsageError: the file cannot be read, a key is not known, or a value is not of its type.
    """
    import tomllib

    found: dict[str, Any] = {}
    if path is not None:
        preset = Path(__file__).parent / "presets" / f"{path}.toml"
        try:
            found = tomllib.loads((path if path.exists() else preset).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            there = ", ".join(sorted(file.stem for file in preset.parent.glob("*.toml")))
            raise UsageError(f"{path}: {error} (presets: {there})") from None
    known = {field.name: field.default for field in fields(RoundsSettings)}
    found.setdefault("model", os.environ.get("TOOLKIT_MODEL", ""))
    for name, value in {**found, **flags}.items():
        if name not in known:
            raise UsageError(f"rounds has no setting {name!r}; there are {', '.join(known)}")
        found[name] = _typed(name, known[name], value)
    return RoundsSettings(**found)


def _typed(name: str, default: Any, value: Any) -> Any:
    try:
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(int(part) if name == "seeds" else str(part).strip() for part in parts if str(part).strip())
        if isinstance(default, bool):
            return {"true": True, "1": True, "": True, "false": False, "0": False}[str(value).lower()]
        return type(default)(value) if not isinstance(default, Path) else Path(value)
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"{name} wants a value like {default!r}, not {value!r}") from None


# --- one run ----------------------------------------------------------------------------------------------------------


def run(settings: RoundsSettings, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Run, or go on with, all cells; return the summary, which is also written to the folder.

    Raises:
        UsageError: settings or pool cannot be used, or a stage was done with other settings.
        InfrastructureError: no engine, model, memory or disk; what was done is kept.
    """
    from toolkit.rounds.cell import Cell, Machine

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
    write_atomically(settings.output / "rounds.csv", _csv(summary["rows"]).encode())
    write_atomically(settings.output / "report.html", ledger.html(summary).encode())
    return summary


def summarise(settings: RoundsSettings, waiting: Sequence[str] = ()) -> dict[str, Any]:
    """Collect the ledgers that are in the folder into rows, one a round, and what they show of each cell."""
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
        "settings": json.loads(json.dumps(asdict(settings), default=str)),
        "rows": rows,
        "cells": ledger.cells(rows),
        "seconds": _seconds(settings),
        "waiting": list(waiting),
    }


def _seconds(settings: RoundsSettings) -> dict[str, float]:
    """Return how long each kind of stage took, all cells together; gates that ask a model apart from those in boxes."""
    found: Counter[str] = Counter()
    for seed in settings.seeds:
        for regime in (*settings.regimes, "base"):
            asks = fields_of(regime) & {"model", "judge_model"}
            for file in (settings.output / f"seed{seed}" / name_of(regime)).glob("round*/*.json"):
                name = file.stem.split("-")[0]
                if name in STAGES:
                    found[f"{name} (model)" if asks and name == "gate" else name] += json.loads(file.read_bytes())["seconds"]
    return {name: round(value, 1) for name, value in found.items()}


def name_of(regime: str) -> str:
    """Return a regime's folder name."""
    return "".join(c if c.isalnum() or c in "+-_." else "_" for c in regime)


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    flat = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield prefix + name, value


# --- the plan ---------------------------------------------------------------------------------------------------------

MACHINES = {
    # FLOP/s that training reaches, bytes/s of memory, tokens of a batch that decode together
    "h200": (4.0e14, 4.0e12, 256),
    "h100": (4.0e14, 2.7e12, 192),
    "a100": (1.5e14, 1.6e12, 128),
    "cpu": (5.0e10, 1.5e10, 16),
}


def plan(settings: RoundsSettings, machine: str, n_parameters: float) -> dict[str, Any]:
    """Return what a run would do, about how long models would be busy with it on `machine`, and all settings.

    Estimates: training takes 6 FLOP a parameter and token; decoding reads all weights (2 bytes a parameter) once for
    each step of a batch, or takes 2 FLOP a parameter and token, whichever is longer. They hold within a factor of about 3.
    """
    if machine not in MACHINES:
        raise UsageError(f"--gpu {machine}: no such machine is known; there are {', '.join(MACHINES)}")
    flops, bandwidth, together = MACHINES[machine]
    cells = len(settings.regimes) * len(settings.seeds)
    n_rounds = cells * settings.rounds
    tokens = n_rounds * (settings.budget + settings.probe * settings.probe_samples) * settings.max_new_tokens
    n_tasks = sum({"humaneval": 164, "humaneval+": 164, "mbpp+": 378}.get(name, 400) for name in settings.benchmarks)
    n_tasks = min(n_tasks, settings.limit * len(settings.benchmarks)) if settings.limit else n_tasks
    scored = (n_rounds + len(settings.seeds)) * n_tasks * settings.samples * settings.eval_tokens
    trained = n_rounds * settings.steps * settings.batch_size * settings.sequence
    each = 2 * n_parameters * max(1 / together / bandwidth, 1 / flops) / 3600
    hours = {"generate": tokens * each, "write": scored * each, "train": 6 * n_parameters * trained / flops / 3600}
    return {
        "cells": cells,
        "rounds": n_rounds,
        "candidates_at_most": n_rounds * settings.budget,
        "tokens_generated_at_most": tokens + scored,
        "tokens_trained": trained,
        "machine": machine,
        "parameters": n_parameters,
        "hours": {name: round(value, 3) for name, value in hours.items()},
        "hours_total": round(sum(hours.values()), 3),
        "settings": json.loads(json.dumps(asdict(settings), default=str)),
    }


def reasons(reports: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Count the symbols of decisive findings, the most frequent first; each once a program."""
    counted: Counter[str] = Counter()
    for each in reports:
        counted.update({f["symbol"] for report in each for f in report["findings"] if f["decisive"]})
    return dict(counted.most_common(20))


__all__ = ["InfrastructureError", "RoundsSettings", "UsageError", "plan", "read", "run"]
