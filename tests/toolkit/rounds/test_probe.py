"""Held-out answers in rounds: the verdict on self-confirmation, labels that are kept, spectra, overlap, and the stop rule."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine
from tests.toolkit.rounds.planted import ITEMS, Planted, Policy, right, settings
from toolkit.commands import looked
from toolkit.commands.analyze import analyze
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import pool, probe
from toolkit.rounds import run as rounds
from toolkit.rounds.settings import RoundsSettings


def every_other(task: Task, number: int, i: int) -> str:
    return right(task, number, i) if i % 2 else task.prompt + f"    return x - 1000 - {i % 7}\n"


def test_a_constant_gate_is_self_confirming_the_tests_are_not_and_acceptance_by_lot_is(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions by lot are read from a second draw. `none~0.5` flips by the text, so each answer is a text of its own."""

    def own_text(task: Task, number: int, i: int) -> str:
        return every_other(task, number, i).rstrip() + f"  # {number} {i}\n"

    planted(own_text)
    asked = settings(
        tmp_path, regimes=("none", "tests", "none~0.5"), rounds=1, accept=2, budget=8, probe=2, probe_samples=54, held_out=0.3,
        measured=8, limit=1,
    )  # fmt: skip
    rows = {row["regime"]: row["confirmation"] for row in rounds.run(asked)["rows"] if row["round"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {"none": "yes", "tests": "no", "none~0.5": "undecided"}
    lot = rows["none~0.5"]
    assert lot["variance"]["value"] == pytest.approx(0.25, abs=0.02), "decisions differ, and r does not"
    assert lot["excess_sd"]["value"] < 0.25
    assert lot["needed"] > 108, "it is too few answers alone that leave it undecided"
    found = analyze(asked.output)
    told = {row["regime"]: row["verdict"] for row in found["confirmation"]}
    assert told == {name: row["verdict"] for name, row in rows.items()}, "from the files alone"
    assert found["held_out_prompts"]["common"] == 0
    assert found["held_out_prompts"]["held_out"] == 2
    did = analyze(asked.output, more=lambda folder, run: looked.behaviours(folder, run, lambda *_: None, 2))["behaviours"]
    assert [(row["regime"], row["round"], row["prompts"], row["k"], row["loaded"]) for row in did if row["round"]] == [
        (regime, 1, 2, 54, 108) for regime in ("none", "tests", "none~0.5")
    ]
    assert {row["distinct"] for row in did if row["round"]} == {8.0}, "the right one and seven wrong ones, in 54 texts"
    strict = analyze(asked.output, delta_auc=0.001)
    assert {row["regime"]: row["verdict"] for row in strict["confirmation"]}["none"] == "undecided"
    (asked.output / "seed0" / "none" / "round1" / probe.RAN).unlink()
    assert analyze(asked.output)["confirmation"][0]["verdict"] == "yes", "then what the ledger says counts"
    _train_on_a_held_out_prompt(asked)
    with pytest.raises(UsageError, match="1 held-out prompts were trained on too"):
        analyze(asked.output)


def _train_on_a_held_out_prompt(asked: RoundsSettings) -> None:
    at = asked.output / "seed0" / "none" / "round1"
    name = json.loads((at / "held-out.jsonl").read_text().splitlines()[0])["task_id"]
    rows = [json.loads(line) for line in (at / "train.jsonl").read_text().splitlines()]
    rows[0]["task_id"] = name
    (at / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_prompts_that_differ_in_white_space_alone_are_not_held_out_from_each_other(tmp_path: Path) -> None:
    rows = [{"id": str(i), "prompt": "def f(x):" + " " * i} for i in range(40)]
    file = tmp_path / "pool.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert pool.common(pool.load(str(file), held_out=0.5)) is not None
    file.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    assert pool.common(pool.load(str(file), held_out=0.5)) is None


def test_a_rubber_stamp_ends_its_regime_and_no_other(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """Answers to the benchmark are right at first and then wrong; more and more pass the pool's tests. Another regime is constant."""

    def collapses(task: Task, number: int, i: int) -> str:
        if task.task_id.startswith("HumanEval"):
            return task.prompt + (known[task.task_id] if number == 0 else "    return None\n")
        return right(task, number, i) if number or i % 16 < 2 else task.prompt + "    return None\n"

    from toolkit.benchmarks import BENCHMARKS, Options

    known = {name: task.canonical_solution for name, task in BENCHMARKS["humaneval"].load(Options()).tasks.items()}
    planted(collapses)
    asked = settings(tmp_path, regimes=("tests", "none"), rounds=3, accept=32, budget=32, measured=2, limit=12,
                     stop_on="rubber-stamp")  # fmt: skip
    summary = rounds.run(asked)
    reached = {regime: max(row["round"] for row in summary["rows"] if row["regime"] == regime) for regime in ("tests", "none")}
    assert reached == {"tests": 2, "none": 3}
    last = next(row for row in summary["rows"] if row["regime"] == "tests" and row["round"] == 2)
    assert last["stop"]["stops"]
    assert last["stop"]["says"].startswith("rubber stamp: acceptance +")
    assert last["stop"]["level"] == pytest.approx(0.05 / 2 / 2)
    trained = Planted.n_trained
    assert rounds.run(asked)["rows"] == summary["rows"], "a run that was stopped stays so when it is started again"
    assert Planted.n_trained == trained
    found = analyze(asked.output)
    assert {row["regime"]: row["stops_in"] for row in found["stop"]} == {"tests": 2, "none": None}
    assert next(row for row in found["collapse"] if row["regime"] == "tests")["retention"]["value"] == 0
    assert {row["programs"] for row in found["diversity"]} == {"candidates", "trained"}
    assert len({row["tokens"] for row in found["diversity"] if row["programs"] == "candidates"}) == 1


@pytest.mark.parametrize(("wrong", "match"), [
    ({"stop_on": "rubber-stamp", "rounds": 1}, "stop_on wants two rounds"),
    ({"stop_on": "rubber-stamp", "stages": "pool,generate,gate,train,write"}, "stages must have judge, measure"),
    ({"stop_on": "never"}, "stop_on"),
    ({"spectra": 4, "held_out": 0}, "spectra wants prompts that are held out"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_named(tmp_path: Path, wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        settings(tmp_path, **wrong)


def test_each_round_says_what_its_programs_have_in_common_with_benchmarks(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gates.decontaminate import Corpus

    secret = "def secret(values):\n    total = 0\n    for at, value in enumerate(values):\n        if at % 2 and value > 3:\n            total += value * at - 7\n        elif value < 0 or at > 5:\n            total -= value + at\n    return total\n"
    renamed = secret.replace("secret", "g").replace("values", "rows").replace("total", "s").replace("value", "v").replace("at", "k")
    corpus = Corpus(items=(("Own/1 (solution)", secret, secret),))
    monkeypatch.setattr("toolkit.benchmarks.corpus.known_benchmarks", lambda *, trees=False: corpus)
    planted(lambda task, _number, i: secret if i % 4 == 0 else renamed if i % 4 == 1 else right(task, 0, i))
    asked = settings(tmp_path, rounds=1, accept=8, budget=8, overlap=True, limit=1)
    found = next(row for row in rounds.run(asked)["rows"] if row["round"])["overlap"]
    assert found["n"] == 8
    assert {name: found[name]["over"] for name in ("ngram", "run", "ast")} == {"ngram": 0.25, "run": 0.25, "ast": 0.5}
    assert found["over"] == 0.5
    assert found["parts"] == {"solution": 4}
    assert found["nearest"] == [["Own/1", 4]]
    assert found["human"]["over"] == 0
    assert analyze(asked.output)["overlap"][0]["ast"]["over"] == 0.5


def test_each_model_is_looked_at_and_its_kept_weights_say_the_same(tmp_path: Path, torch: Any) -> None:
    from tests.tiny import tiny
    pytest.importorskip("peft")
    stages = ("pool", "generate", "gate", "train", "write")
    asked = settings(
        tmp_path, model=tiny(tmp_path / "model"), rounds=2, accept=4, budget=8, max_new_tokens=6, steps=2, batch_size=2, sequence=32,
        limit=1, eval_tokens=4, unfinished="closed", device="cpu", held_out=0.3, spectra=2, stages=stages, learning_rate=0.01,
    )  # fmt: skip
    rounds.run(asked)
    seen = analyze(asked.output)["spectra"]
    assert [(row["regime"], row["round"], row["layer"]) for row in seen] == [
        (regime, number, layer) for regime, number in (("base", 0), ("none", 1), ("none", 2)) for layer in (1, 2)
    ]  # fmt: skip
    assert len({row["next_token"]["nll"] for row in seen}) == 3, "each round has another model"
    assert [row["next_token"]["kl"] > 0 for row in seen] == [False, False, True, True, True, True], "0 of the first model"
    again = analyze(asked.output, more=lambda folder, run: looked.spectra(folder, run, 2, lambda *_: None, "cpu"))["spectra"]
    for one, other in zip(seen, again, strict=True):
        assert one["effective_rank"] == pytest.approx(other["effective_rank"], rel=1e-4)
        assert one["next_token"]["kl"] == pytest.approx(other["next_token"]["kl"], rel=1e-2, abs=1e-9)
    with pytest.raises(UsageError, match=r"--spectra 99: the pool has \d+ held-out"):
        analyze(asked.output, more=lambda folder, run: looked.spectra(folder, run, 99, lambda *_: None, "cpu"))
