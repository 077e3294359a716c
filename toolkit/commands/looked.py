"""The parts of an analysis that need models or boxes: spectra of the weights that a run kept, overlap of its programs."""

import contextlib
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gates import Solution, parse
from sandbox import Sandbox, open_engine
from toolkit.analysis import overlap, whole
from toolkit.benchmarks.corpus import known_benchmarks
from toolkit.errors import UsageError
from toolkit.models.source import Source
from toolkit.progress import Advance
from toolkit.rounds import pool
from toolkit.rounds.settings import name_of
from toolkit.store.cache import VerdictCache
from toolkit.store.files import read_json


def spectra(folder: Path, run: whole.Run, n: int, advance: Advance, device: str | None = None) -> whole.Run:
    """Look at the first model, and at all weights that a folder of `rounds` kept, on n held-out human programs.

    Raises:
        UsageError: it is not such a folder, its pool has too few programs, or it kept no weights.
        InfrastructureError: a package is missing, or there is not enough memory.
    """
    from toolkit.models.hidden import measured
    from toolkit.models.load import load

    if run.about["kind"] != "rounds" or not (folder / "pool" / "pool.jsonl").exists():
        raise UsageError(f"--spectra: {folder} is no folder of `toolkit rounds` with its pool and weights")
    settings = read_json(folder / "summary.json")["settings"]
    items = pool.held_out(pool.load(str(folder / "pool" / "pool.jsonl"), None, settings["held_out"]))
    texts = [item.human for item in items if item.task.canonical_solution][:n]
    if len(texts) < n:
        raise UsageError(f"--spectra {n}: the pool has {len(texts)} held-out prompts with human programs")
    weights = _weights(folder, settings)
    if len(weights) < 2:
        raise UsageError(f"--spectra: {folder} kept no weights; toolkit rounds keeps them with keep_weights = all")
    rows, first = [], None
    for i, (key, model, adapter) in enumerate(weights):
        loaded = load(Source(model=model, adapter=adapter, device=device))
        first = first or loaded
        said = measured(loaded, texts, first=first)
        del loaded  # before the next one comes
        name = dict(zip(("regime", "seed", "round"), key, strict=True))
        rows += [name | layer | {"next_token": said["next_token"]} for layer in said["layers"]]
        advance("models", i + 1, len(weights))
    return replace(run, spectra=rows)


def _weights(folder: Path, settings: Mapping[str, Any]) -> list[tuple[whole.Key, str, str | None]]:
    """Return the stored models, each as its round, the model and the adapter."""
    first = settings.get("model") or "smollm2"
    found: list[tuple[whole.Key, str, str | None]] = [(("base", 0, 0), first, None)]
    for regime, seed, number in itertools.product(settings["regimes"], settings["seeds"], range(1, settings["rounds"] + 1)):
        trained = folder / f"seed{seed}" / name_of(regime) / f"round{number}" / "train.json"
        weights = folder / read_json(trained)["outputs"]["weights"] if trained.exists() else None
        if weights is not None and weights.exists():
            at = (regime, seed, number)
            found.append((at, str(weights), None) if settings.get("full") else (at, first, str(weights)))
    return found


def overlaps(run: whole.Run, advance: Advance, parallel: int) -> whole.Run:
    """Compare the programs of each round, and the pool's human programs, with the texts of all benchmarks.

    Raises:
        UsageError: there are no programs.
        InfrastructureError: there is no engine, or it failed.
    """
    populations = {key: of["candidates"] for key, of in run.programs.items() if of.get("candidates")}
    if not populations:
        raise UsageError(f"--overlap: {run.about['folder']} has no programs in it")
    corpus = known_benchmarks(trees=True)
    memo = VerdictCache()
    try:
        with contextlib.closing(open_engine()) as engine, Sandbox(engine, parallel) as sandbox:
            gate = parse("decontaminate", given={"corpus": corpus}, memo=memo)
            told = {}
            asked = [*populations.items(), (None, list(run.human))]
            for i, (key, programs) in enumerate(asked):
                reports = gate.check_many([Solution(code=code) for code in programs], sandbox)
                told[key] = overlap.summary([each[0].to_row() for each in reports])
                advance("overlap", i + 1, len(asked))
    finally:
        memo.close()
    rest = {"human": told[None] if run.human else None, "left_out": [text.partition(":")[0] for text in corpus.left_out]}
    names = ("regime", "seed", "round")
    return replace(run, overlaps=[dict(zip(names, key, strict=True)) | told[key] | rest for key in populations])
