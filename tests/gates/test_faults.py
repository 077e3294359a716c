"""Planted faults: what is raised for one program costs no other, and a cache that breaks costs nothing but itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gates import GATES, All, Gate, Report, Solution, duplicate, parse
from gates.base import DEFECT
from gates.noisy import Noisy
from sandbox import BoxLost, DockerEngine, InfrastructureError, Sandbox, UsageError
from tests.gates.said import NO_BOX
from toolkit.commands.gate import warnings_of

KIND = "compile+import+tests"
CODES = [
    "def f(x):\n    return x\n",
    "def f(:\n",
    "def f(x):\n    return x + 1\n",
    "def f[T](x: T):\n    return x\n",
    "def f(x):\n    return x  # HIT\n",
    "raise SystemExit\n",
    "def f(x):\n    return [x][0]\n",
    "x = 1\0",
    "def f(x):\n    return int(x)\n",
]  # fmt: skip
HIT = 4
ROWS = [Solution(code=code, test="assert f(3) == 3") for code in CODES]
ERRORS = [KeyError, StopIteration, OSError, BoxLost]


class Kept(dict[str, Any]):
    def put(self, key: str, value: dict[str, Any]) -> None:
        self[key] = value


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2) as sandbox:
        yield sandbox


def plain(rows: Iterable[list[Report]]) -> list[list[Report]]:
    return [[replace(report, seconds=0.0) for report in reports] for reports in rows]


@pytest.fixture(scope="module")
def right(sandbox: Sandbox) -> list[list[Report]]:
    """What is said of each program where nothing is planted."""
    found = plain(parse(KIND).check_many(ROWS, sandbox))
    passed = [len(reports) == 3 and reports[-1].passed for reports in found]
    assert passed == [True, False, False, False, True, False, True, False, True]
    return found


def plant(patch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception, strikes: Callable[..., bool]) -> list[int]:
    """Raise `error` in a method, in calls of which `strikes` says so; returns one item for each time."""
    real, times = getattr(owner, name), list[int]()

    def struck(*given: Any, **more: Any) -> Any:
        if strikes(*given):
            times.append(len(times))
            raise error
        return real(*given, **more)

    patch.setattr(owner, name, struck)
    return times


def always(*_: Any) -> bool:
    return True


def from_the(n: int, most: int = 1 << 30) -> Callable[..., bool]:
    """Strike from the call of that number on, so many times."""
    calls = list[int]()

    def strikes(*_: Any) -> bool:
        calls.append(0)
        return n <= len(calls) < n + most

    return strikes


def at_the_hit(*given: Any) -> bool:
    return "HIT" in str(given)


# -- what only serves to know reports again ----------------------------------------------------------------------------

CACHE: dict[str, tuple[Any, str]] = {
    "settings": (Gate, "settings"),
    "depends": (Gate, "depends"),
    "depends of tests": (GATES["tests"], "depends"),
    "digest": (DockerEngine, "image_digest"),
    "get": (Kept, "get"),
    "from row": (Report, "from_row"),
    "to row": (Report, "to_row"),
    "put": (Kept, "put"),
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("place", CACHE)
def test_a_broken_cache_costs_nothing_but_the_cache(
    place: str, error: type[Exception], sandbox: Sandbox, right: list[list[Report]], monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = Kept()
    list(parse(KIND, memo=memo).check_many(ROWS[:3], sandbox))
    for strikes in (from_the(3, 1), always):
        with monkeypatch.context() as patch:
            gates = parse(KIND, memo=memo)
            owner, name = CACHE[place]
            times = plant(patch, owner, name, error("planted"), strikes)
            assert plain(gates.check_many(ROWS, sandbox)) == right
        assert times, "it was never raised"
        is_known = error in (OSError, BoxLost) or (place, error) == ("from row", KeyError)
        assert bool(gates.defects) != is_known
        assert len(gates.defects) <= 10
        assert bool(warnings_of(gates)) == bool(gates.defects)
        assert all("planted" in trace and "Traceback" in trace for trace in gates.defects)
    assert plain(parse(KIND, memo=memo).check_many(ROWS, sandbox)) == right


@pytest.mark.parametrize("stored", [3, [1], "x", {}, {"gate": 1}, {"findings": 7}, {"findings": [{}]}, {"findings": [None]}])
def test_a_stored_row_that_is_no_report_is_none(stored: Any, sandbox: Sandbox, right: list[list[Report]]) -> None:
    memo: Any = Kept()
    memo.get = lambda _key: stored
    gates = parse(KIND, memo=memo)
    assert plain(gates.check_many(ROWS[:3], sandbox)) == right[:3]
    assert not gates.defects


# -- what a gate raises ------------------------------------------------------------------------------------------------


def raising_at_the_hit(real: Callable[..., Iterator[Report]], error: Exception, when: str) -> Any:
    """A `check_many` that takes programs ahead, and raises before it has answered for one of them, or after."""

    def check_many(self: Gate, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        seen: list[Solution] = []

        def noted() -> Iterator[Solution]:
            for solution in solutions:
                seen.append(solution)
                yield solution

        for answered, report in enumerate(real(self, noted(), sandbox)):
            if when == "before its report" and "HIT" in seen[answered].code:
                raise error
            yield None if when == "no report" and "HIT" in seen[answered].code else report  # type: ignore[misc]
        if when == "at the end" and any("HIT" in one.code for one in seen):
            raise error

    return check_many


@pytest.mark.parametrize("kind", KIND.split("+"))
@pytest.mark.parametrize("when", ["before its report", "no report", "at the end", "once"])
def test_what_a_gate_raises_at_one_program_costs_no_other(
    kind: str, when: str, sandbox: Sandbox, right: list[list[Report]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = GATES[kind]
    if when == "once":
        plant(monkeypatch, gate, "check_many", KeyError("planted"), from_the(1, 1))
    else:
        monkeypatch.setattr(gate, "check_many", raising_at_the_hit(gate.check_many, KeyError("planted"), when))
    memo = Kept()
    gates = parse(KIND, memo=memo)
    found = plain(gates.check_many(ROWS, sandbox))
    at = KIND.split("+").index(kind)
    assert found[:HIT] + found[HIT + 1 :] == right[:HIT] + right[HIT + 1 :]
    assert found[HIT][:at] == right[HIT][:at]
    if when in ("once", "at the end"):  # asked again, it says the same; and what had been said holds
        assert found == right
    else:
        last = found[HIT][-1]
        assert (len(found[HIT]), last.gate, last.passed, last.score) == (at + 1, kind, False, 0.0)
        assert [one.symbol for one in last.findings] == [DEFECT]
    assert "planted" in "".join(gates.defects) or (when == "no report" and "NoneType" in "".join(gates.defects))
    assert DEFECT not in str(memo)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(GATES["compile"], "_check"), (GATES["compile"], "_newer"), (GATES["import"], "_check"), (GATES["tests"], "_check"), (GATES["tests"], "_converse")],
)  # fmt: skip
@pytest.mark.parametrize("error", [KeyError, StopIteration, MemoryError])
def test_what_is_raised_in_a_gate_costs_no_other(
    owner: Any, name: str, error: type[Exception], sandbox: Sandbox, right: list[list[Report]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hit, word = (1, "def f(:") if name == "_newer" else (HIT, "HIT")
    times = plant(monkeypatch, owner, name, error("planted"), lambda *given: word in str(given))
    if name == "_newer":
        monkeypatch.setattr(owner, name, staticmethod(getattr(owner, name)))
    gates = parse(KIND)
    found = plain(gates.check_many(ROWS, sandbox))
    assert times, "it was never raised"
    assert found[:hit] + found[hit + 1 :] == right[:hit] + right[hit + 1 :]
    assert [one.symbol for one in found[hit][-1].findings] == [DEFECT]
    assert "planted" in gates.defects[0]


@pytest.mark.parametrize("error", [OSError("gone"), BoxLost("gone"), InfrastructureError("gone"), UsageError("gone")])
def test_what_is_no_programs_doing_ends_the_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, GATES["repetition"], "_check", error, at_the_hit)
    with pytest.raises(type(error), match="gone"):
        list(parse("repetition").check_many(ROWS, NO_BOX))


def test_what_the_programs_themselves_raise_is_passed_on() -> None:
    def programs() -> Iterator[Solution]:
        yield ROWS[0]
        raise ValueError("no more")

    gates = parse("repetition+duplicate", {"tokens": 1})
    with pytest.raises(ValueError, match="no more"):
        list(gates.check_many(programs(), NO_BOX))
    assert not gates.defects


# -- gates without boxes, of ours and of others ------------------------------------------------------------------------


class Opinions:
    """A scorer that one text breaks; each is asked about in a batch first."""

    identity = "0"

    def next_logits(self, texts: Any, words: Any, *, suffix: str = "", last: int | None = None) -> Any:
        if any("HIT" in text for text in texts):
            raise KeyError("planted")
        return [(float(len(text)), 0.0) for text in texts]


@pytest.mark.parametrize("error", [KeyError, StopIteration, RecursionError])
@pytest.mark.parametrize(
    ("kind", "owner", "name"),
    [("repetition", GATES["repetition"], "_check"), ("repetition~0", GATES["repetition"], "_check"), ("repetition~0", Noisy, "_hits"), ("duplicate", duplicate, "hashes")],
)  # fmt: skip
def test_gates_of_texts(kind: str, owner: Any, name: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds = {"tokens": 1} if "repetition" in kind else {}
    right = plain(parse(kind, thresholds).check_many(ROWS, NO_BOX))
    plant(monkeypatch, owner, name, error("planted"), at_the_hit)
    gates = parse(kind, thresholds)
    found = plain(gates.check_many(ROWS, NO_BOX))
    assert found[:HIT] + found[HIT + 1 :] == right[:HIT] + right[HIT + 1 :]
    assert [one.symbol for one in found[HIT][0].findings] == [DEFECT]
    assert gates.defects


@pytest.mark.parametrize("thresholds", [{"threshold": 0.0}, {"fraction": 0.5}])
def test_a_text_that_a_model_fails_on_is_refused_alone(thresholds: dict[str, float]) -> None:
    gates = parse("self-score", thresholds, given={"model": Opinions()})
    found = [report for (report,) in gates.check_many(ROWS, NO_BOX)]
    assert [index for index, one in enumerate(found) if one.findings and one.findings[0].symbol == DEFECT] == [HIT]
    assert sum(one.passed for one in found) == (7 if "threshold" in thresholds else 4)
    assert gates.defects


class Miscounts(GATES["none"]):  # type: ignore[misc]
    """Gives one report too few, or too many."""

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        for solution in solutions:
            for _ in range(0 if "HIT" in solution.code else 1):
                yield self.report([])


def test_reports_that_belong_to_nobody_end_the_run() -> None:
    """Which programs the others are about is not known then."""
    with pytest.raises(AssertionError, match="too few reports, or too many"):
        list(All(gates=[Miscounts()]).check_many(ROWS, NO_BOX))
