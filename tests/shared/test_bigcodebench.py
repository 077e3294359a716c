"""BigCodeBench on published data: canonical solutions pass but for named exceptions, and published verdicts are ours.

It takes hours, so verdicts are kept beside the cache, under a hash of tasks and sources: a run that was ended goes on.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, ImageMissing, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.base import Loaded
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Verdict
from toolkit.store import cache

pytestmark = [
    pytest.mark.timeout(6 * 3600),
    pytest.mark.skipif(not os.environ.get("TOOLKIT_ALL_SAMPLES"), reason="NOT CHECKED: hours; `make check-long` does"),
]
ROOT = Path(__file__).parents[2]
DATA = {
    "bigcodebench": "bigcodebench-v0.1.0_hf.jsonl.gz",
    "bigcodebench-hard": "bigcodebench-hard.jsonl.gz",
    "bigcodebench-lite-pro": "bigcodebench_lite_pro.json",
}
LEAST = {"bigcodebench": 1080, "bigcodebench-hard": 140, "bigcodebench-lite-pro": 55}
OF_ANOTHER_VERSION = {16, 37, 178, 241, 267, 760, 1005, 1006, 211, 215, 332, 334, 376, 383, 633, 635, 849, 940, 1109}
"""Tasks that differ between the data here and that of the published verdicts."""
LARGEST = 6 * 10**9
"""Of the image, in bytes."""


def loaded_of(name: str, shared: Path, engine: DockerEngine) -> Loaded:
    try:
        engine.image_digest(BENCHMARKS[name].image)
    except ImageMissing as error:
        pytest.skip(f"NOT CHECKED: {error}")
    return BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name]))


def kept(loaded: Loaded) -> cache.VerdictCache:
    """Return the verdicts of earlier runs of these very tasks and sources."""
    digest = hashlib.sha256(repr(sorted(loaded.tasks.items())).encode())
    for path in sorted(path for folder in ("sandbox", "toolkit/oracle") for path in (ROOT / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return cache.VerdictCache(cache.directory() / "long" / digest.hexdigest()[:16])


def judged(engine: DockerEngine, name: str, loaded: Loaded, samples: Sequence[Sample]) -> Iterator[Result]:
    """Judge samples; what a busy machine leaves unscored is judged again, a few times."""
    stored, left = kept(loaded), list(samples)
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS[name], loaded.tasks, loaded.data_hash, timeout_s=10, cache=stored)
        for n in (2, 1, 0):
            unscored = []
            for sample, result, _ in oracle.judge_many(left):
                if result.error and n:
                    unscored.append(sample)
                else:
                    yield result
            left = unscored
        assert not oracle.defects, oracle.defects[0]
    stored.close()


def test_the_image_is_of_bounded_size(engine: DockerEngine, shared: Path) -> None:
    loaded_of("bigcodebench", shared, engine)
    size = engine.client.images.get(engine.image_digest("bigcodebench")).attrs["Size"]
    print(f"bigcodebench: the image has {size / 1e9:.2f} GB")
    assert size <= LARGEST


@pytest.mark.parametrize("name", DATA)
def test_canonical_solutions_pass_and_empty_bodies_fail(name: str, shared: Path, engine: DockerEngine) -> None:
    loaded = loaded_of(name, shared, engine)
    assert len(loaded.tasks) == BENCHMARKS[name].n_tasks
    tasks = list(loaded.tasks.values())
    right = [Sample(task_id=task.task_id, sample_id=0, solution=task.prompt + task.canonical_solution) for task in tasks]
    empty = [Sample(task_id=task.task_id, sample_id=1, solution=f"def {task.entry_point}(*_, **__):\n    pass\n") for task in tasks]
    n_passed, failed, is_shared, passing = 0, list[str](), list[str](), list[str]()
    for result in judged(engine, name, loaded, right + empty):
        has_passed = result.verdict is Verdict.PASSED
        if result.sample_id:
            passing += [result.task_id] * has_passed
            continue
        n_passed += has_passed
        is_shared += [result.task_id] * result.shared
        if not has_passed:
            failed.append(result.task_id)
            cause = BENCHMARKS[name].unsolved.get(result.task_id, "NOT NAMED YET")
            print(f"{result.task_id}: {result.verdict} {result.error or result.detail} ({cause})", flush=True)
    print(f"{name}: {n_passed} of {len(tasks)} canonical solutions pass (at least {LEAST[name]}); {len(empty) - len(passing)} empty bodies fail")
    print(f"{name}: {len(is_shared)} ({len(is_shared) / len(tasks):.1%}, at most 10 %) run in one process with their tests: {sorted(is_shared)}")
    assert n_passed >= LEAST[name]
    assert len(is_shared) <= 0.1 * len(tasks)
    assert not set(passing) - set(BENCHMARKS[name].weak), passing
    assert not set(failed) - set(BENCHMARKS[name].unsolved), "they need a cause, in toolkit/benchmarks/bigcodebench.py"


def published(file: Path, loaded: Loaded) -> dict[str, tuple[str, bool]]:
    rows: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))["eval"]
    return {
        name: (row[0]["solution"], row[0]["status"] == "pass") for name, row in rows.items()
        if name in loaded.tasks and int(name.split("/")[1]) not in OF_ANOTHER_VERSION
    }  # fmt: skip


def test_published_verdicts_of_the_hard_part_are_ours(shared: Path, engine: DockerEngine) -> None:
    loaded = loaded_of("bigcodebench-hard", shared, engine)
    files = sorted((shared / "data" / "samples").glob("*.bigcodebench-hard-*.eval_results.json.gz"))
    assert len(files) == 5
    n_judged: dict[str, int] = {}
    pairs: list[tuple[bool, bool]] = []
    for file in files:
        wanted = published(file, loaded)
        samples = [Sample(task_id=name, sample_id=0, solution=text) for name, (text, _) in wanted.items()]
        found = [result for result in judged(engine, "bigcodebench-hard", loaded, samples) if not result.error]
        here = [(wanted[result.task_id][1], result.verdict is Verdict.PASSED) for result in found]
        n_judged[file.name] = len(here)
        pairs += here
        print(f"{file.name}: {said(here)}", flush=True)
        for result, (there, ours) in zip(found, here, strict=True):
            if there != ours:
                print(f"  {result.task_id}: published {'pass' if there else 'fail'}, here {result.verdict} {result.detail}", flush=True)
    print(f"bigcodebench-hard, all files: {said(pairs)}")
    assert min(n_judged.values()) >= 110, n_judged
    passes, fails = ([ours is there for there, ours in pairs if there is word] for word in (True, False))
    assert sum(passes + fails) >= 0.97 * len(pairs)
    assert sum(passes) >= 0.9 * len(passes)
    assert sum(fails) >= 0.97 * len(fails)


def said(pairs: Sequence[tuple[bool, bool]]) -> str:
    passes, fails = ([ours is there for there, ours in pairs if there is word] for word in (True, False))
    return f"{len(pairs)} judged, {sum(passes + fails)} agree; {sum(passes)} of {len(passes)} passes pass, {sum(fails)} of {len(fails)} failures fail"
