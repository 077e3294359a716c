"""The Pro benchmarks' canonical programs by the second, and LiveCodeBench against its official checker.

`BENCH_EVERY=10` takes each tenth program. The official checker is read from a clone of LiveCodeBench/LiveCodeBench beside the
checkout, or where LIVECODEBENCH_CLONE says; since it runs programs where it stands, it stands in a container without network.
"""

import gzip
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench.samples import contained
from tests.bench.tables import REPEAT, SHARED, canonical, judge, load, timed
from toolkit.benchmarks import BENCHMARKS
from toolkit.benchmarks.livecodebench import _method
from toolkit.oracle import Oracle
from toolkit.records import Check, Sample, Stdin, Task
from toolkit.samples.read import read

EVERY = int(os.environ.get("BENCH_EVERY", "1"))
CLONE = Path(os.environ.get("LIVECODEBENCH_CLONE") or SHARED.parents[1] / "LiveCodeBench")
SAMPLES = "o1-preview-2024-09-12.livecodebench.jsonl.gz"
TIMEOUT_S = 6
TARGET_RATE, TARGET = 60, 0.5
OFFICIAL = """
import json, sys, time, types
sys.set_int_max_str_digits(0)
for name in ("lcb_runner", "lcb_runner.evaluation"):  # without what else the packages import
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = ["/clone/" + name.replace(".", "/")]
from lcb_runner.evaluation.compute_code_generation_metrics import codegen_metrics
tests, programs, seconds = json.load(open("/work/asked.json"))
started = time.time()
_, results, _ = codegen_metrics([{"input_output": one} for one in tests], [[one] for one in programs], [1], 2, seconds)
spent = time.time() - started
passed = [all(one > 0 for one in results[at][0]) for at in range(len(programs))]
print("\\n" + json.dumps([spent, sum(passed)]))
"""


def pro() -> None:
    """Canonical programs of both Pro benchmarks, in two boxes that have started, and two for their tests; no verdict cache."""
    loaded = {name: found for name in ("humaneval-pro", "mbpp-pro") if (found := load(name))}
    if len(loaded) < 2:
        return
    engine = DockerEngine()
    spent: dict[str, list[float]] = {name: [] for name in loaded}
    samples = {name: canonical(tasks)[::EVERY] for name, (tasks, _, _) in loaded.items()}
    n_passed = dict.fromkeys(loaded, 0)
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracles = {name: Oracle(pool, BENCHMARKS[name], tasks, data_hash, timeout_s=5) for name, (tasks, data_hash, _) in loaded.items()}
        for oracle in oracles.values():
            oracle.start()
        for _ in range(REPEAT):
            for name, oracle in oracles.items():
                started = time.monotonic()
                n_passed[name] = sum(result.verdict == "passed" for _, result, _ in oracle.judge_many(samples[name]))
                spent[name].append(time.monotonic() - started)
    engine.close()
    for name, each in spent.items():
        print(f"pro: {name}: {n_passed[name]} of {len(samples[name])} pass, {statistics.median(each):.1f} s, {len(samples[name]) / statistics.median(each):.0f} programs/s")
    n = sum(map(len, samples.values()))
    rate = n / statistics.median(map(sum, zip(*spent.values(), strict=True)))
    print(f"pro: {sum(n_passed.values())} of {n} canonical programs pass, {rate:.0f} programs/s, two at a time (target {TARGET_RATE}: {'met' if rate >= TARGET_RATE else 'missed'})")


def _tests(row: dict[str, str]) -> str:
    """Return the tests of a record as the official checker takes them."""
    tests = json.loads(row["public_test_cases"]) + json.loads(row.get("private_test_cases") or "[]")
    name = json.loads(row.get("metadata") or "{}").get("func_name") or (_method(row["starter_code"]) if row["starter_code"] else None)
    return json.dumps({"inputs": [one["input"] for one in tests], "outputs": [one["output"] for one in tests], "fn_name": name})


def _slow(tasks: dict[str, Task], data_hash: str, samples: list[Sample]) -> set[str]:
    """Return the tasks whose samples run for more than a second, whoever judges them."""
    engine = DockerEngine()
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS["livecodebench"], tasks, data_hash, timeout_s=TIMEOUT_S)
        spent = {sample.task_id: facts.charged_s for sample, _, facts in oracle.judge_many(samples)}
    engine.close()
    slow = {name for name, seconds in spent.items() if seconds > 1}
    print(f"livecodebench: of {sum(spent.values()):.1f} s that the programs themselves run, {len(slow)} of {len(samples)} samples take {sum(map(spent.__getitem__, slow)):.1f} s")
    return slow


def livecodebench() -> None:
    """A model's samples of release v1 on the tests at hand: our wall against that of the official `codegen_metrics`, taking turns.

    Then again without the samples that take long themselves: of these no judge is faster than another.
    """
    found, file = load("livecodebench"), SHARED / "samples" / SAMPLES
    if found is None or found[2] is None or not file.is_file() or not (CLONE / "lcb_runner").is_dir():
        print(f"SKIPPED livecodebench: it needs {SAMPLES}, its benchmark, and a clone of LiveCodeBench at {CLONE}")
        return
    tasks, data_hash, data = found
    assert data is not None
    samples = read(file, tasks)[0][::EVERY]
    with gzip.open(data, "rt") as opened:
        records = {str(row["question_id"]): row for row in map(json.loads, opened)}
    ratio = _compared("livecodebench", tasks, data_hash, records, samples)
    print(f"livecodebench: ours / official = {ratio:.2f} (target {TARGET}: {'met' if ratio <= TARGET else 'missed'})")
    slow = _slow(tasks, data_hash, samples)
    ratio = _compared("livecodebench without those", tasks, data_hash, records, [s for s in samples if s.task_id not in slow])
    print(f"livecodebench without those: ours / official = {ratio:.2f}")


def _compared(what: str, tasks: dict[str, Task], data_hash: str, records: dict[str, dict[str, str]], samples: list[Sample]) -> float:
    """Print both walls, and return ours over theirs, of medians."""
    import numpy

    n_tests = sum(len(one.cases) if isinstance(one, Stdin) else one.n_calls for one in (tasks[s.task_id].tests for s in samples) if isinstance(one, Stdin | Check))
    engine = DockerEngine()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "asked.json").write_text(json.dumps([[_tests(records[s.task_id]) for s in samples], [s.solution for s in samples], TIMEOUT_S]))
        volumes = {str(Path(numpy.__file__).parents[1]): "/peer", str(CLONE): "/clone", folder: "/work"}
        said: dict[str, int] = {}
        passed = 0
        for _ in range(REPEAT):
            ours.append(timed(lambda: said.update(judge("livecodebench", tasks, data_hash, samples, timeout_s=TIMEOUT_S))))
            text = contained(engine, {here: {"bind": there, "mode": "ro"} for here, there in volumes.items()}, {"PYTHONPATH": "/peer", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}, OFFICIAL)
            spent, passed = json.loads(text.splitlines()[-1])
            theirs.append(spent)
    engine.close()
    a, b = statistics.median(ours), statistics.median(theirs)
    rounds = ", ".join(f"{one:.1f}/{other:.1f}" for one, other in zip(ours, theirs, strict=True))
    print(f"{what}: {len(samples)} samples, {n_tests} tests, two at a time: ours {a:.1f} s, {said}; official {b:.1f} s, {passed} pass; rounds {rounds}")
    return a / b
