"""A run that goes on, watched: its numbers so far are those of the lines that are there, and torn ones are waited for."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.toolkit.report import judged
from toolkit.cli.main import app
from toolkit.commands.watch import state
from toolkit.errors import UsageError


def test_a_run_that_goes_on(tmp_path: Path) -> None:
    folder = judged.folder(tmp_path / "run", judged.results(10, 4))
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    (folder / "summary.json").unlink()
    for n in (0, 1, 17, 40):
        (folder / "results.jsonl").write_text("".join(lines[:n]) + '{"task_id": "torn')
        found = state(folder)
        assert (found.n, found.finished) == (n, False)
        assert f"humaneval · {n} of 40 samples judged" in found.title
        assert ("s left" in found.title) is bool(n)
        tables = found.plain()["tables"]
        passed = sum(json.loads(line)["verdict"] == "passed" for line in lines[:n])
        assert sum(row["n"] for row in tables.get("verdicts", [])) == n
        assert sum(row["n"] for row in tables.get("verdicts", []) if row["style"] == "passed") == passed
        if n == 40:
            assert tables["scores so far"][0]["value"] == pytest.approx(passed / n)
    done = CliRunner().invoke(app, ["watch", str(folder)])
    assert done.exit_code == 0
    assert "40 of 40 samples judged" in done.output
    assert "finished" not in done.output
    (folder / "report.html").write_text("")
    assert CliRunner().invoke(app, ["watch", str(folder)]).output.splitlines()[0].endswith("· finished")


def test_rounds_that_go_on(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    assert state(tmp_path).title == "rounds · 0 rounds, 0 stages done"
    for regime, number, stages in (("none", 1, ("generate-0", "gate-0", "train", "measure")), ("none", 2, ("generate-0",))):
        place = tmp_path / "seed0" / regime / f"round{number}"
        place.mkdir(parents=True)
        outputs = {"acceptance_mass": 0.25, "raw": {"strict": 0.5}, "scores": {"humaneval": {"value": 0.125}}}
        for stage in stages:
            (place / f"{stage}.json").write_text(json.dumps({"outputs": outputs}))
    (tmp_path / "seed0" / "none" / "round2" / "measure.json").write_text('{"outp')
    found = state(tmp_path)
    first, second = found.plain()["tables"]["rounds"]
    assert first == {"seed": "0", "regime": "none", "round": 1, "stage": "measure", "accepted": 0.25, "ran": 0.5, "scores": "humaneval 12.5 %"}
    assert (second["round"], second["accepted"], second["scores"]) == (2, None, "")
    assert not found.finished
    (tmp_path / "summary.json").write_text("{}")
    assert state(tmp_path).finished


def test_a_folder_where_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing runs here that is known"):
        state(tmp_path)
    assert CliRunner().invoke(app, ["watch", str(tmp_path)]).exit_code == 2
