"""The protocol of arXiv 2606.28438 can be said in settings, and the preset says it."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from gates.self_score import LAST
from tests.tiny import tiny
from tests.toolkit.rounds.planted import Planted, Policy, right, settings
from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.models.prompts import STOP_FUNCTION, for_tasks
from toolkit.models.scorer import KEPT
from toolkit.records import Task
from toolkit.rounds import pool
from toolkit.rounds import run as rounds
from toolkit.rounds.machine import Machine
from toolkit.rounds.settings import PRESETS, gates_of, read

PAPER = {
    "pool_min_tokens": 512, "prompt_tokens": 1024, "prompts": "same", "strip": False, "stops": "none", "max_new_tokens": 1024,
    "temperature": 0.8, "top_p": 0.95, "accept": 5000, "budget": 20000, "steps": 3000, "batch_size": 64, "sequence": 2048,
    "learning_rate": 5e-5, "warmup": 500, "weight_decay": 0.05, "fim_rate": 0.5, "spm_rate": 0.5, "full": True,
    "gradient_checkpointing": True, "unfinished": "closed", "empty": "excluded", "data": "replace", "weights": "cumulative",
    "rounds": 5, "samples": 1, "eval_temperature": 0.2, "eval_tokens": 512, "thresholds": ("repetition=0.5",),
    "benchmarks": ("humaneval+", "mbpp+", "livecodebench"), "release": "release_v1", "timeout": 5.0, "measured": 500,
    "regimes": ("none", "compile", "repetition", "compile+repetition", "perplexity", "self-score"), "prompt": "completion",
    "model": "Qwen/Qwen2.5-Coder-1.5B", "pool": "the-stack-python.jsonl", "pool_columns": ("prompt=content",), "held_out": 0.0,
}  # fmt: skip


def test_the_preset_is_the_protocol_and_names_what_other_sources_have() -> None:
    found = read(Path("paper"), {})
    assert {name: getattr(found, name) for name in PAPER} == PAPER
    given = tomllib.loads((PRESETS / "paper.toml").read_text())
    assert given.keys() - {"elsewhere"} == PAPER.keys(), "and there is no number in it beside these"
    gates = {gate.name: gate for kind in found.regimes for gate in gates_of(kind, found.thresholds_of(kind)).gates}
    assert (gates["repetition"].repetition, gates["repetition"].tokens) == (0.5, 50)
    assert (gates["perplexity"].fraction, gates["self-score"].fraction) == (0.25, 0.25)
    assert (LAST, KEPT) == (2000, 1024)
    done = CliRunner().invoke(cli.app, ["rounds", "paper", "--dry-run", "--eval-temperature", "0.1"])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["epochs_a_round_at_least"] == 38.4
    lines = {line.split(" = ")[0].split(":")[0]: line for line in said["elsewhere"]}
    assert lines["eval_temperature"] == "eval_temperature = 0.1; the paper and the later code: 0.8"
    assert lines["fim_rate"] == "fim_rate = 0.5; the later code: 0.0"
    assert {"prompts", "thresholds", "samples", "regimes", "data", "steps", "batch_size", "rounds", "budget"} <= lines.keys()
    assert {"eval_stops", "eval_prompts", "perplexity", "repetition"} <= lines.keys(), "which are no settings"
    assert json.loads(CliRunner().invoke(cli.app, ["rounds", "small", "--dry-run"]).stdout)["elsewhere"] == []


def test_what_training_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it reaches the loop; the warm-up is that of round 1 alone."""
    from toolkit.training import loop

    told: list[loop.TrainSettings] = []

    def noted(settings: loop.TrainSettings, _advance: object) -> Any:
        told.append(settings)
        return SimpleNamespace(losses=[1.0, 0.5], tokens=1, seconds=1.0, weights=tmp_path / "weights")

    monkeypatch.setattr(loop, "train", noted)
    asked = read(Path("paper"), {"output": str(tmp_path), "micro_batch": "4", "checkpoint_every": "0"})
    machine = Machine(asked, lambda *_: None)
    for first in (True, False):
        machine.train(machine.first, tmp_path / "x.jsonl", tmp_path / "new", seed=1, first_round=first)
    names = ("steps", "warmup", "fim_rate", "spm_rate", "gradient_checkpointing", "weight_decay", "micro_batch", "checkpoint_every")
    assert [getattr(told[0], name) for name in names] == [3000, 500, 0.5, 0.5, True, 0.05, 4, 0]
    assert (told[1].warmup, told[0].unfinished, told[0].epochs) == (0, "closed", 1)
    machine.settings = read(None, {"epochs": "38", "output": str(tmp_path)})
    machine.train(machine.first, tmp_path / "x.jsonl", tmp_path / "new", seed=1, first_round=True)
    assert (told[2].epochs, told[2].steps, told[2].warmup) == (38, None, None)


