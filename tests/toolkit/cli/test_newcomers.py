"""What somebody meets in the first hour: files of the wrong kind, names written otherwise, paths that cannot be, packages missing."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.benchmarks.load import benchmark_named
from toolkit.errors import UsageError

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
pytestmark = pytest.mark.boxes
BOM = b"\xef\xbb\xbf"
PROGRAM = b"\n# one program\ndef f(x):\n    return [x]\n"


def toolkit(*words: object, cwd: Path, stdin: bytes = b"", **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([TOOLKIT, *map(str, words)], cwd=cwd, input=stdin, capture_output=True, timeout=120, **more)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("piped", "n", "accepted"),
    [
        (PROGRAM, 1, 1),
        (BOM + PROGRAM, 1, 1),
        (b"def f(:\n", 1, 0),
        (b'\n{"code": "x = 1"}\n{"code": "x = ("}\n', 2, 1),
        (BOM + b'{"code": "x = 1"}', 1, 1),
        (gzip.compress(b'{"code": "x = 1"}'), 1, 1),
    ],
    ids=["program", "program with a mark", "no program", "rows", "rows with a mark", "rows zipped"],
)

@pytest.mark.parametrize("named", [(), ("-",)], ids=["unnamed", "dash"])
def test_a_program_or_rows_may_be_piped_in(tmp_path: Path, piped: bytes, n: int, accepted: int, named: tuple[str, ...]) -> None:
    done = toolkit("gate", "--kind", "compile", *named, "--json", "-o", "out", cwd=tmp_path, stdin=piped)
    summary = json.loads(done.stdout)
    assert (summary["n"], summary["n_accepted"]) == (n, accepted)


def test_piped_rows_that_are_none_are_still_refused(tmp_path: Path) -> None:
    done = toolkit("gate", "--kind", "compile", cwd=tmp_path, stdin=b'{"code": \n' * 400)
    assert done.returncode == 2
    head, *lines, rest = done.stderr.splitlines()
    assert head == "toolkit: the programs cannot be used; nothing was run"
    assert (len(lines), rest) == (10, "... and 390 more")
    assert lines[0].startswith("stdin:1: malformed JSON")


def test_a_byte_order_mark_is_no_part_of_a_program(tmp_path: Path) -> None:
    folder = tmp_path / "samples" / "HumanEval_0"
    folder.mkdir(parents=True)
    toolkit("samples", "humaneval", "-o", "own.jsonl", cwd=tmp_path)
    own = json.loads((tmp_path / "own.jsonl").read_text().splitlines()[0])["solution"]
    (folder / "0.py").write_bytes(BOM + own.encode())
    (tmp_path / "more.jsonl").write_bytes(BOM + json.dumps({"task_id": "HumanEval/0", "solution": own}).encode())
    done = toolkit("eval", "humaneval", "--samples", "samples", "--limit", 1, "-o", "run", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["verdicts"] == {"passed": 1}
    assert json.loads((tmp_path / "run/samples.jsonl").read_text()) == {"task_id": "HumanEval/0", "sample_id": 0, "solution": own}
    toolkit("samples", "humaneval", "-o", "both.jsonl", "--append", "more.jsonl", cwd=tmp_path)
    assert json.loads((tmp_path / "both.jsonl").read_text().splitlines()[-1])["solution"] == own


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("HumanEval", "humaneval"), ("human-eval", "humaneval"), ("HumanEval+", "humaneval+"), ("HumanEvalPlus", "humaneval+"),
        ("human_eval_plus", "humaneval+"), ("MBPP+", "mbpp+"), ("mbppplus", "mbpp+"), ("Mbpp-Plus", "mbpp+"),
    ],
)  # fmt: skip
def test_names_of_benchmarks_as_others_write_them(said: str, name: str) -> None:
    assert benchmark_named(said).name == name


@pytest.mark.parametrize(("said", "near"), [("mbp", "mbpp"), ("mbbp+", "mbpp+"), ("humanevl", "humaneval"), ("HumanEval++", "humaneval+")])
def test_near_misses_are_told_the_name(said: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"no benchmark is called '.*; did you mean '{near.replace('+', '.')}'\?$"):
        benchmark_named(said)
    with pytest.raises(UsageError, match=r"mbpp-sanitized$"):
        benchmark_named("apps")


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "humaneval", "--samples", "own.jsonl", "-o", "file"),
        ("eval", "humaneval", "--samples", "own.jsonl", "-o", "file/run", "--overwrite"),
        ("gate", "--kind", "none", "own.jsonl", "-o", "file", "--overwrite"),
        ("gate", "--kind", "none", "own.jsonl", "-o", "file/kept"),
        ("generate", "humaneval", "--model", "own.jsonl", "-o", "file/own.jsonl"),
        ("samples", "humaneval", "-o", "file/own.jsonl"),
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_a_file_in_place_of_a_folder(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("mine")
    toolkit("samples", "humaneval", "-o", "own.jsonl", cwd=tmp_path)
    done = toolkit(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(": file is a file, not a folder; choose another --output\n")
    assert (tmp_path / "file").read_text() == "mine"


def test_samples_names_no_file_but_those_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-4])
    for words, code, said in (
        (("-o", "folder"), 2, "--output folder is a folder, and a file is to be written; name a file in it"),
        (("-o", "/proc/own.jsonl"), 3, "/proc/own.jsonl: No such file or directory"),
        (("-o", "own.jsonl", "--append", "no.jsonl"), 2, "--append no.jsonl: No such file or directory"),
        (("-o", "own.jsonl", "--append", "folder"), 2, "--append folder: Is a directory"),
        (("-o", "own.jsonl", "--append", "broken.jsonl.gz"), 2, "--append broken.jsonl.gz: Compressed file ended before"),
    ):
        done = toolkit("samples", "humaneval", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith(f"toolkit: {said}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.jsonl.gz", "folder"]


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("torch", ("generate", "humaneval", "-o", "out.jsonl", "--model", "x.gguf")),
        ("transformers", ("eval", "humaneval", "--model", "smollm2", "--limit", "1")),
        ("httpx", ("generate", "humaneval", "-o", "out.jsonl", "--base-url", "http://localhost:1/v1")),
        ("tenacity", ("generate", "humaneval", "-o", "out.jsonl", "--base-url", "http://localhost:1/v1")),
        ("accelerate", ("train", "rows.jsonl", "-o", "out")),
        ("torch", ("gate", "rows.jsonl", "--kind", "perplexity")),
    ],
)
def test_a_package_that_models_need(tmp_path: Path, package: str, words: tuple[str, ...]) -> None:
    (tmp_path / "x.gguf").touch()
    (tmp_path / "rows.jsonl").write_text('{"code": "x = 1"}\n')
    hidden = f"import sys; sys.modules[{package!r}] = None; from toolkit.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", hidden, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith('; models and endpoints need more packages: pip install "exogate[train]"\n')
    assert package in done.stderr


def test_a_program_over_its_memory_is_said_to_be(tmp_path: Path) -> None:
    for mib, said in ((40, "exited 0 · "), (150, "memory_exceeded · "), (400, "memory_exceeded · ")):
        done = toolkit("run", "--memory", 100, "-", cwd=tmp_path, stdin=b"x = bytearray(%d << 20)\n" % mib)
        assert done.stderr.startswith(said)
        assert (" of 100 MiB" in done.stderr) == (mib > 100)


def test_a_file_called_stdin_is_a_file(tmp_path: Path) -> None:
    done = toolkit("gate", "--kind", "none", "stdin", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "stdin: No such file or directory")


def test_nothing_of_piped_input_stays(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    toolkit("gate", "--kind", "none", "-o", "out", cwd=tmp_path, stdin=PROGRAM, env=os.environ | {"TMPDIR": str(tmp_path / "tmp")})
    assert not list((tmp_path / "tmp").iterdir())
    assert json.loads((tmp_path / "out/accepted.jsonl").read_text())["code"] == PROGRAM.decode()
