"""Verdicts on shared samples are those of the official checkers, run beside ours in boxes; each difference has its reason."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from tests.shared.official import Said, as_process, by_codeeval_pro, by_livecodebench
from tests.shared.test_other_benchmarks import DATA, EVERY
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.livecodebench import _method
from toolkit.benchmarks.pro import base_number
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Task, Verdict
from toolkit.samples.read import read

pytestmark = pytest.mark.timeout(7200)
BASES = {"humaneval-pro": ("humaneval", "HumanEval", "llama-3-8b-instruct"), "mbpp-pro": ("mbpp", "Mbpp", "llama-3-8b-instruct")}


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        yield pool


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ours(pool: Sandbox, name: str, tasks: dict[str, Task], samples: list[Sample], timeout_s: float) -> list[Result]:
    """Judge samples; what a machine that others use as well leaves unscored is judged again, a few times."""
    oracle = Oracle(pool, BENCHMARKS[name], tasks, "parity", timeout_s=timeout_s)
    found: dict[int, Result] = {}
    for _ in range(4):
        found |= {one.sample_id: result for one, result, _ in oracle.judge_many(one for one in samples if one.sample_id not in found) if not result.error}
    assert not oracle.defects, oracle.defects[0]
    assert len(found) == len(samples), "the machine is too busy to judge all of them"
    return [found[sample.sample_id] for sample in samples]


# -- HumanEval Pro, MBPP Pro -------------------------------------------------------------------------------------------


def of_models(name: str, shared: Path, tasks: dict[str, Task]) -> Iterator[tuple[str, str]]:
    """Give programs: a model's solution of each base problem before the official one of the new problem, and whole answers of models."""
    stem, prefix, model = BASES[name]
    bases = {row["task_id"]: row for row in rows(shared / f"data/samples/{model}.{stem}.jsonl.gz")}
    published = {row["id"]: row for row in json.loads((shared / "data" / DATA[name]).read_text())}
    for task in tasks.values():
        number = int(task.task_id.rpartition("/")[2])
        row = bases[f"{prefix}/{base_number(name, number)}"]
        base = row["solution"] if "solution" in row else published[number]["raw_problem"] + row["completion"]
        yield task.task_id, f"{base}\n\n{published[number]['new_problem']}{published[number]['new_solution']}"
    for row in rows(shared / "data/samples/llama-3.2-3b-instruct.mbpp-pro-10tasks.jsonl.gz") if name == "mbpp-pro" else []:
        task = tasks[f"MbppPro/{row['task_id']}"]
        yield task.task_id, task.prompt + row["completion"]


@pytest.mark.parametrize("name", BASES)
def test_pro_verdicts_are_codeeval_pros(name: str, shared: Path, boxes: Sandbox) -> None:
    tasks = dict(BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name])).tasks)
    programs = list(of_models(name, shared, tasks))[::EVERY]
    said = by_codeeval_pro(boxes, [(text, tasks[task_id].tests.text) for task_id, text in programs])
    found = ours(boxes, name, tasks, [Sample(task_id=task_id, sample_id=n, solution=text) for n, (task_id, text) in enumerate(programs)], 30)
    differ = [(it[0], result, theirs) for it, result, theirs in zip(programs, found, said, strict=True) if (result.verdict is Verdict.PASSED) != theirs[0]]
    print(f"{name}: {len(programs)} programs, {sum(one[0] for one in said)} pass officially, {len(differ)} verdicts differ", *differ, sep="\n  ")
    assert len(programs) >= {"humaneval-pro": 164, "mbpp-pro": 430}[name] // EVERY
    assert not differ


# -- LiveCodeBench -----------------------------------------------------------------------------------------------------


