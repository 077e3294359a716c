"""`toolkit eval --samples -`: read to its end, kept in the run folder, and gone on with from there."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.cli import options

pytestmark = pytest.mark.boxes

TOOLKIT = str(Path(sys.executable).with_name("toolkit"))
TASKS = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:2]
ROWS = [{"task_id": task.task_id, "solution": task.prompt + task.canonical_solution} for task in TASKS]


def ended(command: list[str], stdin: bytes = b"", **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120, **more)  # type: ignore[call-overload]


def test_samples_from_a_pipe_are_kept_and_gone_on_with(tmp_path: Path) -> None:
    given = json.dumps([*ROWS, ROWS[0] | {"solution": "import time\ntime.sleep(2)\n" + ROWS[0]["solution"]}]).encode()
    command = [TOOLKIT, "eval", "humaneval", "--samples", "-", "--id-range", "0-1", "--timeout", "20", "--no-cache", "-p", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdin
        process.stdin.write(given)
        process.stdin.close()
        process.stdin = None
        while process.poll() is None and not list(tmp_path.glob("runs/*/results.jsonl")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    (folder,) = tmp_path.glob("runs/humaneval-*")
    assert (folder / "stdin.jsonl").read_bytes() == given
    (line,) = (line for line in told.decode().splitlines() if "go on with: " in line)
    words = shlex.split(line.partition("go on with: ")[2])
    assert words[words.index("--samples") + 1] == str(folder.relative_to(tmp_path) / "stdin.jsonl")
    done = ended([TOOLKIT, *words[1:]], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = ended([*command, "-o", "whole", "--json"], given, cwd=tmp_path)
    assert json.loads(again.stdout)["folder"] == "whole"
    assert (folder / "results.jsonl").read_bytes() == (tmp_path / "whole" / "results.jsonl").read_bytes()
    assert json.loads((folder / "run.json").read_text())["settings"]["samples"] == "-"
    shown = ended([TOOLKIT, "show", str(folder), "1"])
    assert shown.stdout.decode().startswith("HumanEval/1 · sample 0 · passed\n\nfrom typing import List")


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (b"", "stdin: empty"), (b"\n3\n", "stdin:2: not an object but int"), (b"[3]", "stdin:1: not an object but int"),
        (json.dumps(ROWS[0]).encode(), "stdin: 163 of 164 tasks have no sample"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_of_stdin(tmp_path: Path, stdin: bytes, told: str) -> None:
    done = ended([TOOLKIT, "eval", "humaneval", "--samples", "-"], stdin, cwd=tmp_path)
    assert (done.returncode, told in done.stderr.decode()) == (2, True), done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_stream_without_end_is_given_up(tmp_path: Path) -> None:
    code = "import toolkit.samples.rows as rows, toolkit.cli.main as cli; rows.MAX_STDIN = 3 << 20; cli.main()"
    done = ended([sys.executable, "-c", code, "eval", "humaneval", "--samples", "-"], b"{}\n" * (2 << 20), cwd=tmp_path)
    assert done.returncode == 2
    assert b"standard input has more than 3,145,728 bytes" in done.stderr


def test_the_command_to_go_on_with_names_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("--samples -", "--samples=-"):
        monkeypatch.setattr(sys, "argv", ["toolkit", "eval", "b", *given.split(), "-o", "r"])
        said = options.again("--output r", "--resume", instead={"-": "r/stdin.jsonl"})
        assert said.replace("=", " ") == "toolkit eval b --samples r/stdin.jsonl -o r --resume"
