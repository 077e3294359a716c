"""A built benchmark is used: what a model loses from the base slice to it is reported with its interval."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.commands.build_pro import Settings, build

SCRIPT = Path(__file__).parents[3] / "experiments" / "built_drop.py"
N = 4


@pytest.mark.boxes
def test_the_drop_from_a_slice_to_what_is_built_on_it(tmp_path: Path) -> None:
    (log,) = build(Settings(base="humaneval", output=tmp_path / "out/build", limit=N))
    assert log["kept"] == N
    built = BENCHMARKS["humaneval-pro"].load(Options(data=tmp_path / "out/build/built.jsonl")).tasks.values()
    base = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:N]
    rows = [(task, task.prompt + task.canonical_solution) for task in base]
    rows += [(task, task.prompt + task.canonical_solution if n < 2 else "def nothing(): pass\n") for n, task in enumerate(built)]
    replayed = tmp_path / "model.jsonl"
    replayed.write_text("".join(json.dumps({"task_id": task.task_id, "solution": text}) + "\n" for task, text in rows))
    words = [str(tmp_path / "out"), "--limit", str(N), "--model", str(replayed), "--timeout", "5"]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert again.stdout == done.stdout, again.stderr
    first, solved, drop = done.stdout.splitlines()
    assert first.startswith(f"built: {N} of {N} tasks")
    assert solved == f"solved of {N} tasks: base 100.0%, built 50.0%; " + str({"both": 2.0, "base_only": 2.0, "pro_only": 0.0, "neither": 0.0})
    assert drop == "drop: -50.0 points (95 % interval -93.4 to +25.9), p = 0.500"
