"""`toolkit gate` as a person or a script meets it: every form of input and output, on real boxes."""

import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gates import GATES, Finding, Report, Solution, parse
from tests.processes import peak_rss_kib, started
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.commands.gate import _line
from toolkit.report.gate import MAX_REASONS, Tally
from toolkit.samples.rows import ADDED, Program

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
TASKS = BENCHMARKS["humaneval"].load(Options()).tasks
GOOD = '"""A square."""\n\n\ndef square(x):\n    """Return x squared."""\n    return x * x\n'
BAD = "def f(:\n    pass\n"
NEVER_WRITE = os.environ | {"TOOLKIT_CACHE": "/proc/nowhere"}


def toolkit(*arguments: object, stdin: bytes | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run([TOOLKIT, "gate", *map(str, arguments)], **given, capture_output=True, check=False, **more)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def write(path: Path, *rows: dict[str, Any] | bytes) -> Path:
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_field_and_what_is_written(tmp_path: Path) -> None:
    first = b'{"task_id":"x/1" , "solution": "print(\\u0041)", "score": 1.50e1, "n": 12345678901234567890123}'
    given: list[dict[str, Any] | bytes] = [
        first,
        {"completion": "    return 1\n", "prompt": "def f():\n"},
        {"completion": "    return 1\n"},
        {"completion": TASKS["HumanEval/0"].canonical_solution, "task_id": "HumanEval/0"},
        {"code": BAD, "text": "A task in words."},
        {"text": GOOD},
        {"content": GOOD, "reports": "from before"},
        {"raw_response": f"Sure:\n```python\n{GOOD}```\nDone."},
        {"solution": GOOD, "completion": "(", "entry_point": "square", "test": ["assert square(2) == 4"], "n_tokens": 3},
    ]
    file = tmp_path / "in.jsonl.gz"
    file.write_bytes(gzip.compress(write(tmp_path / "in.jsonl", *given).read_bytes()))
    out = tmp_path / "out"
    done = toolkit("--kind", "compile", file, "--output", out)
    assert done.returncode == 0, done.stderr
    assert "accepted 7, rejected 2" in done.stdout
    accepted, rejected = rows(out / "accepted.jsonl"), rows(out / "rejected.jsonl")
    assert (out / "accepted.jsonl").read_bytes().startswith(
        first[:-1] + b', "judged_sha256": "' + hashlib.sha256(b"print(A)").hexdigest().encode() + b'", "reports": [{"gate": "compile"'
    )
    assert [row["reports"][0]["passed"] for row in accepted + rejected] == [True] * 7 + [False] * 2
    assert [row["reports"][0]["findings"][0]["symbol"] for row in rejected] == ["IndentationError", "SyntaxError"]
    plain = [json.loads(row) if isinstance(row, bytes) else row for row in given]
    for row in accepted + rejected:
        assert {name: value for name, value in row.items() if name not in ADDED} in [
            {name: value for name, value in one.items() if name not in ADDED} for one in plain
        ]
    assert sorted(path.name for path in out.iterdir()) == ["accepted.jsonl", "rejected.jsonl", "summary.json"]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["n"], summary["n_accepted"], summary["n_rejected"]) == (9, 7, 2)
    assert summary["acceptance"]["low"] < 7 / 9 == summary["acceptance"]["value"] < summary["acceptance"]["high"]
    assert summary["gates"] == {"compile": {"asked": 9, "refused": 2, "share": 2 / 9}}
    assert [(it["symbol"], it["count"], it["place"]) for it in summary["reasons"]] == [
        ("IndentationError", 1, f"{file}:3"), ("SyntaxError", 1, f"{file}:5")
    ]  # fmt: skip
    assert summary["images"]["run"].startswith("sha256:")
    assert summary["versions"]["python"].startswith("3.")


