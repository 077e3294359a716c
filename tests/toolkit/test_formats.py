"""Every key of every file that a command writes stands on docs/formats.md, or on a page that it names."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gates.decontaminate import Corpus
from sandbox import DockerEngine
from tests.toolkit.rounds.conftest import planted  # noqa: F401
from tests.toolkit.rounds.planted import Planted, Policy, Scorer, right, settings
from toolkit.commands import analyze, evaluate, gate
from toolkit.rounds import run as rounds

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS = ["def f(x):\n    return x\n", "import os\n", "def f(:\n"]
BY_NAME = {"verdicts", "unscored", "versions", "images", "data", "thresholds", "refusals", "classes", "scores", "pass_at_k",
           "bounds", "gates", "settings", "seconds", "inputs", "outputs", "values", "tasks", "mean_logprob", "held_out",
           "opinion", "comparisons", "levels", "labels", "more", "agreement", "references"}  # fmt: skip
"""Their keys are names of other things, or have a page of their own."""


def documented() -> set[str]:
    found: set[str] = set()
    for page in ("formats.md", "rounds.md", "analysis.md", "studies.md"):
        text = re.sub(r"(?s)```.*?```", "", (DOCS / page).read_text())  # whose backticks would be taken for those of words
        for quoted in re.findall("`([^`]+)`", text):
            found |= set(re.findall(r"\w+", quoted))
    return found


def keys(value: Any) -> Iterator[str]:
    """Yield all keys in a value, but not those of what has names for keys."""
    for item in value if isinstance(value, list) else []:
        yield from keys(item)
    for name, inner in value.items() if isinstance(value, dict) else []:
        yield name
        if name not in BY_NAME:
            yield from keys(inner)


def read(file: Path) -> list[Any]:
    text = file.read_text()
    return [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else [json.loads(text)]


def missing(folder: Path, leave: str = "") -> dict[str, set[str]]:
    """Return, by file, the keys that no page has."""
    known, found = documented(), {}
    for file in sorted(folder.rglob("*.json*")):
        names = set() if leave and re.search(leave, str(file.relative_to(folder))) else set(keys(read(file)))
        if names - known:
            found[str(file.relative_to(folder))] = names - known
    return found


def test_a_run_and_a_gate_folder(engine: DockerEngine, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    samples.write_text("".join(json.dumps({"task_id": "HumanEval/0", "solution": text}) + "\n" for text in PROGRAMS))
    run, gated = tmp_path / "run", tmp_path / "gated"
    for folder, more in ((run, {}), (tmp_path / "second", {"compare": run})):
        evaluate.evaluate(evaluate.Settings(
            benchmark="humaneval", samples=samples, output=folder, allow_missing=True, use_cache=False, show_tests=True, **more
        ))  # fmt: skip
    assert missing(run, leave="_results") == {}
    assert missing(tmp_path / "second", leave="_results") == {}
    gate.gate(gate.Settings(
        kind="compile+quality", files=(str(samples),), output=gated, use_cache=False, against=(run / "results.jsonl",)
    ))  # fmt: skip
    assert missing(gated) == {}


def test_a_rounds_folder(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(right)
    corpus = Corpus(items=(("Own/1 (solution)", PROGRAMS[0], PROGRAMS[0]),))
    monkeypatch.setattr("toolkit.benchmarks.corpus.known_benchmarks", lambda *, trees=False: corpus)
    rounds.run(settings(tmp_path, regimes=("compile", "self-score"), rounds=2, accept=4, probe=2, held_out=0.2, temperature=0.8,
                        stop_on="rubber-stamp", overlap=True))  # fmt: skip
    found = analyze.analyze(tmp_path / "run", split="2024-02-01")
    analyze.write(found, tmp_path / "run")
    assert missing(tmp_path / "run", leave="/run-") == {}


def test_a_key_that_no_page_has_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"verdict": [{"no_such_key": 1}], "versions": {"numpy": "2"}}))
    assert missing(tmp_path) == {"a.json": {"no_such_key"}}
