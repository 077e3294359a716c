"""What `toolkit gate` reads: files, folders, standard input, bad lines, links."""

import contextlib
import gzip
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processes import peak_rss_kib
from tests.toolkit.cli.gated import BAD, GOOD, NEVER_WRITE, TOOLKIT, rows, toolkit, write
from toolkit.samples.lines import Problems
from toolkit.samples.rows import ADDED, given, sources

pytestmark = pytest.mark.boxes


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


def test_a_number_that_cannot_be_computed_with_is_a_bad_line() -> None:
    problems = Problems()
    assert not list(given([{"code": "", "n_tokens": 10**400}, {"code": "", "task_id": "a", "sample_id": -(10**400)}], problems))
    assert [problem.partition(": ")[2].partition(" of more")[0] for problem in problems] == ["n_tokens is a whole number", "sample_id is a whole number"]


def test_a_folder_may_be_deeper_than_calls_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    Path("deep.py").touch()
    os.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        (found,) = sources([str(tmp_path)], stack)
    assert found.path == tmp_path / ("d/" * 1200) / "deep.py"
    os.chdir("d/" * 1200)
    os.unlink("deep.py")
    for _ in range(1200):
        os.chdir("..")
        os.rmdir("d")


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