def test_python_files_and_folders(tmp_path: Path) -> None:
    for name in ("a/10.py", "a/9.py", "b/bad.py", ".hidden/no.py", "b/notes.txt"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text(BAD if "bad" in name else GOOD)
    (tmp_path / "one.py").write_text(GOOD)
    done = toolkit("--kind", "compile", tmp_path / "src", tmp_path / "one.py", "--output", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["n"] == 4
    kept = [{name: row[name] for name in row if name not in ADDED} for row in rows(tmp_path / "out/accepted.jsonl")]
    assert kept == [{"path": f"{tmp_path}/{name}", "code": GOOD} for name in ("src/a/9.py", "src/a/10.py", "one.py")]
    assert rows(tmp_path / "out/rejected.jsonl")[0]["path"].endswith("b/bad.py")


def test_standard_input_and_the_newest_run(tmp_path: Path) -> None:
    line = json.dumps({"code": GOOD}).encode() + b"\n"
    for arguments, data in ((["-"], line), ([], 2 * line), ([], gzip.compress(3 * line))):
        done = toolkit("--kind", "compile", *arguments, "--json", stdin=data, cwd=tmp_path, env=NEVER_WRITE)
        summary = json.loads(done.stdout)
        assert summary["n"] == (1 if arguments else 2 if data == 2 * line else 3)
        assert summary["inputs"] == (arguments or ["stdin"])
        assert Path(tmp_path, summary["folder"], "accepted.jsonl").stat().st_size
        assert re.fullmatch(r"runs/gate-\d{8}-\d{6}(-[23])?", summary["folder"])
    assert len(list((tmp_path / "runs").iterdir())) == 3
    for nothing in (None, b""):
        done = toolkit("--kind", "compile", stdin=nothing, cwd=tmp_path)
        assert done.returncode == 2
        assert "nothing to judge" in done.stderr
    for age, name in enumerate(("newest", "older")):
        (tmp_path / "runs" / name).mkdir()
        file = write(tmp_path / "runs" / name / "samples.jsonl", *[{"solution": GOOD}] * (age + 1))
        os.utime(file, (10_000 - age, 10_000 - age))
    for nothing in (None, b""):
        done = toolkit("--kind", "compile", "--json", "-o", tmp_path / f"n{nothing}", stdin=nothing, cwd=tmp_path)
        assert json.loads(done.stdout)["inputs"] == ["runs/newest/samples.jsonl"]
    assert json.loads(toolkit("--kind", "none", "runs/older", "--json", cwd=tmp_path).stdout)["n"] == 2


def test_bad_lines_are_all_listed_before_anything_runs(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any] | bytes, str]] = [
        (b'{"code": ', "malformed JSON"), (b"[1]", "not an object but list"), ({"task_id": "x"}, "none of solution, completion"),
        ({"solution": None, "code": "x"}, "solution is not a string but NoneType"), (b'{"code": "\xff"}', "invalid UTF-8"),
        ({"code": "x" * (12 << 20)}, "the line has more than 12,582,912 bytes"), ({"code": "", "test": [1]}, "test is not a string but list"),
        ({"code": "", "n_tokens": "3"}, "n_tokens is not a whole number but str"),
        ({"code": "", "entry_point": 3}, "entry_point is not a string but int"),
        ({"completion": "", "prompt": []}, "prompt is not a string but list"),
    ]  # fmt: skip
    file = write(tmp_path / "bad.jsonl", {"code": GOOD}, *(row for row, _ in bad), {"code": GOOD})
    (tmp_path / "latin.py").write_bytes(b"# \xe9")
    (tmp_path / "empty.jsonl").touch()
    others = [tmp_path / "latin.py", tmp_path / "empty.jsonl", tmp_path / "missing.jsonl"]
    out = tmp_path / "out"
    done = toolkit("--kind", "compile", file, *others, "--output", out)
    assert done.returncode == 2
    n = len(bad) + len(others)
    *lines, rest = done.stderr.splitlines()[1:]
    assert (len(lines), rest) == (10, f"... and {n - 10} more")
    for number, (line, (_, reason)) in enumerate(zip(lines, bad, strict=True), start=2):
        assert line.startswith(f"{file}:{number}: ")
        assert reason in line
    done = toolkit("--kind", "compile", *others)
    assert [line.rpartition(": ")[2] for line in done.stderr.splitlines()[1:]] == [
        "invalid UTF-8 at byte 2", "empty", "No such file or directory"
    ]  # fmt: skip
    assert not out.exists()
    done = toolkit("--kind", "compile", file, *others, "--output", out, "--skip-bad", "--json")
    assert json.loads(done.stdout)["n"] == 2
    assert json.loads(done.stdout)["n_skipped"] == n
    assert f"left out {n} bad lines" in done.stderr
    assert toolkit("--kind", "compile", tmp_path / "empty.jsonl", "--skip-bad").returncode == 2


