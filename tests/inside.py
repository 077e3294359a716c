"""The command line in the test's own process, where a process of its own is not the point: that costs half a second each time."""

import contextlib
import subprocess
import sys
import traceback
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from toolkit.cli.main import app


def toolkit(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = ["toolkit", *map(str, words)]
    with contextlib.chdir(cwd or "."), mock.patch.object(sys, "argv", command):
        done = CliRunner().invoke(app, command[1:])
    if done.exc_info and not isinstance(done.exception, SystemExit | None):
        traceback.print_exception(done.exception)
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)
