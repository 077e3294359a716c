"""What a score is of, what it can have been, and what it may be compared with; no box runs here."""

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from toolkit.benchmarks import BENCHMARKS, Benchmark, Options, humaneval_plus
from toolkit.benchmarks import load as benchmarks
from toolkit.cli import main as cli
from toolkit.commands import evaluate, validate
from toolkit.commands import gate as gating
from toolkit.errors import InfrastructureError, UsageError
from toolkit.oracle import Facts
from toolkit.records import Result, Sample, Verdict
from toolkit.report import summary as report
from toolkit.samples.truth import verdict_of
from toolkit.store import run_folder as runs

ROOT = str(Path(__file__).parent.parent)
TASKS = list(BENCHMARKS["humaneval"].load(Options()).tasks)


def judged(sample: Sample) -> Result:
    """Say of a sample what stands in it: a verdict, or an error."""
    text = sample.solution.strip().strip('"')
    verdict = Verdict(text) if text in set(Verdict) else None
    error = None if verdict else text
    return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=verdict, base=verdict, error=error)


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put an oracle in place that believes the samples."""

    @contextlib.contextmanager
    def oracle(_settings: Any, benchmark: Benchmark, tasks: Any, _data_hash: str) -> Iterator[Any]:
        def judge_many(samples: Iterable[Sample]) -> Iterator[tuple[Sample, Result, Facts]]:
            return ((sample, judged(sample), Facts()) for sample in samples)

        engine = SimpleNamespace(image_digest=lambda: "sha256:0")
        pool = SimpleNamespace(engine=engine, close=lambda: None)
        yield SimpleNamespace(tasks=tasks, pool=pool, judge_many=judge_many, start=lambda: None, defects=[])

    monkeypatch.setattr(evaluate, "open_oracle", oracle)
    monkeypatch.setattr(validate, "open_oracle", oracle)
    monkeypatch.setattr(evaluate, "canary", lambda _: None)
    monkeypatch.chdir(tmp_path)


def write(path: Path, words: Sequence[str | None], n: int = 1) -> Path:
    """A sample of each task whose word is not None; the word is what the oracle will say."""
    rows = [
        json.dumps({"task_id": task, "solution": f'"{word}"'}) + "\n"
        for task, word in zip(TASKS, words, strict=False)
        for _ in range(n)
        if word
    ]
    path.write_text("".join(rows))
    return path


def run(*words: object) -> Ended:
    return CliRunner().invoke(cli.app, ["eval", "humaneval", *map(str, words)])


def summary(*words: object, code: int = 0) -> dict[str, Any]:
    done = run(*words, "--json", "--overwrite", "--output", "run")
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout))


HALF = ["passed", "wrong_answer"] * 82


# -- tasks without a sample --------------------------------------------------------------------------------------------


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


# -- comparison --------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A finished run, all of it wrong."""
    file = write(tmp_path / "wrong.jsonl", ["wrong_answer"] * 164)
    assert run("--samples", file, "--output", tmp_path / "other", "--allow-uniform").exit_code == 0
    return tmp_path / "other"


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
        lines.write(json.dumps(runs.to_row(Result(task_id="HumanEval/9", sample_id=0, verdict=Verdict.PASSED))) + "\n")
    done = run("--samples", file, "--compare", other, "--limit", 9)
    assert done.exit_code == 2
    assert "none of the tasks that are judged here was scored there" in done.stderr


def test_a_comparison_that_fails_later_is_a_warning_and_no_bad_line(other: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", ["the box went"])
    with (other / runs.RESULTS).open("w") as lines:
        lines.write(json.dumps(runs.to_row(Result(task_id="HumanEval/0", sample_id=0, verdict=Verdict.PASSED))) + "\n")
    done = run("--samples", file, "--compare", other, "--limit", 1, "--json")
    assert done.exit_code == 3
    assert "warning: --compare" in done.stderr
    assert "share no task" in " ".join(done.stderr.split())
    assert "bad lines" not in done.stderr
    outcome = evaluate.evaluate(
        evaluate.Settings(benchmark="humaneval", samples=file, compare=other, limit=1, output=Path("b"))
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


# -- how commands end --------------------------------------------------------------------------------------------------


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError("so"), 2, "toolkit: so\n"),
        (InfrastructureError("so"), 3, "toolkit: so\n"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x"), 3, "toolkit: /tmp/x: No space left on device"),
        (KeyboardInterrupt(), 130, ""),
        (ValueError("so"), 70, "a defect of the toolkit"),
        (KeyError("so"), 70, "a defect of the toolkit"),
        (AssertionError(), 70, "a defect of the toolkit"),
        (BrokenPipeError(errno.EPIPE, "an engine's"), 70, "a defect of the toolkit"),
    ],
)
@pytest.mark.parametrize(
    ("owner", "command"),
    [
        ("toolkit.commands.evaluate.evaluate", ["eval", "humaneval", "--samples", "x"]),
        ("toolkit.commands.validate.validate", ["validate", "humaneval"]),
        ("toolkit.commands.gate.gate", ["gate", "x.jsonl"]),
        ("toolkit.training.loop.train", ["train", "x.jsonl", "--output", "y"]),
        ("toolkit.rounds.run.run", ["rounds"]),
        ("toolkit.commands.doctor.report", ["doctor"]),
        ("sandbox.recipes.build", ["images", "build"]),
    ],
)
def test_every_command_ends_as_its_error_says(
    monkeypatch: pytest.MonkeyPatch, owner: str, command: list[str], error: BaseException, code: int, words: str
) -> None:
    monkeypatch.setattr(owner, failing(error))
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == code, done.output
    assert words in done.stderr
    assert ("Traceback" in done.stderr) == (code == 70)


