"""`toolkit study` and `toolkit prune` on the command line, as far as no model is loaded."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli.main import app


def test_a_dry_run_prints_cells_cost_and_what_can_be_seen(tmp_path: Path) -> None:
    words = ["study", "pruning-fl", "small", "--dry-run", "--seeds", "0,1", "--output", str(tmp_path / "run")]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0
    assert "18 cells" in found.stdout
    assert "seed1/s0.2-a0.1-prune-fl" in found.stdout
    assert "* cannot see less than" in found.stdout
    assert not (tmp_path / "run").exists()
    told = json.loads(CliRunner().invoke(app, [*words, "--json", "--machine", "h100"]).stdout)
    assert told["machine"] == "h100"
    assert told["settings"]["seeds"] == [0, 1]


def test_a_dry_run_of_a_study_with_problems_of_its_own(tmp_path: Path) -> None:
    words = ["study", "reliability", "small", "--dry-run", "--json", "--output", str(tmp_path / "run")]
    found = json.loads(CliRunner().invoke(app, words).stdout)
    assert found["answers"] == 2 * (3 * 24 + 64)
    assert found["seconds"]["write"] > 10
    assert [effect["visible"] for effect in found["effects"]] == [
        pytest.approx(2.8016 * (rate * (1 - rate) / n) ** 0.5, abs=1e-4) for rate, n in ((1e-3, 1500), (1e-5, 1500), (0.05, 64))
    ]  # fmt: skip


def test_what_is_read_with_capacity_or_fewer_experts_counts(tmp_path: Path) -> None:
    for name, tasks in (("moe-balance", (10 + 10) * 64), ("moe-dense", (3 + 3) * 2 * 64)):
        words = ["study", name, "small", "--dry-run", "--json", "--output", str(tmp_path / "run")]
        assert json.loads(CliRunner().invoke(app, words).stdout)["tokens_read"] == tasks * 200


def test_judging_takes_no_gpu_and_a_difference_names_both_benchmarks(tmp_path: Path) -> None:
    words = ["study", "moe-dense", "gpu", "--dry-run", "--output", str(tmp_path / "run")]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    busy = sum(value for name, value in told["seconds"].items() if name != "judge")
    assert told["seconds_total"] == pytest.approx(busy, abs=1)
    assert told["pieces"] == 1 + int(busy / 540)
    assert told["seconds"]["judge"] > busy
    text = CliRunner().invoke(app, words).stdout
    assert f"; and {told['seconds']['judge']:.0f} s of judging where boxes are" in text
    assert "on pass@humaneval-pro and pass@mbpp-pro (164 tasks)" in text


@pytest.mark.parametrize(("words", "says"), [
    (["study", "pruning", "small"], "there is no study 'pruning'; there are per, moe-balance, moe-dense, pruning-fl, reliability"),
    (["study", "per", "none.toml"], "No such file or directory; presets are tiny, small, gpu, full"),
    (["study", "per", "small", "--nll-tasks", "many"], "nll_tasks must be a"),
    (["study", "per", "small", "--dry-run", "--machine", "abacus"], "machine must be 'cpu', 'a100', 'h100' or 'h200', not abacus"),
    (["prune", "smollm2", "-o", "there"], "nothing is to be pruned: say --ffn SHARE"),
    (["prune", "smollm2", "-o", "there", "--ffn", "1.5"], "at least 0 and below 1, not 1.5"),
    (["prune", "smollm2", "-o", "there", "--ffn", "0.2"], "wants --calibration"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 2
    assert says in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_what_a_study_is_told() -> None:
    said = CliRunner().invoke(app, ["study", "--help"]).stdout
    assert "--sparsities" in said
    assert "--nll-tasks" in said
    assert "Of pruning-fl" in said
