"""What a ledger measures: total variation, acceptance, AUC."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import DockerEngine
from tests.toolkit.rounds.planted import Planted, Policy, Scorer, right, settings
from toolkit.errors import UsageError
from toolkit.rounds import run as rounds


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
