"""An oracle that believes the samples: what stands in one is its verdict, or an error."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner
from typer.testing import Result as Ended

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.cli import main as cli
from toolkit.records import Result, Sample, Verdict

ROOT = str(Path(__file__).parents[3])
TASKS = list(BENCHMARKS["humaneval"].load(Options()).tasks)


def judged(sample: Sample) -> Result:
    """Say of a sample what stands in it: a verdict, or an error."""
    text = sample.solution.strip().strip('"')
    verdict = Verdict(text) if text in set(Verdict) else None
    error = None if verdict else text
    return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=verdict, base=verdict, error=error)


def write(path: Path, words: Sequence[str | None], n: int = 1) -> Path:
    """A sample of each task whose word is not None; the word is what the oracle will say."""
    rows = [
        json.dumps({"task_id": task, "solution": f'"{word}"'}) + "\n"
        for task, word in zip(TASKS, words, strict=False)
        for _ in range(n)
        if word
    ]
    path.write_text("".join(rows))
    return path


def run(*words: object) -> Ended:
    return CliRunner().invoke(cli.app, ["eval", "humaneval", *map(str, words)])


def summary(*words: object, code: int = 0) -> dict[str, Any]:
    done = run(*words, "--json", "--overwrite", "--output", "run")
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout))


HALF = ["passed", "wrong_answer"] * 82
