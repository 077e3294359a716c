"""What a ledger measures: acceptance, AUC."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine
from tests.toolkit.rounds.planted import Planted, Policy, Scorer, right, settings
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import run as rounds
from toolkit.rounds.machine import Weights


def test_a_threshold_that_is_frozen_lets_acceptance_change(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score is the program's length, and programs grow: a fraction cannot show it, the threshold of round 1 does."""

    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(lambda _task, number, i: f"x = {'1' * (10 * number + i % 16 + 1)}\n")
    mass = {}
    for freeze in (False, True):
        asked = settings(tmp_path, regimes=("self-score",), rounds=2, freeze=freeze, accept=4, output=tmp_path / f"{freeze}")
        mass[freeze] = [row["acceptance_mass"] for row in rounds.run(asked)["rows"] if row["round"]]
    assert mass == {False: [0.25, 0.25], True: [0.25, 0.875]}
    asked = settings(tmp_path, regimes=("self-score",), rounds=2, freeze=True, accept=4, chunk=8, output=tmp_path / "chunks")
    second = next(row for row in rounds.run(asked)["rows"] if row["round"] == 2)
    assert second["thresholds"]["threshold"] == len("x = 1111111\n"), "the worst that was kept in round 1: 7 digits, of its first chunk"
    with pytest.raises(UsageError, match="freeze wants one gate"):
        rounds.run(settings(tmp_path, regimes=("self-score+perplexity",), freeze=True, output=tmp_path / "two"))


