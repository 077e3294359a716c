"""The canaries: programs of known verdicts, without which nothing is scored."""

import copy
from dataclasses import fields
from typing import Any

import pytest

from sandbox import Engine, Sandbox
from tests.faults import HIT, TASKS, nothing_left, oracle
from toolkit.oracle import Oracle, Refused, canary, table
from toolkit.oracle.canary import PROGRAMS
from toolkit.oracle.findings import Finding
from toolkit.records import Task, Verdict

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.fixture(scope="module")
def engine(either: Engine) -> Engine:
    return either


def test_the_canaries_change_nothing_and_ask_for_each_kind_of_test(
    pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = Oracle.findings, list[tuple[str, str]]()

    def findings(self: Oracle, task: Task, *given: Any, **more: Any) -> Any:
        found = real(self, task, *given, **more)
        asked.append((task.task_id, found[0].verdict))
        return found

    def attributes() -> dict[str, Any]:
        rules = {field.name: getattr(by.rules, field.name) for field in fields(by.rules)}
        every = vars(by) | rules | vars(by.rules.answers)
        shared = ("pool", "_lock", "rules", "answers", "engine")
        return copy.deepcopy({name: it for name, it in every.items() if name not in shared})

    monkeypatch.setattr(Oracle, "findings", findings)
    by = oracle(pool)
    before, known = attributes(), ["compile_error", "passed", "runtime_error", "time_limit", "wrong_answer"]
    with nothing_left(engine, 4):
        canary(by)
    assert sorted(asked) == [(f"canary/{kind}", verdict) for kind in ("check", "table") for verdict in known]
    assert attributes() == before
    for name, kind in (("Own/0", "table"), ("Own/8", "check")):
        asked.clear()
        by.tasks = {name: TASKS[name]}
        monkeypatch.setattr(
            Oracle, "findings",
            lambda _, task, source, *__: asked.append((task.task_id, source)) or (Finding(known_as(source)), None),
        )  # fmt: skip
        canary(by)
        assert sorted(asked) == sorted((f"canary/{kind}", source) for source in PROGRAMS.values())


def known_as(source: str) -> Verdict:
    (verdict,) = (verdict for verdict, program in PROGRAMS.items() if program == source)
    return verdict


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("wanted", PROGRAMS)
def test_one_canary_that_is_judged_otherwise_refuses_the_oracle(
    kind: str, wanted: Verdict, pool: Sandbox, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def findings(_: Oracle, task: Task, solution: str, *__: Any) -> tuple[Finding, None]:
        known = known_as(solution)
        is_other = known is wanted and task.task_id == f"canary/{kind}"
        return Finding(next(v for v in Verdict if v is not known) if is_other else known), None

    monkeypatch.setattr(Oracle, "findings", findings)
    with nothing_left(engine, 4), pytest.raises(Refused, match=f"canary/{kind}: a program known to be {wanted} was judged"):
        canary(oracle(pool))


def test_a_comparison_that_takes_anything_refuses_the_oracle(pool: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "matches", lambda *_: True)
    with pytest.raises(Refused, match="known to be wrong_answer was judged passed"):
        canary(oracle(pool))
