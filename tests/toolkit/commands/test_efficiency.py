"""What runs cost, in `eval --budget` and in `toolkit efficiency`: no box runs here, and no model."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from tests.toolkit.commands.believed import TASKS, run, summary
from toolkit.analysis.efficiency import per
from toolkit.cli import main as cli
from toolkit.store import cost

pytestmark = pytest.mark.usefixtures("judge")
PUBLISHED = Path(cli.__file__).parents[1] / "published" / "efficiency.csv"
WORDS = ("passed", "wrong_answer", "wrong_answer", "passed", "wrong_answer", "wrong_answer")


def samples(path: Path, *, seconds: float | None = None, tokens: int | None = 50, **part: Any) -> Path:
    """Three samples of each of two tasks, one right; 50 tokens each on average."""
    rows = [{"task_id": TASKS[i // 3], "solution": f'"{word}"', "n_tokens": tokens and tokens + i % 3 - 1} for i, word in enumerate(WORDS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if seconds:
        told = {"n_samples": 6, "n_tokens": 300, "seconds": seconds, "answer_seconds": 2 * seconds, "memory": "rss", "memory_bytes": 2**30} | part
        cost.beside(path).write_text(json.dumps({"parts": [told]}))
    return path


def efficiency(*words: object) -> Ended:
    return CliRunner().invoke(cli.app, ["efficiency", *map(str, words)])


@pytest.mark.parametrize(
    ("budget", "affordable", "k", "value", "at_least"),
    [("tokens=100", 2, 2, 2 / 3, False), ("tokens=99", 1, 1, 1 / 3, False), ("tokens=49.9", 0, 0, 0.0, False),
     ("tokens=20000", 400, 3, 1.0, True), ("seconds=4", 2, 2, 2 / 3, False), ("flops=2e11", 2, 2, 2 / 3, False)],
)  # fmt: skip
def test_a_budget_is_spent_on_samples(tmp_path: Path, budget: str, affordable: int, k: int, value: float, at_least: bool) -> None:
    file = samples(tmp_path / "s.jsonl", seconds=12, n_active=10**9)
    found = summary("--samples", file, "--limit", 2, "--budget", budget)
    assert found["budget"]["affordable"] == affordable
    score = found["budget"]["pass_at_k"]["base"]
    assert (score["k"], score["value"], score["at_least"]) == (k, pytest.approx(value), at_least)
    assert found["generation"]["n_judged_tokens"] == 300


def test_what_it_took_is_said_in_one_line(tmp_path: Path) -> None:
    file = samples(tmp_path / "s.jsonl", seconds=12)
    done = run("--samples", file, "--limit", 2, "--budget", "tokens=20000", "--output", "run")
    assert done.exit_code == 0, done.output
    at = done.stdout.splitlines().index("written: 25.0 tokens/s · 80.0 ms a token · 4.00 s an answer ·")
    assert done.stdout.splitlines()[at + 1] == "1,024 MB at its peak (rss)"
    said = " ".join(done.stdout.split())
    assert "written: 25.0 tokens/s · 80.0 ms a token · 4.00 s an answer · 1,024 MB at its peak (rss)" in said
    assert "400 samples a task for 20000 tokens (50 each): pass@3, base tests, at least 100.0 %" in said
    assert "only 3 samples of each are there" in said
    assert "25.0 tokens/s" in Path("run/report.html").read_text()
    left = Path("run/generated.jsonl.cost.json")
    left.touch()
    assert run("--samples", file, "--limit", 2, "--output", "run", "--overwrite").exit_code == 0
    assert not left.exists()
    done = run("--samples", samples(tmp_path / "t.jsonl", tokens=None), "--limit", 2)
    assert "written:" not in done.stdout


@pytest.mark.parametrize(
    ("more", "budget", "words"),
    [({}, "seconds=4", "--budget seconds: no seconds are recorded"), ({}, "flops=4", "--budget flops: the model's number of parameters"),
     ({"tokens": None}, "tokens=4", "--budget tokens: not every sample says"), ({}, "tokens", "--budget wants"),
     ({}, "tokens=0", "--budget wants"), ({}, "tokens=nan", "--budget wants"), ({}, "tokens=inf", "--budget wants"), ({}, "dollars=3", "--budget wants")],
)  # fmt: skip
def test_a_budget_that_cannot_be_counted_is_refused_in_one_line(tmp_path: Path, more: dict[str, Any], budget: str, words: str) -> None:
    done = run("--samples", samples(tmp_path / "s.jsonl", **more), "--limit", 2, "--budget", budget, "--output", "run")
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("run").exists()


@pytest.mark.parametrize("said", [None, 0, -1, True, 2.5, "50", 10**4299])
def test_one_sample_without_its_tokens_leaves_them_unknown(tmp_path: Path, said: Any) -> None:
    file = samples(tmp_path / "s.jsonl")
    first, *rest = file.read_text().splitlines(keepends=True)
    file.write_text("".join([json.dumps(json.loads(first) | {"n_tokens": said}) + "\n", *rest]))
    assert "not every sample says" in run("--samples", file, "--limit", 2, "--budget", "tokens=100").stderr
    assert "generation" not in summary("--samples", file, "--limit", 2)


def test_a_model_that_takes_no_time_is_refused_before_it_writes(tmp_path: Path) -> None:
    file = samples(tmp_path / "s.jsonl", seconds=12)
    done = run("--model", file, "--n", 3, "--limit", 2, "--budget", "seconds=3", "--output", "run")
    assert done.exit_code == 2
    assert "no seconds are recorded" in done.stderr
    assert not Path("run").exists()
    assert summary("--model", file, "--n", 3, "--limit", 2, "--budget", "tokens=150")["budget"]["affordable"] == 3


def test_samples_of_a_file_have_the_name_of_the_model_that_wrote_them(tmp_path: Path) -> None:
    file = samples(tmp_path / "s.jsonl", seconds=12, model="own/model + adapter")
    assert run("--samples", file, "--limit", 2, "--output", "run").exit_code == 0
    (row,) = json.loads(efficiency("run", "--json").stdout)["models"]
    assert row["model"] == "own/model + adapter"


def test_runs_are_compared(tmp_path: Path) -> None:
    slow = samples(tmp_path / "slow.jsonl", seconds=60, n_active=10**10, batch_size=4, memory_bytes=4 << 30)
    fast = samples(tmp_path / "fast.jsonl", seconds=6, n_active=10**9)
    for file in (slow, fast):
        assert run("--samples", file, "--limit", 2, "--output", file.stem).exit_code == 0
    assert run("--samples", samples(tmp_path / "none.jsonl"), "--limit", 2, "--output", "none").exit_code == 0
    done = efficiency("slow", "fast", "none", "--budget", "tokens=100", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    first, second, third = found["models"]
    assert (first["model"], first["accuracy"], first["tokens_per_s"], first["ms_per_token"]) == ("slow.jsonl", pytest.approx(1 / 3), 5, 400)
    assert (first["memory_mb"], first["n_parameters"], first["per"], second["per"], third["per"]) == (4096, 10**10, 0, 1, None)
    assert [row["pareto"] for row in found["models"]] == [False, True, None]
    assert second["budget"]["pass_at_k"]["base"]["value"] == pytest.approx(2 / 3)
    assert found["scaling"]["slope"] == 0
    assert found["warnings"] == ["none: tokens_per_s, memory_mb, ms_per_token not known, so it is in no ratio"]
    assert efficiency("slow", "fast", "--anchors", "accuracy=0:0.25,tokens_per_s=5:50", "--json").stdout.count('"high": 50.0') == 1
    shown = efficiency("slow", "fast", "none", "--budget", "tokens=100").stdout
    assert shown.index("fast.jsonl") < shown.index("slow.jsonl") < shown.index("none.jsonl")
    assert "2 samples a task for 100 tokens (50 each): pass@2" in shown
    assert "underpowered: fewer than 8 models" in shown
    for flags, words in (
        (("--budget", "seconds=1", "none"), "none: --budget seconds: no seconds are recorded"),
        (("slow", PUBLISHED), "one benchmark, and these are of gsm8k, humaneval"),
        (("slow", "--anchors", "size=1:2"), "an axis of --anchors is one of accuracy, tokens_per_s, memory_mb, ms_per_token, not 'size'"),
        (("slow", "--anchors", "tokens_per_s=0:2"), "--anchors tokens_per_s=0:2: LOW must be below HIGH"),
        (("slow", "--anchors", "accuracy=1:nan"), "--anchors accuracy=1:nan: LOW must be below HIGH"),
        (("slow", "--anchors", "accuracy"), "--anchors wants AXIS=LOW:HIGH"),
        (("slow", "--csv", "--json"), "exclude"),
        ((tmp_path,), "is no finished run"),
    ):
        done = efficiency(*flags)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert words in done.stderr
    Path("slow/summary.json").write_text("[]")
    assert "is not as toolkit eval writes it" in efficiency("slow").stderr


def test_the_published_table_is_read_and_what_is_printed_as_csv_is_read_again(tmp_path: Path) -> None:
    whole = efficiency(PUBLISHED, "--json")
    found = json.loads(whole.stdout)
    with PUBLISHED.open() as file:
        printed = {row["model"]: float(row["per"]) for row in csv.DictReader(file)}
    assert [row["model"] for row in found["models"] if abs(row["per"] - printed[row["model"]]) > 5e-4] == ["Mistral-7B"]
    assert found["scaling"]["n_models"] == 15
    again = tmp_path / "again.csv"
    again.write_text(efficiency(PUBLISHED, "--csv").stdout)
    assert [row["per"] for row in json.loads(efficiency(again, "--json").stdout)["models"]] == per(found["models"])
    for text, words in (
        ("", "no rows"), ("model\nx\n", "no column 'benchmark'"), ("model,benchmark,accuracy\nx,y,1.5\n", "line 2: accuracy is 1.5"),
        ("model,benchmark,ms_per_token\nx,y,0\n", "line 2: ms_per_token is 0"), ("model,benchmark,memory_mb\nx,y,many\n", "many"),
        ("model,benchmark,tokens_per_s\nx,y,inf\n", "is inf"), ("model,benchmark,accuracy\nx,y,nan\n", "is nan"), ("model,benchmark\nx\n", "line 2"),
    ):  # fmt: skip
        again.write_text(text)
        done = efficiency(again)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert f"{again} is no table of models" in done.stderr
        assert words in done.stderr
    assert "No such file" in efficiency(tmp_path / "no.csv").stderr