def test_a_threshold_may_come_from_candidates_that_nothing_is_trained_on(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 programs of 2 to 9 digits the best quarter has 8 and more; round 1 is judged by that, and may keep more or fewer."""
    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(lambda _task, number, i: f"x = {'1' * (10 * number + i % 16 + 2)}\n")
    asked = settings(
        tmp_path, regimes=("self-score", "compile"), rounds=2, freeze=True, calibrate=8, accept=4, thresholds=("fraction=0.25",)
    )
    found = rounds.run(asked)
    rows = [row for row in found["rows"] if row["regime"] == "self-score" and row["round"]]
    assert [row["thresholds"]["threshold"] for row in rows] == [len("x = 11111111\n")] * 2
    assert [row["acceptance_mass"] for row in rows] == [0.625, 1.0], "10 of 16 have 8 digits and more; later all have"
    made = Planted.n_generated
    assert rounds.run(asked)["rows"] == found["rows"]
    assert Planted.n_generated == made, "calibration is a stage as others are"
    base = asked.output / "seed0" / "base" / "round0"
    assert len((base / "candidates.jsonl").read_text().splitlines()) == 8
    assert not (asked.output / "seed0" / "compile" / "round0").exists()
    with pytest.raises(UsageError, match="n: 8 -> 9"):
        rounds.run(settings(
            tmp_path, regimes=("self-score",), rounds=2, freeze=True, calibrate=9, accept=4, thresholds=("fraction=0.25",)
        ))  # fmt: skip


def test_a_regime_that_cannot_fill_a_round_stops_where_that_is_asked_for_and_says_so(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """All candidates compile in round 1; later six of sixteen do, where eight are wanted."""
    planted(lambda _task, number, i: "x = 1\n" if not number or i < 3 else "x = (\n")
    cells = {}
    for fill in (False, True):
        asked = settings(tmp_path, regimes=("compile",), rounds=3, fill=fill, output=tmp_path / f"{fill}", benchmarks=())
        summary = rounds.run(asked)
        cells[fill] = [(row["round"], row["retained"], row["trained_on"], row["stopped"]) for row in summary["rows"] if row["round"]]
        assert rounds.run(asked) == summary
    assert cells[False] == [(1, 8, 8, None), (2, 6, 6, None), (3, 6, 6, None)]
    assert cells[True] == [(1, 8, 8, None), (2, 6, 0, "6 of 8 were accepted, of 16 candidates")]
    with pytest.raises(UsageError, match="fill"):
        rounds.run(asked.model_copy(update={"fill": False}))


class Turncoat:
    """The model of round 1 likes long programs, that of round 2 short ones."""

    def __init__(self, weights: Weights) -> None:
        self.sign, self.identity = 1 - 2 * int(weights.model or 0), f"of {weights.model}"

    def __repr__(self) -> str:
        return self.identity

    def next_logits(self, texts: list[str], *_: Any, **__: Any) -> list[tuple[float, float]]:
        return [(float(self.sign * len(text)), 0.0) for text in texts]


def test_every_rounds_gate_is_set_beside_programs_that_are_known(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of these the right ones are long, so the gate's AUC turns round with its model, whatever that writes."""
    monkeypatch.setattr(Planted, "given", lambda _, _kind, weights, _seed: {"model": Turncoat(weights)})
    planted(lambda _task, _number, i: f"x = {i}\n")
    known = tmp_path / "known.jsonl"
    known.write_text("".join(json.dumps({"code": f"x = {'1' * n}\n", "passed": n > 8, "task_id": n % 4}) + "\n" for n in range(1, 13)))
    asked = settings(tmp_path, regimes=("self-score",), rounds=2, labelled=str(known), benchmarks=(), measured=4)
    rows = [row["labelled"] for row in rounds.run(asked)["rows"] if row["round"]]
    assert [(row["programs"], row["right"], row["accepted"]) for row in rows] == [(12, 4, 3)] * 2, "the best quarter"
    assert [row["gates"]["self-score"]["auc"]["value"] for row in rows] == [1.0, 0.0]
    known.write_text(known.read_text().replace("x = 1\\n", "y = 1\\n"))
    with pytest.raises(UsageError, match="candidates"):
        rounds.run(asked)


@pytest.mark.parametrize(("rows", "said"), [
    ('{"code": "x", "passed": 1}\n{"code": "y"}\n', "known.jsonl:1: wants a whole program.*\n.*known.jsonl:2: wants"),
    ('{"raw_response": "Sure: x", "passed": true}\n', "wants a whole program"),
    ('{"code": "x", "passed": true}\n', "all of these say the same"), ("", "empty"), ("{", "malformed JSON"),
])  # fmt: skip
def test_known_programs_that_cannot_be_used_are_said_before_anything_runs(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "known.jsonl").write_text(rows)
    with pytest.raises(UsageError, match=said):
        rounds.run(settings(tmp_path, labelled=str(tmp_path / "known.jsonl")))
    assert not (tmp_path / "run").exists()


def test_a_release_is_what_a_benchmark_is_scored_on(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two releases of one problem each; the first asks in its own words, and judges what is read from standard input."""
    for name, number in (("test.jsonl", 1), ("test2.jsonl", 2)):
        tests = [{"input": "5\n", "output": f"{5 + number}\n", "testtype": "stdin"}]
        row = {"question_id": f"q{number}", "question_content": f"Add {number}.", "starter_code": "",
               "public_test_cases": json.dumps(tests)}  # fmt: skip
        (tmp_path / name).write_text(json.dumps(row) + "\n")
    monkeypatch.setenv("LIVECODEBENCH_PATH", str(tmp_path))
    asked = []

    def policy(task: Task, _number: int, _i: int) -> str:
        asked.append((task.task_id, "Add 1." in task.question))
        return "print(int(input()) + 1)\n"

    planted(policy)
    more = {"benchmarks": ("livecodebench", "humaneval"), "rounds": 1, "limit": 1, "release": "release_v1"}
    rows = rounds.run(settings(tmp_path, **more))["rows"]
    assert {("q1", True)} == {each for each in asked if each[0].startswith("q")}
    assert [row["scores"]["livecodebench"]["value"] for row in rows] == [1.0, 1.0]
    with pytest.raises(UsageError, match='release: "release_v1" -> "release_v2"'):
        rounds.run(settings(tmp_path, **more | {"release": "release_v2"}))


def test_a_gate_that_compares_sees_the_whole_round_at_once(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """Four programs, again and again: chunk by chunk, each of them would be new four times."""
    planted(lambda _task, _number, i: f"def f(a, b, c):\n    return [{'a + b + c, ' * 3 ** (i % 4)}{i % 4}]\n")
    (row,) = [r for r in rounds.run(settings(tmp_path, regimes=("duplicate",), rounds=1, accept=4))["rows"] if r["round"]]
    assert (row["candidates"], row["accepted"], row["retained"]) == (16, 4, 4)


def test_auc_is_of_what_the_gate_prefers(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scorer finds right programs likelier: the best of gates where low perplexity is wanted, the worst the other way."""

    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(lambda task, number, i: right(task, number, i) if i % 2 else f"def {task.entry_point}(x):\n    return -1\n")
    asked = settings(tmp_path, regimes=("perplexity", "inverse-perplexity"), rounds=1, accept=4, held_out=0.5, probe=4)
    rows = [row for row in rounds.run(asked)["rows"] if row["round"]]
    found = {row["regime"]: tuple(at["gates"][row["regime"]]["auc"]["value"] for at in (row, row["held_out"])) for row in rows}
    assert found == {"perplexity": (1.0, 1.0), "inverse-perplexity": (0.0, 0.0)}
