"""A judge whose boxes are those of a live `toolkit serve` says what a judge with boxes here says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("toolkit.service", reason="NOT CHECKED: toolkit serve is not here")
pytest.importorskip("uvicorn", reason="NOT CHECKED: uvicorn is not here")

from tests.toolkit.reward.test_judge import ASSERTS, CALLS, DOUBLE, FORGED, LINES, PRINT, TASK
from toolkit.reward import Judge

THIRD = "def double(x):\n    return 2 if x == 1 else None\n"


@pytest.fixture(scope="module")
def url(boxes: None) -> Iterator[str]:
    command = [sys.executable, "-m", "toolkit.cli", "serve", "--port", "0", "--boxes", "2", "--benchmarks", "humaneval"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=dict(os.environ), **pipes) as process:
        assert process.stdout
        try:
            found = re.search(r"http://[\w.]+:\d+", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.terminate()


def test_the_same_rewards(url: str) -> None:
    rows = [(tests, text) for tests in (ASSERTS, CALLS) for text in (DOUBLE, THIRD, *FORGED.values())] + [(LINES, PRINT), (LINES, "print(2)")]
    here, there = Judge.tests(parallel=2, timeout=2, partial=0.5), Judge.tests(url=url, timeout=2, partial=0.5)
    assert there.judge(rows) == here.judge(rows)
    texts = [TASK, ("HumanEval/2", "    return number\n"), ("HumanEval/2", f"```python\ndef truncate_number(number):\n{TASK[1]}```")]
    assert Judge("humaneval", url=url).scores(texts) == Judge("humaneval", parallel=2).scores(texts) == [1.0, 0.0, 1.0]
