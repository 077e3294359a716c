"""Tables of calls: canonical solutions against evalplus, and what all benches of the oracle share."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options
from toolkit.oracle import Oracle
from toolkit.records import Sample, Task

REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))
SHARED = Path(__file__).parents[3] / "shared" / "data"
FILES = {
    "humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz", "humaneval-pro": "humaneval_pro.json",
    "mbpp-pro": "mbpp_pro.json", "livecodebench": "livecodebench-v1-public.jsonl.gz",
}  # fmt: skip
OVERRIDE = {"humaneval+": "HUMANEVAL_OVERRIDE_PATH", "mbpp+": "MBPP_OVERRIDE_PATH"}


def timed(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


@contextmanager
def peak_rss() -> Iterator[list[float]]:
    """MiB of all processes that are there while the block runs and were not before, and of this one: the peak."""
    before = {name for name in os.listdir("/proc") if name.isdigit()} - {str(os.getpid())}
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            total = 0
            for name in os.listdir("/proc"):
                if name.isdigit() and name not in before:
                    try:
                        with open(f"/proc/{name}/smaps_rollup") as file:
                            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
                    except (OSError, StopIteration):
                        pass
            peak[0] = max(peak[0], total / 1024)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


@contextmanager
def busy(n: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def load(name: str) -> tuple[dict[str, Task], str, Path | None] | None:
    path = SHARED / FILES[name] if name in FILES and (SHARED / FILES[name]).is_file() else None
    try:
        loaded = BENCHMARKS[name].load(Options(data=path))
    except DataMissing as error:
        print(f"SKIPPED {name}: {error}")
        return None
    return dict(loaded.tasks), loaded.data_hash, path


def canonical(tasks: dict[str, Task]) -> list[Sample]:
    return [Sample(task_id=t.task_id, sample_id=0, solution=t.prompt + t.canonical_solution) for t in tasks.values()]


def judge(name: str, tasks: dict[str, Task], data_hash: str, samples: list[Sample], parallel: int = 2, timeout_s: float = 5) -> dict[str, int]:
    engine = DockerEngine()
    found: dict[str, int] = {}
    with Sandbox(engine, parallel, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS[name], tasks, data_hash, timeout_s=timeout_s)
        oracle.start()
        for _, result, _ in oracle.judge_many(samples):
            key = str(result.verdict or result.error)
            found[key] = found.get(key, 0) + 1
    engine.close()
    return found


def against_evalplus(name: str) -> None:
    """Canonical solutions, wall against `evalplus.evaluate --parallel 2`, expected outputs warm, no verdict cache."""
    loaded = load(name)
    if loaded is None:
        return
    tasks, data_hash, path = loaded
    samples = canonical(tasks)
    judge(name, tasks, data_hash, samples)
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "samples.jsonl"
        file.write_text("".join(json.dumps({"task_id": s.task_id, "solution": s.solution}) + "\n" for s in samples))
        results = file.with_name("samples_eval_results.json")
        environment = os.environ | ({OVERRIDE[name]: str(path)} if path else {})
        command = [sys.executable, "-m", "evalplus.evaluate", name.rstrip("+"), "--samples", str(file), "--parallel", "2"]
        written: list[float] = []

        def peer() -> str:
            results.unlink(missing_ok=True)
            started = time.time()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"evalplus failed: {done.stderr[-800:]}")
            written.append(results.stat().st_mtime - started)
            rows = json.loads(results.read_text())["eval"].values()
            n_passed = sum(r["base_status"] == r["plus_status"] == "pass" for row in rows for r in row)
            return f"{n_passed} of {len(rows)} pass"

        peer()  # its expected outputs
        said: list[str] = []
        peaks: dict[str, float] = {}
        for _ in range(REPEAT):
            with peak_rss() as peak:
                ours.append(timed(lambda: said.append(str(judge(name, tasks, data_hash, samples)))))
            peaks["ours"] = max(peaks.get("ours", 0), peak[0])
            with peak_rss() as peak:
                theirs.append(timed(lambda: said.append(peer())))
            peaks["evalplus"] = max(peaks.get("evalplus", 0), peak[0])
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{name}: ours {a:.1f} s, {said[-2]}, peak {peaks['ours']:.0f} MiB")
        print(f"{name}: evalplus {b:.1f} s, {said[-1]}, peak {peaks['evalplus']:.0f} MiB; ours / evalplus = {a / b:.2f}")
        c = statistics.median(written[1:])  # it then waits for a thread of its own, which sleeps 20 s at a time
        print(f"{name}: evalplus has written its results after {c:.1f} s; ours / that = {a / c:.2f}")
        if os.environ.get("BENCH_BUSY") == "0":
            return
        with busy(2):
            print(f"{name}: ours beside 2 busy processes: {judge(name, tasks, data_hash, samples)}")
            print(f"{name}: evalplus beside 2 busy processes: {peer()}")
