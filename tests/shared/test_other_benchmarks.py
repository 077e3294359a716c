"""MBPP, the Pro benchmarks and LiveCodeBench on published data: canonical solutions pass, published verdicts are ours."""

import ast
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, Options, pro
from toolkit.benchmarks.base import Loaded
from toolkit.benchmarks.slices import Slice, select
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Task, Verdict
from toolkit.samples.examined import examined, traced
from toolkit.samples.read import read

pytestmark = pytest.mark.timeout(1800)
DATA = {
    "mbpp": "mbpp.jsonl.gz",
    "mbpp-sanitized": "sanitized-mbpp.json.gz",
    "humaneval-pro": "humaneval_pro.json",
    "mbpp-pro": "mbpp_pro.json",
    "livecodebench": "livecodebench-v1-public.jsonl.gz",
}
ALL = bool(os.environ.get("TOOLKIT_ALL_SAMPLES"))
EVERY = 1 if ALL else 5
"""Of many equal checks, the share that is made."""


def judged(engine: DockerEngine, name: str, loaded: Loaded, samples: Iterable[Sample], timeout_s: float = 10.0, seconds: dict[str, float] | None = None) -> Iterator[tuple[Sample, Result]]:
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        oracle = Oracle(pool, BENCHMARKS[name], loaded.tasks, loaded.data_hash, timeout_s=timeout_s)
        for sample, result, facts in oracle.judge_many(samples):
            assert result.error is None, result
            if seconds is not None:
                seconds[sample.task_id] = facts.charged_s
            yield sample, result
    assert not oracle.defects, oracle.defects[0]


@pytest.mark.parametrize("name", [name for name in DATA if name != "livecodebench"])
def test_canonical_solutions_pass_and_empty_bodies_fail(name: str, shared: Path, engine: DockerEngine) -> None:
    loaded = BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name]))
    assert len(loaded.tasks) == BENCHMARKS[name].n_tasks
    right = [Sample(task_id=task.task_id, sample_id=0, solution=task.prompt + task.canonical_solution) for task in loaded.tasks.values()]
    empty = [
        Sample(task_id=task.task_id, sample_id=1, solution=f"def {task.entry_point}(*_):\n    pass\n")
        for task in list(loaded.tasks.values())[::EVERY] if task.task_id not in BENCHMARKS[name].weak
    ]  # fmt: skip
    wrong = [(sample.task_id, result) for sample, result in judged(engine, name, loaded, right + empty) if (result.verdict is Verdict.PASSED) == bool(sample.sample_id)]
    assert not wrong, wrong


OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.Mod: ast.Mult, ast.In: ast.NotIn, ast.FloorDiv: ast.Mult,
}  # fmt: skip


def mutants(task: Task) -> Iterator[str]:
    """Give the canonical program with one operator or one constant changed."""
    whole = task.prompt + task.canonical_solution
    for at, node in enumerate(ast.walk(ast.parse(whole))):
        changed = ast.parse(whole)
        other = next(each for index, each in enumerate(ast.walk(changed)) if index == at)
        if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OPERATORS:
            other.op = OPERATORS[type(node.op)]()  # type: ignore[attr-defined]
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
            other.ops[0] = OPERATORS[type(node.ops[0])]()  # type: ignore[attr-defined]
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            other.value += 1  # type: ignore[attr-defined]
        else:
            continue
        yield ast.unparse(ast.fix_missing_locations(changed))


OFFICIAL = "import resource, sys\nresource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)\nexec(compile(sys.stdin.read(), 'case.py', 'exec'), {'__name__': '__main__'})\n"
"""As CodeEval-Pro's harness: the program and its asserts in one process, whose exit code decides. Only mutants of official solutions run so."""


def officially(program: str) -> bool | None:
    """Whether it passes; None for a program that takes too long to tell."""
    try:
        return not subprocess.run([sys.executable, "-c", OFFICIAL], input=program, text=True, capture_output=True, timeout=20, check=False).returncode
    except subprocess.TimeoutExpired:
        return None


