"""Faults planted where programs read standard input, and where the answers of a check are fetched; and that kind's canaries."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Sandbox
from tests.faults import CHECK, ERRORS, OWN, RIGHT, SMALL, TABLE, nothing_left
from tests.toolkit.oracle.test_canary import known_as
from tests.toolkit.oracle.test_faults import PLACES as OF_ALL
from tests.toolkit.oracle.test_faults import Plant, means
from toolkit.oracle import Oracle, Refused, canary, stdin
from toolkit.oracle.canary import PROGRAMS
from toolkit.oracle.findings import Finding
from toolkit.records import DEFECT, Check, Sample, Stdin, Task, Verdict
from toolkit.store.cache import VerdictCache

pytestmark = pytest.mark.usefixtures("known_here")

LONG = "def check(candidate):\n    assert candidate(list(range(8000))) == [(x, x * x) for x in range(8000)]\n"
PROGRAM = "print(2 * int(input()), end='')\n"
TASKS = {
    "Own/0": replace(TABLE, task_id="Own/0"),
    "Own/check": replace(CHECK, task_id="Own/check", tests=Check(source=LONG)),
    "Own/stdin": replace(TABLE, task_id="Own/stdin", tests=Stdin(cases=(("1\n", "2\n"), ("20\n", "40.0\n")))),
}
"""The check's answer is longer than what goes to the host unasked."""
SOLUTIONS = {"Own/0": RIGHT, "Own/check": RIGHT, "Own/stdin": PROGRAM}
PLACES = OF_ALL | {"compare": lambda plant: plant.at(stdin, "same_output")}


@pytest.fixture(scope="module")
def pool(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(engine, 2, SMALL) as pool:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        for task_id in SOLUTIONS:
            by = oracle(pool)
            ((_, result, _),) = by.judge_many([Sample(task_id=task_id, sample_id=0, solution=SOLUTIONS[task_id])])
            assert result.verdict is Verdict.PASSED
        yield pool


def oracle(pool: Sandbox, **more: Any) -> Oracle:
    return Oracle(pool, OWN, TASKS, "others-1", timeout_s=2, **more)


@pytest.mark.parametrize(
    ("place", "kind"),
    [*((place, "stdin") for place in ("start", "send", "hear", "compare", "cache put")), ("fetch", "check")],
)
def test_what_is_raised_for_one_sample_costs_no_other(
    place: str, kind: str, pool: Sandbox, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hit = f"Own/{kind}"
    samples = [
        Sample(task_id=task_id, sample_id=i, solution=f"{source}\n# {i}")
        for i in range(len(ERRORS)) for task_id, source in SOLUTIONS.items() if task_id in (hit, "Own/0")
    ]  # fmt: skip
    cache = VerdictCache(tmp_path) if place.startswith("cache") else None
    plant = Plant(monkeypatch, engine, hit)
    PLACES[place](plant)
    own = oracle(pool, cache=cache)
    with nothing_left(engine, 4):
        found = [result for _, result, _ in own.judge_many(samples)]
    if cache:
        cache.close()
    assert not any(plant.left.values()), "it was never raised"
    assert len(found) == len(samples)
    n_defects = 0
    for result in found:
        meaning = means(ERRORS[result.sample_id], place) if result.task_id == hit else "verdict"
        n_defects += meaning == DEFECT
        assert (result.error or "verdict").startswith(meaning), (meaning, result)
        assert result.error or result.verdict is Verdict.PASSED
    assert len(own.defects) == n_defects
    assert all("planted" in trace and "Traceback" in trace for trace in own.defects)


# -- the canaries of programs that read standard input -----------------------------------------------------------------


def of_stdin(pool: Sandbox) -> Oracle:
    by = oracle(pool)
    by.tasks = {"Own/stdin": TASKS["Own/stdin"]}
    return by


def test_the_canaries_of_standard_input_are_asked_and_pass(pool: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = list[tuple[str, str]](), Oracle.findings

    def findings(self: Oracle, task: Task, *given: Any, **more: Any) -> Any:
        found = real(self, task, *given, **more)
        asked.append((task.task_id, found[0].verdict))
        return found

    monkeypatch.setattr(Oracle, "findings", findings)
    canary(of_stdin(pool))
    assert sorted(asked) == sorted(("canary/stdin", verdict) for verdict in PROGRAMS)


@pytest.mark.parametrize("wanted", PROGRAMS)
def test_one_of_them_that_is_judged_otherwise_refuses_the_oracle(
    wanted: Verdict, pool: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings(_: Oracle, __: Task, solution: str, *___: Any) -> tuple[Finding, None]:
        known = known_as(solution)
        return Finding(next(v for v in Verdict if v is not known) if known is wanted else known), None

    monkeypatch.setattr(Oracle, "findings", findings)
    with pytest.raises(Refused, match=f"canary/stdin: a program known to be {wanted} was judged"):
        canary(of_stdin(pool))


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("same_output", lambda *_: True, "known to be wrong_answer was judged passed"),
        ("same_output", lambda *_: False, "known to be passed was judged wrong_answer"),
        ("same_output", lambda got, wanted: got.split() == wanted.split(), "known to be passed was judged wrong_answer"),
        ("_wrong", lambda *_: None, "was judged passed"),
        ("_SYNTAX", ("NoError",), "known to be compile_error was judged runtime_error"),
        ("of_end", lambda *_: Finding(Verdict.RUNTIME_ERROR), "known to be time_limit was judged runtime_error"),
    ],
    ids=["takes anything", "takes nothing", "takes text alone", "looks at nothing", "knows no syntax", "knows no time"],
)  # fmt: skip
def test_a_judge_that_is_broken_is_refused_by_the_canaries(
    name: str, broken: Any, said: str, pool: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdin, name, broken)
    with pytest.raises(Refused, match=said):
        canary(of_stdin(pool))
