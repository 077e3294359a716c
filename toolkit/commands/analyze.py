"""`toolkit analyze`, as a function: read a folder and compute everything that can be said about it."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.analysis import whole
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options, slices
from toolkit.benchmarks.load import load
from toolkit.errors import UsageError
from toolkit.published import cutoff, cutoffs
from toolkit.report.figures import available
from toolkit.report.phase import picture
from toolkit.report.summary import counts
from toolkit.rounds import pool
from toolkit.rounds.probe import labels
from toolkit.rounds.settings import name_of
from toolkit.rounds.verdicts import label
from toolkit.samples.lines import Problems, lines
from toolkit.store import refusals, run_folder
from toolkit.store.files import plain, read_json, read_rows, write_atomically, writing

FILE, THEORY = "analysis.json", "theory.json"
CUTOFF = "cutoff"
"""In place of a day: the one that the run's model states; `cutoff:NAME` is that of another."""


def analyze(
    folder: Path, *, split: str | None = None, dates: Path | None = None,
    more: Callable[[Path, whole.Run], whole.Run] | None = None, **asked: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return everything that can be said about a folder of `rounds` or `eval`.

    Args:
        split: a day such as `2024-05-31`, or `cutoff` (of the run's model; `cutoff:NAME` of one): scores are split there.
        dates: records with task ids and days, for tasks that have none.
        more: adds what takes a model or an engine; see `toolkit.commands.looked`.
        asked: `delta_auc`, `delta_sd`, `margin`; see `whole.analyze`.

    Raises:
        UsageError: it is not such a folder, a file in it is broken, or there is no day to split at; the text says which.
    """
    try:
        run = _rounds(folder, summary) if "rows" in (summary := _summary(folder)) else _eval(folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{folder}: a file in it is not as toolkit writes it ({error!r})") from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    day, stated = _day(split, run) if split else (None, None)
    if day:
        run = replace(run, dates=_dates(run.about, dates), about=dict(run.about) | {"cutoff": stated})
    if more is not None:
        run = more(folder, run)
    found: dict[str, Any] = plain(whole.analyze(run, day=day, **asked))
    both = found["held_out_prompts"]
    if both and both["common"]:
        hashes = ", ".join(each[:12] for each in both["examples"])
        raise UsageError(f"{folder}: {both['common']} held-out prompts were trained on too (SHA-256 {hashes}), so they are "
                         "none; its pool or its training data was changed")  # fmt: skip
    return found


def write(found: Mapping[str, Any], output: Path) -> list[Path]:
    """Write an analysis to a file, or as `analysis.json` into an existing folder; return the paths written.

    What `--theory` found becomes `theory.json` there, with the phase plot beside it where matplotlib is installed.

    Raises:
        InfrastructureError: the files cannot be written.
    """
    is_theory = "phase" in found
    file = output / (THEORY if is_theory else FILE) if output.is_dir() else output
    files = {file: (json.dumps(found, indent=1) + "\n").encode()}
    if is_theory and output.is_dir() and available():
        files |= {output / f"phase.{form}": picture(found, form) for form in ("svg", "png")}
    for path, data in files.items():
        with writing(path):
            write_atomically(path, data)
    return list(files)


# -- what is read ------------------------------------------------------------------------------------------------------


def _summary(folder: Path) -> dict[str, Any]:
    file = folder / "summary.json"
    return dict(json.loads(file.read_bytes())) if file.is_file() else {}


def _eval(folder: Path) -> whole.Run:
    """Read a run folder of `eval`: one model, so the fields of rounds stay empty."""
    try:
        results = run_folder.read(folder)
    except (refusals.NoRun, refusals.RunFolderError) as error:
        raise UsageError(f"{error}; name a folder that `toolkit rounds` or `toolkit eval` wrote to its end") from None
    said = json.loads((folder / run_folder.RUN).read_bytes())
    name = said["settings"]["benchmark"]
    parts = dict.fromkeys(["base", *(["plus"] if any(each.plus for each in results.values()) else [])])
    verdicts = [
        {"regime": "base", "seed": 0, "round": 0, "benchmark": label(name, part, parts),
         "tasks": {task: [c, n] for task, (n, c) in counts(results.values(), part).items()}} for part in parts
    ]  # fmt: skip
    programs = [str(row["solution"]) for _, _, row in lines(folder / run_folder.SAMPLES, Problems()) if row.get("solution")]
    wrote = said["settings"].get("samples")
    about = {"kind": "eval", "folder": str(folder), "date": said.get("date"), "benchmarks": [name],
             "model": wrote.get("model") if isinstance(wrote, dict) else None}  # fmt: skip
    return whole.Run(about=about, verdicts=verdicts, programs={("base", 0, 0): {"candidates": programs}})


def _rounds(folder: Path, summary: Mapping[str, Any]) -> whole.Run:
    settings, rows = summary["settings"], summary["rows"]
    verdicts = read_rows(folder / "verdicts.jsonl") if (folder / "verdicts.jsonl").exists() else []
    probes, programs = {}, {}
    for row in rows:
        key = (row["regime"], row["seed"], row["round"])
        at = folder / f"seed{key[1]}" / name_of(key[0]) / f"round{key[2]}"
        if key[2] and (found := _probe(at)):
            probes[key] = found
        if key[2] and (texts := _programs(at)):
            programs[key] = texts
    about = {"kind": "rounds", "folder": str(folder), "date": summary.get("date"), "rounds": settings["rounds"],
             "model": settings.get("model") or "smollm2", "benchmarks": list(settings.get("benchmarks", []))}  # fmt: skip
    prompts, human = _pool(folder, settings)
    return whole.Run(
        about=about, ledgers=rows, verdicts=verdicts, probes=probes, programs=programs, prompts=prompts, human=human,
        spectra=list(_spectra(folder, settings)), overlaps=[_of(row) | row["overlap"] for row in rows if row.get("overlap")],
    )  # fmt: skip


def _probe(at: Path) -> whole.Probe | None:
    answers, reports, again = (at / f"held-out{end}.jsonl" for end in ("", "-reports", "-again"))
    if not (answers.exists() and reports.exists()):
        return None
    rows = [{"task_id": row["task_id"], **said} for row, said in zip(read_rows(answers), read_rows(reports), strict=True)]
    ran = labels(at, "held_out")
    drawn = [row["accepted"] for row in read_rows(again)] if again.exists() else None
    return whole.Probe(rows=rows, ran=ran if len(ran) == len(rows) else None, again=drawn)


def _programs(at: Path) -> dict[str, list[str]]:
    candidates = [row["solution"] for file in sorted(at.glob("reports-[0-9]*.jsonl")) for row in read_rows(file)]
    trained = read_rows(at / "train.jsonl") if (at / "train.jsonl").exists() else []
    texts = {"candidates": candidates, "trained": [row["program"] for row in trained]}
    return {name: each for name, each in texts.items() if each}


def _pool(folder: Path, settings: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[str]]:
    """Return hashes of the prompts that were trained on and of those held out, and the human programs."""
    file = folder / "pool" / "pool.jsonl"
    if not file.exists():
        return {}, []
    items = {item.task.task_id: item for item in pool.load(str(file), None, settings["held_out"])}
    hashes = {name: pool.content_hash(item.task.prompt) for name, item in items.items()}
    trained = {row["task_id"] for each in folder.glob("seed*/*/round*/train.jsonl") for row in read_rows(each)}
    asked = {row["task_id"] for each in folder.glob("seed*/*/round*/held-out.jsonl") for row in read_rows(each)}
    human = [item.human for item in items.values() if item.task.canonical_solution]
    return {name: [hashes[each] for each in sorted(ids)] for name, ids in (("trained", trained), ("held_out", asked))}, human


def _of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("regime", "seed", "round")}


def _spectra(folder: Path, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the spectra of each model; the first model is the same for all regimes."""
    for seed, regime in itertools.product(settings.get("seeds", ()), ("base", *settings.get("regimes", ()))):
        for number in range(settings["rounds"] + 1):
            file = folder / f"seed{seed}" / name_of(regime) / f"round{number}" / "write-spectra.json"
            seen = read_json(file)["outputs"] if file.exists() else {}
            for layer in seen.get("layers", []):
                yield {"regime": regime, "seed": seed, "round": number, **layer, "next_token": seen["next_token"]}


# -- days --------------------------------------------------------------------------------------------------------------


def _day(split: str, run: whole.Run) -> tuple[str, str | None]:
    """Return the day to split at and, where it is a model's cut-off, what was stated and where."""
    kind, _, named = split.partition(":")
    if kind != CUTOFF:
        try:
            return slices.day(split), None
        except ValueError:
            raise UsageError(f"--split wants a day such as 2024-05-31, {CUTOFF} or {CUTOFF}:MODEL; got {split!r}") from None
    model = named or str(run.about.get("model") or "")
    known = cutoff(model)
    if known is None:
        there = ", ".join(each.model for each in cutoffs())
        what = model or "the model that wrote these samples"
        remedy = f"name a day, or {CUTOFF}:MODEL with one of {there}"
        raise UsageError(f"--split {split}: no cut-off of {what} is known here; {remedy}")
    return known.day, f"{known.model}: {known.says} ({known.source})"


def _dates(about: Mapping[str, Any], file: Path | None) -> dict[str, str]:
    """Return the days of the run's tasks: those of the benchmark's data, where it is here, then those of a file."""
    found = slices.days(file) if file is not None else {}
    for name in about["benchmarks"]:
        try:
            tasks, _ = load(BENCHMARKS[name], Options(is_named=False))
        except (DataMissing, KeyError):
            continue
        found |= {task.task_id: task.date for task in tasks.values() if task.date}
    return found
