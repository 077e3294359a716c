"""What a score is of, and what it can have been; no box runs here."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.toolkit.commands.believed import HALF, run, summary, write
from toolkit.benchmarks import BENCHMARKS, Options, humaneval_plus
from toolkit.benchmarks import load as benchmarks
from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.records import Result, Verdict
from toolkit.report import summary as report

pytestmark = pytest.mark.usefixtures("judge")


def test_tasks_without_a_sample_are_refused_by_name(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [None, *HALF[1:]])
    done = run("--samples", file)
    assert done.exit_code == 2
    assert "1 of 164 tasks have no sample: HumanEval/0." in done.stderr
    assert not (tmp_path / "runs").exists()
    done = run("--samples", write(tmp_path / "s.jsonl", HALF[:100]))
    assert "64 of 164 tasks have no sample: HumanEval/100, " in done.stderr
    assert "HumanEval/109 and 54 more." in done.stderr


def test_missing_tasks_that_are_meant_are_said_everywhere(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [None, *HALF[1:]])
    done = run("--samples", file, "--allow-missing", "--output", "run")
    assert done.exit_code == 0, done.output
    assert "163 of 164 tasks · 1 without a sample" in " ".join(done.stdout.split())
    assert "163 of 164 tasks · 1 without a sample" in Path("run/report.html").read_text()
    found = json.loads(Path("run/summary.json").read_text())
    assert (found["n_tasks"], found["n_tasks_sampled"], found["n_tasks_missing"]) == (164, 163, 1)
    assert found["bounds"] == {}


@pytest.mark.parametrize(("flags", "words"), [(["--limit", 5], "1 of 5 tasks"), (["--id-range", "3-12"], "2 of 10 tasks")])
def test_chosen_tasks_need_samples_too(tmp_path: Path, flags: list[object], words: str) -> None:
    file = write(tmp_path / "s.jsonl", [*HALF[:3], None, *HALF[4:12]])
    done = run("--samples", file, *flags)
    assert done.exit_code == 2
    assert words in done.stderr
    assert run("--samples", file, *flags, "--allow-missing").exit_code == 0
    found = summary("--samples", write(tmp_path / "s.jsonl", HALF), *flags)
    assert found["n_tasks"] == 164
    assert found["n_tasks_sampled"] == (5 if "--limit" in flags else 10)


def test_values_of_k_that_no_task_has_samples_for_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    assert "warning: no pass@k for --k 10,100: some task has fewer samples" in run("--samples", file, "--k", "1,10,100").stderr
    assert "--k" not in run("--samples", file).stderr, "of the default, which nobody chose"


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_unscored_samples_bound_the_score(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", ["the box went", "the box went", *HALF[2:]])
    done = run("--samples", file, "--output", "run")
    assert done.exit_code == 3
    assert "pass@1, all tests: 49.4 to 50.6 % if the 2 unscored samples are failed / passed" in done.stdout
    assert "49.4 to 50.6 % if the 2 unscored samples are failed / passed" in Path("run/report.html").read_text()
    found = json.loads(Path("run/summary.json").read_text())
    assert found["pass_at_k"]["base"]["1"]["value"] == 0.5
    assert found["bounds"] == {"base": {"1": {"low": 81 / 164, "high": 83 / 164}}}
    assert summary("--samples", write(file, HALF))["bounds"] == {}


def test_skipped_lines_bound_the_score(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [None, None, *HALF[2:]])
    with file.open("a") as lines:
        lines.write('{"task_id": "HumanEval/0", "solution": 5}\nnonsense\n')
    found = summary("--samples", file, "--skip-bad")
    assert (found["n_tasks_sampled"], found["n_skipped"], found["n_lost"]) == (162, 2, 2)
    assert found["bounds"] == {"base": {"1": {"low": 81 / 164, "high": 83 / 164}}}
    done = run("--samples", file, "--skip-bad")
    assert "162 of 164 tasks · 2 without a sample" in " ".join(done.stdout.split())
    assert "if the 2 bad lines are failed / passed" in done.stdout


def test_skipped_lines_excuse_no_more_tasks_than_they_can_be_of(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", [None, None, *HALF[2:]])
    good = file.read_text()
    file.write_text(f'{good}{{"task_id": "HumanEval/0", "solution": 5}}\n{{"task_id": "HumanEval/2", "solution": 5}}\n')
    done = run("--samples", file, "--skip-bad")
    assert done.exit_code == 2
    assert "1 of 164 tasks have no sample: HumanEval/1." in done.stderr
    found = summary("--samples", file, "--skip-bad", "--allow-missing")
    assert found["bounds"]["base"]["1"]["low"] == pytest.approx(80.5 / 163), "HumanEval/2 may have failed once"
    file.write_text(good + '{"task_id": "HumanEval/163", "solution": 5}\n')
    assert summary("--samples", file, "--skip-bad", "--id-range", "2-9")["bounds"] == {}, "of a task that was not chosen"


def test_skipped_files_of_a_folder_are_of_their_task(tmp_path: Path) -> None:
    for task, text in (("HumanEval_0", b"\xff"), ("HumanEval_1", b'"passed"')):
        (tmp_path / "folder" / task).mkdir(parents=True)
        (tmp_path / "folder" / task / "0.py").write_bytes(text)
    assert summary("--samples", "folder", "--skip-bad", "--limit", 2)["bounds"] == {"base": {"1": {"low": 0.5, "high": 1.0}}}
    done = run("--samples", "folder", "--skip-bad", "--limit", 3)
    assert "1 of 3 tasks have no sample: HumanEval/2." in done.stderr


def test_bounds_hold_whatever_the_samples_would_have_been() -> None:
    def result(task: str, i: int, verdict: Verdict | None) -> Result:
        error = None if verdict else "lost"
        return Result(task_id=task, sample_id=i, verdict=verdict, base=verdict, error=error)

    passed, wrong = Verdict.PASSED, Verdict.WRONG_ANSWER
    known = [
        result("a", 0, passed),
        result("a", 1, wrong),
        result("a", 2, wrong),
        result("b", 0, passed),
        result("b", 1, passed),
    ]
    for k in (1, 2):
        found = report.bounds([*known, result("a", 3, None)], "base", k, {"b": 1}, 1, [])
        scores = []
        for of_a in (passed, wrong):
            for of_b in (passed, wrong):
                for task, verdict in [("a", passed), ("a", wrong), ("b", passed), ("b", wrong)]:
                    more = [result("a", 3, of_a), result("b", 2, of_b), result(task, 9, verdict)]
                    pairs = list(report.counts([*known, *more], "base").values())
                    scores.append(report.stats.mean_pass_at_k(pairs, k))
        assert 0 <= found["low"] <= min(scores)
        assert max(scores) <= found["high"] <= 1
    assert report.bounds(known[3:], "base", 2, {"c": 1}) == {"low": 0.5, "high": 1.0}, (
        "one line, where two samples are asked for"
    )
    assert report.bounds(known, "base", 1, {}, 2, ["c"])["low"] == pytest.approx((1 / 3 + 1 - 1 / 3) / 3)


def test_a_score_lies_within_its_bounds(tmp_path: Path) -> None:
    found = summary("--samples", write(tmp_path / "s.jsonl", ["defect: x", *HALF[1:]]), code=70)
    assert (
        found["bounds"]["base"]["1"]["low"]
        <= found["pass_at_k"]["base"]["1"]["value"]
        <= found["bounds"]["base"]["1"]["high"]
    )


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["mini", "noextreme"])
def test_a_choice_among_the_usual_data_files_needs_the_usual_data_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flag: str
) -> None:
    loaded = replace(humaneval_plus.BENCHMARK, load=lambda _: pytest.fail("loaded"))
    monkeypatch.setitem(BENCHMARKS, "humaneval+", loaded)
    monkeypatch.delenv(loaded.override, raising=False)
    options = Options(data=tmp_path / "own.jsonl", **{flag: True})
    with pytest.raises(UsageError, match=f"--{flag} .* --data names another"):
        benchmarks.load(loaded, options)
    monkeypatch.setenv(loaded.override, "own.jsonl")
    for command in (["eval", "--samples", "x"], ["validate"]):
        done = CliRunner().invoke(cli.app, [command[0], "humaneval+", *command[1:], f"--{flag}"])
        assert done.exit_code == 2
        assert f"--{flag}" in done.stderr
        assert "HUMANEVAL_OVERRIDE_PATH" in done.stderr
    assert BENCHMARKS["mbpp+"].override == "MBPP_OVERRIDE_PATH"


def test_the_total_timeout_is_recorded_and_part_of_the_question(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    assert run("--samples", file, "--output", "run", "--total-timeout", 7).exit_code == 0
    assert json.loads(Path("run/run.json").read_text())["settings"]["total_timeout_s"] == 7.0
    done = run("--samples", file, "--output", "run", "--resume")
    assert done.exit_code == 2
    assert "total_timeout_s: 7.0 -> 60.0" in done.stderr
    for seconds in ("0", "nan", "inf"):
        done = CliRunner().invoke(cli.app, ["validate", "humaneval", "--total-timeout", seconds])
        assert done.exit_code == 2
        assert "--total-timeout" in done.stderr
