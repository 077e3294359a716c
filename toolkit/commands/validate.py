"""`toolkit validate` and `toolkit samples`, as functions: judge a benchmark's own solutions, and write them to a file."""

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.benchmarks import Options
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.commands.judging import Settings, check, open_oracle
from toolkit.errors import room
from toolkit.progress import Advance
from toolkit.records import Sample, Verdict
from toolkit.store.files import write_atomically, writing


@room()
def validate(
    name: str,
    timeout_s: float,
    parallel: int,
    advance: Advance,
    *,
    total_timeout_s: float = 60.0,
    mini: bool = False,
    noextreme: bool = False,
    data: Path | None = None,
    runtime: str | None = None,
) -> dict[str, Any]:
    """Judge canonical solutions (all must pass) and empty bodies (all must fail), without stored verdicts.

    Raises:
        UsageError, InfrastructureError: as `evaluate`.
    """
    from toolkit.report import summary as report

    started = time.monotonic()
    settings = Settings(
        benchmark=name, samples=Path(), timeout_s=timeout_s, total_timeout_s=total_timeout_s, parallel=parallel,
        use_cache=False, runtime=runtime,
    )  # fmt: skip
    benchmark = benchmark_named(name)
    check(settings)
    tasks, data_hash = load(benchmark, Options(data=data, mini=mini, noextreme=noextreme))
    right = [Sample(task_id=t.task_id, sample_id=0, solution=t.prompt + t.canonical_solution) for t in tasks.values()]
    empty = [replace(s, sample_id=1, solution=f"def {tasks[s.task_id].entry_point}(*_):\n    pass\n") for s in right]
    found: dict[str, Any] = {"benchmark": name, "n_tasks": len(tasks)}
    found |= dict.fromkeys(("canonical_passed", "empty_failed", "n_defects"), 0)
    surprises = []
    with open_oracle(settings, benchmark, tasks, data_hash) as oracle:
        oracle.start()
        for n_done, (sample, result, _) in enumerate(oracle.judge_many([*right, *empty]), 1):
            passed = result.verdict == Verdict.PASSED
            found["n_defects"] += report.is_defect(result)
            if sample.sample_id == 0:
                found["canonical_passed"] += passed
            else:
                found["empty_failed"] += result.verdict is not None and not passed
            if passed == bool(sample.sample_id) or result.error:
                what = "empty body" if sample.sample_id else "canonical solution"
                surprises.append(f"{sample.task_id}: {what}: {result.error or result.verdict} {result.detail}".rstrip())
            advance(f"validate {name}", n_done, len(right) + len(empty))
    return found | {"surprises": surprises, "seconds": round(time.monotonic() - started, 3)}


def write_canonical(name: str, output: Path, append: list[Path], data: Path | None) -> int:
    """Write the canonical solutions as samples, then the lines of `append`; return the number of samples.

    Raises:
        UsageError, InfrastructureError: as `evaluate`, and for a file that cannot be read or written.
    """
    tasks, _ = load(benchmark_named(name), Options(data=data))
    rows = [{"task_id": t.task_id, "solution": t.prompt + t.canonical_solution} for t in tasks.values()]
    lines = [json.dumps(row) for row in rows]
    for path in append:
        with writing(path):
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines += [line for line in text.decode().splitlines() if line.strip()]
    with writing(output):
        write_atomically(output, ("\n".join(lines) + "\n").encode())
    return len(lines)