def test_millions_of_bad_lines_are_counted(tmp_path: Path) -> None:
    bomb, good = tmp_path / "bomb.jsonl.gz", write(tmp_path / "good.jsonl", {"code": GOOD})
    bomb.write_bytes(gzip.compress(b"x\n" * 5_000_000))
    for arguments in (["--kind", "none", bomb], ["--kind", "none", good, "--against", bomb]):
        started = time.monotonic()
        assert peak_rss_kib([TOOLKIT, "gate", *arguments], exit_code=2) < 200 << 10
        assert time.monotonic() - started < 20
    done = toolkit("--kind", "none", good, "--against", bomb)
    assert done.stderr.endswith("more\n")
    assert "... and 4,999,990 more" in done.stderr
    done = toolkit("--kind", "none", bomb, good, "--skip-bad", "-o", tmp_path / "out")
    assert "left out 5000000 bad lines, the first: " in done.stderr
    assert "5,000,000 bad lines left out" in done.stdout


def test_a_text_that_is_no_program_is_for_gates_to_refuse(tmp_path: Path) -> None:
    texts = {"nul": "x = 1\0", "surrogate": "x = '\ud800'", "long": "#" * (2 << 20)}
    given: list[dict[str, Any]] = [{"id": name, "code": text} for name, text in texts.items()]
    given += [{"id": name, "task_id": "HumanEval/0", "completion": text, "reports": 1} for name, text in texts.items()]
    given += [{"id": name, "raw_response": text} for name, text in texts.items()]
    given += [{"id": "nul", "completion": "\0", "prompt": "\ud800"}, {"id": "good", "code": GOOD}]
    file = write(tmp_path / "in.jsonl", *given)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    environment = os.environ | {"TOOLKIT_CACHE": str(tmp_path / "cache")}
    for out in ("first", "again"):
        done = toolkit("--kind", "compile", file, "-o", tmp_path / out, "--json", env=environment)
        assert (done.returncode, json.loads(done.stdout)["n_skipped"]) == (0, 0), done.stderr
    accepted, rejected = rows(tmp_path / "again" / "accepted.jsonl"), rows(tmp_path / "again" / "rejected.jsonl")
    assert {row["id"] for row in rejected} >= {"nul", "surrogate"}
    assert {row["id"] for row in accepted} <= {"long", "good"}
    for row in accepted + rejected:
        assert {name: value for name, value in row.items() if name not in ADDED} in [
            {name: value for name, value in one.items() if name not in ADDED} for one in given
        ]
    assert len(accepted + rejected) == len(given)


def test_symbolic_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "src", tmp_path / "elsewhere"
    for where in (folder, elsewhere):
        where.mkdir()
        (where / "a.py").write_text(GOOD)
    (folder / "b\x1b[31m.py").symlink_to(elsewhere / "a.py")
    (folder / "c").symlink_to(elsewhere)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples.jsonl").symlink_to(write(tmp_path / "in.jsonl", {"code": GOOD}))
    done = toolkit("--kind", "none", folder, tmp_path / "run")
    reason = "a symbolic link, which is not followed"
    assert done.returncode == 2
    names = ("src/b\\x1b[31m.py", "src/c", "run/samples.jsonl")
    assert done.stderr.splitlines()[1:] == [f"{tmp_path}/{name}: {reason}" for name in names]
    for link, target in (("link", folder), ("link.py", elsewhere / "a.py"), ("link.jsonl", tmp_path / "in.jsonl")):
        (tmp_path / link).symlink_to(target)
        done = toolkit("--kind", "none", tmp_path / link, "--skip-bad", "-o", tmp_path / f"out-{link}", "--json")
        summary = json.loads(done.stdout)
        assert (summary["n"], summary["n_skipped"]) == (1, 2 if link == "link" else 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "compiler"], "no gate is called 'compiler'; there are none, "),
        (["--threshold", "foo=3"], "there are pylint (quality), cc (quality), mi (quality)"),
        (["--threshold", "pylint=8", "cc=x"], "'cc=x'"),
        (["--threshold=pylint=8", "cc=nan"], "'cc=nan'"),
        (["--threshold", "pylint"], "such as pylint=8"),
        (["--parallel", "0"], "--parallel"),
        (["--format", "xml"], "github or sarif"),
        (["--format", "sarif", "--json"], "without --json"),
        (["--against", "/nowhere.jsonl"], "/nowhere.jsonl: No such file"),
        (["--against", "{tmp}"], "no run folder"),
        (["--against", "{tmp}/one.py"], "one.py:1: malformed JSON"),
        (["{tmp}/empty"], "neither samples.jsonl nor any .py file"),
        (["-o", "{tmp}/full"], "--overwrite"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "one.py").write_text(GOOD)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    write(tmp_path / "full" / "summary.json", {})
    done = toolkit(tmp_path / "one.py", *(word.format(tmp=tmp_path) for word in arguments), cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "runs").exists()


