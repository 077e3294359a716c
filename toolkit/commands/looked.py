"""The parts of an analysis that need models or boxes: spectra of kept weights, overlap and behaviour of programs."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gates import Solution, parse
from sandbox import Box, BoxDestroyed, Sandbox, open_engine
from toolkit.analysis import overlap, whole
from toolkit.analysis.behaviours import table
from toolkit.benchmarks import Options
from toolkit.benchmarks.corpus import known_benchmarks
from toolkit.benchmarks.load import benchmark_named
from toolkit.benchmarks.load import load as load_tasks
from toolkit.errors import UsageError
from toolkit.models.source import Source
from toolkit.oracle.behaviour import behaviour, calls_of
from toolkit.progress import Advance
from toolkit.records import Check
from toolkit.rounds import pool
from toolkit.rounds.settings import name_of
from toolkit.samples.lines import Problems, lines
from toolkit.store import run_folder
from toolkit.store.cache import VerdictCache
from toolkit.store.files import read_json, read_rows


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


def behaviours(folder: Path, run: whole.Run, advance: Advance, parallel: int) -> whole.Run:
    """Run the programs of each prompt on the calls that are known of it, and count what different things they do.

    Of a folder of `rounds`: answers to held-out prompts, where they were asked for, else candidates.

    Raises:
        UsageError: no prompt has a call that is known and two programs.
        InfrastructureError: there is no engine, or it failed.
    """
    calls, populations = _behaving(folder, run)
    n = {key: Counter(task_id for task_id, _ in rows) for key, rows in populations.items()}
    asked = [(key, task_id, code) for key, rows in populations.items() for task_id, code in rows
             if n[key][task_id] > 1 and calls.get(task_id, ("", []))[1]]  # fmt: skip
    if not asked:
        raise UsageError(f"--behaviours: {run.about['folder']} has no prompt with two programs and calls that are known")

    def act(box: Box, one: tuple[whole.Key, str, str]) -> str | None:
        return behaviour(box, one[2], *calls[one[1]])

    def failed(_: tuple[whole.Key, str, str], error: Exception) -> str | None:
        if not isinstance(error, BoxDestroyed):
            raise error
        return None

    found: dict[whole.Key, dict[str, list[str | None]]] = {}
    with contextlib.closing(open_engine()) as engine, Sandbox(engine, parallel) as sandbox:
        for i, (one, said) in enumerate(zip(asked, sandbox.map(act, asked, failed=failed), strict=True)):
            found.setdefault(one[0], {}).setdefault(one[1], []).append(said)
            advance("programs", i + 1, len(asked))
    return replace(run, behaviours=table(found))


def _behaving(
    folder: Path, run: whole.Run
) -> tuple[dict[str, tuple[str, list[list[Any]]]], dict[whole.Key, list[tuple[str, str]]]]:
    """Return of each task its function and the calls that are known, and of each round rows of (task, program)."""
    if run.about["kind"] == "eval":
        (name,) = run.about["benchmarks"]
        tasks, data_hash = load_tasks(benchmark := benchmark_named(name), Options(is_named=False))
        if read_json(folder / run_folder.RUN)["data"].get(name) != data_hash:
            remedy = f"; name its file with {benchmark.override}" * bool(benchmark.override)
            raise UsageError(f"--behaviours: {folder} was judged on other data of {name} than is here{remedy}")
        rows = [row for _, _, row in lines(folder / run_folder.SAMPLES, Problems())]
        tests = {key: task.tests.source if isinstance(task.tests, Check) else "" for key, task in tasks.items()}
        calls = {key: (task.entry_point, calls_of(task, tests[key])) for key, task in tasks.items()}
        return calls, {("base", 0, 0): [(row["task_id"], str(row["solution"])) for row in rows if row.get("solution")]}
    file = folder / "pool" / "pool.jsonl"
    items = pool.load(str(file), None, read_json(folder / "summary.json")["settings"]["held_out"]) if file.exists() else []
    calls = {item.task.task_id: (item.task.entry_point, calls_of(item.task, item.test)) for item in items}
    found = {}
    for row in run.ledgers:
        at = folder / f"seed{row['seed']}" / name_of(row["regime"]) / f"round{row['round']}"
        pairs = [(at / "held-out.jsonl", at / "held-out-reports.jsonl")]
        if not all(map(Path.exists, pairs[0])):
            pairs = [(each, at / each.name.replace("candidates", "reports")) for each in at.glob("candidates-*.jsonl")]
        found[row["regime"], row["seed"], row["round"]] = [
            (asked["task_id"], said["solution"]) for files in pairs if all(map(Path.exists, files))
            for asked, said in zip(*map(read_rows, files), strict=True)
        ]  # fmt: skip
    return calls, found
