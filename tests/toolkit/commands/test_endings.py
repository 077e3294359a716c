"""How commands end: defects, lost boxes, full disks; no box runs here."""

import contextlib
import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from gates import Report, Solution
from gates.repetition import Repetition
from tests.toolkit.commands import believed
from tests.toolkit.commands.believed import HALF, ROOT, run, summary, write
from toolkit.api.gating import gate as gate_programs
from toolkit.cli import main as cli
from toolkit.commands import evaluate
from toolkit.commands import gate as gating
from toolkit.errors import InfrastructureError, UsageError
from toolkit.records import Result, Sample
from toolkit.store.cache import VerdictCache

pytestmark = pytest.mark.usefixtures("judge")


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
        pytest.param("sandbox.recipes.build", ["images", "build"], marks=pytest.mark.boxes),
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


GATED = ["x = 1", "def f(): return 1", "y = 2"]


def gated(tmp_path: Path, *words: str) -> tuple[int, str, dict[str, Any], int]:
    """Gate three programs; returns the exit code, standard error, the summary, and how many rows were written."""
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"code": code}) + "\n" for code in GATED))
    gate = ["gate", "--kind", "repetition", "--threshold", "tokens=1", str(file), "--json", "--overwrite", "-o", "out", *words]
    done = CliRunner(env={"TOOLKIT_CACHE": str(tmp_path / "cache")}).invoke(cli.app, gate)
    n_rows = sum(len(Path("out", name).read_text().splitlines()) for name in ("accepted.jsonl", "rejected.jsonl"))
    return done.exit_code, done.stderr, json.loads(done.stdout), n_rows


@pytest.mark.parametrize("name", ["get", "put"])
def test_a_cache_that_breaks_costs_gates_nothing_and_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setattr(VerdictCache, name, failing(KeyError("planted")))
    code, err, found, n_rows = gated(tmp_path)
    assert (code, n_rows, found["n_accepted"], found["n_defects"]) == (70, 3, 3, 0)
    assert found["warnings"] == ["a defect of the toolkit, which cost no program but those that are marked our-defect: KeyError: 'planted'"]
    assert err.count("Traceback") == 1
    assert err.count("warning: a defect of the toolkit") == 1
    assert "every program was judged, in spite of a defect of the toolkit" in err
    monkeypatch.setattr(VerdictCache, name, failing(OSError(errno.EIO, "planted")))
    code, err, found, n_rows = gated(tmp_path)
    assert (code, n_rows, found["n_accepted"], found["warnings"]) == (0, 3, 3, [])


def test_a_damaged_cache_counts_as_empty(tmp_path: Path) -> None:
    assert gated(tmp_path)[2]["n_known"] == 0
    assert gated(tmp_path)[2]["n_known"] == 3
    for value in ("3", "[1]", '"x"', "nothing", "[" * 100_000, "null", "{}"):
        with contextlib.closing(sqlite3.connect(tmp_path / "cache" / "verdicts.sqlite", isolation_level=None)) as database:
            database.execute("UPDATE verdicts SET value = ?", (value,))
        code, err, found, n_rows = gated(tmp_path)
        assert (code, n_rows, found["n_accepted"], found["warnings"]) == (0, 3, 3, []), err


def test_a_program_that_a_gate_fails_on_is_told_with_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = Repetition._check

    def check(self: Repetition, solution: Solution) -> Report:
        if solution.code.strip() == GATED[1]:
            raise KeyError("planted")
        return real(self, solution)

    monkeypatch.setattr(Repetition, "_check", check)
    code, err, found, n_rows = gated(tmp_path)
    assert (code, n_rows, found["n_accepted"], found["n_defects"]) == (70, 3, 2, 1)
    assert [it["symbol"] for it in found["reasons"]] == ["our-defect"]
    assert "1 programs could not be judged" in err
    assert "Traceback" in err
    monkeypatch.setattr("toolkit.api.gating.open_engine", lambda _: SimpleNamespace(close=lambda: None))
    with pytest.warns(RuntimeWarning, match="a defect of the toolkit.*KeyError: 'planted'"):
        decisions = gate_programs("repetition", GATED, thresholds={"tokens": 1}, use_cache=False)
    assert [decision.accepted for decision in decisions] == [True, False, True]


def test_validate_ends_with_the_code_of_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(sample: Sample) -> Result:
        return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error="defect: KeyError")

    monkeypatch.setattr(believed, "judged", judged)
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
