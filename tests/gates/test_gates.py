"""Gates that only look at the text: what each says, and what programs try so that it says something else."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gates import GATES, All, Gate, Report, Solution, parse
from sandbox import Box, DockerEngine, Engine, Sandbox

PROGRAMS = Path(__file__).parents[1] / "programs"
GOOD = (PROGRAMS / "quality" / "accepted" / "plain.py").read_text()
BAD = (PROGRAMS / "quality" / "rejected" / "pylint-score__plain.py").read_text()


@pytest.fixture(scope="module")
def sandbox(either: Engine) -> Iterator[Sandbox]:
    with Sandbox(either, 2) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2) as sandbox:
        yield sandbox


def decisive(reports: list[Report]) -> set[str]:
    return {finding.symbol for report in reports for finding in report.findings if finding.decisive}


FIXTURES = sorted(path for kind in ("compile", "quality") for path in PROGRAMS.glob(f"{kind}/*/*.py"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: str(path.relative_to(PROGRAMS)))
def test_folder_is_verdict(path: Path, boxes: Sandbox) -> None:
    """programs/KIND/VERDICT/SYMBOL__NAME.py: what the gate says, and one of the findings that make it say so.

    In `any` are texts that are judged as if the trick were not there, whatever that comes to.
    """
    kind, verdict = path.parts[-3:-1]
    gate = parse(kind, {"timeout": 3} if kind == "quality" else {})
    with path.open(newline="") as file:
        text = file.read()
    (found,), (after,) = gate.check_many([text, GOOD], boxes)
    assert after.passed, after
    assert verdict == "any" or found.passed == (verdict == "accepted"), found
    symbol, named, _ = path.stem.partition("__")
    assert not named or symbol in decisive([found]), found


def test_a_very_long_comment_holds_nothing_up(boxes: Sandbox) -> None:
    bomb = "# " + "pylint " * 200_000 + "\nX = 1\n"
    _, after = parse("quality", {"timeout": 3}).check_many([bomb, GOOD], boxes)
    assert all(report.passed for report in after)


@pytest.mark.parametrize("trick", ["# pylint: disable=all\n", "#  PyLint :  skip-file\n", "# noqa\n", "# type: ignore\n"])
def test_pragmas_change_nothing_and_are_reported(trick: str, sandbox: Sandbox) -> None:
    (plain,), (tricked,) = parse("quality").check_many([BAD, trick + BAD], sandbox)
    assert any(finding.symbol == "pragma" and finding.line == 1 for finding in tricked.findings)
    shifted = [replace(f, line=f.line + 1 if f.line else None) for f in plain.findings]
    assert [f for f in tricked.findings if f.symbol != "pragma"] == shifted
    assert tricked.score == plain.score


def test_compile_reports_place_warnings_and_version(sandbox: Sandbox) -> None:
    (bad,), (warned,) = parse("compile").check_many(["x = 1\ny = (\n", "x = '\\d'\n"], sandbox)
    assert (bad.passed, bad.score, bad.findings[0].line, bad.findings[0].column) == (False, 0.0, 2, 4)
    assert warned.passed
    assert [(finding.symbol, finding.line) for finding in warned.findings] == [("DeprecationWarning", 1)]
    assert warned.versions["python"].startswith("3.11.")


def test_quality_reports_numbers_and_versions(sandbox: Sandbox) -> None:
    ((report,),) = parse("quality").check_many([GOOD], sandbox)
    assert (report.score, report.values["cc"], report.values["pylint"]) == (10.0, 1, 10.0)
    assert set(report.versions) == {"pylint", "astroid", "radon"}


def test_thresholds(sandbox: Sandbox) -> None:
    asked = [({"pylint": 0}, set()), ({"pylint": 0.1}, {"pylint-score"}), ({"cc": 4}, set()), ({"cc": 3}, {"complexity"}),
             ({"mi": 68}, set()), ({"mi": 69}, {"maintainability"})]  # fmt: skip
    for thresholds, symbols in asked:
        ((report,),) = parse("quality", {"pylint": -100, **thresholds}).check_many([BAD], sandbox)
        assert decisive([report]) == symbols


def test_a_text_that_kills_the_compiler_costs_no_other(sandbox: Sandbox) -> None:
    """Whatever ends the process that compiles a batch, each text gets its own verdict."""
    texts = ["x = 1", "def f(:", "x = " + "not " * 20_000 + "1", "y = 2", "x = " + "-" * 200_000 + "1"] * 20
    passed = [reports[0].passed for reports in parse("compile").check_many(texts, sandbox)]
    assert passed == [True, False, False, True, False] * 20


def test_a_tool_that_dies_is_a_fact_about_one_text(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends at the third of five texts, when it is among others and when it is alone."""
    honest, asked = Box._examine, []

    def dies(self: Box, tool: str, texts: Any, limits: Any) -> Any:
        asked.append(len(texts))
        said, end = honest(self, tool, texts, limits)
        return (said[: list(texts).index("BOOM")], end) if "BOOM" in texts else (said, end)

    monkeypatch.setattr(Box, "_examine", dies)
    with sandbox.box() as box:
        said = box.examine("compile", ["a = 1", "b = 1", "BOOM", "c = 1", "d = 1"])
    assert asked == [5, 1, 2]
    assert [type(one).__name__ for one in said] == ["dict", "dict", "Execution", "dict", "dict"]


