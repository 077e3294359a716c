"""What a stage of judging depends on besides programs and limits: the oracle's version and its image."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gates import Report
from sandbox import recipes
from tests.toolkit.rounds.planted import Planted, Policy, right, settings
from toolkit.oracle import VERSION
from toolkit.rounds import machine
from toolkit.rounds import run as rounds
from toolkit.store.files import SettingsChanged, read_rows


def test_verdicts_of_another_oracle_or_image_are_not_taken_for_those_of_this_one(
    tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage that judges names what changed, and which file to remove to do it again; nothing else is done again."""
    planted(right)
    judged = list[Path]()

    def judge(_: Planted, __: str, samples: Path, folder: Path) -> dict[str, Any]:
        judged.append(folder)
        tasks = {row["task_id"]: "1/1" for row in read_rows(samples)}
        about = {"value": 1.0, "low": 0.5, "high": 1.0, "n_tasks": len(tasks)}
        return {"pass_at_k": {"base": {"1": about}}, "verdicts": {"passed": len(tasks)}, "tasks": {"base": tasks}}

    runs = [Report(gate=name, passed=True, score=1.0, findings=()) for name in ("compile", "import")]
    monkeypatch.setattr(Planted, "judge", judge)
    monkeypatch.setattr(Planted, "executed", lambda _, rows: [runs for _ in rows])
    asked = settings(tmp_path, rounds=1, anchors=0.2, accept=4, budget=4, limit=2)
    before = rounds.run(asked)["rows"]
    stages = sorted((tmp_path / "run").rglob("judge-*.json"))
    assert sorted(path.stem for path in stages) == ["judge-anchors", "judge-humaneval", "judge-humaneval"]
    known = {"oracle": VERSION, "image": recipes.tag("run")}
    assert all(json.loads(path.read_text())["inputs"].items() >= known.items() for path in stages)
    (measured,) = (tmp_path / "run/seed0/none").rglob("measure.json")
    n_generated, n_trained = Planted.n_generated, Planted.n_trained
    for name, owner, value in (("VERSION", "oracle", VERSION + 1), ("images", "image", "another")):
        monkeypatch.setattr(machine, name, value if owner == "oracle" else SimpleNamespace(tag=lambda _: "another"))
        left = set(stages) | ({measured} if owner == "image" else set())  # the ledger executes programs, without the oracle
        while left:
            with pytest.raises(SettingsChanged) as caught:
                rounds.run(asked)
            (change,) = caught.value.changes
            assert change.startswith(owner)
            (named,) = [path for path in left if f"remove {path} " in str(caught.value)]
            named.unlink()
            left.remove(named)
        assert rounds.run(asked)["rows"] == before
        assert [json.loads(path.read_text())["inputs"][owner] for path in stages] == [value] * 3
    assert len(judged) == 3 * 2
    assert (Planted.n_generated, Planted.n_trained) == (n_generated, n_trained)


def test_a_gate_in_boxes_depends_on_its_images() -> None:
    assert machine.images_of("compile+quality+perplexity") == {"lint": recipes.tag("lint"), "run": recipes.tag("run")}
    assert machine.images_of("self-score") == {}
