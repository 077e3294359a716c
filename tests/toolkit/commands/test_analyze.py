"""`toolkit analyze` of a run of `eval`: scores split at a day, that of the benchmark's data, of a file, or that a model states."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from typer.main import get_command

from toolkit.cli.main import app
from toolkit.commands.analyze import analyze, write
from toolkit.errors import UsageError
from toolkit.published import cutoff, cutoffs
from toolkit.report import analysis


def run(folder: Path, *, model: str | None = None, benchmark: str = "livecodebench", plus: bool = False) -> Path:
    """Write a run folder: 40 old tasks that pass, and 40 new ones of which a quarter does."""
    folder.mkdir()
    said: dict[str, Any] = {"date": "2026-01-01T00:00:00+00:00", "settings": {"benchmark": benchmark}}
    if model:
        said["settings"]["samples"] = {"model": model}
    (folder / "run.json").write_text(json.dumps(said))
    rows = []
    for i in range(80):
        verdict = "passed" if i < 40 or i % 4 == 0 else "wrong_answer"
        rows.append({"task_id": f"q{i}", "sample_id": 0, "verdict": verdict, "base": "passed" if plus else verdict,
                     "plus": verdict if plus else None, "error": None, "detail": "", "base_call": None, "plus_call": None, "failed": None})  # fmt: skip
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "samples.jsonl").write_text("".join(
        json.dumps({"task_id": row["task_id"], "sample_id": 0, "solution": f"x = {i % 7}\n"}) + "\n" for i, row in enumerate(rows)
    ))  # fmt: skip
    return folder


@pytest.fixture
def dated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data of which each task has a day, as LiveCodeBench's has: the old ones are of 2023, the new ones of March 2024."""
    rows = [{"question_id": f"q{i}", "question_content": "?", "starter_code": "", "public_test_cases": json.dumps([]),
             "contest_date": "2023-06-01T00:00:00" if i < 40 else "2024-03-01T00:00:00"} for i in range(80)]  # fmt: skip
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("LIVECODEBENCH_PATH", str(file))
    return file


def test_a_score_is_split_at_a_day_of_the_benchmark(dated: Path, tmp_path: Path) -> None:
    found = analyze(run(tmp_path / "run"), split="2024-01-01")
    (row,) = found["temporal"]
    assert (row["before"]["tasks"], row["before"]["value"], row["after"]["tasks"], row["after"]["value"]) == (40, 1.0, 40, 0.25)
    assert (row["undated"], row["difference"]) == (0, -0.75)
    assert row["low"] < -0.75 < row["high"] < 0
    assert "before 1.000 [" in analysis.as_text(found)
    assert found["diversity"][0]["programs"] == "candidates"
    nothing = analyze(tmp_path / "run", split="2025-01-01")["temporal"][0]
    assert nothing["says"] == "nothing to compare: tasks are of 2023-06-01 to 2024-03-01"
    assert analyze(tmp_path / "run")["temporal"] == []


def test_a_day_may_be_the_one_that_the_model_states(dated: Path, tmp_path: Path) -> None:
    found = analyze(run(tmp_path / "run", model="Qwen/Qwen2.5-Coder-1.5B-Instruct"), split="cutoff")
    assert found["about"]["day"] == "2024-02-01"
    assert found["temporal"][0]["after"]["tasks"] == 40
    other = run(tmp_path / "other", model="own/model")
    with pytest.raises(UsageError, match="no cut-off of own/model is known here; name a day"):
        analyze(other, split="cutoff")
    assert analyze(other, split="cutoff:StarCoder2-3B")["about"]["day"] == "2023-09-06"
    assert cutoff("bigcode/starcoder2-3b") == next(each for each in cutoffs() if each.model == "StarCoder2")
    assert cutoff("codellama/CodeLlama-7b-hf") is not None
    assert cutoff("gpt-2") is None
    newer = cutoff("deepseek-ai/DeepSeek-Coder-V2-Lite-Base")  # whose name contains that of an older family
    assert newer is not None
    assert newer.day == "2023-11-01"


def test_what_a_model_states_of_its_day_is_printed(dated: Path, tmp_path: Path) -> None:
    found = analyze(run(tmp_path / "run", model="Qwen/Qwen2.5-Coder-1.5B-Instruct"), split="cutoff")
    said = "cut-off 2024-02-01: Qwen2.5-Coder: public repositories created before February 2024 (arXiv 2409.12186)"
    assert said in analysis.as_text(found).splitlines()
    assert analyze(tmp_path / "run", split="2024-02-01")["about"]["cutoff"] is None


def test_days_may_come_from_a_file_and_each_part_is_a_score(tmp_path: Path) -> None:
    days = tmp_path / "days.jsonl"
    days.write_text("".join(json.dumps({"task_id": f"q{i}", "date": f"2024-0{1 + i % 2}-01"}) + "\n" for i in range(80)))
    found = analyze(run(tmp_path / "run", benchmark="humaneval+", plus=True), split="2024-02-01", dates=days)
    assert {row["benchmark"]: row["before"]["value"] for row in found["temporal"]} == {"humaneval": 1.0, "humaneval+": 0.75}
    assert {row["benchmark"]: row["after"]["value"] for row in found["temporal"]} == {"humaneval": 1.0, "humaneval+": 0.5}


def test_what_is_written_is_what_is_printed(dated: Path, tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    done = CliRunner().invoke(get_command(app), ["analyze", str(folder), "--split", "2024-01-01", "--json", "-o", str(folder)])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((folder / "analysis.json").read_text())
    write({"a": 1}, tmp_path / "other.json")
    assert json.loads((tmp_path / "other.json").read_text()) == {"a": 1}
    done = CliRunner().invoke(get_command(app), ["analyze", str(folder), "--delta-auc", "0.7"])
    assert done.exit_code == 2
