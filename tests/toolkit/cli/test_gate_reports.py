"""What others read of a gate: annotations, SARIF, and the gate beside the truth."""

import json
from pathlib import Path
from typing import Any

import pytest

from gates import Finding
from tests.toolkit.cli.gated import BAD, GOOD, toolkit, write


@pytest.mark.boxes
def test_github_annotations(tmp_path: Path) -> None:
    (tmp_path / "a, b").mkdir()
    (tmp_path / "a, b" / "x:y%.py").write_text("x = 1\n" + BAD)
    write(tmp_path / "in.jsonl", {"code": GOOD}, {"code": "x = 1\n" + BAD})
    done = toolkit("--kind", "compile", "a, b", "in.jsonl", "--format", "github", "-o", "out", cwd=tmp_path)
    first, second = done.stdout.splitlines()
    assert first.startswith("::error file=a%2C b/x%3Ay%25.py,line=2,col=7,title=compile%3A SyntaxError::")
    assert second.startswith("::error file=in.jsonl,line=2,col=1,title=compile%3A SyntaxError::line 2, column 7 of the program: ")
    assert "2 of 3 programs rejected" in done.stderr


def test_messages_of_programs_cannot_forge_annotations() -> None:
    from toolkit.report.annotations import Kept, Located, github, sarif

    finding = Finding(symbol="a,b:c", message="100%\r\n::error file=x::gotcha\x1b[31m\ud800", line=3, column=0)
    with Kept() as kept:
        kept.add(Located(file="a b/ü.py", row=None, gate="g", finding=finding))
        (line,) = github(kept)
        assert line.startswith("::warning file=a b/ü.py,line=3,col=1,title=g%3A a%2Cb%3Ac::100%25")
        assert line.splitlines() == [line]
        assert "\x1b" not in line
        result = json.loads("".join(sarif(kept)))["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/%C3%BC.py"
    assert result["message"]["text"].isprintable() or "\n" in result["message"]["text"]


@pytest.mark.boxes
def test_sarif(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x = 1\n" + BAD)
    (tmp_path / "warned.py").write_text("x = 1 is 1\n")
    write(tmp_path / "in.jsonl", {"code": GOOD}, {"code": BAD})
    flags = ["--kind", "compile", "--format", "sarif"]
    done = toolkit(*flags, "bad.py", "warned.py", "in.jsonl", "-o", "out", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "exogate"
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"]) == 2
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    seen = []
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        region = place["region"]
        seen.append((place["artifactLocation"]["uri"], region["startLine"], region["startColumn"], result["level"]))
    assert seen == [("bad.py", 2, 7, "error"), ("warned.py", 1, 1, "warning"), ("in.jsonl", 2, 1, "error")]
    none = toolkit(*flags, "warned.py", "--kind", "none", "-o", "none", cwd=tmp_path)
    assert json.loads(none.stdout)["runs"][0]["results"] == []


@pytest.mark.parametrize("shape", ["verdict", "status", "short", "passed", "folder"])
@pytest.mark.boxes
def test_against_execution(tmp_path: Path, shape: str) -> None:
    """6 accepted, of which 4 pass; 4 rejected, of which 1 passes; one more is unscored, and one is not known."""
    truth = [True] * 4 + [False] * 2 + [True] + [False] * 3
    codes = [GOOD] * 6 + [BAD] * 4
    samples = [{"task_id": f"T/{i // 2}", "sample_id": i % 2, "solution": code} for i, code in enumerate(codes)]
    verdicts: list[dict[str, Any]] = []
    for i, (row, passed) in enumerate(zip(samples, truth, strict=True)):
        word = "pass" if passed else "fail"
        forms = {
            "verdict": {"sample_id": row["sample_id"], "verdict": "passed" if passed else "wrong_answer"},
            "status": {"base_status": "pass", "plus_status": word} if i % 3 else {"base_status": word, "plus_status": None},
            "short": {"index": 0, "base": word, "plus": "pass"},
            "passed": {"passed": passed},
        }
        verdict = "passed" if passed else "time_limit"
        ours = {"sample_id": row["sample_id"], "verdict": verdict, "base": None, "plus": None, "error": None, "detail": ""}
        verdicts.append({"task_id": row["task_id"], **forms.get(shape, ours)})
    unscored = 0
    if shape in ("verdict", "folder"):
        lost = {"task_id": "T/9", "sample_id": 0, "verdict": None, "base": None, "plus": None, "error": "x", "detail": ""}
        verdicts.append(lost)
        samples.append({"task_id": "T/9", "sample_id": 0, "solution": GOOD})
        unscored = 1
    samples.append({"task_id": "T/100", "solution": GOOD})
    if shape not in ("verdict", "folder"):
        samples = [{name: row[name] for name in row if name != "sample_id"} for row in samples]
    (tmp_path / "run").mkdir()
    write(tmp_path / "run" / "results.jsonl", *verdicts)
    write(tmp_path / "run" / "run.json", {})
    file = write(tmp_path / "in.jsonl", *samples)
    against = tmp_path / "run" if shape == "folder" else tmp_path / "run" / "results.jsonl"
    done = toolkit("--kind", "compile", file, "-o", tmp_path / "out", "--against", against)
    assert done.returncode == 0, done.stderr
    assert "precision  0.667" in done.stdout
    it = json.loads((tmp_path / "out" / "summary.json").read_text())["against"]
    assert it["confusion"] == {"accepted_passed": 4, "accepted_failed": 2, "rejected_passed": 1, "rejected_failed": 3}
    assert (it["n"], it["n_tasks"], it["n_unknown"], it["n_unscored"]) == (10, 5, 1, unscored)
    values = {name: it[name]["value"] for name in ("base_rate", "precision", "recall", "lift", "mcc")}
    assert values == pytest.approx({
        "base_rate": 0.5, "precision": 4 / 6, "recall": 4 / 5, "lift": 4 / 3, "mcc": 10 / (6 * 5 * 5 * 4) ** 0.5
    })  # fmt: skip
    assert it["precision"]["low"] == pytest.approx(0.29999, abs=1e-4)  # Wilson, 4 of 6
    assert it["precision"]["high"] == pytest.approx(0.90323, abs=1e-4)
    assert it["lift"]["low"] < 4 / 3 < it["lift"]["high"]
    other = write(tmp_path / "other.jsonl", {"task_id": "elsewhere", "passed": True}, {"task_id": "T/1"})
    done = toolkit("--kind", "compile", file, "--against", other)
    assert f"{other}:2: none of verdict" in done.stderr
    write(other, {"task_id": "elsewhere", "passed": True})
    assert "none of these samples" in toolkit("--kind", "compile", file, "--against", other).stderr
