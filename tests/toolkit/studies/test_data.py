"""What studies train on and ask: rows with labels, and problems by template."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox import DockerEngine
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.errors import InfrastructureError, UsageError
from toolkit.records import Task
from toolkit.studies import STUDIES, templates
from toolkit.studies.lab import Lab, halves
from toolkit.studies.reliability import ReliabilitySettings, _Asked
from toolkit.studies.rows import shared_rows
from toolkit.studies.settings import StudySettings, read


def test_every_template_answers_as_its_example_says() -> None:
    for point in itertools.product(*map(range, templates.SIZES)):
        task = templates.task(point)
        space: dict[str, Any] = {}
        exec(compile(task.prompt + task.canonical_solution, task.task_id, "exec"), space)  # our own text
        values = [space[task.entry_point](*call) for call in task.tests.base]  # type: ignore[attr-defined]
        assert len(values) >= 4
        shown = task.prompt.partition(">>> ")[2]
        assert bool(shown) == bool(point[3])
        if shown:
            call, value = shown.splitlines()[:2]
            assert repr(eval(call, space)) == value.strip()
        assert (task.entry_point == "solve") == (not point[4])
    ids = {templates.task(point).task_id for point in itertools.product(*map(range, templates.SIZES))}
    assert len(ids) == 1000


def test_templates_are_judged_in_boxes(engine: DockerEngine, tmp_path: Path) -> None:
    told = ReliabilitySettings(output=tmp_path, parallel=1)
    tasks = [templates.task((kind, 1, 1, 1, 1)) for kind in range(len(templates.TEMPLATES))]
    file = tmp_path / "answers.jsonl"
    bodies = [task.canonical_solution for task in tasks[:-1]] + ["    return None\n"]
    file.write_text("".join(json.dumps({"task_id": t.task_id, "completion": b}) + "\n" for t, b in zip(tasks, bodies, strict=True)))
    asked = _Asked(Lab(told), "cell", "none")
    try:
        assert asked._judged(tasks, file) == {"failed": [tasks[-1].task_id]}
    finally:
        asked.close()


def test_answers_to_a_benchmark_are_judged_in_boxes(engine: DockerEngine, tmp_path: Path) -> None:
    with Lab(StudySettings(output=tmp_path, parallel=1)) as lab:
        tasks, _ = lab.tasks("humaneval", 2)
        bodies = [tasks[0].canonical_solution, "    return None\n"]
        file = rows(tmp_path / "answers.jsonl", [{"task_id": t.task_id, "completion": b} for t, b in zip(tasks, bodies, strict=True)])
        assert lab._judge("humaneval", file, 2) == {
            "tasks": {"HumanEval/0": "1/1", "HumanEval/1": "0/1"}, "verdicts": {"passed": 1, "wrong_answer": 1}, "part": "base"
        }  # fmt: skip


def test_a_reading_that_is_no_number_is_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("toolkit.models.scorer.ModelScorer.logprobs", lambda _self, prompts, _texts: [np.array([-1.0, np.nan])] * len(prompts))
    lab: Any = Lab(StudySettings(output=tmp_path))
    with pytest.raises(InfrastructureError, match="cell: the model reads HumanEval/0 at nan nats a token"):
        lab.nll("cell", "digest", lambda: None, "humaneval")
    assert not (tmp_path / "cell" / "score-humaneval.json").exists()


def rows(file: Path, some: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in some))
    return file


def test_rows_of_a_file_by_any_column_without_what_benchmarks_have(tmp_path: Path) -> None:
    task = BENCHMARKS["humaneval"].load(Options()).tasks["HumanEval/0"]
    some = [{"content": f"def f{at}(x):\n    return x + {at}\n", "repo": "ab"[at % 3 > 0]} for at in range(12)]
    some.append({"content": task.prompt + task.canonical_solution, "repo": "a"})
    lab = Lab(StudySettings(output=tmp_path / "run"))
    shared, calibration = shared_rows(lab, str(rows(tmp_path / "data.jsonl", some)), "repo", 100, 2)
    assert len(shared) == 10
    assert len(calibration) == 2
    assert {row["label"] for row in shared} == {"a", "b"}
    assert not set(calibration) & {row["text"] for row in shared}
    assert json.loads((tmp_path / "run" / "pool" / "prepare.json").read_text())["outputs"]["like_a_benchmark"] == 1


def test_a_limit_takes_as_many_of_each_label_as_there_are(tmp_path: Path) -> None:
    some = [{"content": f"x = {at}\n", "label": "rare" if at < 3 else "common"} for at in range(50)]
    lab = Lab(StudySettings(output=tmp_path / "run"))
    shared, calibration = shared_rows(lab, str(rows(tmp_path / "data.jsonl", some)), "label", 11, 1)
    labels = [row["label"] for row in shared]
    assert len(labels) + len(calibration) == 12
    assert labels.count("rare") >= 2


@pytest.mark.parametrize(("row", "says"), [
    ({"content": "x = 1\n"}, "no label: label is to be a text or a whole number"),
    ({"label": "a"}, "cannot be used"),
])  # fmt: skip
def test_rows_that_cannot_be_used(row: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        shared_rows(Lab(StudySettings(output=tmp_path / "run")), str(rows(tmp_path / "data.jsonl", [row])), "label", 10, 1)


def test_what_counts_of_a_task_that_builds_upon_another_is_its_own_body() -> None:
    base = 'def one(x):\n    """Add one."""\n'
    second = 'def two(x):\n    """Add two.\n\n    Twice one."""\n'
    task = Task(task_id="t/0", prompt=base, entry_point="two", canonical_solution=f"    return x + 1\n{second}    return one(one(x))\n", invokes="one")
    assert halves(task) == (f"{base}    return x + 1\n{second}", "    return one(one(x))\n")
    plain = Task(task_id="t/1", prompt=base, entry_point="one", canonical_solution="    return x + 1\n")
    assert halves(plain) == (base, "    return x + 1\n")


def test_a_file_has_the_keys_that_flags_have(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('sparsities = [0.0, 0.5]\nalphas = ["iid", "1"]\nclients = 3\n')
    study = STUDIES["pruning-fl"]
    told = read(study.settings, study.presets, str(tmp_path / "my.toml"), {"seeds": "4,5", "clients": "7"})
    assert told.plain()["sparsities"] == [0.0, 0.5]
    assert told.seeds == (4, 5)
    assert told.plain()["clients"] == 7
    names = [cell.name for cell in study.cells(told)]
    assert "s0.5-a1-fl-prune" in names
    assert len(names) == len(set(names))


def test_what_plain_sampling_would_take_is_said_where_it_would_take_less() -> None:
    row = {"cell": "m", "true rate": None, "value": 0.7, "low": 0.6, "high": 0.8, "n": 136, "failures": 55, "saved": 0.265}
    study: Any = STUDIES["reliability"]
    told = read(study.settings, study.presets, "small", {})
    line = study.verdict(told, [], {"Failure rates": [row]})
    assert line.endswith("136 problems, for which plain sampling would take 0.265 times as many")
    (claim,) = study.claims(told, [], {"Failure rates": [row]})
    assert (claim["claim"], claim["verified"], claim["confidence"]) == ("m fails above the tolerated rate of 0.05", "yes", "low: one seed")