def test_what_writing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Callable[[Policy], None]) -> None:
    """Candidates are as the preset has them, and answers to a benchmark as that is scored."""
    told: list[dict[str, Any]] = []
    writes = Planted.generate

    def noted(machine: Planted, *given: Any, **sampling: Any) -> dict[str, Any]:
        told.append(sampling)
        return writes(machine, *given, **sampling)

    planted(right)
    monkeypatch.setattr(Planted, "generate", noted)
    paper = read(Path("paper"), {})
    names = ("temperature", "max_new_tokens", "strip", "stops", "eval_temperature", "eval_tokens", "samples", "prompt", "unfinished")
    rounds.run(settings(tmp_path, rounds=1, stages=("pool", "generate", "gate", "train", "write"), **{n: getattr(paper, n) for n in names}))
    answers, candidates, _ = ({name: each[name] for name in each if name != "seed"} for each in told)
    assert candidates == {"temperature": 0.8, "max_new_tokens": 1024, "n": 1, "strip": False, "stops": False}
    assert answers == {"temperature": 0.2, "max_new_tokens": 512, "n": 1}


def test_settings_without_effect_are_refused() -> None:
    for given, said in (
        ({"steps": "7", "epochs": "3"}, "steps has no effect where epochs says how many there are"),
        ({"spm_rate": "0.2"}, "spm_rate has no effect without fim_rate"),
        ({"empty": "excluded"}, "empty has no effect without a gate that asks for perplexity"),
        ({"prompt_tokens": "9"}, "prompt_tokens has no effect with the pool stdlib"),
    ):
        with pytest.raises(UsageError, match=said):
            read(None, given)


@pytest.mark.models
def test_files_are_cut_to_prompts(tmp_path: Path) -> None:
    """Too short a file is no prompt; of a longer one the first tokens are, and the rest is what a person wrote."""
    pytest.importorskip("transformers")
    from toolkit.models.load import tokenizer
    from toolkit.models.source import Source

    read_by = tokenizer(Source(model=tiny(tmp_path / "model")))
    texts = ["def f(x):\n    return x\n" * n for n in (1, 4, 30)] + ["ä🙂" * 60]
    file = tmp_path / "files.jsonl"
    file.write_text("".join(json.dumps({"content": text}) + "\n" for text in texts))
    items = pool.load(str(file), columns={"prompt": "content"}, cut=pool.cutter(read_by, 40, 64))
    assert [item.task.prompt + item.task.canonical_solution for item in items] == texts[1:]
    for item, text in zip(items, texts[1:], strict=True):
        n, whole = (len(read_by.encode(each)) for each in (item.task.prompt, text))
        assert n == whole < 64 or 60 <= n <= 64
    assert len(pool.load(str(file), columns={"prompt": "content"}, cut=pool.cutter(read_by, 40, 64), limit=2)) == 2


def test_candidates_need_not_be_cut_or_stripped() -> None:
    generator: Any = SimpleNamespace(chat=False, prefills=True)
    task = Task(task_id="x", prompt="\ndef f():\n    ", entry_point="f", canonical_solution="")
    (prompt,), stop = for_tasks([task], "completion", generator)
    assert (prompt.text, stop) == ("def f():", STOP_FUNCTION)
    (prompt,), stop = for_tasks([task], "completion", generator, strip=False, stops=False)
    assert (prompt.text, stop) == (task.prompt, ())
