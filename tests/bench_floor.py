"""How far judging is from the least it could take: the same calls in bare forks, without isolation or comparison.

Only a benchmark's own canonical solutions are run here, never what a model wrote.
"""

import gc
import importlib
import itertools
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FORKS = 2
WARM = "collections copy datetime decimal fractions functools hashlib heapq itertools math operator random re statistics string typing"


def serve(path: str) -> None:
    """Make all calls of all tasks in `path` once for each line of the standard input; print the seconds they took.

    This is the warm interpreter; it imports nothing of the toolkit, so that its forks are as small as can be.
    """
    for module in WARM.split():
        importlib.import_module(module)
    programs: list[tuple[str, str, str, list[Any]]] = pickle.loads(Path(path).read_bytes())
    tell = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    gc.collect()
    gc.freeze()
    for _ in sys.stdin:
        started = time.monotonic()
        spent = _round(programs)
        print(time.monotonic() - started, file=tell, flush=True)
        programs.sort(key=lambda program: -spent[program[0]])  # the longest first, as the oracle has it


def _round(programs: list[tuple[str, str, str, list[Any]]]) -> dict[str, float]:
    """Answer all calls, a fork for each task and two at a time; return the seconds of each task."""
    spent: dict[str, float] = {}
    running: dict[int, tuple[str, float]] = {}
    waiting = iter(programs)
    while True:
        for program in itertools.islice(waiting, FORKS - len(running)):
            pid = os.fork()
            if pid == 0:
                _call(*program)
            running[pid] = program[0], time.monotonic()
        if not running:
            return spent
        pid, status = os.wait()
        task_id, begun = running.pop(pid)
        spent[task_id] = time.monotonic() - begun
        if status:
            raise SystemExit(f"{task_id}: its canonical solution ended with status {status}")


def _call(_task_id: str, source: str, entry_point: str, calls: list[Any]) -> None:
    try:
        module: dict[str, Any] = {"__name__": "solution"}
        exec(compile(source, "solution", "exec"), module)
        function = module[entry_point]
        for arguments in calls:
            function(*arguments)
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{error!r}\n".encode())
    os._exit(1)


def _python() -> tuple[str, str, str]:
    """Return the interpreter for the floor (of the boxes' version where the system has it), its version and the boxes'."""
    from sandbox import DockerEngine, recipes

    ask = "import platform; print(platform.python_version())"
    engine = DockerEngine()
    try:
        said = engine.client.containers.run(recipes.tag("run"), ["-c", ask], entrypoint="python3", network_mode="none", remove=True)
    finally:
        engine.close()
    boxes = said.decode().strip()
    for path in ("/usr/bin/python3", sys.executable):
        if Path(path).exists():
            version = subprocess.run([path, "-I", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
            if version == boxes:
                break
    return path, version, boxes


def floor() -> None:
    """The wall of judging canonical solutions against that of bare forks of a warm interpreter, taking turns."""
    python, version, boxes = _python()
    for name in ("humaneval+", "mbpp+"):
        _floor(name, python)
    print(f"floor: bare forks by Python {version}, boxes by {boxes}" + ("" if version == boxes else ": NOT the same build"))


def _floor(name: str, python: str) -> None:
    from tests.bench_tables import REPEAT, canonical, judge, load, timed
    from toolkit.oracle.expected import inputs

    loaded = load(name)
    if loaded is None:
        return
    tasks, data_hash, _ = loaded
    samples = canonical(tasks)
    said = judge(name, tasks, data_hash, samples)
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.NamedTemporaryFile() as file:
        programs = [(t.task_id, t.prompt + t.canonical_solution, t.entry_point, inputs(t)) for t in tasks.values()]
        file.write(pickle.dumps(programs))
        file.flush()
        command = [python, "-c", "import sys; from tests.bench_floor import serve; serve(sys.argv[1])", file.name]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": "0"}
        with subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:

            def forks() -> float:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("go\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"floor: {name}: the forks ended")
                return float(line)

            forks()  # how long each task takes
            for _ in range(REPEAT):
                ours.append(timed(lambda: judge(name, tasks, data_hash, samples)))
                bare.append(forks())
    a, b = statistics.median(ours), statistics.median(bare)
    rounds = ", ".join(f"{one:.1f}/{other:.1f}" for one, other in zip(ours, bare, strict=True))
    print(f"floor: {name}: ours {a:.1f} s, bare forks {b:.1f} s (rounds: {rounds}), {said}")
    print(f"floor: {name}: ours is {a / b:.2f} x the floor", flush=True)
