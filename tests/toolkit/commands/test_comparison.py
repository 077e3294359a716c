"""What a score may be compared with; no box runs here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.commands.believed import HALF, TASKS, run, summary, write
from toolkit.benchmarks.slices import Slice
from toolkit.commands import evaluate
from toolkit.records import Result, Verdict
from toolkit.samples.truth import verdict_of
from toolkit.store import run_folder as runs
from toolkit.store.rows import to_row

pytestmark = pytest.mark.usefixtures("judge")


MADE: list[Path] = []


@pytest.fixture
def other(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, all of it wrong; made once, and copied."""
    if not MADE:
        folder = tmp_path_factory.mktemp("made")
        file = write(folder / "wrong.jsonl", ["wrong_answer"] * 164)
        assert run("--samples", file, "--output", folder / "other", "--allow-uniform").exit_code == 0
        MADE.append(folder / "other")
    return shutil.copytree(MADE[0], tmp_path / "other")


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    row = json.loads((folder / runs.RUN).read_text())
    change(row)
    (folder / runs.RUN).write_text(json.dumps(row))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run["settings"].update(benchmark="mbpp+"), "benchmark: mbpp+ there, humaneval here"),
        (lambda run: run["settings"].update(base_only=True), "base_only: True there, False here"),
        (lambda run: run["settings"].update(mini=True), "mini: True there, False here"),
        (lambda run: run["settings"].update(noextreme=True), "noextreme: True there, False here"),
        (lambda run: run["data"].update(humaneval="0" * 64), "data: 0000000000000000... there"),
        (lambda run: run.update(settings={}), "benchmark: None there"),
    ],
)
def test_a_run_of_other_questions_is_refused_before_anything_runs(
    other: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    edit(other, change)
    done = run("--samples", write(tmp_path / "s.jsonl", HALF), "--compare", other, "--output", "run")
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert not Path("run").exists()


def test_other_limits_are_a_warning(other: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    found = summary("--samples", file, "--compare", other)
    assert (found["warnings"], found["comparison"]["difference"]) == ([], 0.5)
    edit(other, lambda run: run["settings"].pop("total_timeout_s"))
    done = run("--samples", file, "--compare", other, "--timeout", 3, "--output", "run", "--overwrite")
    assert done.exit_code == 0
    flat = " ".join(done.stdout.split())
    assert f"warning: --compare {other}: timeout_s is 5.0 there and 3.0 here" in flat
    assert "total_timeout_s is not recorded there and 60.0 here" in flat
    assert "on the 164 tasks that both have" in flat
    assert "left out" not in done.output
    assert "timeout_s is 5.0 there" in Path("run/report.html").read_text()


def test_runs_of_other_tasks_are_compared_on_the_common_ones(other: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    done = run("--samples", file, "--compare", other, "--id-range", "0-119", "--output", "run")
    assert "on the 120 tasks that both have, of 120 here and 164 there" in " ".join(done.stdout.split())
    with (other / runs.RESULTS).open("w") as lines:
        lines.write(json.dumps(to_row(Result(task_id="HumanEval/9", sample_id=0, verdict=Verdict.PASSED))) + "\n")
    done = run("--samples", file, "--compare", other, "--limit", 9)
    assert done.exit_code == 2
    assert "none of the tasks that are judged here was scored there" in done.stderr


def test_a_comparison_that_fails_later_is_a_warning_and_no_bad_line(other: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", ["the box went"])
    with (other / runs.RESULTS).open("w") as lines:
        lines.write(json.dumps(to_row(Result(task_id="HumanEval/0", sample_id=0, verdict=Verdict.PASSED))) + "\n")
    done = run("--samples", file, "--compare", other, "--limit", 1, "--json")
    assert done.exit_code == 3
    assert "warning: --compare" in done.stderr
    assert "share no task" in " ".join(done.stderr.split())
    assert "bad lines" not in done.stderr
    outcome = evaluate.evaluate(
        evaluate.Settings(benchmark="humaneval", samples=file, compare=other, chosen=Slice(limit=1), output=Path("b"))
    )
    assert (len(outcome.problems), len(outcome.warnings)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("results.jsonl", [{"task_id": task, "sample_id": 0, "verdict": "wrong_answer", "base": None, "plus": None, "error": None, "detail": ""} for task in TASKS]),
        ("s_results.jsonl", [{"task_id": task, "completion": "", "passed": False} for task in TASKS]),
        ("s_eval_results.json", [{"date": "", "eval": {t: [{"task_id": t, "base_status": "fail", "plus_status": "pass"}] for t in TASKS}}]),
    ],
)  # fmt: skip
def test_results_of_other_harnesses_are_compared_with_a_warning(tmp_path: Path, name: str, lines: list[Any]) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    for path in [there / name, *([there] if name == runs.RESULTS else [])]:
        found = summary("--samples", write(tmp_path / "s.jsonl", HALF), "--compare", path)
        assert found["comparison"]["difference"] == 0.5
        assert "is not known" in found["warnings"][0]


@pytest.mark.parametrize("text", ["{", "[]\n", '{"task_id": "HumanEval/0"}\n', '{"eval": 1}\n', '{"eval": {"a": 1}}\n', ""])
def test_what_cannot_be_compared_with_is_refused(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    (tmp_path / "x.jsonl").write_text(text)
    for path in ("x.jsonl", "nowhere", "."):
        done = run("--samples", file, "--compare", path)
        assert done.exit_code == 2, done.output
        assert "--compare" in done.stderr
    (tmp_path / runs.RUN).write_text(text)
    assert "run.json cannot be read" in run("--samples", file, "--compare", ".").stderr


def test_verdicts_of_the_original_tests_alone() -> None:
    row = {"task_id": "a", "base_status": "pass", "plus_status": "fail"}
    assert verdict_of(row) == ("a", None, False)
    assert verdict_of(row, base_only=True) == ("a", None, True)
    row = {"task_id": "a", "sample_id": 3, "verdict": "wrong_answer", "base": "passed", "plus": "wrong_answer"}
    assert verdict_of(row) == ("a", 3, False)
    assert verdict_of(row, base_only=True) == ("a", 3, True)