def official_tests(row: dict[str, Any]) -> dict[str, Any]:
    """Return the tests of a record as the official runner takes them."""
    tests = json.loads(row["public_test_cases"]) + json.loads(row.get("private_test_cases") or "[]")
    name = json.loads(row.get("metadata") or "{}").get("func_name") or (_method(row["starter_code"]) if row["starter_code"] else None)
    return {"inputs": [test["input"] for test in tests], "outputs": [test["output"] for test in tests]} | ({"fn_name": name} if name else {})


def livecodebench(shared: Path, which: str, folder: Path) -> tuple[dict[str, dict[str, Any]], Path, list[tuple[str, str]]]:
    """Return records by id, the file or folder that has them, and the samples of a model."""
    if which == "o1-preview":
        data = shared / "data" / DATA["livecodebench"]
        tasks = dict(BENCHMARKS["livecodebench"].load(Options(data=data)).tasks)
        samples, _ = read(shared / "data/samples/o1-preview-2024-09-12.livecodebench.jsonl.gz", tasks)
        return {str(row["question_id"]): row for row in rows(data)}, data, [(sample.task_id, sample.solution) for sample in samples]
    for path in (shared / "data").glob("livecodebench-public-test*.jsonl.gz"):
        (folder / path.name).symlink_to(path)
    records = {str(row["question_id"]): row for path in folder.iterdir() for row in rows(path) if json.loads(row["public_test_cases"])}
    with gzip.open(shared / "data/samples/qwen2.5-7b-instruct.livecodebench.eval_all.json.gz", "rt") as file:
        return records, folder, [(row["question_id"], row["code_list"][0]) for row in json.load(file) if row["question_id"] in records]




def why(result: Result, given_time: Said, alone: Said | None) -> str | None:
    """Return why a verdict differs from the official one; None if nothing explains it.

    `alone` is the official verdict of the program as a process of its own: the official harness makes a function of it.
    """
    if alone is not None and alone[0] is (result.verdict is Verdict.PASSED):
        return "as a process of its own it has this verdict officially too"
    if result.verdict is Verdict.TIME_LIMIT or given_time[0] is (result.verdict is Verdict.PASSED):
        return "by speed: given time, it has this verdict officially too"
    return None


@pytest.mark.parametrize("which", ["o1-preview", "qwen2.5-7b-instruct"])
def test_livecodebench_verdicts_are_the_official_ones(which: str, shared: Path, boxes: Sandbox, tmp_path: Path) -> None:
    records, data, programs = livecodebench(shared, which, tmp_path)
    programs = programs[::EVERY]
    tasks = dict(BENCHMARKS["livecodebench"].load(Options(data=data)).tasks)
    said = by_livecodebench(boxes, [(text, official_tests(records[task_id])) for task_id, text in programs])
    found = ours(boxes, "livecodebench", tasks, [Sample(task_id=task_id, sample_id=n, solution=text) for n, (task_id, text) in enumerate(programs)], 6)
    at = [n for n, (result, theirs) in enumerate(zip(found, said, strict=True)) if (result.verdict is Verdict.PASSED) != theirs[0]]
    tests = {n: official_tests(records[programs[n][0]]) for n in at}
    again = dict(zip(at, by_livecodebench(boxes, [(programs[n][1], tests[n]) for n in at], 30), strict=True))
    wholes = [n for n in at if "fn_name" not in tests[n]]
    alone = dict(zip(wholes, by_livecodebench(boxes, [(as_process(programs[n][1]), tests[n]) for n in wholes], 30), strict=True))
    reasons = {n: why(found[n], again[n], alone.get(n)) for n in at}
    print(f"{which}: {len(programs)} samples, {sum(one[0] for one in said)} pass officially, {len(at)} verdicts differ")
    print(*(f"  {programs[n][0]}: ours {found[n].verdict} {found[n].detail}; {said[n]}: {reasons[n]}" for n in at), sep="\n")
    assert len(programs) >= {"o1-preview": 400, "qwen2.5-7b-instruct": 1054}[which] // EVERY
    assert not [programs[n][0] for n in at if reasons[n] is None]
    assert len(at) <= 0.05 * len(programs)