@pytest.mark.filterwarnings("ignore:invalid escape")
@pytest.mark.parametrize("name", ["humaneval-pro", "mbpp-pro"])
def test_mutants_have_the_official_verdict(name: str, shared: Path, engine: DockerEngine) -> None:
    """What differs: an answer with an object of the program's own, and a test whose canonical helpers the program broke."""
    loaded = BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name]))
    tests = {task_id: task.tests.text for task_id, task in loaded.tasks.items()}
    made = [(task.task_id, text) for task in loaded.tasks.values() for text in mutants(task)]
    made = made[:: max(1, len(made) // (1200 if ALL else 250))]
    samples = [Sample(task_id=task_id, sample_id=n, solution=text) for n, (task_id, text) in enumerate(made)]
    with ThreadPoolExecutor(2) as threads:
        official = dict(zip(range(len(made)), threads.map(lambda it: officially(f"{it[1]}\n{tests[it[0]]}"), made), strict=True))
    ours = {sample.sample_id: result for sample, result in judged(engine, name, loaded, samples, 5)}
    wrong = [
        (made[n], result, official[n]) for n, result in ours.items()
        if official[n] is not None and (result.verdict is Verdict.PASSED) != official[n]
    ]  # fmt: skip
    killed = sum(result.verdict is not Verdict.PASSED for result in ours.values())
    print(f"{name}: {killed} of {len(made)} mutants killed, officially {sum(not it for it in official.values())}; {len(wrong)} verdicts differ")
    assert len(made) >= (1000 if ALL else 200)
    assert not wrong, wrong[:3]


def test_samples_of_mbpp_pro_have_the_published_verdict(shared: Path, engine: DockerEngine) -> None:
    loaded = BENCHMARKS["mbpp-pro"].load(Options(data=shared / "data" / DATA["mbpp-pro"]))
    with gzip.open(shared / "data/samples/llama-3.2-3b-instruct.mbpp-pro-10tasks.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    samples = []
    for n, row in enumerate(rows):
        task = loaded.tasks[f"MbppPro/{row['task_id']}"]
        samples.append(Sample(task_id=task.task_id, sample_id=n, solution=task.prompt + row["completion"]))
    wrong = [(rows[s.sample_id], r) for s, r in judged(engine, "mbpp-pro", loaded, samples) if (r.verdict is Verdict.PASSED) != (rows[s.sample_id]["published"] == "pass")]
    assert not wrong, wrong[:3]


def test_samples_of_livecodebench_have_the_official_verdict(shared: Path, engine: DockerEngine) -> None:
    loaded = BENCHMARKS["livecodebench"].load(Options(data=shared / "data" / DATA["livecodebench"]))
    stem = shared / "data/samples/o1-preview-2024-09-12.livecodebench"
    reference: dict[str, Any] = {row["question_id"]: row for row in map(json.loads, stem.with_name(f"{stem.name}.verdicts.jsonl").read_text().splitlines())}
    samples, problems = read(stem.with_name(f"{stem.name}.jsonl.gz"), loaded.tasks)
    with gzip.open(stem.with_name(f"{stem.name}.jsonl.gz"), "rt") as file:
        extracted = {row["question_id"]: row["code"] for row in map(json.loads, file)}
    assert not problems
    assert [sample.task_id for sample in samples if sample.solution.strip() != extracted[sample.task_id].strip()] == []
    seconds: dict[str, float] = {}
    differ = {
        sample.task_id: result for sample, result in judged(engine, "livecodebench", loaded, samples, 6.0, seconds)
        if (result.verdict is Verdict.PASSED) != (reference[sample.task_id]["slice"] == "pass")
    }  # fmt: skip
    # The official harness runs a program inside a function; these are right as processes of their own, there too.
    by_harness = {task_id for task_id, row in reference.items() if row["slice"] == "fail" and row.get("subprocess") == "pass"}
    assert len(by_harness) == 7
    by_speed = {task_id for task_id in differ.keys() ^ by_harness if seconds[task_id] > 3}  # within a factor of 2 of the limit
    assert differ.keys() - by_speed == by_harness - by_speed, differ
    assert len(by_speed) <= 3, by_speed


def test_what_passes_all_official_tests_passes_the_public_ones(shared: Path, engine: DockerEngine, tmp_path: Path) -> None:
    for path in (shared / "data").glob("livecodebench-public-test*.jsonl.gz"):
        (tmp_path / path.name).symlink_to(path)
    evaluations = shared / "data/samples/qwen2.5-7b-instruct.livecodebench.eval_all.json.gz"
    benchmark = BENCHMARKS["livecodebench"]
    loaded = benchmark.load(Options(data=tmp_path))
    tasks = select(benchmark, loaded.tasks, Slice(since="2023-01-01", dates=evaluations))
    assert (len(loaded.tasks), len(tasks)) == (1055, 1054)  # one problem has no public test
    first = benchmark.load(Options(data=tmp_path, release="release_v1")).tasks
    assert len(select(benchmark, first, Slice(until="2024-03-31", dates=evaluations))) == 400  # as release v1 says of itself
    assert len(select(benchmark, loaded.tasks, Slice(since="2025-01-01", dates=evaluations))) < 200
    with gzip.open(evaluations, "rt") as file:
        rows = [row for row in json.load(file) if row["graded_list"] == [True]]
    rows = [row for row in rows if row["question_id"] in tasks][::EVERY]
    assert len(rows) > 250 // EVERY - 2
    samples = [Sample(task_id=row["question_id"], sample_id=0, solution=row["code_list"][0]) for row in rows]
    wrong = [(sample.task_id, result) for sample, result in judged(engine, "livecodebench", loaded, samples) if result.verdict is not Verdict.PASSED]
    assert not wrong, wrong


def test_pro_tasks_are_built_upon_the_tasks_that_pairs_are_made_of(shared: Path) -> None:
    for name, file in (("humaneval-pro", "HumanEvalPlus.jsonl.gz"), ("mbpp-pro", "MbppPlus.jsonl.gz")):
        with gzip.open(shared / "data" / file, "rt") as opened:
            bases = {int(row["task_id"].split("/")[1]): row["entry_point"] for row in map(json.loads, opened)}
        tasks = BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name])).tasks
        assert [pro.base_number(name, n) for n in range(len(tasks))] == list(bases)
        assert [task.invokes for task in tasks.values()] == list(bases.values())


def test_text_and_trace_agree_on_official_solutions(shared: Path, engine: DockerEngine) -> None:
    tasks = list(BENCHMARKS["humaneval-pro"].load(Options(data=shared / "data" / DATA["humaneval-pro"])).tasks.values())
    tasks = tasks[::EVERY] if ALL else tasks[16:48]
    rows = [(task.prompt + task.canonical_solution, task.entry_point, task.invokes) for task in tasks]
    with Sandbox(engine, 2) as pool:
        said = {task.task_id: one and one.invokes for task, one in zip(tasks, examined(pool, rows), strict=True)}
        called = {task.task_id: one for task, one in zip(tasks, traced(pool, ((row, task.tests.text) for row, task in zip(rows, tasks, strict=True))), strict=True)}
    assert {name for name, how in said.items() if how != "direct"} & {f"HumanEvalPro/{n}" for n in range(16, 48)} == {f"HumanEvalPro/{n}" for n in (16, 19, 35, 39, 41)}
    differ = {name for name, how in said.items() if (how == "direct") != called[name]}
    assert differ == {"HumanEvalPro/24"}  # no assert of it gets to the call
