"""Pro benchmarks are scored twice, as their official harness does: whole programs, cut ones, and which is the better."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.toolkit.commands import believed
from toolkit.benchmarks import BENCHMARKS, pro
from toolkit.cli.main import app
from toolkit.records import Result, Sample, Task, Verdict

TASK = Task(task_id="x", prompt="# Test of it.\ndef f(x):\n", entry_point="f", canonical_solution="")
ROW = {
    "raw_problem": "# Double it.\ndef double(x):\n", "raw_solution": "    return 2 * x\n", "new_problem": "# Double each.\ndef doubles(xs):\n",
    "new_solution": "    return [double(x) for x in xs]\n", "test_code": "assert doubles([1, 2]) == [2, 4]\n",
}  # fmt: skip
GOOD, ODD = "x = 1\n", "x = 1\nif __name__ == '__main__':\n    1 / 0\n"
NEEDED = "z = 1\n# Test\ny = 1\n"
"""It is wrong once it is cut."""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\nif __name__ == 1:\n  b\n# Test", "a\n"), ("a\n# Testing\nb\n# Example \n", "a\n"), ("a\n# Example \nb", "a\n"), ("a\n# Examples\nb", "a\n# Examples\nb"),
        ("a\nb", "a\nb"), (TASK.prompt + "    return 1\n# Test\n", TASK.prompt + "    return 1\n"), (TASK.prompt, TASK.prompt), ("import os\n" + TASK.prompt, "import os\n"),
    ],
)  # fmt: skip
def test_what_the_official_harness_leaves(text: str, left: str) -> None:
    assert pro.cut(TASK, text) == left
    assert [name for name, benchmark in BENCHMARKS.items() if benchmark.cut] == ["humaneval-pro", "bigcodebench-lite-pro", "mbpp-pro"]


@pytest.mark.parametrize(
    ("texts", "whole", "cut", "better", "n_cut"),
    [
        ([GOOD, ODD, ODD, NEEDED], 0.5, 0.75, "cut", 3), ([GOOD, NEEDED, NEEDED, ODD], 0.75, 0.5, "whole", 3), ([GOOD] * 4, 1.0, 1.0, "whole", 0),
    ],
)  # fmt: skip
def test_both_scores_and_the_better_one(
    texts: list[str], whole: float, cut: float, better: str, n_cut: int, judge: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(sample: Sample) -> Result:
        verdict = Verdict.PASSED if sample.solution in (GOOD, NEEDED) else Verdict.WRONG_ANSWER
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=verdict, base=verdict)

    names = {f"HumanEvalPro/{n}": text for n, text in enumerate(texts)}
    monkeypatch.setattr(believed, "judged", judged)
    (tmp_path / "pro.json").write_text(json.dumps([{"id": n, **ROW} for n in range(len(texts))]))
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps({"task_id": name, "solution": text}) + "\n" for name, text in names.items()))
    done = CliRunner().invoke(app, ["eval", "humaneval-pro", "--samples", "samples.jsonl", "--data", "pro.json", "--output", "run"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(Path("run/summary.json").read_text())
    said = found["cut"]
    assert found["pass_at_k"]["base"]["1"]["value"] == whole
    assert (said["pass_at_k"]["1"]["value"], said["n_cut"], said["n_unscored"]) == (cut, n_cut, 0)
    assert (said["better"]["1"]["of"], said["better"]["1"]["value"]) == (better, max(whole, cut))
    line = f"the better of both: {100 * max(whole, cut):.1f} % ({better})"
    assert line in " ".join(done.stdout.split())
    assert line in Path("run/report.html").read_text()
