"""Every command ends as docs/errors.md says, whatever is raised in it: one message, one exit code, a traceback for defects alone."""

import importlib
import inspect
import json
import pkgutil
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer.main

import gates
import sandbox
import toolkit
from sandbox.errors import InfrastructureError, UsageError
from tests import inside
from tests.processes import started
from toolkit.cli.main import app
from toolkit.samples.lines import Problems

ROOT = Path(__file__).parents[3]
TOOLKIT = str(Path(sys.executable).parent / "toolkit")
INSIDE = {"CodecError", "Nonconforming", "ProtocolError", "Waiting", "Failed", "Unanswered", "Gone", "BadFiles"}
"""Errors that are always caught by who calls: of a message of a box, and of a stage of `rounds` that runs elsewhere."""


def commands(group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", each) for inner, each in commands(command))
        else:
            yield name, command


GROUP: Any = typer.main.get_command(app)
COMMANDS = dict(commands(GROUP))
NAMES = list(COMMANDS)


OF_OTHERS = ("flwr", "inspect_ai")
"""Packages that adapters are written for, and which no environment of ours has to have."""


def errors() -> dict[str, type[Exception]]:
    """Every class of errors of ours, by name."""
    found: dict[str, type[Exception]] = {}
    for package in (sandbox, gates, toolkit):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.startswith("toolkit.cli.__main__"):
                continue
            try:
                loaded = importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] not in OF_OTHERS:
                    raise
                continue  # an adapter to what is not installed here
            classes = inspect.getmembers(loaded, inspect.isclass)
            own = [(name, each) for name, each in classes if each.__module__ == module.name and name[0] != "_"]
            found |= {name: each for name, each in own if issubclass(each, Exception)}
    return found


ERRORS = errors()


def of(kind: type[Exception]) -> Exception:
    """An error of a class, made as it is made."""
    if kind.__name__ == "BadInput":
        problems = Problems()
        problems.add("s.jsonl:1", "it is planted")
        return kind(problems)
    if kind.__name__ == "SettingsChanged":
        return kind("runs/x", ["seed: 1 -> 2"], "it is planted")
    if kind.__name__ == "RunFolderUnwritable":
        return kind(Path("runs/x"), OSError(28, "it is planted"))
    return kind("it is planted")


def ended(name: str, error: BaseException, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command in which `error` is raised; return its exit code, and what it wrote to standard error."""

    def planted(**_: Any) -> None:
        raise error

    with patch.multiple(COMMANDS[name], callback=planted, params=[]), pytest.raises(SystemExit) as caught:
        GROUP.main(name.split())
    out, err = capfd.readouterr()
    assert out == ""
    code = caught.value.code
    return int(code or 0), err


def test_there_are_two_kinds_of_errors() -> None:
    assert {"UsageError", "InfrastructureError", "SandboxError", "BadInput", "PoolError", "RunExists", "BadModel"} <= ERRORS.keys()
    kinds = {name: issubclass(each, UsageError) + issubclass(each, InfrastructureError) for name, each in ERRORS.items()}
    assert {name for name, n in kinds.items() if n != 1} == INSIDE


@pytest.mark.parametrize("name", NAMES)
def test_each_error_has_its_exit_code_and_one_message(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for error, kind in ERRORS.items():
        if error in INSIDE:
            continue
        code, said = ended(name, of(kind), capfd)
        assert code == (2 if issubclass(kind, UsageError) else 3), error
        assert said.startswith("toolkit: ")
        assert "it is planted" in said
        assert "Traceback" not in said
        if kind.__init__ is Exception.__init__ or error in ("GenerationFailed", "SanitizerFailed", "PoolError"):
            assert len(said.splitlines()) == 1, said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [RuntimeError("it is planted"), ValueError("it is planted"), OSError(5, "it is planted")], ids=repr)
def test_a_defect_has_a_traceback_and_says_where_to_report_it(name: str, error: Exception, capfd: pytest.CaptureFixture[str]) -> None:
    code, said = ended(name, error, capfd)
    assert code == 70
    lines = said.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == f"{type(error).__name__}: {error}"
    assert lines[-1].startswith("toolkit: this is a defect of the toolkit")
    assert "report it as an issue of exogate" in lines[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_full_temporary_folder_is_no_defect(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, said = ended(name, OSError(28, "No space left on device", "/tmp/x"), capfd)
    assert (code, len(said.splitlines())) == (3, 1)
    assert "TMPDIR" in said


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupt_is_130(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert ended(name, KeyboardInterrupt(), capfd) == (130, "")


@pytest.mark.boxes
@pytest.mark.parametrize("words", [("run", "-"), ("gate", "--kind", "tests", "--threshold", "timeout=60", "--no-cache", "-o", "kept", "s.jsonl")], ids=str)
def test_a_real_interrupt(words: tuple[str, ...], tmp_path: Path) -> None:
    program = "import time\ndef f(): return 1\ntime.sleep(60)\n"
    (tmp_path / "s.jsonl").write_text(json.dumps({"code": program, "test": "assert f() == 1"}) + "\n")
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started([TOOLKIT, *words], cwd=tmp_path, text=True, **pipes) as process:
        assert process.stdin
        if "-" in words:
            process.stdin.write(program)
        process.stdin.close()
        process.stdin = None
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert (out, "Traceback" in err) == ("", False)
    assert ("nothing was written" in err) == (words[0] == "gate")


def test_a_missing_engine_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.py").write_text("print(1)\n")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    for words in (["run", "p.py"], ["gate", "p.py"], ["images", "build"], ["validate", "humaneval"]):
        done = inside.toolkit(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1), done.stderr
        assert "make engine" in done.stderr


def test_the_page_names_every_exit_code_and_error() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    assert set(re.findall(r"(?m)^\| (\d+) \|", page)) == {"0", "1", "2", "3", "70", "130", "141"}
    assert set(re.findall(r"`(\w+)`", page)) >= ERRORS.keys() - INSIDE
