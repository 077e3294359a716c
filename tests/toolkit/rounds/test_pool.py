"""Pools of prompts: of the standard library, of files and folders, and bad ones."""

import json
import random
from pathlib import Path

import pytest

from sandbox import DockerEngine
from toolkit.rounds import pool


def test_pool_of_the_standard_library(engine: DockerEngine) -> None:
    items = pool.load(pool.STDLIB, engine)
    assert len(items) > 500
    assert 0.05 < sum(item.held_out for item in items) / len(items) < 0.15
    assert any(item.test for item in items)
    for item in random.Random(0).sample(items, 50):
        compile(item.human, item.task.task_id, "exec")


@pytest.mark.models
def test_pools_of_other_forms(tmp_path: Path) -> None:
    """A folder that `datasets` reads, as it reads the hub's; columns with other names; lists of lines."""
    pytest.importorskip("datasets")
    rows = [{"task_id": i, "text": f"Write f{i}.", "code": f"def f{i}(): pass", "test_list": [f"f{i}()", "assert True"]} for i in (1, 2)]
    (tmp_path / "set").mkdir()
    for file in (tmp_path / "set" / "train.jsonl", tmp_path / "pool.jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"prompt": "text", "solution": "code", "test": "test_list", "id": "task_id"}
    for source in (str(tmp_path / "set"), f"{tmp_path / 'set'}:train", str(tmp_path / "pool.jsonl")):
        first, second = pool.load(source, columns=columns)
        assert (first.task.task_id, first.task.prompt, first.test) == ("1", "Write f1.", "f1()\nassert True")
        assert second.human == "def f2(): pass", "the prompt is prose"
    with pytest.raises(pool.PoolError, match="row 1: wants `prompt`"):
        pool.load(str(tmp_path / "set"))
    with pytest.raises(pool.PoolError, match="prompt=txt: its columns are task_id, text, code, test_list; did you mean 'text'"):
        pool.load(str(tmp_path / "set"), columns={"prompt": "txt"})
    with pytest.raises(ValueError, match="did you mean 'test'"):
        pool.columns_of(["tests=test_list"])
    (tmp_path / "nulls.jsonl").write_text('{"prompt": "x = 1\\n", "solution": null, "test": null, "id": null}\n')
    (item,) = pool.load(str(tmp_path / "nulls.jsonl"))
    assert (item.test, item.task.canonical_solution) == ("", "")
    with pytest.raises(pool.PoolError, match="no data set that can be read"):
        pool.load(f"{tmp_path / 'set'}:nothing", columns=columns)


def test_bad_pools(tmp_path: Path) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_text('{"prompt": "x"}\n{"promt": "y"}\n{"prompt": "z", "test": 3}\n')
    with pytest.raises(pool.PoolError, match=r":2: wants `prompt`(.|\n)*:3: wants"):
        pool.load(str(file))
    with pytest.raises(pool.PoolError, match="No such file"):
        pool.load(str(tmp_path / "none.jsonl"))
