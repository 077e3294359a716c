"""Data of the other benchmarks that is none: one clear line on the terminal, and nothing is run."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.toolkit.oracle.test_stdin import ROWS, Import, packed
from tests.toolkit.oracle.test_unittests import ROW
from toolkit.cli.main import app
from toolkit.commands import evaluate

DATED = ROWS[0] | {"contest_date": "2024-05-31T00:00:00"}
MBPP = {"task_id": 1, "text": "Add.", "code": "def add(a, b):\n    return a + b", "test_setup_code": "", "test_list": ["assert add(1, 2) == 3"]}
CASES: dict[str, tuple[str, list[Any], list[str], int, str]] = {
    "a malformed record": ("bigcodebench", [ROW, {"task_id": "BigCodeBench/4"}], [], 3, "record 2: no task of bigcodebench: no column 'test'"),
    "an unknown type of test": (
        "livecodebench", [DATED | {"public_test_cases": '[{"input": "1", "output": "1", "testtype": "magic"}]'}], [], 3, "unknown type of test 'magic'"
    ),
    "tests of another kind": ("bigcodebench", [ROW | {"test": "assert task_func(1) == 2\n"}], [], 3, "this kind of test is not known"),
    "a pickle that imports": ("livecodebench", [DATED | {"private_test_cases": packed(Import())}], [], 3, "want to import builtins.print"),
    "a window without tasks": ("livecodebench", [DATED], ["--from", "2025-01-01"], 2, "no task is of a day from 2025-01-01 on"),
    "a window over what has no days": ("livecodebench", [ROWS[1]], ["--to", "2025-01-01"], 2, "name a file that has them with --dates"),
    "another benchmark's data": ("mbpp", [DATED], [], 3, "record 1: no task of mbpp: no column 'code'"),
    "twice the same id": ("mbpp", [MBPP, MBPP], [], 3, "record 2: the id of MBPP/1 is there twice"),
    "a release of one file": ("livecodebench", [DATED], ["--release", "release_v1"], 2, "--release chooses among the files of a folder"),
    "no such release": ("livecodebench", [DATED], ["--release", "release_v9"], 2, "livecodebench has release_v1"),
    "not JSON": ("humaneval-pro", ["{"], [], 3, "cannot be read as JSON"),
    "nothing": ("mbpp-sanitized", [], [], 3, "no records"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_line_and_nothing_is_run(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark, rows, flags, code, said = CASES[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate, "open_oracle", lambda *_: pytest.fail("boxes were asked for"))
    Path("data.jsonl").write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    Path("samples.jsonl").write_text('{"task_id": "x", "solution": "pass"}\n')
    done = CliRunner().invoke(app, ["eval", benchmark, "--samples", "samples.jsonl", "--data", "data.jsonl", *flags])
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "imported" not in done.output
    assert not Path("runs").exists()


def test_samples_name_problems_as_the_official_harness_does(judge: None, tmp_path: Path) -> None:
    Path("data.jsonl").write_text(json.dumps(DATED) + "\n")
    Path("samples.jsonl").write_text(json.dumps({"question_id": DATED["question_id"], "solution": '"passed"'}) + "\n")
    done = CliRunner().invoke(app, ["eval", "livecodebench", "--samples", "samples.jsonl", "--data", "data.jsonl", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdicts"] == {"passed": 1}


@pytest.mark.parametrize("name", ["MBPP_Sanitized", "HumanEval Pro", "bigcodebench-Hard", "BigCodeBenchLitePro", "LiveCodeBench", "mbppPro"])
def test_names_may_be_written_as_they_are_elsewhere(name: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["eval", name, "--samples", "none.jsonl", "--data", str(tmp_path / "none.jsonl")])
    assert (done.exit_code, "no such file" in done.stderr) == (2, True), done.output
