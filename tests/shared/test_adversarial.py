"""Programs that try to cheat or break the oracle: each gets one of its acceptable verdicts, and none a forged pass."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import ENGINES, Box, DockerEngine, Engine, Execution, Limits, Status
from tests.conftest import opened
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.types import Sample, Verdict

ROOT = Path(__file__).parents[3] / "shared"
CASES_FILE = ROOT / "adversarial/cases.jsonl"
CASES = [json.loads(line) for line in CASES_FILE.read_text().splitlines()] if CASES_FILE.is_file() else []
DATA = {"humaneval": None, "humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz"}
WORDS = {
    Verdict.PASSED: {"pass"},
    Verdict.WRONG_ANSWER: {"fail"},
    Verdict.RUNTIME_ERROR: {"error", "killed"},
    Verdict.COMPILE_ERROR: {"error"},
    Verdict.TIME_LIMIT: {"timeout"},
    Verdict.MEMORY_LIMIT: {"memory"},
    Verdict.OUTPUT_LIMIT: {"output_limit"},
}


@pytest.fixture(scope="module", params=sorted(ENGINES))
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Every engine; one whose boxes run before gets two for each benchmark, and one for whole programs."""
    with opened(request.param, n_run=2 * len(DATA) + 1, memory="4288m", disk="64m") as engine:
        yield engine


@pytest.fixture(scope="module")
def oracles(own: Engine) -> Iterator[dict[str, Oracle]]:
    made = {}
    for name, file in DATA.items():
        loaded = BENCHMARKS[name].load(Options(data=ROOT / "data" / file if file else None))
        made[name] = Oracle(own, BENCHMARKS[name], loaded.tasks, loaded.data_hash, timeout_s=5, parallel=1)
    yield made
    for oracle in made.values():
        oracle.close()


@pytest.fixture(scope="module")
def box(own: Engine) -> Iterator[Box]:
    with Box(own, Limits()) as box:
        yield box


def words_of(execution: Execution) -> set[str]:
    if execution.status is Status.EXITED:
        return {"pass"} if execution.exit_code == 0 else {"fail", "error"}
    return {
        Status.SIGNALED: {"killed"},
        Status.TIMED_OUT: {"timeout"},
        Status.MEMORY_EXCEEDED: {"memory"},
        Status.OUTPUT_EXCEEDED: {"output_limit"},
    }[execution.status]


@pytest.mark.parametrize("case", [c for c in CASES if c["benchmark"] == "exec"], ids=lambda c: c["id"])
def test_whole_program(case: dict[str, Any], box: Box) -> None:
    runs = [box.run(case["solution"])]
    if "RUN TWICE" in case["note"]:
        assert box.run("print('between')").stdout == "between\n"
        runs.append(box.run(case["solution"]))
    for execution in runs:
        assert words_of(execution) & set(case["expected"]), execution
    assert box.run("print('after')").stdout == "after\n"


@pytest.mark.parametrize("case", [c for c in CASES if c["benchmark"] != "exec"], ids=lambda c: c["id"])
def test_judged(case: dict[str, Any], oracles: dict[str, Oracle]) -> None:
    oracle = oracles[case["benchmark"]]
    sample = Sample(task_id=case["task_id"], sample_id=0, solution=case["solution"])
    result, _ = oracle.judge(sample, oracle.slots[0])
    assert result.verdict is not None, result.error
    assert WORDS[result.verdict] & set(case["expected"]), result
    task = oracle.tasks[case["task_id"]]
    right = Sample(task_id=case["task_id"], sample_id=1, solution=task.prompt + task.canonical_solution)
    assert oracle.judge(right, oracle.slots[0])[0].verdict == Verdict.PASSED
    assert oracle.slots[0].candidate.n_started <= 2 + len(CASES)


def test_nothing_is_left(engine: DockerEngine, oracles: dict[str, Oracle], box: Box) -> None:
    for oracle in oracles.values():
        oracle.close()
    box.close()
    left = engine.client.containers.list(all=True, filters={"label": "exogate.box"})
    assert [box.id for box in left if f"/{os.getpid()}/" in box.labels["exogate.owner"]] == []
