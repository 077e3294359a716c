"""Run folders as `toolkit eval` leaves them, made without an engine."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.records import FailedCall, Result, Verdict
from toolkit.report import summary
from toolkit.store.rows import to_row

HOSTILE = "</pre></script><script>document.title='taken'</script>\"'&\x1b[31m\u202e\ud800\0<img src=x onerror=\"document.title='taken'\"><!--"


def results(n_tasks: int, n_samples: int, seed: int = 0, ease: float = 0.5) -> list[Result]:
    """Return verdicts of samples of HumanEval's first tasks; a task with a low number is easy."""
    draw = random.Random(seed)
    found = []
    for task in range(n_tasks):
        for sample in range(n_samples):
            bar = ease + 0.4 * (1 - 2 * task / n_tasks)
            at = draw.random()
            more: dict[str, Any] = {}
            verdict = Verdict.PASSED
            if at > bar:
                verdict = draw.choice([Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR, Verdict.COMPILE_ERROR, Verdict.TIME_LIMIT])
            if verdict == "wrong_answer":
                call = draw.randrange(5)
                more = {"detail": f"in call {call}: another value than expected", "base_call": call,
                        "failed": FailedCall(call=call, input=f"[{task}, {sample}]", expected="[2]", got=f"[{sample}]")}  # fmt: skip
            elif verdict == "runtime_error":
                more = {"detail": f"in call 0: {draw.choice(['NameError', 'IndexError', 'KeyError'])}"}
            found.append(Result(task_id=f"HumanEval/{task}", sample_id=sample, verdict=verdict, base=verdict, **more))
    return found


def program(result: Result) -> str:
    """Return a program of that task, different for each sample."""
    lines = [f"def f{result.task_id.split('/')[-1]}(values):", f"    # sample {result.sample_id}", "    total = 0"]
    lines += [f"    total += values[{i}] * {(i * 37 + result.sample_id) % 11}" for i in range(12)]
    return "\n".join([*lines, "    return total", ""])


def folder(
    path: Path, found: Sequence[Result], *, name: str = "gpt-9.jsonl", programs: dict[tuple[str, int], str] | None = None,
    raw: bool = True, ks: Sequence[int] = (1, 10),
) -> Path:  # fmt: skip
    """Write a run folder and return it; `programs` are those that are not `program`'s."""
    path.mkdir(parents=True)
    run = {"date": "2026-11-30T10:20:30+00:00", "settings": {"benchmark": "humaneval", "timeout_s": 5.0, "samples": name}, "seed": 0, "data": {}}
    (path / "run.json").write_text(json.dumps(run))
    with (path / "samples.jsonl").open("w") as samples, (path / "results.jsonl").open("w") as lines, (path / "executions.jsonl").open("w") as facts:
        for i, result in enumerate(found):
            key = {"task_id": result.task_id, "sample_id": result.sample_id}
            text = (programs or {}).get((result.task_id, result.sample_id)) or program(result)
            more = {"raw": f"Here it is:\n```python\n{text}```\nIt adds them up."} if raw else {}
            samples.write(json.dumps({**key, "solution": text, **more}) + "\n")
            lines.write(json.dumps(to_row(result)) + "\n")
            facts.write(json.dumps({**key, "seconds": 0.5, "charged_s": 0.01 + (i % 50) / 1000, "cpu_s": 0.01,
                                    "memory_peak_bytes": 15_000_000 + 100_000 * (i % 30), "cached": i % 10 == 0}) + "\n")  # fmt: skip
    of = summary.summarise(benchmark="humaneval", results=found, ks=ks, folder=str(path), timeout_s=5.0, parallel=2)
    (path / "summary.json").write_text(json.dumps(of))
    return path


def rows(path: Path, name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of a run folder."""
    return [json.loads(line) for line in (path / name).read_text().splitlines()]


def hostile() -> list[Result]:
    """Return verdicts whose every text is hostile."""
    failed = FailedCall(call=0, input=HOSTILE, expected=HOSTILE, got=HOSTILE)
    return [
        Result(task_id=HOSTILE, sample_id=0, verdict=Verdict.WRONG_ANSWER, base=Verdict.WRONG_ANSWER, detail=HOSTILE, failed=failed),
        Result(task_id="HumanEval/0", sample_id=0, verdict=None, error=HOSTILE),
    ]


