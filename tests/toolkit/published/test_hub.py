"""Scores as the hub has them: its own classes read what was written, and what is no score of a benchmark is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.toolkit.report import judged
from toolkit.cli.main import app

hub = pytest.importorskip("huggingface_hub")
yaml = pytest.importorskip("yaml")


def written(tmp_path: Path, **changes: Any) -> Path:
    folder = judged.folder(tmp_path / "run", judged.results(164, 1), ks=(1,))
    for name in ("summary", "run"):
        found = json.loads((folder / f"{name}.json").read_text())
        found |= changes.get(name, {})
        (folder / f"{name}.json").write_text(json.dumps(found))
    return folder


def publish(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["publish", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_hub_reads_what_was_written(tmp_path: Path) -> None:
    score = {"value": 1 / 3, "low": 0.25, "high": 0.4}
    more = {"value": 0.25, "low": 0.2, "high": 0.3}
    folder = written(tmp_path, summary={"benchmark": "humaneval+", "pass_at_k": {"base": {"1": score, "10": more}, "plus": {"1": more}}})
    assert publish(folder, "-o", tmp_path / "out", "--model", "org/name: a model")[0] == 0
    card = hub.ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.model_name == "org/name: a model"
    found = {(each.dataset_type, each.metric_name): (each.metric_value, each.metric_args["low"]) for each in card.data.eval_results}
    assert found == {
        ("openai/openai_humaneval", "pass@1"): (0.333333, 0.25), ("openai/openai_humaneval", "pass@10"): (0.25, 0.2),
        ("evalplus/humanevalplus", "pass@1"): (0.25, 0.2),
    }  # fmt: skip
    files = sorted((tmp_path / "out" / ".eval_results").iterdir())
    assert [file.name for file in files] == ["humaneval-plus.yaml", "humaneval.yaml"]
    entries = [hub.parse_eval_result_entries(yaml.safe_load(file.read_text())) for file in files]
    assert [(entry.dataset_id, entry.task_id, entry.value) for (entry,) in entries] == [
        ("evalplus/humanevalplus", "humaneval+", 0.25), ("openai/openai_humaneval", "humaneval", 0.333333)
    ]  # fmt: skip
    assert "95 % interval 0.2500 to 0.4000 over tasks; 164 samples of 164 tasks" in entries[1][0].notes
    assert publish(folder, "-o", tmp_path / "out", "--model", "m")[0] == 2
    assert publish(folder, "-o", tmp_path / "out", "--model", "m", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"summary": {"n_unscored": 2}}, "2 samples are unscored: that is no score of the benchmark"),
        ({"summary": {"n_tasks_scored": 40}}, "scores 40 of 164 tasks"),
        ({"summary": {"refused": "a canary"}}, "has no score: a canary"),
        ({"summary": {"benchmark": "mine"}}, "say --dataset OWNER/NAME"),
        ({"summary": {"pass_at_k": {"base": {}}}}, "has no pass@k to publish"),
        ({"run": {"settings": {"mini": True}}}, "was judged with --mini"),
        ({"summary": {"pass_at_k": 3}}, "is not as toolkit eval writes it"),
    ],
)
def test_what_is_no_score_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    code, said = publish(written(tmp_path, **changes), "-o", tmp_path / "out", "--model", "m")
    assert code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_whose_score_it_is_has_to_be_said(tmp_path: Path) -> None:
    folder = written(tmp_path)
    assert "name no model: say --model NAME" in publish(folder, "-o", tmp_path / "out")[1]
    assert "two runs score humaneval" in publish(folder, folder, "-o", tmp_path / "out", "--model", "m")[1]
    settings = {"settings": {"base_only": True, "samples": {"model": "org/own"}}}
    (folder / "run.json").write_text(json.dumps(settings))
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"benchmark": "humaneval+"}))
    assert publish(folder, "-o", tmp_path / "out")[0] == 0
    assert "name: org/own" in (tmp_path / "out" / "README.md").read_text()
    assert [file.name for file in (tmp_path / "out" / ".eval_results").iterdir()] == ["humaneval.yaml"]
    assert "no finished run" in publish(tmp_path, "-o", tmp_path / "more", "--model", "m")[1]
