"""Rounds: stages that are done once, what their ledgers say, and who gets into the training data."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Sandbox
from tests.toolkit.rounds.planted import ITEMS, Planted, Policy, right, settings
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import run as rounds
from toolkit.rounds.machine import Machine
from toolkit.store.files import SettingsChanged, read_rows
from toolkit.store.stages import Waiting, stage


def test_a_stage_is_done_once_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    did = []

    def act() -> dict[str, Any]:
        did.append(1)
        return {"n": len(did)}

    for _ in range(2):
        assert stage(tmp_path, "gate-0", {"a": 1}, ("gate",), act) == {"n": 1}
    with pytest.raises(SettingsChanged, match=r"a: 1 -> 2"):
        stage(tmp_path, "gate-0", {"a": 2}, ("gate",), act)
    with pytest.raises(Waiting, match="train"):
        stage(tmp_path, "train", {}, ("gate",), act)
    (tmp_path / "gate-0.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        stage(tmp_path, "gate-0", {"a": 1}, ("gate",), act)


def test_a_degenerate_policy_is_a_rubber_stamp(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """Each round answers more prompts with one program that compiles and is wrong, and fewer with text that may be right."""

    def policy(task: Task, number: int, i: int) -> str:
        if task.task_id.startswith("HumanEval"):
            from toolkit.benchmarks import BENCHMARKS, Options

            known = BENCHMARKS["humaneval"].load(Options()).tasks[task.task_id]
            return known.prompt + known.canonical_solution if i >= 4 * number else "def g():\n    return 0\n"
        return "def g():\n    return 0\n" if i % 4 < number + 1 else "def g(:\n"

    planted(policy)
    summary = rounds.run(settings(tmp_path, regimes=("compile", "tests"), rounds=3, accept=16, limit=12))
    cell = {cell["regime"]: cell for cell in summary["cells"]}["compile"]
    rows = [row for row in summary["rows"] if row["regime"] == "compile" and row["round"]]
    assert [row["acceptance_mass"] for row in rows] == [0.25, 0.5, 0.75]
    assert [row["scores"]["humaneval"]["value"] for row in rows] == [pytest.approx(x) for x in (2 / 3, 1 / 3, 0)]
    assert (cell["acceptance_trend"], cell["score_trend"], cell["retention"]) == (1.0, -1.0, 0.0)
    stamps = {stamp["regime"]: stamp["says"] for stamp in summary["rubber_stamps"]}
    assert stamps == {"compile": "shown", "tests": "stopped: nothing was accepted"}
    assert rows[-1]["accepted_runs"]["strict"] == 0.0, "no accepted program passes its tests"
    assert rows[-1]["texts"]["unique"] < 0.2
    stopped = next(row for row in summary["rows"] if row["regime"] == "tests" and row["round"] == 1)
    assert stopped["stopped"] == "nothing was accepted"
    assert (tmp_path / "run" / "report.html").read_text().count("<svg") >= 3, "too few words for distinct n-grams"


FORGERIES = [
    "import sys\nsys.exit(0)\n",
    "import os\nos._exit(0)\n",
    "class T:\n    def __eq__(self, other): return True\ndef {name}(x):\n    return T()\n",
    "print('1 passed')\ndef {name}(x):\n    return None\n",
    "import builtins\nbuiltins.AssertionError = Exception\ndef {name}(x):\n    raise SystemExit(0)\n",
    "def {name}(x):\n    import os\n    os.write(4, b'D\\0\\0\\0\\0')\n    return x\n",
]


def test_forged_programs_never_enter_training_through_tests(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    def policy(task: Task, number: int, i: int) -> str:
        return right(task, number, i) if i % 8 == 7 else FORGERIES[i % 6].format(name=task.entry_point)

    planted(policy)
    rounds.run(settings(tmp_path, regimes=("tests",), rounds=1, accept=16))
    rows = read_rows(tmp_path / "run" / "seed0" / "tests" / "round1" / "train.jsonl")
    assert len(rows) == 2
    assert all("return x + " in row["completion"] for row in rows)


def test_a_run_goes_on_where_it_was_and_ends_the_same(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(right)
    asked = settings(tmp_path, regimes=("none", "compile"), rounds=2, seeds=(0, 1))
    first = rounds.run(asked)["rows"]
    n_generated, n_trained = Planted.n_generated, Planted.n_trained
    assert n_trained == 8
    again = rounds.run(asked)
    assert (Planted.n_generated, Planted.n_trained) == (n_generated, n_trained)
    assert again["rows"] == first
    texts = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.jsonl")}
    for i, name in enumerate(("generate-0", "gate-0", "train", "write-humaneval", "judge-humaneval", "measure")):
        (tmp_path / "run/seed1/compile/round2" / f"{name}.json").unlink()  # as a process that was killed in this stage leaves it
        rows = rounds.run(asked)["rows"]
        assert [row | {"spent": 0} for row in rows] == [row | {"spent": 0} for row in first], name
        assert (Planted.n_generated, Planted.n_trained) == (n_generated + 1 + (i > 2), n_trained + (i > 1)), name
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.jsonl")} == texts
    with pytest.raises(SettingsChanged, match="steps"):
        rounds.run(settings(tmp_path, regimes=("none", "compile"), rounds=2, seeds=(0, 1), steps=51))


def test_only_the_rounds_that_are_named_are_scored(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    planted(right)
    asked = settings(tmp_path, regimes=("compile",), rounds=3, scored=(1, 3), keep_weights="none")
    summary = rounds.run(asked)
    assert [row["round"] for row in summary["rows"] if row["scores"]] == [0, 1, 3]
    assert [row["round"] for row in summary["rows"]] == [0, 1, 2, 3], "the others have their ledgers"
    assert {row["round"] for row in read_rows(tmp_path / "run" / "verdicts.jsonl")} == {0, 1, 3}
    assert [row["round"] for row in summary["comparisons"]] == [3]
    cell = tmp_path / "run" / "seed0" / "compile"
    assert not (cell / "round2" / "write-humaneval.json").exists()


def test_stages_may_run_on_several_machines(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(right)
    boxes = Machine.sandbox

    def only_here(machine: Machine) -> Sandbox:
        assert "judge" in machine.settings.stages, "no boxes there"
        return boxes(machine)

    monkeypatch.setattr(Planted, "sandbox", only_here)
    here, there = ("pool", "gate", "judge", "measure"), ("generate", "train", "write")
    for stages in itertools.islice(itertools.cycle((here, there)), 24):
        summary = rounds.run(settings(tmp_path, stages=stages, rounds=2, anchors=0.2, probe=2))
        if not summary["waiting"]:
            break
    assert [row["round"] for row in summary["rows"]] == [0, 1, 2]


@pytest.mark.parametrize(("data", "more", "n"), [("replace", {}, 8), ("accumulate", {}, 16), ("mixed", {"human": 0.5}, 16),
                                                 ("replace", {"anchors": 0.2}, 10)])  # fmt: skip
def test_data_policies(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], data: str, more: dict[str, Any], n: int
) -> None:
    planted(right)
    rounds.run(settings(tmp_path, data=data, rounds=2, **more))
    folder = tmp_path / "run" / "seed0" / "none"
    last = read_rows(folder / "round2" / "train.jsonl")
    assert len(last) == n
    if "anchors" in more:
        before = read_rows(folder / "round1" / "train.jsonl")
        assert not {row["task_id"] for row in before[8:]} & {row["task_id"] for row in last[8:]}, "no anchor is used twice"


def test_anchors_are_verified_and_used_once(engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]) -> None:
    planted(right)
    items = [item if i % 5 == 0 else item | {"solution": "    return -1\n"} for i, item in enumerate(ITEMS)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    rounds.run(settings(tmp_path, anchors=0.2, rounds=2, held_out=0.0))
    people = []
    for number in (1, 2):
        rows = read_rows(tmp_path / "run" / "seed0" / "none" / f"round{number}" / "train.jsonl")
        people += [row for row in rows if row["human"]]
    assert len({row["task_id"] for row in people}) == len(people) == 4
    assert all("return x + " in row["completion"] for row in people)
    with pytest.raises(UsageError, match="6 human programs that run are too few"):
        rounds.run(settings(tmp_path, anchors=0.2, rounds=4, held_out=0.0, output=tmp_path / "longer"))


def test_held_out_prompts_show_whether_a_gate_tells_answers_apart(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """To `compile` all answers of this policy are the same, `tests` lets half of them pass."""

    def policy(task: Task, number: int, i: int) -> str:
        return right(task, number, i) if i % 2 else f"def {task.entry_point}(x):\n    return -1\n"

    planted(policy)
    asked = settings(tmp_path, regimes=("compile", "tests"), rounds=1, held_out=0.5, probe=5, probe_samples=4)
    found = {row["regime"]: row["held_out"] for row in rounds.run(asked)["rows"] if row["round"]}
    assert [found["compile"][name] for name in ("prompts", "answers", "agrees", "same_decision", "ran")] == [5, 20, None, 1.0, 0.5]
    assert (found["compile"]["variance"]["value"], found["tests"]["variance"]["value"]) == (0.0, 0.3333)
    assert (found["tests"]["accepted"], found["tests"]["agrees"]["value"], found["tests"]["gates"]["tests"]["auc"]["value"]) == (0.5, 1.0, 1.0)
    folder = tmp_path / "run" / "seed0" / "tests" / "round1"
    learnt = {row["task_id"] for row in read_rows(folder / "train.jsonl")}
    assert learnt
    assert not learnt & {row["task_id"] for row in read_rows(folder / "held-out.jsonl")}


def test_what_the_pool_lacks_is_said_before_anything_is_generated(tmp_path: Path, planted: Callable[[Policy], None]) -> None:
    planted(right)
    with pytest.raises(UsageError, match="probe wants 99 held-out prompts, and the pool has"):
        rounds.run(settings(tmp_path, held_out=0.5, probe=99))
    (tmp_path / "prose.jsonl").write_text('{"prompt": "Say x."}\n')
    with pytest.raises(UsageError, match="needs human programs"):
        rounds.run(settings(tmp_path, pool=str(tmp_path / "prose.jsonl"), data="mixed", held_out=0.0, output=tmp_path / "more"))
    assert not list(tmp_path.glob("*/seed*"))


@pytest.mark.boxes
@pytest.mark.models
def test_the_preset_small_in_a_smaller_form(tmp_path: Path) -> None:
    """The default model writes, is trained on what the gates accepted, and is judged: every stage is the real one."""
    flags = {
        "regimes": "none,compile", "rounds": 1, "accept": 2, "budget": 8, "max-new-tokens": 48, "steps": 1, "batch-size": 2,
        "sequence": 128, "limit": 2, "eval-tokens": 32, "measured": 4, "unfinished": "open", "output": tmp_path / "run",
    }  # fmt: skip
    command = [sys.executable, "-m", "toolkit.cli", "rounds", "small"]
    command += [str(word) for name, value in flags.items() for word in (f"--{name}", value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for regime in ("none", "compile"):
        folder = tmp_path / "run" / "seed0" / regime / "round1"
        found = json.loads((folder / "measure.json").read_text())
        assert found, folder
        assert list(folder.glob("run-humaneval/results.jsonl"))
    assert "seed 0 none round 1: accepted 2 of" in done.stdout
    assert re.search(r"stages took \d+ s, those in boxes \d+ s = ", done.stdout)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.stdout == done.stdout
