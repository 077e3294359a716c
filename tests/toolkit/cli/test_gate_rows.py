"""Rows of models, gates that ask a model, and what a hostile row costs."""

import json
from pathlib import Path
from typing import Any

import pytest

from gates import GATES, Finding, Report, Solution, parse
from tests import inside
from tests.processes import peak_rss_kib
from tests.toolkit.cli.gated import GOOD, TOOLKIT, rows, toolkit, write
from toolkit.commands.gate import _line
from toolkit.report.gate import MAX_REASONS, Tally
from toolkit.samples.rows import Program


@pytest.mark.boxes
def test_what_generate_wrote_is_gated_and_learnt_as_it_was_written(torch: Any, tmp_path: Path) -> None:
    """A chat's prompt is no part of the program; the gate by perplexity reads it as the model did."""
    from tests.tiny import tiny
    from toolkit.models.generators import Source
    from toolkit.models.load import load
    from toolkit.models.scorer import ModelScorer
    from toolkit.training import data as packing

    model = tiny(tmp_path / "model")
    prompt = "<fim_prefix>user\nSquare it.<fim_suffix>\n```python\n"
    chat = {"settings": {"chat": True}, "prompt": prompt}
    answers = ["def square(x):\n    return x * x", "x = = 1", GOOD, "def square(x): return 'x'"]
    given = [{"task_id": f"own/{i}", "completion": answer, **chat} for i, answer in enumerate(answers)]
    given.append({"task_id": "own/4", "completion": GOOD, "raw_response": f"Sure:\n```python\n{GOOD}```", **chat})
    file = write(tmp_path / "in.jsonl", *given)
    assert toolkit("--kind", "compile", file, "--output", tmp_path / "one").returncode == 0
    assert [row["task_id"] for row in rows(tmp_path / "one" / "rejected.jsonl")] == ["own/1"]

    done = toolkit("--kind", "perplexity", "--model", model, "--threshold", "fraction=0.4", file, "--output", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    scorer = ModelScorer(loaded=load(Source(model=model)))
    written = [*answers, given[4]["raw_response"]]
    logprobs = scorer.logprobs([prompt] * 5, written, [True] * 5)
    reports = {row["task_id"]: row["reports"][0] for name in ("accepted", "rejected") for row in rows(tmp_path / "two" / f"{name}.jsonl")}
    for i, expected in enumerate(logprobs):
        assert reports[f"own/{i}"]["values"]["mean_logprob"] == pytest.approx(expected.mean(), abs=1e-5)
    assert sum(report["passed"] for report in reports.values()) == 2
    assert json.loads((tmp_path / "two" / "summary.json").read_text())["n_accepted"] == 2

    texts, _ = packing.read([tmp_path / "one" / "accepted.jsonl"])
    assert texts[0] == (prompt, answers[0] + "\n```")


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [("self-score", ("--model", "/nowhere"), "no such file"), ("judge", ("--judge-model", "/nowhere"), "no such file"),
     ("perplexity", ("--threshold", "fraction=7"), "fraction of the gate 'perplexity' must be above 0")],
)  # fmt: skip
def test_bad_models_are_said(torch: Any, kind: str, more: tuple[str, ...], words: str, tmp_path: Path) -> None:
    file = write(tmp_path / "in.jsonl", {"code": GOOD})
    done = toolkit("--kind", kind, *more, file, "--output", tmp_path / "out")
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_reasoning_without_a_judge_is_refused(tmp_path: Path) -> None:
    done = inside.toolkit("gate", "--kind", "compile", "--cot", write(tmp_path / "in.jsonl", {"code": GOOD}), "--output", tmp_path / "out")
    assert (done.returncode, "--cot has no effect with 'compile': it is for the gate judge" in done.stderr) == (2, True), done.stderr


# -- what a hostile row costs ------------------------------------------------------------------------------------------


