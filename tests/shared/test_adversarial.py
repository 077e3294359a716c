"""Programs that try to cheat or break the oracle: each gets one of its acceptable verdicts, and none a forged pass."""

import contextlib
import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import ENGINES, Box, DockerEngine, Engine, Execution, Limits, Sandbox, Status
from tests.conftest import opened
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.oracle import Oracle
from toolkit.records import Check, Result, Sample, Table, Verdict

ROOT = Path(__file__).parents[3] / "shared"
FOLDER = ROOT / "adversarial"
CODEC = "import sys; codec = sys._getframe(1).f_globals['codec']\\n"
"""How a program gets hold of our codec, which it cannot import."""


def rows(name: str) -> list[Any]:
    path = FOLDER / name
    text = path.read_text() if path.is_file() else ""
    return [json.loads(line) for line in text.replace("import codec\\n", CODEC).splitlines()]


FILES = ["cases.jsonl", "cases-2.jsonl", "sequences.jsonl"]
CASES = rows(FILES[0]) + rows(FILES[1])
SEQUENCES = rows(FILES[2])
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
TIMEOUT_S = 5.0
TOTAL_S = 60.0
EXEC = Limits()
BEYOND_S = 10.0
"""What a sample may take beyond three times its own limits; more where others have the processors as well."""
MOST_BYTES = 500 << 20
"""Of the toolkit's process, at its peak, over all of them."""


@pytest.fixture(scope="module", params=sorted(ENGINES))
def own(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Every engine; one whose boxes run before gets two for samples and their tests, and one for whole programs."""
    with opened(request.param, n_run=3, memory="4288m", disk="64m") as engine:
        yield engine


@pytest.fixture(scope="module")
def oracles(own: Engine) -> Iterator[dict[str, Oracle]]:
    with Sandbox(own, 1, Limits(memory_bytes=4 << 30)) as pool:
        made = {}
        for name, file in DATA.items():
            loaded = BENCHMARKS[name].load(Options(data=ROOT / "data" / file if file else None))
            made[name] = Oracle(
                pool, BENCHMARKS[name], loaded.tasks, loaded.data_hash, timeout_s=TIMEOUT_S, total_timeout_s=TOTAL_S
            )
            made[name].start()
        yield made
    assert not [trace for oracle in made.values() for trace in oracle.defects]


@pytest.fixture(scope="module")
def box(own: Engine) -> Iterator[Box]:
    with Box(own, EXEC) as box:
        yield box


def words_of(execution: Execution) -> set[str]:
    if execution.status is Status.EXITED:
        return {"pass"} if execution.exit_code == 0 else {"fail", "error"}
    return {
        Status.SIGNALED: {"killed"},
        Status.TIMED_OUT: {"timeout"},
        Status.MEMORY_EXCEEDED: {"memory"},
        Status.OUTPUT_EXCEEDED: {"output_limit"},
        Status.VIOLATED: {"error"},
    }[execution.status]


@contextlib.contextmanager
def timed(own_s: Callable[[], float]) -> Iterator[None]:
    """Fail where something took longer than three times its own limits, which are known when it is over, and ten seconds."""
    started = time.monotonic()
    yield
    seconds, most_s = time.monotonic() - started, 3 * own_s() + BEYOND_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert seconds <= most_s, f"{seconds:.1f} s, and its own limits are {own_s():.1f} s"


def own_s(oracle: Oracle, result: Result) -> float:
    """The limits of what a sample was asked: of each part the calls up to the one that it failed at, or all of them."""
    task = oracle.tasks[result.task_id]
    if isinstance(task.tests, Check):
        return TIMEOUT_S * task.tests.n_calls
    assert isinstance(task.tests, Table)
    known = oracle.rules.answers.known(task)
    assert known is not None
    n_base = len(task.tests.base)
    parts = [(result.base, n_base, result.base_call, 0), (result.plus, len(task.tests.plus or ()), result.plus_call, n_base)]
    asked = [n if verdict is Verdict.PASSED else max(0, (at or first) - first) + 1 for verdict, n, at, first in parts if n]
    return sum(min(TOTAL_S, TIMEOUT_S * n) + 4 * known.charged_s for n in asked)


@pytest.mark.parametrize("name", FILES)
def test_there_are_programs(name: str) -> None:
    """Where there are none, the tests that would judge them are not even skipped."""
    if not (FOLDER / name).is_file():
        pytest.skip(f"NOT CHECKED: there are no adversarial programs at {FOLDER / name}")
    assert rows(name)


@pytest.mark.parametrize("case", [c for c in CASES if c["benchmark"] == "exec"], ids=lambda c: c["id"])
def test_whole_program(case: dict[str, Any], box: Box) -> None:
    runs = []
    for _ in range(1 + ("RUN TWICE" in case["note"])):
        with timed(lambda: EXEC.charged_s):
            runs.append(box.run(case["solution"]))
            assert box.run("print('between')").stdout == "between\n"
    for execution in runs:
        assert words_of(execution) & set(case["expected"]), execution
    assert box.run("print('after')").stdout == "after\n"


def judged(oracles: dict[str, Oracle], case: dict[str, Any]) -> None:
    oracle = oracles[case["benchmark"]]
    if isinstance(oracle.tasks[case["task_id"]].tests, Table):
        with oracle.pool.box() as box:  # the canonical solution's time is not the sample's
            oracle.rules.answers.of(oracle.tasks[case["task_id"]], box)
    with timed(lambda: own_s(oracle, result)):
        ((_, result, _),) = oracle.judge_many([Sample(task_id=case["task_id"], sample_id=0, solution=case["solution"])])
    assert result.verdict is not None, result.error
    assert WORDS[result.verdict] & set(case["expected"]), result
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < MOST_BYTES


@pytest.mark.parametrize("case", [c for c in CASES if c["benchmark"] != "exec"], ids=lambda c: c["id"])
def test_judged(case: dict[str, Any], oracles: dict[str, Oracle]) -> None:
    judged(oracles, case)
    task = oracles[case["benchmark"]].tasks[case["task_id"]]
    judged(oracles, {**case, "solution": task.prompt + task.canonical_solution, "expected": ["pass"]})


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence[0]["id"])
def test_one_after_another(sequence: list[dict[str, Any]], oracles: dict[str, Oracle]) -> None:
    """What runs in a box after a hostile program is judged as if it came first."""
    for case in sequence:
        judged(oracles, case)


def test_nothing_is_left(engine: DockerEngine, oracles: dict[str, Oracle], box: Box) -> None:
    for oracle in oracles.values():
        oracle.pool.close()
    box.close()
    left = engine.client.containers.list(all=True, filters={"label": "exogate.box"})
    assert [box.id for box in left if f"/{os.getpid()}/" in box.labels["exogate.owner"]] == []
