"""What a run leaves for a reader who does not believe it: verdicts by task, p-values made again, and who judged whose text."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sandbox import DockerEngine
from tests.toolkit.rounds.planted import Planted, Policy, settings
from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import run as rounds
from toolkit.rounds.machine import Weights
from toolkit.rounds.verdicts import FILE, recompute
from toolkit.store.files import read_rows, write_rows

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


def policy(task: Task, number: int, i: int) -> str:
    """Answer all tasks of the benchmark before the first round, and one fewer in each round."""
    from toolkit.benchmarks import BENCHMARKS, Options

    if not task.task_id.startswith("HumanEval"):
        return "def g():\n    return 0\n" if i % 4 <= number else "def g(:\n"
    known = BENCHMARKS["humaneval"].load(Options()).tasks[task.task_id]
    return known.prompt + known.canonical_solution if i >= number else "def g():\n    return 0\n"


def test_every_p_value_can_be_made_again_from_the_folder(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    planted(policy)
    summary = rounds.run(settings(tmp_path, regimes=("compile",), rounds=2, seeds=(0, 1), accept=16))
    folder = tmp_path / "run"
    lines = read_rows(folder / FILE)
    assert [(row["regime"], row["seed"], row["round"]) for row in lines] == [
        ("base", 0, 0), ("compile", 0, 1), ("compile", 0, 2), ("base", 1, 0), ("compile", 1, 1), ("compile", 1, 2)
    ]  # fmt: skip
    assert lines[2]["tasks"] == {"HumanEval/0": [0, 1], "HumanEval/1": [0, 1], "HumanEval/2": [1, 1]}
    again = recompute([folder])
    assert again == json.loads(json.dumps({name: summary[name] for name in ("comparisons", "rises", "rubber_stamps")}))
    (row,) = again["comparisons"]
    assert (row["a"], row["b"], row["round"], row["seeds"], row["tasks"]) == ("compile", "base", 2, 2, 3)
    assert (row["difference"], row["p_tasks"], row["p_seeds"]) == (pytest.approx(-2 / 3), 0.5, None)
    for part in ("seed0", "seed1"):  # a committed folder has no answers and no run folders
        assert (folder / part).exists()
    said = CliRunner().invoke(cli.app, ["rounds", "--compare", str(folder)])
    assert said.exit_code == 0
    assert "humaneval, compile in round 2 against base: -66.7 points" in said.stdout
    assert "over seeds: nothing can be said with 2, which do not differ" in said.stdout
    assert "rubber stamp, compile on humaneval: not shown: acceptance +25.0 points" in said.stdout
    as_json = CliRunner().invoke(cli.app, ["rounds", "--compare", str(folder), "--json"])
    assert json.loads(as_json.stdout) == again
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", summary["date"])


def finished(folder: Path, seed: int, **more: Any) -> Path:
    """Write what `--compare` reads of a run."""
    tasks = {f"t{i}": [i % 2, 1] for i in range(20)}
    folder.mkdir()
    about = {"settings": {"steps": 4, "seeds": [seed], **more}, "rows": []}
    (folder / "summary.json").write_text(json.dumps(about))
    write_rows(folder / FILE, [{"regime": regime, "seed": seed, "round": number, "benchmark": "b", "tasks": tasks}
                               for regime, number in (("base", 0), ("none", 1))])  # fmt: skip
    return folder


def test_seeds_of_several_folders_are_taken_together(tmp_path: Path) -> None:
    folders = [finished(tmp_path / f"run{seed}", seed) for seed in range(3)]
    (row,) = recompute(folders)["comparisons"]
    assert (row["seeds"], row["tasks"]) == (3, 20)


def test_folders_that_do_not_go_together_are_refused_in_a_line(tmp_path: Path) -> None:
    one = finished(tmp_path / "one", 0)
    with pytest.raises(UsageError, match="regime none, seed 0 is in an earlier folder too"):
        recompute([one, finished(tmp_path / "same", 0)])
    with pytest.raises(UsageError, match="steps: 4 -> 5"):
        recompute([one, finished(tmp_path / "other", 1, steps=5)])
    with pytest.raises(UsageError, match="--compare wants the folder of a toolkit rounds run"):
        recompute([tmp_path])
    (one / FILE).write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        recompute([one])
    (one / FILE).write_text("[]\n")
    with pytest.raises(UsageError, match="is not as toolkit rounds writes it"):
        recompute([one])


def test_a_run_from_before_is_refused_in_a_line() -> None:
    said = CliRunner().invoke(cli.app, ["rounds", "--compare", str(EXPERIMENTS / "mbpp-cpu")])
    assert said.exit_code == 2
    assert re.fullmatch(r"toolkit: .*made before verdicts by task were kept.*--output\n", said.stderr)


class Opinionated:
    """Likes long programs, the more the later the round whose model it is."""

    def __init__(self, number: int) -> None:
        self.number, self.identity = number, f"of round {number}"

    def __repr__(self) -> str:
        return self.identity

    def next_logits(self, texts: list[str], *_: Any, **__: Any) -> list[tuple[float, float]]:
        return [(len(text.strip()) - len("x = ") + 3.0 * self.number, 20.0) for text in texts]


def test_drift_of_opinion_and_of_text_are_told_apart(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts have 1 to 16 characters in round 1, two more in round 2, and the model of round 2 sees three more than there are."""
    def given(_machine: Planted, _kind: str, weights: Weights, _seed: int) -> dict[str, object]:
        return {"model": Opinionated(int(weights.model or 0))}

    monkeypatch.setattr(Planted, "given", given)
    planted(lambda _task, number, i: f"x = {'1' * (2 * number + i % 16 + 1)}\n")
    for freeze in (False, True):
        asked = settings(tmp_path, regimes=("self-score", "compile"), rounds=2, freeze=freeze, accept=4, output=tmp_path / f"{freeze}")
        rows = {(row["regime"], row["round"]): row for row in rounds.run(asked)["rows"]}
        found = rows["self-score", 2]["opinion"]
        assert {name: told["accepted"]["value"] for name, told in found.items()} == {
            "first_of_first": 0.25, "first_of_now": 6 / 16, "now_of_first": round(7 / 16, 4), "now_of_now": round(9 / 16, 4)
        }  # fmt: skip
        assert found["now_of_now"]["score"]["median"] == found["now_of_first"]["score"]["median"] + 2
        assert found["now_of_first"]["score"]["median"] == found["first_of_first"]["score"]["median"] + 3
        assert rows["compile", 2]["opinion"] is None
    assert rows["self-score", 2]["acceptance_mass"] == 9 / 16
    share = [rows["self-score", number]["gates"]["self-score"]["above_zero"] for number in (1, 2)]
    assert share == [0.0, round(1 / 16, 4)]
