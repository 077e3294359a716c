"""Flags: those of every command, those of other tools, and what is printed where the terminal is poor; no box runs here."""

import os
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests import inside
from toolkit.cli.main import OF_OTHERS
from toolkit.cli.options import again

TOOLKIT = str(Path(sys.executable).parent / "toolkit")


def toolkit(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLKIT, *map(str, words)], capture_output=True, text=True, env=os.environ | environment, timeout=60)


def test_version() -> None:
    assert toolkit("--version").stdout == f"exogate {metadata.version('exogate')}\n"


@pytest.mark.parametrize("flag", OF_OTHERS)
def test_flags_of_other_tools_are_answered_with_ours(flag: str) -> None:
    done = inside.toolkit("eval", "humaneval", flag, "1")
    assert done.returncode == 2
    assert done.stderr == f"toolkit: no such option: {flag}; here: {OF_OTHERS[flag]}\n"


@pytest.mark.parametrize("words", [("eval", "humaneval"), ("gate",), ("validate", "humaneval")], ids=" ".join)
def test_nothing_at_a_time_is_refused(words: tuple[str, ...]) -> None:
    done = inside.toolkit(*words, "-p", 0)
    assert done.returncode == 2
    assert "'-p'" in done.stderr


@pytest.mark.boxes
def test_a_terminal_that_knows_ascii_alone(tmp_path: Path) -> None:
    done = toolkit("eval", "humaneval", "--samples", tmp_path / "é█·😀.jsonl", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "\\xe9#-\\U0001f600.jsonl" in done.stderr


def test_the_command_to_go_on_with_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/toolkit", "eval", "humaneval", "--samples", "my samples.jsonl", "--resume"])
    assert shlex.split(again("--output 'a b'", "--resume")) == [
        "toolkit", "eval", "humaneval", "--samples", "my samples.jsonl", "--resume", "--output", "a b"
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["toolkit", "eval", "humaneval", "-o", "a"])
    assert again("--output a", "--resume") == "toolkit eval humaneval -o a --resume"


@pytest.mark.parametrize("name", ["sandbox", "gates", "images"])
def test_another_package_of_the_name_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    said = f"Python finds the package {name} at {tmp_path}; give exogate an environment of its own, or take that off the path\n"
    done = toolkit("--version", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (2, f"toolkit: {said}")
    code = [sys.executable, "-c", "import toolkit; toolkit.gate"]
    done = subprocess.run(code, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (f"ImportError: {said}" in done.stderr) is (name != "images")  # which only the command line needs
