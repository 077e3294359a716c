"""`toolkit validate` and `toolkit samples`, as functions: judge a benchmark's own solutions, and write them to a file."""

import gzip
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.benchmarks import Options
from toolkit.benchmarks.load import benchmark_named, load
from toolkit.commands.judging import Settings, check, open_oracle
from toolkit.errors import UsageError, room
from toolkit.progress import Advance
from toolkit.records import Sample, Task, Verdict
from toolkit.store.files import check_output, write_atomically, writing


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
    """Judge canonical solutions (all must pass) and empty bodies (all must fail), ignoring stored verdicts.

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
    _canonical(name, tasks)
    right = [Sample(task_id=t.task_id, sample_id=0, solution=t.prompt + t.canonical_solution) for t in tasks.values()]
    empty = [replace(s, sample_id=1, solution=f"def {tasks[s.task_id].entry_point}(*_):\n    pass\n") for s in right]
    found: dict[str, Any] = {"benchmark": benchmark.name, "n_tasks": len(tasks)}
    found |= dict.fromkeys(("canonical_passed", "empty_failed", "n_defects"), 0) | {"weak": {}, "unsolved": {}, "shared": []}
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
            if result.shared and not sample.sample_id:
                found["shared"].append(sample.task_id)
            if not passed and not sample.sample_id and sample.task_id in benchmark.unsolved:
                found["unsolved"][sample.task_id] = benchmark.unsolved[sample.task_id]
            elif passed and sample.sample_id and sample.task_id in benchmark.weak:
                found["weak"][sample.task_id] = benchmark.weak[sample.task_id]
            elif passed == bool(sample.sample_id) or result.error:
                what = "empty body" if sample.sample_id else "canonical solution"
                surprises.append(f"{sample.task_id}: {what}: {result.error or result.verdict} {result.detail}".rstrip())
            advance(f"validate {name}", n_done, len(right) + len(empty))
    return found | {"surprises": surprises, "seconds": round(time.monotonic() - started, 3)}


def _canonical(name: str, tasks: Mapping[str, Task]) -> None:
    if not any(task.canonical_solution for task in tasks.values()):
        raise UsageError(f"{name} has no canonical solutions")


def write_canonical(name: str, output: Path, append: list[Path], data: Path | None) -> int:
    """Write the canonical solutions as samples, then the lines of `append`; return the number of samples.

    Raises:
        UsageError: no such benchmark, a file of `append` cannot be read, or `output` is a folder.
        InfrastructureError: the benchmark's data is missing, or `output` cannot be written.
    """
    check_output(output, is_folder=False)
    tasks, _ = load(benchmark_named(name), Options(data=data))
    _canonical(name, tasks)
    rows = [{"task_id": t.task_id, "solution": t.prompt + t.canonical_solution} for t in tasks.values()]
    lines = [json.dumps(row) for row in rows]
    for path in append:
        try:
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            lines += [line for line in text.decode("utf-8-sig").splitlines() if line.strip()]
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise UsageError(f"--append {path}: {getattr(error, 'strerror', None) or error}") from None
    with writing(output):
        write_atomically(output, ("\n".join(lines) + "\n").encode())
    return len(lines)