def test_who_no_longer_reads_is_no_defect() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "toolkit.cli", "rounds", "small", "--dry-run"]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, check=False, env=os.environ | {"PYTHONPATH": ROOT}
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_bad_flags_stay_usage_errors() -> None:
    for words in (["eval"], ["nonsense"], ["eval", "humaneval", "--limit", "0"], ["images", "nonsense"], ["--nonsense"]):
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == 2, words
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["toolkit.samples.read.read_all", "toolkit.report.summary.summarise", "toolkit.store.run_folder.RunFolder.create"])
def test_a_defect_is_no_usage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str) -> None:
    monkeypatch.setattr(where, failing(ValueError("ours")))
    done = run("--samples", write(tmp_path / "s.jsonl", HALF))
    assert done.exit_code == 70
    assert "Traceback" in done.stderr
    assert "ValueError: ours" in done.stderr


def test_a_defect_in_one_sample_is_told_from_a_lost_box(tmp_path: Path) -> None:
    done = run("--samples", write(tmp_path / "s.jsonl", ["defect: KeyError", *HALF[1:]]))
    assert done.exit_code == 70
    assert "1 of 164 samples could not be judged because of a defect" in done.stderr
    assert summary("--samples", write(tmp_path / "s.jsonl", ["not judged: lost", *HALF[1:]]), code=3)["n_defects"] == 0


def test_validate_ends_with_the_code_of_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(sample: Sample) -> Result:
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error="defect: KeyError")

    monkeypatch.setitem(globals(), "judged", judged)
    done = CliRunner().invoke(cli.app, ["validate", "humaneval", "--json"])
    assert done.exit_code == 70
    assert json.loads(done.stdout)["n_defects"] == 328


def test_equal_verdicts_are_scored_with_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path / "s.jsonl", ["passed"] * 164)
    done = run("--samples", file, "--limit", 10, "--output", "run")
    assert done.exit_code == 0
    assert "100.0 %" in done.stdout
    assert "warning: all 10 verdicts are passed" in " ".join(done.stdout.split())
    assert "all 10 verdicts are passed" in Path("run/report.html").read_text()
    assert summary("--samples", file)["warnings"]
    assert summary("--samples", file, "--allow-uniform")["warnings"] == []
    assert summary("--samples", file, "--limit", 9)["warnings"] == []


# -- a full disk -------------------------------------------------------------------------------------------------------


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
NONE = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
NAMED = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/toolkit-gate-1")


@pytest.mark.parametrize("error", [FULL, NONE, NAMED])
def test_a_full_temporary_folder_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OSError) -> None:
    file = write(tmp_path / "s.jsonl", HALF)
    with monkeypatch.context() as patch:
        patch.setattr("toolkit.samples.read.read", failing(error))
        with pytest.raises(InfrastructureError, match="TMPDIR"):
            evaluate.evaluate(evaluate.Settings(benchmark="humaneval", samples=file))
    monkeypatch.setattr("tempfile.NamedTemporaryFile", failing(error))
    monkeypatch.setattr("tempfile.TemporaryFile", failing(error))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=None))
    with pytest.raises(InfrastructureError, match=r"standard input .*TMPDIR"):
        gating.gate(gating.Settings(kind="none", files=("-",)))
    for words in (["gate", "-"], ["gate", str(file), "--format", "github"]):
        done = CliRunner().invoke(cli.app, words, input="{}\n")
        assert done.exit_code == 3, done.output
        assert len(done.stderr.splitlines()) == 1


def test_other_errors_of_the_system_are_not_taken_for_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("toolkit.samples.read.read", failing(OSError(errno.EBADF, "Bad file descriptor")))
    done = run("--samples", write(tmp_path / "s.jsonl", HALF))
    assert done.exit_code == 70
