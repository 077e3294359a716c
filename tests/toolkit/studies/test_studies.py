"""Every study, on a model that knows nothing: from cells to the last line, and on after every kill."""

import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.test_formats import missing
from toolkit.errors import UsageError
from toolkit.report import study as page
from toolkit.store import stages
from toolkit.store.files import read_rows
from toolkit.studies import STUDIES, lab, plan
from toolkit.studies.run import LEDGER, PAGE, SUMMARY, TABLE, run
from toolkit.studies.settings import read

torch = pytest.importorskip("torch")
pytest.importorskip("torch_pruning")
SHORT: Mapping[str, Mapping[str, Any]] = {"pruning-fl": {"orders": "local"}, "reliability": {"planted": "0.001", "planted_n": "200"}}
NAMES = list(STUDIES)


class Killed(BaseException):
    """A process that ends here."""


def planted(self: Any, benchmark: str, _samples: Path, limit: int) -> dict[str, Any]:
    tasks, _ = self.tasks(benchmark, limit)
    return {"tasks": {task.task_id: f"{at % 2}/1" for at, task in enumerate(tasks)}, "verdicts": {}, "part": "base"}


def without_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.studies import reliability

    monkeypatch.setattr(lab.Lab, "_judge", planted)
    monkeypatch.setattr(reliability._Asked, "_judged", lambda _self, tasks, _file: {"failed": [tasks[0].task_id]})


Whole = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Give the folder and the summary of a run that nothing interrupted; each is made once."""

    @functools.cache
    def made(name: str) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path_factory.mktemp(name)
        return folder, json.loads(json.dumps(run(STUDIES[name], settings(name, folder))))

    return made


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    without_boxes(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def settings(name: str, output: Path, **more: Any) -> Any:
    study = STUDIES[name]
    return read(study.settings, study.presets, "tiny", {"output": str(output), **SHORT.get(name, {}), **more})


def lines(folder: Path) -> tuple[bytes, bytes]:
    return (folder / LEDGER).read_bytes(), (folder / TABLE).read_bytes()


def timeless(text: bytes) -> bytes:
    """Leave out what `per` measures with a clock."""
    return re.sub(rb'"(tokens_per_s|ms_per_token)": [\d.]+', b"", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_ends_with_a_verdict_and_goes_on_after_a_kill_in_every_stage(
    name: str, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, summary = whole(name)
    assert re.match("(answered|bounded|open)", summary["verdict"])
    assert all(summary[part] for part in ("question", "method", "limits", "references", "claims"))
    assert json.loads((folder / SUMMARY).read_text()) == summary
    assert (folder / PAGE).read_text().count("<figure>") == len(page.drawn(summary)) >= 1
    died = set()

    def dying(folder: Path, stage: str, inputs: Any, here: Any, act: Any) -> Any:
        def act_and_die() -> Any:
            act()
            died.add(folder / stage)
            raise Killed

        is_new = not (folder / f"{stage}.json").exists() and folder / stage not in died
        return stages.stage(folder, stage, inputs, here, act_and_die if is_new else act)

    monkeypatch.setattr(lab, "stage", dying)
    while True:
        before = len(died)
        try:
            run(STUDIES[name], settings(name, tmp_path / "killed"))
            break
        except Killed:
            assert len(died) == before + 1
    ours, theirs = lines(folder), lines(tmp_path / "killed")
    assert timeless(ours[0]) == timeless(theirs[0])
    if name != "per":
        assert ours[1] == theirs[1]
    assert len(died) > 3


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_says_cells_cost_and_what_can_be_seen(name: str, tmp_path: Path) -> None:
    for preset in STUDIES[name].presets:
        study = STUDIES[name]
        told = read(study.settings, study.presets, preset, {"output": str(tmp_path / preset)})
        found = plan.plan(study, told)
        text = plan.as_text(found)
        assert len(found["cells"]) == len(study.cells(told)) * len(told.seeds)
        assert f"{len(found['cells'])} cells" in text
        assert ("GPU-hours" in text) is (told.machine != "cpu")
        assert "* cannot see less than" in text
        assert preset != "gpu" or (0 < told.minutes < 9 and told.machine == "h200")
        assert not (tmp_path / preset).exists()


def test_a_process_that_was_killed(whole: Whole, tmp_path: Path) -> None:
    """As `kill -9` does it, in the middle of a training."""
    code = f"""
import os, signal, torch
from pathlib import Path
from toolkit.federation import loop
from tests.toolkit.studies.test_studies import planted, settings
from toolkit.studies import STUDIES, lab
from toolkit.studies.run import run
torch.set_num_threads(1)
lab.Lab._judge = planted
whole, calls = loop.one_round, []
def dying(*given, **more):
    calls.append(1)
    found = whole(*given, **more)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return found
