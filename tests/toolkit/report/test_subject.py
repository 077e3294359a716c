"""A run's page says in its title what wrote the samples."""

from typing import Any

import pytest

from toolkit.records import Result, Verdict
from toolkit.report import page, summary


@pytest.mark.parametrize(
    ("samples", "title"),
    [
        ("data/gpt-4.jsonl.gz", "gpt-4.jsonl.gz"),
        ({"n": 1, "model": "smollm2", "adapter": None}, "smollm2"),
        ({"n": 5, "model": "<b>/m", "adapter": "runs/a"}, "&lt;b&gt;/m + runs/a"),
        (None, "report"),
    ],
)
def test_title(samples: Any, title: str) -> None:
    results = [Result(task_id="T/0", sample_id=0, verdict=Verdict.PASSED, base=Verdict.PASSED)]
    found = summary.summarise(benchmark="humaneval+", results=results, ks=(1,))
    run = {"date": "2026-01-01T00:00:00", "settings": {"samples": samples}}
    text = page.html(page.Judged(summary=found, results=results, run=run if samples else {}))
    assert f"<title>{title} · humaneval+</title>" in text