def test_cheapest_first_and_stops_at_the_first_refusal(sandbox: Sandbox) -> None:
    texts = ["def f(:", GOOD, BAD]
    assert [[r.gate for r in reports] for reports in parse("quality+compile").check_many(texts, sandbox)] == [
        ["compile"], ["compile", "quality"], ["compile", "quality"]
    ]  # fmt: skip
    both = parse("quality+compile", all_findings=True).check_many(texts, sandbox)
    assert [[r.passed for r in reports] for reports in both] == [[False, False], [True, True], [True, False]]


def test_what_a_gate_decides_by_is_plain_data_and_part_of_its_key(sandbox: Sandbox) -> None:
    (noisy,) = parse("quality~0.25", {"cc": 7}, given={"seed": 3}).gates
    assert noisy.settings() == {"pylint": 7.0, "cc": 7, "mi": 20.0, "timeout": 10.0, "p": 0.25, "seed": 3}
    memo = Kept()
    for lowest in (50, 40, 50):
        list(parse("repetition", {"tokens": lowest}, memo=memo).check_many([GOOD], sandbox))
    assert len(memo) == 2


def test_no_report_is_kept_that_depends_on_other_programs(sandbox: Sandbox) -> None:
    memo = Kept()
    for kind, compares in (("duplicate", True), ("duplicate~0.5", True), ("repetition", False), ("repetition~0.5", False)):
        (gate,) = (made := parse(kind, memo=memo)).gates
        assert gate.compares is compares
        list(made.check_many([GOOD], sandbox))
    assert len(memo) == 2


class Kept(dict[str, Any]):
    put = dict.__setitem__


def test_reports_are_kept_and_found_again(sandbox: Sandbox) -> None:
    memo = Kept()
    gate = parse("compile+quality", memo=memo)
    first = list(gate.check_many([GOOD, BAD, "def f(:"], sandbox))
    assert len(memo) == 5
    assert list(gate.check_many([GOOD, BAD, "def f(:"], sandbox)) == first
    for key in memo:
        memo[key] = {"gate": "broken"}
    again = list(gate.check_many([GOOD], sandbox))
    assert [r.passed for r in again[0]] == [True, True]
    assert len(memo) == 5, "thresholds, image and text make the key"
    list(parse("quality", {"pylint": 8}, memo=memo).check_many([GOOD], sandbox))
    assert len(memo) == 6


def test_any_number_of_programs_is_streamed(boxes: Sandbox) -> None:
    taken = 0

    def programs() -> Iterator[str]:
        nonlocal taken
        for i in range(10_000):
            taken += 1
            yield f"x = {i}"

    reports = parse("none+compile").check_many(programs(), boxes)
    next(reports)
    assert taken < 1_000
    assert sum(all(report.passed for report in each) for each in reports) == 9_999


@pytest.mark.parametrize(
    ("kind", "thresholds", "message"),
    [
        ("compil", {}, "compile"), ("compile+compile", {}, "twice"), ("compile", {"pylint": 8}, "pylint"), ("", {}, "quality"),
        ("quality", {"pylint": 10.5}, "pylint of the gate 'quality' must be at most 10, not 10.5"),
        ("quality", {"cc": 0}, "cc of the gate 'quality' must be at least 1, not 0"),
        ("quality", {"mi": -1}, "mi .* must be at least 0 and at most 100, not -1"),
        ("quality", {"timeout": math.nan}, "timeout .* must be above 0 and at most 3600, not nan"),
        ("repetition~0.1", {"repetition": 2}, "repetition .* must be at least 0 and at most 1, not 2"),
        ("duplicate", {"similarity": 0}, "similarity .* must be above 0 and at most 1, not 0"),
    ],
)  # fmt: skip
def test_bad_kinds_are_refused(kind: str, thresholds: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(kind, thresholds)


def test_each_gate_says_what_it_is() -> None:
    for name, gate in GATES.items():
        assert issubclass(gate, Gate)
        assert gate.name == name
        assert gate.__doc__
        assert gate.cost >= 0
    assert isinstance(parse("none"), All)
    assert Solution(code="").completion is None
