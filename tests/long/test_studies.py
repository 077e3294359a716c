"""Studies under `kill -9`, once in every stage, and in turns on two machines: minutes, so in `make check-long`."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.studies.conftest import pro, pro_files  # noqa: F401
from tests.toolkit.studies.test_studies import NAMES, lines, planted, settings, timeless, without_boxes
from toolkit.studies import STUDIES
from toolkit.studies.run import run

pytest.importorskip("torch_pruning")
pytestmark = [pytest.mark.skipif(not os.environ.get("TOOLKIT_LONG"), reason="TOOLKIT_LONG is not set"), pytest.mark.timeout(1200)]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def once(name: str, folder: Path, known: Path | None) -> None:
    """Run a study; with `known`, a whole run, die in the first stage that is not in the list of the dead."""
    import json

    import torch

    from toolkit.store import stages
    from toolkit.studies import lab, reliability
    from toolkit.studies import run as running

    torch.set_num_threads(1)
    lab.Lab._judge = planted  # type: ignore[method-assign]
    reliability._Asked._judged = lambda _self, tasks, _file: {"failed": [tasks[0].task_id]}  # type: ignore[method-assign]
    dead = folder.with_suffix(".dead")
    before = set(dead.read_text().splitlines()) if dead.exists() else set()

    def marked(what: str) -> bool:
        if known is None or what in before:
            return False
        with dead.open("a") as file:
            file.write(what + "\n")
        return True

    def stage(where: Path, what: str, inputs: Any, here: Any, act: Any) -> Any:
        file = where / f"{what}.json"
        place = str(file.relative_to(folder))

        def dying() -> Any:
            seconds = json.loads((known / place).read_bytes())["seconds"]  # type: ignore[operator]
            threading.Timer(random.Random(place).random() * seconds, die).start()
            act()
            die()

        is_last = not file.exists() and marked(place)
        return stages.stage(where, what, inputs, here, dying if is_last else act)

    writing = running.write_rows

    def write_rows(*given: Any) -> Any:
        writing(*given)
        if marked("ledger"):
            die()

    lab.stage, running.write_rows = stage, write_rows  # type: ignore[assignment]
    running.run(STUDIES[name], settings(name, folder))


def drive(name: str, folder: str) -> None:
    """Run a study whole, and again and again until nothing is left to die in; each in a process of its own."""
    import peft  # noqa: F401
    import torch_pruning  # noqa: F401
    import transformers  # noqa: F401

    whole, killed = Path(folder) / "whole", Path(folder) / "killed"
    for where, known in ((whole, None), *[(killed, whole)] * 500):
        child = os.fork()
        if not child:
            once(name, where, known)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if known and not status:
            break
        assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), status
    n = len((killed.with_suffix(".dead")).read_text().splitlines())
    print(f"{name}: killed {n} times, of {len(list(whole.rglob('*.json')))} files")


@pytest.mark.parametrize("name", NAMES)
def test_a_study_that_is_killed_in_every_stage_ends_in_the_same_bytes(name: str, tmp_path: Path) -> None:
    code = f"from tests.long.test_studies import drive; drive({name!r}, {str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
    ours, theirs = lines(tmp_path / "whole"), lines(tmp_path / "killed")
    assert timeless(ours[0]) == timeless(theirs[0])
    if name != "per":
        assert ours[1] == theirs[1]
    done = {str(file.relative_to(tmp_path / "whole")) for file in (tmp_path / "whole").glob("seed*/*/*.json")}
    assert done <= set((tmp_path / "killed.dead").read_text().splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_what_a_machine_without_boxes_wrote_is_judged_where_boxes_are(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In turns, as often as it takes; only small files travel, no weights."""
    without_boxes(monkeypatch)
    whole, there, here = (tmp_path / at for at in ("whole", "there", "here"))
    run(STUDIES[name], settings(name, whole))

    def carried(start: Path, end: Path) -> None:
        for file in (each.relative_to(start) for each in start.rglob("*.json*")):
            if file.parts[0] != "tiny" and not {"trained", "model"} & set(file.parts):
                (end / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(start / file, end / file)

    turns, waiting = 0, ["not begun"]
    while waiting and turns < 5:
        turns += 1
        run(STUDIES[name], settings(name, there, stages="prepare,train,score,write,measure"))
        carried(there, here)
        waiting = run(STUDIES[name], settings(name, here, stages="judge"))["waiting"]
        carried(here, there)
    assert not waiting
    assert turns == (3 if name == "reliability" else 1), "each batch of it needs the verdicts of the one before"
    assert not [file for file in here.rglob("*") if file.suffix in (".npz", ".safetensors")]
    assert timeless(lines(whole)[0]) == timeless(lines(here)[0])
