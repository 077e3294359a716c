"""What a model wrote, right and wrong and endless, judged by our command and by evalplus's at the same limit.

evalplus runs generated programs where it stands, so here it stands in a container without network: on the Python of our
own boxes, with the packages of this environment, as nobody.
"""

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox import DockerEngine, recipes
from tests.bench.tables import OVERRIDE, REPEAT, SHARED, load

NAME, FILE = "humaneval+", "llama-3-8b-instruct.humaneval.jsonl.gz"
TIMEOUT_S, FACTOR = 5, 4
WARM = """
from evalplus.data import get_human_eval_plus, get_human_eval_plus_hash
from evalplus.evaluate import get_groundtruth
get_groundtruth(get_human_eval_plus(), get_human_eval_plus_hash(), [])
"""
EVALUATE = """
import os, subprocess, sys, time
results = "/work/samples_eval_results.json"
if os.path.exists(results):
    os.unlink(results)
started = time.time()
subprocess.run([sys.executable, "-m", "evalplus.evaluate", *sys.argv[1:]], check=True, stdout=2)
print(time.time() - started, os.path.getmtime(results) - started)
"""
Passed = dict[str, tuple[bool, bool]]
"""Of each task, whether its sample passed the base and the plus tests."""


def contained(engine: DockerEngine, volumes: dict[str, dict[str, str]], environment: dict[str, str], code: str, *arguments: str) -> str:
    """Return what a Python program prints that runs as nobody in a container of the boxes' image, without network."""
    return engine.client.containers.run(
        recipes.tag("run"), ["-c", code, *arguments], entrypoint="python3", environment=environment,
        volumes=volumes, network_mode="none", user=f"{os.getuid() or 65534}:{os.getgid() or 65534}",
        cap_drop=["ALL"], security_opt=["no-new-privileges"], read_only=True, tmpfs={"/tmp": ""}, mem_limit="8g",
        pids_limit=512, remove=True,
    ).decode()  # fmt: skip


class _Peer:
    """evalplus in a container; `folder` is where its samples lie and its results come."""

    def __init__(self, engine: DockerEngine, folder: Path, data: Path | None) -> None:
        import evalplus

        self.engine, self.folder = engine, folder
        site = Path(evalplus.__file__).parents[1]
        self.volumes = {str(site): {"bind": "/peer", "mode": "ro"}, str(folder): {"bind": "/work", "mode": "rw"}}
        self.environment = {"PYTHONPATH": "/peer", "HOME": "/work", "PYTHONDONTWRITEBYTECODE": "1"}
        if data:
            self.volumes[str(data)] = {"bind": f"/data/{data.name}", "mode": "ro"}
            self.environment[OVERRIDE[NAME]] = f"/data/{data.name}"

    def python(self, code: str, *arguments: str) -> str:
        """Return what a Python program prints there."""
        return contained(self.engine, self.volumes, self.environment, code, *arguments)

    def judge(self) -> tuple[float, float]:
        """Return the seconds that `evalplus.evaluate` took, and those until its results were written."""
        limits = ("--parallel", "2", "--min-time-limit", str(TIMEOUT_S), "--gt-time-limit-factor", str(FACTOR))
        wall, written = self.python(EVALUATE, NAME.rstrip("+"), "--samples", "/work/samples.jsonl", *limits).split()
        return float(wall), float(written)

    def passed(self) -> Passed:
        rows = json.loads((self.folder / "samples_eval_results.json").read_text())["eval"]
        return {task: (row["base_status"] == "pass", row["plus_status"] == "pass") for task, (row,) in rows.items()}


def _judge(file: Path, data: Path | None, run: Path) -> float:
    """Return the seconds that `toolkit eval` took."""
    command = [str(Path(sys.executable).parent / "toolkit"), "eval", NAME, "--samples", str(file), "--timeout", str(TIMEOUT_S)]
    command += ["--parallel", "2", "--no-cache", "--overwrite", "--json", "--output", str(run)] + (["--data", str(data)] if data else [])
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = time.monotonic() - started
    if done.returncode:
        raise SystemExit(done.stderr[-800:])
    return spent


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    return {row["task_id"]: row for row in map(json.loads, path.read_text().splitlines())}


def samples() -> None:
    """A model's HumanEval+ samples, endless programs among them: our wall against that of `evalplus.evaluate`, taking turns."""
    loaded, file = load(NAME), SHARED / "samples" / FILE
    if loaded is None or not file.is_file():
        print(f"SKIPPED samples: {FILE} or its benchmark is not on this machine")
        return
    data = loaded[2]
    ours: list[float] = []
    theirs: list[tuple[float, float]] = []
    engine = DockerEngine()
    with tempfile.TemporaryDirectory() as name:
        run, folder = Path(name) / "run", Path(name) / "evalplus"
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "samples.jsonl").write_bytes(gzip.decompress(file.read_bytes()))
        peer = _Peer(engine, folder, data)
        peer.python(WARM)
        _judge(file, data, run)
        for _ in range(REPEAT):
            ours.append(_judge(file, data, run))
            theirs.append(peer.judge())
        results, executions, passed = _rows(run / "results.jsonl"), _rows(run / "executions.jsonl"), peer.passed()
    engine.close()
    wall, written = (statistics.median(found) for found in zip(*theirs, strict=True))
    a = statistics.median(ours)
    rounds = ", ".join(f"{one:.1f}/{other:.1f}" for one, (other, _) in zip(ours, theirs, strict=True))
    print(f"samples: {FILE}: ours {a:.1f} s, evalplus {wall:.1f} s (rounds: {rounds}); ours / evalplus = {a / wall:.2f}")
    print(f"samples: evalplus had written its results after {written:.1f} s; ours / that = {a / written:.2f}")
    print(f"samples: a call has {TIMEOUT_S} s and {FACTOR} x the canonical solution's time for its chunk of calls; with evalplus "
          f"(--min-time-limit {TIMEOUT_S} --gt-time-limit-factor {FACTOR}) the larger of {TIMEOUT_S} s and {FACTOR} x that of the call")  # fmt: skip
    _tell(results, executions, passed)


def _tell(results: dict[str, dict[str, Any]], executions: dict[str, dict[str, Any]], theirs: Passed) -> None:
    """Print where the time went in the last round, and which verdicts differ from evalplus's."""
    endless = [task for task, row in results.items() if "time_limit" in (row["base"], row["plus"])]
    ending = [task for task in results if task not in endless]
    cpu = {what: sum(executions[task]["cpu_s"] for task in tasks) for what, tasks in (("ending", ending), ("endless", endless))}
    print(f"samples: {len(ending)} programs that end took {cpu['ending']:.1f} CPU-seconds, {len(endless)} that do not "
          f"{cpu['endless']:.1f}; half of both is {sum(cpu.values()) / 2:.1f} s, what two at a time take at the least")  # fmt: skip
    for task in sorted(results, key=lambda task: -executions[task]["cpu_s"])[:8]:
        row = results[task]
        print(f"samples: {executions[task]['cpu_s']:.2f} CPU-s {task}: base {row['base']}, plus {row['plus']}; {row['detail']}")
    ours = {task: (row["base"] == "passed", row["plus"] == "passed") for task, row in results.items()}
    differ = [task for task in ours if ours[task] != theirs[task]]
    n_plus = sum(all(ours[task]) != all(theirs[task]) for task in ours)
    print(f"samples: {len(differ)} of {len(ours)} verdicts differ ({n_plus} in whether all passed): {', '.join(differ) or '-'}", flush=True)
