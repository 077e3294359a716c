"""What stored tables say of mixtures and dense models."""

from pathlib import Path
from typing import Any

import pytest

from toolkit.report import study as page
from toolkit.studies import STUDIES, published_gap
from toolkit.studies.plan import plan
from toolkit.studies.run import run
from toolkit.studies.settings import read


def test_a_difference_of_gaps_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {("m", "humaneval-pro"): 60.0, ("d", "humaneval-pro"): 50.0, ("m", "mbpp-pro"): 40.0, ("d", "mbpp-pro"): 35.0}
    assert published_gap.difference_of_gaps(["m"], ["d"], lambda model, name: scores[model, name]) == (10.0, 5.0, 5.0)


def test_the_published_gaps() -> None:
    first, second, difference = published_gap.difference_of_gaps(published_gap.MIXTURES, published_gap.DENSE)
    assert (round(first, 2), round(second, 2), round(difference, 2)) == (13.16, 6.12, 7.04)
    kept = published_gap.difference_of_gaps(published_gap.MIXTURES, published_gap.DENSE, published_gap.retention)
    assert (round(kept[0], 3), round(kept[1], 3), round(kept[2], 3)) == (0.101, 0.019, 0.082)
    large = published_gap.difference_of_gaps(published_gap.MIXTURES, published_gap.LARGE)
    assert round(large[2], 1) == 7.7
    assert round(published_gap.difference_of_gaps(published_gap.MIXTURES, published_gap.LARGE, published_gap.retention)[2], 3) == 0.076
    pair, error = published_gap.difference_of_gaps(published_gap.PAIR[:1], published_gap.PAIR[1:])[2], published_gap.standard_error(*published_gap.PAIR)
    assert (round(pair, 1), round(error, 1)) == (5.7, 5.9)


def test_the_study_of_published_numbers_needs_no_model(tmp_path: Path) -> None:
    study: Any = STUDIES["moe-dense"]
    settings = read(study.settings, study.presets, "published", {"output": str(tmp_path)})
    assert plan(study, settings)["cells"] == []
    summary = run(study, settings)
    assert summary["verdict"].startswith(
        "open: mixtures less dense +13.2 points on HumanEval Pro, +6.1 on MBPP Pro, difference +7.0; but "
        "DeepSeek-Coder-V2-Instruct less Qwen2.5-Coder-32B-Instruct +5.7 [-5.8, +17.2]"
    )
    assert "tasks would decide it" in summary["verdict"]
    assert [each["verified"] for each in summary["claims"]] == ["yes: recomputed", "no: open"]
    assert summary["more"]["Published gaps"][0]["difference"] == 7.04
    assert summary["settings"]["model"] == ""
    (figure,) = page.drawn(summary)
    assert figure.caption.startswith("Published gaps (moe-dense, no model, seed 0")
    assert [name for name, *_ in figure.legend] == ["DeepSeek-Coder-V2-Instruct less Qwen2.5-Coder-32B-Instruct"]
    assert "+13.2" in (tmp_path / "report.html").read_text() or "13.16" in (tmp_path / "report.html").read_text()
