"""Programs that are wrong in one place: none that the official tests kill passes here, and the shares killed stand side by side.

Mutants are of canonical solutions, and for LiveCodeBench of samples that passed all its official tests.
"""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, ImageMissing, Limits, Sandbox
from tests.shared import test_bigcodebench
from tests.shared.official import as_process, by_evalplus, by_livecodebench, by_unittest, plainly
from tests.shared.test_parity import livecodebench, official_tests, ours
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.published import records
from toolkit.builder.mutants import mutants
from toolkit.records import Check, Sample, Task, UnitTests, Verdict

pytestmark = [
    pytest.mark.timeout(7200), pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore:invalid escape"),
    pytest.mark.skipif(not os.environ.get("TOOLKIT_ALL_SAMPLES"), reason="thousands of programs: make check-long"),
]  # fmt: skip
DATA = {
    "humaneval": "", "mbpp-sanitized": "sanitized-mbpp.json.gz", "humaneval+": "HumanEvalPlus.jsonl.gz", "mbpp+": "MbppPlus.jsonl.gz", "mbpp": "mbpp.jsonl.gz",
    "humaneval-pro": "humaneval_pro.json", "mbpp-pro": "mbpp_pro.json",
}  # fmt: skip
N = int(os.environ.get("TOOLKIT_MUTANTS", "1000"))
OF_LIBRARIES = {"bigcodebench-lite-pro": min(N, 300), "bigcodebench": min(N, 200)}
"""Mutants of programs that use libraries: a few seconds each."""
LEFT_OUT = {
    "HumanEval/32": "EvalPlus records none of its tests as passed",
    "Mbpp/255": "its solution takes half a minute", "Mbpp/599": "its solution takes twenty seconds",
}  # fmt: skip
HELPED = {"humaneval": {"HumanEval/38", "HumanEval/50"}}
"""Their tests call a helper of the prompt, which is the task's own here and the program's there."""
WEAK = {"HumanEvalPro/32"}
TIMEOUT_S = 5.0


