"""Gates: how fast, against what one would do by hand, and in how much memory."""

import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

from gates import parse
from sandbox import DockerEngine, Limits, Sandbox
from tests.plain_linters import different, plain
from toolkit.benchmarks import BENCHMARKS, Options

REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))


def gates() -> None:
    """`compile+quality` and `compile` on HumanEval's 164 solutions, two boxes; 10,000 programs in flat memory."""
    engine = DockerEngine()
    tasks = BENCHMARKS["humaneval"].load(Options()).tasks.values()
    codes = [task.prompt + task.canonical_solution for task in tasks]

    def seconds(kind: str, programs: list[str], sandbox: Sandbox) -> float:
        started = time.monotonic()
        assert len(list(parse(kind).check_many(programs, sandbox))) == len(programs)
        return time.monotonic() - started

    with Sandbox(engine, 2) as sandbox:
        seconds("compile+quality", codes[:4], sandbox)
        found: dict[str, list[float]] = {}
        for _ in range(REPEAT):
            found.setdefault("compile+quality", []).append(seconds("compile+quality", codes, sandbox))
            found.setdefault("compile", []).append(seconds("compile", codes * 6, sandbox) / 6)
            peer = plain(engine, codes, "process")
            found.setdefault("a pylint process per file", []).append(peer["seconds"])
        limits = Limits(charged_s=60, cpu_s=60)
        said = sandbox.map(lambda box, code: box.examine("lint", [code], limits=limits)[0], codes, "lint")
        n_different = sum(different(ours, theirs) for ours, theirs in zip(said, peer["said"], strict=True))
    middle = {name: statistics.median(times) for name, times in found.items()}
    for name, value in middle.items():
        each = ", ".join(f"{1000 * time / len(codes):.1f}" for time in found[name])
        print(f"gates: {name}: {1000 * value / len(codes):.1f} ms a file, {len(codes) / value:.0f}/s (rounds: {each} ms)")
    ratio = middle["a pylint process per file"] / middle["compile+quality"]
    print(f"gates: compile+quality is {ratio:.1f} x as fast; messages, score, cc or mi differ on {n_different} of {len(codes)}")
    engine.close()
    if os.environ.get("BENCH_MANY", "1") == "1":  # 10,000 programs take minutes; in a process, for its own peak
        subprocess.run([sys.executable, "-c", "from tests.bench.gates import many; many()"], check=True)


def many() -> None:
    """10,000 different programs through `compile+quality`: memory of this process and of the boxes."""
    engine = DockerEngine()
    codes = [task.prompt + task.canonical_solution for task in BENCHMARKS["humaneval"].load(Options()).tasks.values()]
    programs = (f"{codes[i % len(codes)]}\n\nMARK = {i}\n" for i in range(10_000))
    with Sandbox(engine, 2) as sandbox:
        n_accepted, started = 0, time.monotonic()
        boxes: list[Any] = []
        for i, reports in enumerate(parse("compile+quality").check_many(programs, sandbox)):
            n_accepted += all(report.passed for report in reports)
            if i in (100, 9_900):
                boxes.append([round(_box_mib(engine, box)) for box in sorted(_ids(engine))])
        taken = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"gates: 10,000 programs through compile+quality in {taken:.0f} s ({n_accepted} accepted): host peak {peak} MiB RSS, "
          f"boxes (MiB each) after 100: {boxes[0]}, after 9,900: {boxes[1]}", flush=True)  # fmt: skip
    engine.close()


def _ids(engine: DockerEngine) -> list[str]:
    return [str(box.id) for box in engine.client.containers.list()]


def _box_mib(engine: DockerEngine, name: str) -> float:
    stats = engine.client.containers.get(name).stats(stream=False)["memory_stats"]
    return float(stats["usage"] - stats.get("stats", {}).get("total_inactive_file", 0)) / (1 << 20)