loop.one_round = dying
run(STUDIES["pruning-fl"], settings("pruning-fl", Path({str(tmp_path / "killed")!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert done.returncode == -signal.SIGKILL
    run(STUDIES["pruning-fl"], settings("pruning-fl", tmp_path / "killed"))
    assert lines(tmp_path / "killed") == lines(whole("pruning-fl")[0])


OTHER = {"pruning-fl": {"lr": "0.01"}, "per": {"max_new_tokens": "9"}, "moe-balance": {"lr": "0.01"}, "moe-dense": {"lr": "0.01"},
         "reliability": {"planted_n": "60"}}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_other_settings_are_refused_and_say_what_differs(name: str, whole: Whole, tmp_path: Path) -> None:
    folder = shutil.copytree(whole(name)[0], tmp_path / "run")
    with pytest.raises(UsageError, match=r"the stage \S+ was made with other settings"):
        run(STUDIES[name], settings(name, folder, **OTHER[name]))
    assert lines(folder) == lines(whole(name)[0])


def test_the_ledger_says_who_took_part_and_what_was_sent(whole: Whole) -> None:
    folder = whole("pruning-fl")[0]
    rows = {row["cell"]: row["numbers"] for row in read_rows(folder / LEDGER)}
    outputs = 32 + 16 + 16 + 32 + 64 + 64 + 32  # of q, k, v, o, gate, up, down: of an adapter's B, as many rows of its rank
    sent = 2 * outputs * 2 * 4
    for name in ("s0-iid-dense", "s0-a0.5-dense"):
        assert rows[name]["taking_part"] == [[0, 1], [0, 1]]
        assert rows[name]["bytes_down"] == rows[name]["bytes_up"] == 2 * 2 * sent
    assert rows["s0-iid-dense"]["tv"] < rows["s0-a0.5-dense"]["tv"]

    def tokens(cell: str) -> int:
        files = (folder / "seed0" / cell).glob("train-*.json")
        return sum(sum(json.loads(file.read_bytes())["outputs"]["weight"]) for file in files)

    assert tokens("central-s0") == tokens("s0-iid-dense") > 0


def test_a_piece_of_a_run_ends_in_time_and_the_next_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 10**6, 20))
    monkeypatch.setattr(lab.time, "monotonic", lambda: float(next(seconds)))  # each look at the clock is 20 s after the last
    told = {"planted": "0.1,0.001,0.01", "planted_n": "50", "minutes": "0.5"}
    summary = run(STUDIES["reliability"], settings("reliability", tmp_path, **told))
    assert summary["waiting"] == ["no stage began after 0.5 minutes: the same command goes on"]
    assert [row["cell"] for row in summary["rows"]] == ["planted-0.1"]
    for _ in range(20):
        summary = run(STUDIES["reliability"], settings("reliability", tmp_path, **told))
    assert summary["waiting"] == []
    assert len(summary["rows"]) == 4


def test_every_key_of_every_file_is_on_a_page(whole: Whole) -> None:
    for name in NAMES:
        assert missing(whole(name)[0], leave="^tiny/") == {}


def test_stages_that_run_elsewhere_are_waited_for(tmp_path: Path) -> None:
    told = settings("per", tmp_path, stages="prepare,score,write,measure", children="ffn0.25")
    summary = run(STUDIES["per"], told)
    assert [line.partition("waits for")[2].strip() for line in summary["waiting"]] == [
        "the stage judge-humaneval, which does not run here"
    ] * 2
    assert {name for row in summary["rows"] for name in row["scores"]} == {"nll@humaneval"}
    assert "nll@humaneval" in summary["verdict"]
    later = run(STUDIES["per"], settings("per", tmp_path, stages="judge", children="ffn0.25"))
    assert later["waiting"] == []
    assert {name for row in later["rows"] for name in row["scores"]} == {"nll@humaneval", "pass@humaneval"}


@pytest.mark.parametrize(("name", "more", "says"), [
    ("pruning-fl", {"sparsities": "0.2"}, "sparsities: 0 is needed"),
    ("pruning-fl", {"alphas": "0.1"}, "alphas: iid is needed"),
    ("pruning-fl", {"alphas": "iid,-1"}, "'-1' is neither iid nor a number above 0"),
    ("pruning-fl", {"orders": "prune"}, "must be 'prune-fl', 'fl-prune' or 'local', not prune; did you mean 'prune-fl'?"),
    ("per", {"children": "small"}, "'small' is neither ffnSHARE"),
    ("reliability", {"planted": "0.002"}, "0.002 is not one of 0.1, 0.01"),
    ("per", {"samples": "2"}, "samples wants a temperature above 0"),
    ("per", {"colour": "red"}, "no setting is called 'colour'"),
])  # fmt: skip
def test_settings_that_cannot_be(name: str, more: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        settings(name, tmp_path, **more)


def test_no_such_preset() -> None:
    with pytest.raises(UsageError, match="presets are tiny, small, gpu, full; did you mean 'small'"):
        read(STUDIES["per"].settings, STUDIES["per"].presets, "smal", {})