@pytest.mark.boxes
def test_hostile_rows_cost_their_own(tmp_path: Path) -> None:
    long = "é" * 250_000
    hostile = [
        f"class {'A' * 200_000}:\n" + "".join(f"    def m{i}(self):\n        x = {i}\n" for i in range(400)),
        *[f"def f():\n    {long} = {i}\n    global {long}\n" for i in range(3)],
        "\x01" * 100_000,
    ]
    file = write(tmp_path / "in.jsonl", {"code": GOOD}, *({"code": code} for code in hostile), {"code": GOOD + "\n"})
    done = toolkit("--kind", "compile+quality", file, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [row["code"] for row in rows(tmp_path / "out/rejected.jsonl")] == hostile
    assert len(rows(tmp_path / "out/accepted.jsonl")) == 2
    size = (tmp_path / "out" / "rejected.jsonl").stat().st_size
    assert size < file.stat().st_size + 200_000


@pytest.mark.boxes
def test_a_call_that_grows_when_it_is_read(tmp_path: Path) -> None:
    """200 bytes of a row that were 1.8 GB in this process, and 288 MB in the file."""
    call = b'[["f",[{"n":["S1",30000000]}],{"d":[]}]]'
    test = f"import os, signal\nos.write(4, b'Q' + {len(call).to_bytes(4, 'big')!r} + {call!r})\nsignal.pause()"
    file = write(tmp_path / "in.jsonl", {"code": "def f(x):\n    raise ValueError", "test": test})
    out = tmp_path / "out"
    command = [TOOLKIT, "gate", "--kind", "tests", "--no-cache", file, "-o", out]
    assert peak_rss_kib(command) < 200 << 10
    (row,) = rows(out / "rejected.jsonl")
    assert [f["message"] for f in row["reports"][0]["findings"]] == ["in call 0: ended with exit code 120"]


def program(line: bytes, *, has_added: bool = False) -> Program:
    return Program(file="f", number=1, line=line, has_added=has_added, solution=Solution(code=""))


def test_a_row_is_written_as_it_came_also_where_it_has_added() -> None:
    reports = [GATES["none"]().report(())]
    added = _line(program(b'{"code": ""}'), reports).removeprefix(b'{"code": "", ')
    row = ' \t{"é\\"": 1e3, "judged_sha256" : "from before","reports" : ["\u00e9", {"reports": 1}] , "code": "\u00e9\U0001f600" , "n":[1.50e1,{}], "reports":0}\r\n'
    written = _line(program(row.encode(), has_added=True), reports)
    assert written == '{"é\\"": 1e3, "code": "\u00e9\U0001f600", "n":[1.50e1,{}], '.encode() + added
    assert json.loads(written)["reports"][0]["gate"] == "none"
    hidden = b'{"code": "", "r\\u0065ports": "from before"}'
    assert _line(program(hidden, has_added=True), reports) == b'{"code": "", ' + added
    long = b'{"code": "' + "é".encode() * 500_000 + b'", "reports": [' + b"1e9," * 100_000 + b"1e9]}"
    assert len(_line(program(long, has_added=True), reports)) < len(long)


def test_a_written_row_has_a_bounded_size() -> None:
    findings = [Finding(symbol="\U00020000" * 999, message="\U00020000" * 9_999, line=1, column=1, decisive=True) for _ in range(3_000)]
    report = GATES["none"]().report(findings)
    assert len(_line(program(b'{"code": ""}'), [report])) < 14_000_000


def test_different_reasons_are_bounded() -> None:
    tally = Tally(parse("none+compile"), {})
    for i in range(5_000):
        names = ("none", "compile")[i % 2 :]
        findings = [Finding(symbol=f"Error{i}", message=f"m{i}", decisive=True)]
        tally.add(program(b""), [Report(gate=name, passed=False, findings=tuple(findings)) for name in names])
    for _ in range(3):
        tally.add(program(b""), [Report(gate="none", passed=False, findings=(Finding(symbol="Error0", message="", decisive=True),))])
    reasons = tally.summary()["reasons"]
    assert len(reasons) == MAX_REASONS + 2
    assert sum(it["count"] for it in reasons) == 7_503
    assert reasons[2] == {"gate": "none", "symbol": "Error0", "count": 4, "example": "m0", "place": "f:1"}
    other = {it["gate"]: it["count"] for it in reasons if it["symbol"] == "other"}
    assert set(other) == {"none", "compile"}
    assert {it["symbol"] for it in reasons} >= {"Error0", "Error1", "Error99"}
