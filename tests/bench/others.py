"""The Pro benchmarks' canonical programs by the second, and LiveCodeBench against its official checker.

`BENCH_EVERY=10` takes each tenth program. The official checker is read from a clone of LiveCodeBench/LiveCodeBench beside the
checkout, or where LIVECODEBENCH_CLONE says; since it runs programs where it stands, it stands in a container without network.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from sandbox import DockerEngine, Limits, Sandbox
from tests.bench.samples import contained
from tests.bench.tables import REPEAT, SHARED, canonical, judge, load, timed
from tests.shared.test_parity import livecodebench as shared_samples
from tests.shared.test_parity import official_tests
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.base import Loaded
from toolkit.oracle import Oracle
from toolkit.records import Check, Sample, Stdin

EVERY = int(os.environ.get("BENCH_EVERY", "1"))
CLONE = Path(os.environ.get("LIVECODEBENCH_CLONE") or SHARED.parents[1] / "LiveCodeBench")
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


def livecodebench() -> None:
    """All shared samples on the tests at hand: our wall against that of the official `codegen_metrics`, taking turns.

    Then again without the samples that take long themselves: of these no judge is faster than another.
    """
    if not (SHARED / "samples").is_dir() or not (CLONE / "lcb_runner").is_dir():
        print(f"SKIPPED livecodebench: it needs shared samples, and a clone of LiveCodeBench at {CLONE}")
        return
    whole, quick = [0.0, 0.0], [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        for which in ("o1-preview", "qwen2.5-7b-instruct"):
            records, data, programs = shared_samples(SHARED.parent, which, Path(folder))
            loaded = BENCHMARKS["livecodebench"].load(Options(data=data))
            tests = {name: json.dumps(official_tests(row)) for name, row in records.items()}
            samples = [Sample(task_id=name, sample_id=n, solution=text) for n, (name, text) in enumerate(programs[::EVERY])]
            slow = _slow(which, loaded, samples)
            for sums, left in ((whole, samples), (quick, [sample for sample in samples if sample.sample_id not in slow])):
                for at, seconds in enumerate(_compared(which, loaded, tests, left)):
                    sums[at] += seconds
    for what, (ours, theirs) in (("all samples", whole), ("all but those that run for more than a second themselves", quick)):
        ratio = ours / theirs
        print(f"livecodebench: {what}: ours {ours:.1f} s, official {theirs:.1f} s: {ratio:.2f} x (target {TARGET}: {'met' if ratio <= TARGET else 'missed'})")


def _slow(what: str, loaded: Loaded, samples: list[Sample]) -> set[int]:
    """Return the samples that run for more than a second, whoever judges them."""
    engine = DockerEngine()
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS["livecodebench"], loaded.tasks, loaded.data_hash, timeout_s=TIMEOUT_S)
        spent = {sample.sample_id: facts.charged_s for sample, _, facts in oracle.judge_many(samples)}
    engine.close()
    slow = {n for n, seconds in spent.items() if seconds > 1}
    print(f"livecodebench {what}: of {sum(spent.values()):.1f} s that the programs themselves run, {len(slow)} of {len(samples)} samples take {sum(map(spent.__getitem__, slow)):.1f} s")
    return slow


def _compared(what: str, loaded: Loaded, tests: dict[str, str], samples: list[Sample]) -> tuple[float, float]:
    """Print both walls, and return their medians: ours and theirs."""
    import numpy

    known = [loaded.tasks[sample.task_id].tests for sample in samples]
    n_tests = sum(len(one.cases) if isinstance(one, Stdin) else one.n_calls for one in known if isinstance(one, Stdin | Check))
    engine = DockerEngine()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "asked.json").write_text(json.dumps([[tests[s.task_id] for s in samples], [s.solution for s in samples], TIMEOUT_S]))
        volumes = {str(Path(numpy.__file__).parents[1]): "/peer", str(CLONE): "/clone", folder: "/work"}
        said: dict[str, int] = {}
        passed = 0
        for _ in range(REPEAT):
            ours.append(timed(lambda: said.update(judge("livecodebench", dict(loaded.tasks), loaded.data_hash, samples, timeout_s=TIMEOUT_S))))
            text = contained(engine, {here: {"bind": there, "mode": "ro"} for here, there in volumes.items()}, {"PYTHONPATH": "/peer", "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}, OFFICIAL)
            spent, passed = json.loads(text.splitlines()[-1])
            theirs.append(spent)
    engine.close()
    a, b = statistics.median(ours), statistics.median(theirs)
    rounds = ", ".join(f"{one:.1f}/{other:.1f}" for one, other in zip(ours, theirs, strict=True))
    print(f"livecodebench {what}: {len(samples)} samples, {n_tests} tests, two at a time: ours {a:.1f} s, {said}; official {b:.1f} s, {passed} pass; {a / b:.2f} x; rounds {rounds}")
    return a, b
