"""The studies of mixtures: weights that are made again, matched pairs, differences of gaps. Their runs are in test_studies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from toolkit.errors import UsageError  # noqa: E402
from toolkit.studies import STUDIES  # noqa: E402
from toolkit.studies.run import run, summarise  # noqa: E402
from toolkit.studies.settings import read  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(name: str, folder: Path, **more: Any) -> Any:
    study: Any = STUDIES[name]
    return read(study.settings, study.presets, "tiny", {"output": str(folder), "pass_tasks": 0, "nll_tasks": 2, **more})


def left(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("ledger.jsonl", "study.csv")}


def test_weights_that_are_gone_are_made_again(tmp_path: Path) -> None:
    """A stage that has to run once the weights were deleted: the training is done anew, and ends in the same weights."""
    study: Any = STUDIES["moe-balance"]
    told = {"inits": "copy", "balancers": "aux0.5,alf0.01"}
    run(study, settings("moe-balance", tmp_path, **told))
    assert not list(tmp_path.rglob("*/model/*.safetensors")), "weights are not kept"
    before = left(tmp_path)
    for file in tmp_path.rglob("score-*.json"):
        file.unlink()
    run(study, settings("moe-balance", tmp_path, **told))
    assert left(tmp_path) == before
    with pytest.raises(UsageError, match="steps: 2 -> 3"):
        run(study, settings("moe-balance", tmp_path, **told, steps=3))


def test_the_pair_is_matched_on_max_vio() -> None:
    study: Any = STUDIES["moe-balance"]
    told = settings("moe-balance", Path("x"), balancers="aux0.1,aux0.01,alf0.01", capacities="0,1.0")
    rows = [{"cell": cell, "seed": 0, "numbers": {"held_max_vio": vio}} for cell, vio in
            (("aux0.1-copy", 0.2), ("aux0.01-copy", 1.5), ("alf0.01-copy", 1.1), ("aux0.1-drop", 1.1))]  # fmt: skip
    assert study.matched(told, rows, "alf0.01") == "aux0.01"
    assert study.matched(told, [], "alf0.01") == "aux0.1"
    assert study._pair(told, rows, "alf0.01") == (
        "alf0.01 with aux0.01 (1.10 and 1.50, which are not alike: the answer is of these two rates)"
    )
    near = [*rows[:1], {**rows[1], "numbers": {"held_max_vio": 1.2}}, *rows[2:]]
    assert study._pair(told, near, "alf0.01") == "alf0.01 with aux0.01 (1.10 and 1.20)"
    assert study._pair(told, [], "alf0.01") == "alf0.01 with aux0.1"
    (named,) = [each for each in study.contrasts(told, rows) if each.named]
    assert named.name == "degradation of alf0.01 less that of aux0.01, mean"
    weights = {term.cell: term.weight for term in named.terms}
    conditions = ["copy-read1", "copy-cf1", "copy-cf1-read1", "drop", "drop-read1", "drop-cf1", "drop-cf1-read1"]
    assert {cell for cell in weights if cell.startswith("alf")} == {f"alf0.01-{each}" for each in ["copy", *conditions]}
    assert weights["alf0.01-copy"] == pytest.approx(-1)
    assert weights["aux0.01-copy"] == pytest.approx(1)
    assert all(weights[f"alf0.01-{each}"] == pytest.approx(1 / 7) for each in conditions)
    assert sum(weights.values()) == pytest.approx(0)


def test_a_mean_is_not_told_without_what_its_conditions_say() -> None:
    study: Any = STUDIES["moe-balance"]
    told = settings("moe-balance", Path("x"), balancers="aux0.1,alf0.01")

    def rows(drop: float, vio: float) -> list[dict[str, Any]]:
        nats = {"aux0.1-copy": 0, "aux0.1-copy-read1": 1, "aux0.1-drop": 1, "aux0.1-drop-read1": 2,
                "alf0.01-copy": 0, "alf0.01-copy-read1": 0.2, "alf0.01-drop": 1 + drop, "alf0.01-drop-read1": 1.5}  # fmt: skip
        return [{"cell": cell, "seed": 0, "levels": {"read": 1}, "scores": {"nll@humaneval": {str(n): value + n * 1e-3 * len(cell) for n in range(9)}},
                 "numbers": {"held_max_vio": 0.5 if cell.startswith("aux") else vio}} for cell, value in nats.items()]  # fmt: skip

    summary = summarise(study, told, rows(0.4, 0.2))
    assert summary["verdict"].startswith("answered: degradation of alf0.01 less that of aux0.1, mean on nll@humaneval -0.3")
    assert "; but its conditions disagree: read at 1 -0.8" in summary["verdict"]
    assert ", drop +0.4" in summary["verdict"]
    assert summary["verdict"].endswith("MaxVio of alf0.01 with aux0.1 (0.20 and 0.50, which are not alike: the answer is of these two rates)")
    (claim,) = summary["claims"]
    assert claim["verified"] == "of the mean alone"
    assert "disagree" in claim["evidence"]
    plain = summarise(study, told, rows(-0.4, 0.5))
    assert "disagree" not in plain["verdict"] + str(plain["claims"])
    assert "not alike" not in plain["verdict"]
    assert plain["claims"][0]["verified"] == "yes"


def test_levels_that_there_are_not_are_refused() -> None:
    for told, said in (({"balancers": "alf"}, "neither none nor a kind with its rate"), ({"inits": "copyy"}, "not copyy; did you mean 'copy'?"),
                       ({"reads": "1.0"}, "0 has to be the first")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            settings("moe-balance", Path("x"), **told)
    for told, said in (({"benchmarks": "humaneval"}, "two are compared"), ({"keep": "9"}, "keep: from 2"), ({"experts": "5"}, "no whole number")):
        with pytest.raises(UsageError, match=said):
            settings("moe-dense", Path("x"), **told)


def test_the_difference_is_that_of_gaps(tmp_path: Path) -> None:
    from toolkit.analysis.contrasts import evaluate

    study: Any = STUDIES["moe-dense"]
    (named,) = [each for each in study.contrasts(settings("moe-dense", tmp_path)) if each.named]
    rows = [{"cell": cell, "seed": 0, "scores": {f"nll@{name}": {str(n): value + n for n in range(3)} for name, value in scores.items()}}
            for cell, scores in (("moe", {"humaneval-pro": 60, "mbpp-pro": 40}), ("dense", {"humaneval-pro": 50, "mbpp-pro": 35}))]  # fmt: skip
    found = evaluate(named, rows)
    assert found is not None
    assert found["value"] == pytest.approx((60 - 50) - (40 - 35))


def test_own_texts_are_held_out_too(tmp_path: Path) -> None:
    from toolkit.studies.lab import Lab
    from toolkit.studies.mixtures import texts

    file = tmp_path / "own.jsonl"
    file.write_text("".join(f'{{"text": "x = {n}"}}\n' for n in range(5)))
    told = settings("moe-balance", tmp_path / "run", data=str(file), held_texts=2)
    found = texts(Lab(told), 0)
    parts = [found[name].read_text().splitlines() for name in ("train", "held")]
    assert [len(part) for part in parts] == [3, 2]
    assert sorted(parts[0] + parts[1]) == sorted(file.read_text().splitlines())
    with pytest.raises(UsageError, match="has 5 texts: too few to hold 5 out"):
        texts(Lab(settings("moe-balance", tmp_path / "few", data=str(file), held_texts=5)), 0)