def test_overwriting_strict_and_unwritable(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    out = tmp_path / "out"
    assert toolkit("--kind", "compile", tmp_path / "good.py", "-o", out, "--strict").returncode == 0
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", out, "--strict").returncode == 2
    assert len(rows(out / "accepted.jsonl")) == 1
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", out, "--strict", "--overwrite").returncode == 1
    assert rows(out / "accepted.jsonl") == []
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", tmp_path / "other").returncode == 0
    done = toolkit("--kind", "none", tmp_path / "bad.py", "-o", tmp_path / "bad.py" / "x")
    assert done.returncode == 2
    assert "choose another --output" in done.stderr


def test_no_engine_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    environment = os.environ | {"DOCKER_HOST": "unix:///nowhere.sock"}
    done = toolkit("--kind", "compile", tmp_path / "a.py", env=environment, cwd=tmp_path)
    assert done.returncode == 3
    assert "make engine" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_thresholds_all_findings_and_the_cache(tmp_path: Path) -> None:
    branches = "".join(f"    if x == {i}:\n        return {2 * i}\n" for i in range(6))
    complex_ = f'"""Seven paths."""\n\n\ndef paths(x):\n    """Return twice x."""\n{branches}    return x\n'
    file = write(tmp_path / "in.jsonl", {"code": GOOD}, {"code": complex_}, {"code": BAD})
    environment = os.environ | {"TOOLKIT_CACHE": str(tmp_path / "cache")}

    def summary(*flags: object) -> dict[str, Any]:
        out = tmp_path / str(time.monotonic_ns())
        done = toolkit(file, "--kind", "compile+quality", "-o", out, "--json", *flags, env=environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    plain = summary()
    assert plain["thresholds"]["quality"].items() >= {"pylint": 7.0, "cc": 10.0, "mi": 20.0}.items()
    assert (plain["n_accepted"], plain["n_known"]) == (2, 0)
    assert [plain["gates"][name]["asked"] for name in ("compile", "quality")] == [3, 2]
    again = summary()
    assert again["n_known"] == 5
    assert again["seconds"] < plain["seconds"]
    timeless = {"seconds", "programs_per_s", "n_known", "folder"}
    assert {k: v for k, v in again.items() if k not in timeless} == {k: v for k, v in plain.items() if k not in timeless}
    for flags in (("--threshold", "pylint=0", "cc=5", "mi=0"), ("--threshold=pylint=0", "--threshold", "cc=5", "mi=0")):
        strict = summary(*flags)
        assert strict["thresholds"]["quality"].items() >= {"pylint": 0.0, "cc": 5.0, "mi": 0.0}.items()
        assert strict["n_accepted"] == 1
        assert {it["symbol"] for it in strict["reasons"]} == {"SyntaxError", "complexity"}
    every = summary("--all-findings")
    assert [every["gates"][name]["asked"] for name in ("compile", "quality")] == [3, 3]
    assert summary("--no-cache", "--kind", "compile")["n_known"] == 0


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
    from gates import Finding
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


def test_public_examples_are_the_tests_of_a_known_task(tmp_path: Path) -> None:
    task = TASKS["HumanEval/0"]
    file = write(
        tmp_path / "in.jsonl",
        {"task_id": task.task_id, "completion": task.canonical_solution},
        {"task_id": task.task_id, "solution": "def has_close_elements(numbers, threshold):\n    return None\n"},
        {"code": "def f():\n    return 3\n", "test": "assert f() == 3"},
        {"code": "def f():\n    return 3\n", "test_list": ["assert f() == 4"]},
        {"code": "def f():\n    return 3\n"},
    )
    summary = json.loads(toolkit("--kind", "compile+tests", file, "-o", tmp_path / "out", "--json").stdout)
    assert [row.get("task_id", row.get("test")) for row in rows(tmp_path / "out" / "accepted.jsonl")] == [
        task.task_id, "assert f() == 3"
    ]  # fmt: skip
    assert summary["n_rejected"] == 3


def test_contamination_is_looked_for_in_the_known_benchmarks(tmp_path: Path) -> None:
    task = TASKS["HumanEval/1"]
    file = write(tmp_path / "in.jsonl", {"code": task.prompt + task.canonical_solution}, {"code": GOOD})
    done = toolkit("--kind", "decontaminate", file, "-o", tmp_path / "out", "--json", env=os.environ | {"http_proxy": "127.0.0.1:9", "https_proxy": "127.0.0.1:9"})
    assert json.loads(done.stdout)["n_rejected"] == 1, done.stderr
    assert rows(tmp_path / "out" / "accepted.jsonl")[0]["code"] == GOOD


def many(path: Path, n: int) -> Path:
    with path.open("w") as file:
        for i in range(n):
            file.write(json.dumps({"task_id": f"T/{i}", "code": f"{GOOD}\n# {i} {'x' * 2_000}\n"}) + "\n")
    return path


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    peaks = []
    for n in (1_000, 10_000):
        command = [TOOLKIT, "gate", "--kind", "none", "--no-cache", str(many(tmp_path / "in.jsonl", n)), "-o", str(tmp_path / str(n))]
        peaks.append(peak_rss_kib(command))
    assert peaks[1] < 1.2 * peaks[0] < 300 << 10


def test_interrupted(tmp_path: Path) -> None:
    file, out = many(tmp_path / "in.jsonl", 20_000), tmp_path / "out"
    command = [TOOLKIT, "gate", "--kind", "compile", "--no-cache", str(file), "-o", str(out)]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(path.stat().st_size for path in out.glob(".accepted*")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted; nothing was written" in err
    assert "Traceback" not in err
    assert not out.exists()
    assert not boxes_of(process.pid)


def boxes_of(pid: int) -> list[str]:
    import docker

    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": "exogate.box"})
    finally:
        client.close()
    return [box["Id"] for box in found if f"/{pid}/" in box["Labels"]["exogate.owner"]]


def test_a_full_disk_leaves_nothing_torn(tmp_path: Path) -> None:
    import resource

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = toolkit("--kind", "none", many(tmp_path / "in.jsonl", 100), "-o", tmp_path / "out", preexec_fn=small, env=NEVER_WRITE)
    assert done.returncode == 3
    assert "Make room" in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_is_quick() -> None:
    started = time.monotonic()
    done = toolkit("--help")
    assert time.monotonic() - started < 3
    for word in ("--kind", "--threshold", "--against", "--format", "--strict"):
        assert word in done.stdout


# -- what models wrote, and gates that ask a model ---------------------------------------------------------------------


def test_what_generate_wrote_is_gated_and_learnt_as_it_was_written(tmp_path: Path) -> None:
    """A chat's prompt is no part of the program; the gate by perplexity reads it as the model did."""
    pytest.importorskip("torch")
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
     ("perplexity", ("--threshold", "fraction=7"), "fraction above 0")],
)  # fmt: skip
def test_bad_models_are_said(kind: str, more: tuple[str, ...], words: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = write(tmp_path / "in.jsonl", {"code": GOOD})
    done = toolkit("--kind", kind, *more, file, "--output", tmp_path / "out")
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


# -- what a hostile row costs ------------------------------------------------------------------------------------------


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
