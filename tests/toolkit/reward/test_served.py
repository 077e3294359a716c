"""A judge whose boxes are those of a live `toolkit serve` says what a judge with boxes here says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytest.importorskip("toolkit.service", reason="NOT CHECKED: toolkit serve is not here")
pytest.importorskip("uvicorn", reason="NOT CHECKED: uvicorn is not here")

from tests.toolkit.reward.test_judge import ASSERTS, CALLS, DOUBLE, FORGED, LINES, PRINT, TASK
from toolkit.reward import Judge

THIRD = "def double(x):\n    return 2 if x == 1 else None\n"


@pytest.fixture(scope="module")
def url(boxes: None) -> Iterator[str]:
    command = [sys.executable, "-m", "toolkit.cli", "serve", "--port", "0", "--boxes", "2", "--benchmarks", "humaneval"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                if found := re.search(r"http://[\w.]+:\d+", line):
                    yield found[0]
                    break
        finally:
            process.terminate()
            process.stderr.read()


def test_the_same_rewards(url: str) -> None:
    rows = [(tests, text) for tests in (ASSERTS, CALLS) for text in (DOUBLE, THIRD, *FORGED.values())] + [(LINES, PRINT), (LINES, "print(2)")]
    here, there = Judge.tests(parallel=2, timeout=2, partial=0.5), Judge.tests(url=url, timeout=2, partial=0.5)
    assert there.judge(rows) == here.judge(rows)
    texts = [TASK, ("HumanEval/2", "    return number\n"), ("HumanEval/2", f"```python\ndef truncate_number(number):\n{TASK[1]}```")]
    assert Judge("humaneval", url=url).scores(texts) == Judge("humaneval", parallel=2).scores(texts) == [1.0, 0.0, 1.0]
