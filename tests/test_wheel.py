"""The wheel, in a fresh environment without a checkout, with the light list of dependencies: it finds all that it needs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.boxes
MOST_BYTES = 400 << 20


def run(*words: object, cwd: Path, **more: Any) -> str:
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment with the wheel; the folder where it was built is gone."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file() and name.partition("/")[0] not in ("tests", "experiments"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    shutil.rmtree(source)
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    (wheel,) = folder.glob("exogate-*.whl")
    run(folder / "env/bin/pip", "install", "--quiet", "--no-deps", "-c", ROOT / "scripts/constraints.txt", "-r", ROOT / "scripts/light.txt", wheel, cwd=folder)
    yield folder
    shutil.rmtree(folder)


def test_it_judges(installed: Path) -> None:
    toolkit = installed / "env/bin/toolkit"
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    assert "eval" in run(toolkit, "--help", cwd=installed, env=plain)
    assert "exogate-run" in run(toolkit, "images", "build", cwd=installed, env=plain)
    assert json.loads(run(toolkit, "doctor", "--json", cwd=installed, env=plain))["checks"]
    run(toolkit, "samples", "humaneval", "-o", "samples.jsonl", "--append", ROOT / "examples/broken.jsonl", cwd=installed, env=plain)
    rows = [json.loads(line) for line in (installed / "samples.jsonl").read_text().splitlines()]
    five = [row for row in rows if row["task_id"] in ("HumanEval/0", "HumanEval/1", "HumanEval/2", "HumanEval/3")][:5]
    (installed / "five.jsonl").write_text("".join(json.dumps(row) + "\n" for row in five))
    words = ("eval", "humaneval", "--samples", "five.jsonl", "--allow-missing", "--no-cache", "-o", "run", "--json")
    summary = json.loads(run(toolkit, *words, cwd=installed, env=plain))
    assert summary["verdicts"]["passed"] == 4
    assert summary["n_scored"] == len(five) == 5
    gated = json.loads(run(toolkit, "gate", "--kind", "compile+quality", "five.jsonl", "-o", "kept", "--json", cwd=installed, env=plain))
    assert gated["n_accepted"] == 4


def test_it_is_light(installed: Path) -> None:
    size = sum(path.stat().st_size for path in (installed / "env").rglob("*") if path.is_file() and not path.is_symlink())
    assert size < MOST_BYTES, f"{size >> 20} MiB"