def spread(made: list[tuple[str, str]], n: int) -> list[tuple[str, str]]:
    """Return `n` or a few more of them, from all tasks alike."""
    return made[:: max(1, len(made) // n)]


def of_canonical(tasks: dict[str, Task]) -> Iterator[tuple[str, str]]:
    for task in tasks.values():
        if task.task_id not in LEFT_OUT:
            for text in mutants(task.prompt + task.canonical_solution):
                yield task.task_id, text


def official(name: str, made: list[tuple[str, str]], tasks: dict[str, Task], data: Path, seconds: float = 1.0) -> list[bool]:
    """Say of each mutant whether the official tests pass it."""
    if name.endswith("+"):
        return by_evalplus(name, made, data, seconds)
    if name == "humaneval":
        return plainly([f"{text}\n{tasks[task_id].tests.text}\ncheck({tasks[task_id].entry_point})" for task_id, text in made])
    if name in ("mbpp", "mbpp-sanitized"):
        lines = {f"{BENCHMARKS[name].prefix}/{row['task_id']}": [*(row.get("test_imports") or [row.get("test_setup_code", "")]), *row["test_list"]] for row in records(data)}
        return plainly(["\n".join([text, *lines[task_id]]).replace("\r\n", "\n") for task_id, text in made])
    return plainly([f"{text}\n{tasks[task_id].tests_as(Check).source}" for task_id, text in made])


def empty(task: Task) -> str:
    if not task.is_file:
        return f"def {task.entry_point}(*_):\n    pass\n"
    return "class Solution:\n    def __getattr__(self, _):\n        return lambda *_: None\n" if task.entry_point else "pass\n"


def shares(name: str, made: list[tuple[str, str]], passed: list[bool], theirs: list[bool]) -> None:
    killed, official_kills = passed.count(False), theirs.count(False)
    only_ours = sum(there and not here for here, there in zip(passed, theirs, strict=True))
    print(
        f"{name}: {len(made)} mutants of {len({task_id for task_id, _ in made})} tasks; killed here {killed / len(made):.1%}, "
        f"by the official tests {official_kills / len(made):.1%}; {only_ours} killed here alone"
    )


def judged(boxes: Sandbox, name: str, tasks: dict[str, Task], made: list[tuple[str, str]]) -> list[bool]:
    """Judge mutants, and emptied solutions of all their tasks, which have to fail; return which mutants passed."""
    samples = [Sample(task_id=task_id, sample_id=n, solution=text) for n, (task_id, text) in enumerate(made)]
    tried = dict.fromkeys(task_id for task_id, _ in made if task_id not in WEAK)
    emptied = [Sample(task_id=task_id, sample_id=len(made) + n, solution=empty(tasks[task_id])) for n, task_id in enumerate(tried)]
    found = ours(boxes, name, tasks, samples + emptied, TIMEOUT_S)
    weak = [result.task_id for result in found[len(made) :] if result.verdict is Verdict.PASSED and result.task_id not in BENCHMARKS[name].weak]
    assert not weak
    return [result.verdict is Verdict.PASSED for result in found[: len(made)]]


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2, Limits(memory_bytes=4 << 30)) as pool:
        yield pool


@pytest.mark.parametrize("name", DATA)
def test_no_mutant_passes_that_official_tests_kill(name: str, shared: Path, boxes: Sandbox) -> None:
    data = shared / "data" / DATA[name]
    loaded = BENCHMARKS[name].load(Options(data=data if DATA[name] else None)).tasks
    tasks = {task_id: task for task_id, task in loaded.items() if task_id not in HELPED.get(name, ())}
    made = spread(list(of_canonical(tasks)), N)
    passed = judged(boxes, name, tasks, made)
    theirs = official(name, made, tasks, data)
    suspects = [n for n, here in enumerate(passed) if here and not theirs[n]]
    if name.endswith("+"):  # its limits are on the wall
        theirs_again = dict(zip(suspects, official(name, [made[n] for n in suspects], tasks, data, 20), strict=True))
        suspects = [n for n in suspects if not theirs_again[n]]
    shares(name, made, passed, theirs)
    assert len(made) >= N
    assert passed.count(False) > len(made) / 2
    assert not suspects, "\n\n".join("\n".join(made[n]) for n in suspects[:3])


def test_no_mutant_of_samples_passes_that_livecodebench_kills(shared: Path, boxes: Sandbox, tmp_path: Path) -> None:
    records, data, programs = livecodebench(shared, "o1-preview", tmp_path)
    lines = (shared / "data/samples/o1-preview-2024-09-12.livecodebench.verdicts.jsonl").read_text().splitlines()
    right: set[Any] = {row["question_id"] for row in map(json.loads, lines) if row["official_all_tests"] == row["slice"] == "pass"}
    tasks = dict(BENCHMARKS["livecodebench"].load(Options(data=data)).tasks)
    made = spread([(task_id, text) for task_id, whole in programs if task_id in right for text in islice(mutants(whole), 200)], N)
    said = by_livecodebench(boxes, [(text, official_tests(records[task_id])) for task_id, text in made])
    passed = judged(boxes, "livecodebench", tasks, made)
    shares("livecodebench", made, passed, [one[0] for one in said])
    suspects = [n for n, here in enumerate(passed) if here and not said[n][0]]
    tests = [official_tests(records[made[n][0]]) for n in suspects]
    alone = by_livecodebench(boxes, [(made[n][1] if "fn_name" in one else as_process(made[n][1]), one) for n, one in zip(suspects, tests, strict=True)], 30)
    unexplained = [made[n] for n, one in zip(suspects, alone, strict=True) if not one[0]]
    print(f"livecodebench: {len(suspects)} pass here and not in the official function, {len(suspects) - len(unexplained)} of them officially as processes")
    assert len(made) >= N
    assert not unexplained, "\n\n".join(map("\n".join, unexplained[:3]))


@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_no_mutant_passes_that_the_tests_kill_in_its_own_process(name: str, shared: Path, boxes: Sandbox) -> None:
    benchmark, data = BENCHMARKS[name], shared / "data" / test_bigcodebench.DATA[name]
    try:
        boxes.engine.image_digest(benchmark.image)
    except ImageMissing as error:
        pytest.skip(f"NOT CHECKED: {error}")
    tasks = {task_id: task for task_id, task in benchmark.load(Options(data=data)).tasks.items() if task_id not in benchmark.unsolved}
    asserts = {f"{benchmark.prefix}/{row['id'].split('/')[1]}": row["test_code"] for row in records(data) if "id" in row}

    def said(rows: list[tuple[str, str]]) -> list[bool]:
        tests = {task_id: task.tests_as(UnitTests) for task_id, task in tasks.items()}
        asked = [(tests[at].before + text, asserts.get(at, tests[at].source), () if at in asserts else tests[at].classes) for at, text in rows]
        return [one[0] for one in by_unittest(boxes, asked, benchmark.image)]

    made = spread(list(of_canonical(tasks)), OF_LIBRARIES[name])
    theirs = said(made)
    passed = judged(boxes, name, tasks, made)
    shares(name, made, passed, theirs)
    suspects = [made[n] for n, here in enumerate(passed) if here and not theirs[n]]
    unexplained = [one for one, again in zip(suspects, said(suspects), strict=True) if not again]  # what is drawn by chance may pass
    assert len(made) >= OF_LIBRARIES[name]
    assert passed.count(False) > len(made) / 3
    assert not unexplained, "\n\n".join(map("\n".join, unexplained[:3]))
