"""How far judging is from the least it could take: the same calls in bare forks, without isolation or comparison.

A second floor also writes each answer down, as it has to be to leave a process: of a few tasks that takes most of the time.
Only a benchmark's own canonical solutions are run here, never what a model wrote.
"""

import gc
import importlib.util
import itertools
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FORKS = 2
WARM = "collections copy datetime decimal fractions functools hashlib heapq itertools math operator random re statistics string typing"


def serve(path: str, codec: str = "") -> None:
    """Make all calls of all tasks in `path` once for each line of the standard input; print the seconds they took.

    This is the warm interpreter; it imports nothing of the toolkit, so that its forks are as small as can be, but for the
    file `codec`, where answers are to be written.
    """
    write: Callable[[Any], object] = id
    if codec:
        spec = importlib.util.spec_from_file_location("codec", codec)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        write = module.encode
    for module in WARM.split():
        importlib.import_module(module)
    programs: list[tuple[str, str, str, list[Any]]] = pickle.loads(Path(path).read_bytes())
    tell = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    gc.collect()
    gc.freeze()
    for _ in sys.stdin:
        started = time.monotonic()
        spent = _round(programs, write)
        print(time.monotonic() - started, file=tell, flush=True)
        programs.sort(key=lambda program: -spent[program[0]])  # the longest first, as the oracle has it


def _round(programs: list[tuple[str, str, str, list[Any]]], write: Callable[[Any], object]) -> dict[str, float]:
    """Answer all calls, a fork for each task and two at a time; return the seconds of each task."""
    spent: dict[str, float] = {}
    running: dict[int, tuple[str, float]] = {}
    waiting = iter(programs)
    while True:
        for program in itertools.islice(waiting, FORKS - len(running)):
            pid = os.fork()
            if pid == 0:
                _call(write, *program)
            running[pid] = program[0], time.monotonic()
        if not running:
            return spent
        pid, status = os.wait()
        task_id, begun = running.pop(pid)
        spent[task_id] = time.monotonic() - begun
        if status:
            raise SystemExit(f"{task_id}: its canonical solution ended with status {status}")


def _call(write: Callable[[Any], object], _task_id: str, source: str, entry_point: str, calls: list[Any]) -> None:
    try:
        module: dict[str, Any] = {"__name__": "solution"}
        exec(compile(source, "solution", "exec"), module)
        function = module[entry_point]
        for arguments in calls:
            write(function(*arguments))
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
        said = engine.client.containers.run(
            recipes.tag("run"), ["-c", ask], entrypoint="python3", network_mode="none", remove=True
        )
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


class _Forks:
    """A warm interpreter that makes all calls whenever it is asked to."""

    def __init__(self, python: str, programs: str, *codec: str) -> None:
        command = [python, "-c", "import sys; from tests.bench.floor import serve; serve(*sys.argv[1:])", programs, *codec]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        self.process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.run()  # how long each task takes

    def __enter__(self) -> "_Forks":
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def run(self) -> float:
        """Return the seconds that all calls take."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("floor: the forks ended")
        return float(line)


def _floor(name: str, python: str) -> None:
    from tests.bench.tables import REPEAT, canonical, judge, load, timed
    from toolkit.records import Table

    loaded = load(name)
    if loaded is None:
        return
    tasks, data_hash, _ = loaded
    samples = canonical(tasks)
    said = judge(name, tasks, data_hash, samples)
    seconds: dict[str, list[float]] = {"ours": [], "bare forks": [], "forks that write their answers": []}
    with tempfile.NamedTemporaryFile() as file:
        programs = [(t.task_id, t.prompt + t.canonical_solution, t.entry_point, t.tests_as(Table).calls) for t in tasks.values()]
        file.write(pickle.dumps(programs))
        file.flush()
        codec = str(ROOT / "sandbox" / "wire" / "codec.py")
        with _Forks(python, file.name) as bare, _Forks(python, file.name, codec) as writing:
            ways = [lambda: timed(lambda: judge(name, tasks, data_hash, samples)), bare.run, writing.run]
            for _ in range(REPEAT):
                for spent, way in zip(seconds.values(), ways, strict=True):
                    spent.append(way())
    start = statistics.median(timed(lambda: judge(name, tasks, data_hash, samples[:1])) for _ in range(REPEAT))
    ours, *floors = map(statistics.median, seconds.values())
    for label, rounds in seconds.items():
        print(
            f"floor: {name}: {label} {statistics.median(rounds):.1f} s (rounds: {', '.join(f'{each:.1f}' for each in rounds)})"
        )
    ratios = " and ".join(
        f"{ours / least:.2f} x the {label}" for label, least in zip(list(seconds)[1:], floors, strict=True)
    )
    print(f"floor: {name}: {said}; ours is {ratios}; {start:.1f} s of ours are boxes that start and end: one sample alone", flush=True)
