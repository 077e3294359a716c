"""All of HumanEval is built on, and what is built holds: minutes, so only where all samples are judged too."""

import os
from pathlib import Path

import pytest

from toolkit.commands.build_pro import Settings, build
from toolkit.commands.validate import validate


@pytest.mark.boxes
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.environ.get("TOOLKIT_ALL_SAMPLES"), reason="builds on 164 tasks: make check-long")
def test_all_of_humaneval_is_built_on(tmp_path: Path) -> None:
    (log,) = build(Settings(base="humaneval", output=tmp_path))
    print(*(f"{it['name']}: {it['percent']} %" for it in log["rounds"]), f"{log['wrong_programs']} wrong programs refused", sep=", ")
    assert (log["tasks"], log["kept"], log["dropped"]) == (164, 164, [])
    assert log["wrong_programs"] >= 1000
    found = validate("humaneval-pro", 5, 2, lambda *_: None, data=tmp_path / "built.jsonl")
    assert (found["canonical_passed"], found["empty_failed"], found["surprises"]) == (164, 164, [])
