"""The page of a study: what is drawn of its contrasts and of its tables."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from tests.toolkit.report.test_rounds_page import without_figures
from toolkit.report import figures, study


def contrast(name: str, score: str, value: float, *, named: bool = False) -> dict[str, Any]:
    return {"contrast": name, "scores": [score], "value": value, "low": value - 0.1, "high": value + 0.1, "named": named,
            "margin": 0.05, "p": 0.5, "p_holm": None, "visible": 0.1, "tasks": 32, "seeds": 1, "verdict": "open",
            "tasks_needed": None}  # fmt: skip


def summary(contrasts: list[dict[str, Any]], more: dict[str, Any]) -> dict[str, Any]:
    return {"study": "s", "question": "?", "limits": ["a limit"], "method": ["a way"], "references": {"R": "https://r.org/1"}, "claims": [], "settings": {"model": "m", "seeds": [0, 1]}, "rows": [], "more": more,
            "contrasts": contrasts, "agreement": {}, "seconds": {}, "boxes_share": None, "waiting": [], "notes": [], "verdict": "open"}  # fmt: skip


def test_contrasts_are_drawn_by_measure_and_what_the_study_asks_is_on_top() -> None:
    some = [contrast(f"<b>{i}", "nll@x", i / 100) for i in range(14)] + [contrast("asked", "nll@x", 0.5, named=True)]
    one, two = study.drawn(summary([*some, contrast("other", "pass@x", 0.02, named=True)], {}))
    assert (one.caption, two.caption) == ("Contrasts in points of pass@1 (s, m, seeds 0, 1)", "Contrasts in nats a token (s, m, seeds 0, 1)")
    assert [name for name, *_ in one.legend] == ["other, pass@x"]
    assert [name for name, *_ in two.legend] == ["asked, nll@x", *(f"<b>{i}, nll@x" for i in range(9))]
    assert "within +-5," in one.says
    assert two.says.endswith("10 of 15, all are in the table")
    assert re.findall(r'id="(line-\d+)"', two.svg) == [f"line-{i}" for i in range(10)]
    page = study.html(summary(some, {}))
    assert "<b>1" not in page
    assert study.ONE_SEED not in page
    alone = {**summary(some, {}), "settings": {"model": "m", "seeds": [3]}}
    assert study.ONE_SEED in study.html(alone)
    assert study.as_text(alone).splitlines()[-2:] == [study.ONE_SEED, "open"]
    assert page.count("<figure>") == 1


def test_a_page_ends_with_what_a_reader_has_to_know_and_the_verdict_is_its_last_line() -> None:
    claim = {"claim": "a < b", "evidence": "-0.1", "verified": "yes", "confidence": "low"}
    page = study.html({**summary([contrast("asked", "nll@x", 0.5, named=True)], {}), "claims": [claim]})
    assert re.findall("<h2>(.*?)</h2>", page)[-6:] == ["Settings", "Question", "Method", "Limits", "Claims", "References"]
    end = page[page.index("<h2>Question") :]
    for said in ("As a contrast: asked.", "a way", "a limit", "a &lt; b", '<a href="https://r.org/1">'):
        assert said in end
    assert re.findall(r">(claim|evidence|verified|confidence)<", end.lower()) == ["claim", "evidence", "verified", "confidence"]
    assert re.search(r"<b>open</b></p>\s*</body>", page)


def test_rates_are_drawn_beside_plain_sampling_on_a_scale_that_has_room_for_them() -> None:
    row = {"cell": "c", "value": 1e-5, "low": 9e-6, "high": 1.1e-5, "plain": 0.0, "plain_low": 0.0, "plain_high": 1e-3}
    (figure,) = study.drawn(summary([], {"Failure rates": [row], "Loads": [row]}))
    assert [name for name, *_ in figure.legend] == ["c", "c, plain sampling"]
    assert figure.svg.count('id="line-') == 1  # no point at 0
    assert ">1e-05<" in figure.svg


STUDIED = [file.parent for file in sorted((Path(__file__).parents[3] / "experiments").glob("*/summary.json"))
           if "study" in json.loads(file.read_bytes())]  # fmt: skip


@pytest.mark.parametrize("folder", STUDIED, ids=lambda folder: str(folder.name))
def test_a_committed_page_is_what_this_code_makes_of_its_summary(folder: Path) -> None:
    made = study.html(json.loads((folder / "summary.json").read_bytes()))
    assert without_figures(made) == without_figures((folder / "report.html").read_text()), "the command in its README makes it again"


def test_a_page_without_matplotlib_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    page = study.html(summary([contrast("a", "nll@x", 0.1)], {}))
    assert "matplotlib is not installed" in page
    assert "<figure>" not in page
