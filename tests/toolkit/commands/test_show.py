"""`toolkit show`, and what pages and folders say of a failed call; what programs wrote stays text everywhere."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.benchmarks import BENCHMARKS
from toolkit.cli.main import app
from toolkit.commands import evaluate
from toolkit.commands.judging import Settings, shows_tests
from toolkit.commands.show import show
from toolkit.errors import UsageError
from toolkit.oracle import shown
from toolkit.records import FailedCall, Result, Sample, Verdict
from toolkit.report import page
from toolkit.report import summary as report
from toolkit.store import run_folder as runs
from toolkit.store.rows import from_row, to_row

HOSTILE = "</code><script>alert(1)</script>\x1b[31m\u202e\r\n{{ 7 * 7 }}"
CALL = FailedCall(call=3, input="1, 'a'", expected="[2]", got=shown.text(HOSTILE))


def result(task: str, sample: int, verdict: Verdict = Verdict.WRONG_ANSWER, **more: object) -> Result:
    return Result(task_id=task, sample_id=sample, verdict=verdict, base=verdict, plus=verdict, **more)  # type: ignore[arg-type]


RESULTS = [
    result("T/0", 0, detail="in call 3: another value than expected", base_call=3, plus_call=9, failed=CALL),
    result("T/0", 1, Verdict.PASSED),
    result("T/1", 0, Verdict.TIME_LIMIT, detail="in call 0", failed=FailedCall(call=0, input="0", expected="1")),
    result("T/1", 1, detail="after call 0: the test raised AssertionError", failed=FailedCall(call=0, input="0", got="2")),
    result("U/1", 0, Verdict.RUNTIME_ERROR, detail=HOSTILE),
    Result(task_id="U/2", sample_id=0, verdict=None, error="not judged: gone"),
]


def written(path: Path, results: Sequence[Result] = RESULTS) -> Path:
    with runs.RunFolder.create(path, {}, data={"own": "x"}) as folder:
        folder.write_samples(
            Sample(task_id=one.task_id, sample_id=one.sample_id, solution=f"x = 1  # {HOSTILE}\n" + "y\n" * 3000) for one in results
        )
        folder.finish(results, report.summarise(benchmark="own", results=results, ks=(1,)))
    return path


def said(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["show", *map(str, arguments)])
    return done.exit_code, done.output


def test_rows_say_all_of_a_result(tmp_path: Path) -> None:
    written(tmp_path)
    assert list(runs.read(tmp_path).values()) == RESULTS
    old = {name: it for name, it in to_row(RESULTS[0]).items() if name not in ("base_call", "plus_call", "failed")}
    assert from_row(old) == replace(RESULTS[0], base_call=None, plus_call=None, failed=None)


def test_show(tmp_path: Path) -> None:
    written(tmp_path)
    code, text = said(tmp_path, "T/0", 0)
    assert code == 0
    assert text.splitlines()[:6] == [
        "T/0 · sample 0 · wrong answer (base wrong answer, plus wrong answer)",
        "  in call 3: another value than expected",
        "  input    1, 'a'",
        "  expected [2]",
        "  got      </code><script>alert(1)</script>\\x1b[31m\\u202e\\r\\n{{ 7 * 7 }}",
        "",
    ]
    assert text.endswith("more characters, in samples.jsonl\n")
    assert len(text) < 5000
    assert not set(text) & set("\x1b\u202e\r")
    assert said(tmp_path, "T/1")[1] == (
        "T/1 · sample 0 · time limit (base time limit, plus time limit)\n  in call 0\n"
        "  input    0\n  expected 1\n  got      no answer\n"
        "T/1 · sample 1 · wrong answer (base wrong answer, plus wrong answer)\n  after call 0: the test raised AssertionError\n"
        "  input    0\n  got      2\n"
    )
    assert said(tmp_path, 2)[1].startswith("U/2 · sample 0 · unscored\n  not judged: gone\n\nx = 1")
    found = json.loads(said(tmp_path, "T/0", "--json")[1])
    assert [row["failed"] for row in found] == [{"call": 3, "input": "1, 'a'", "expected": "[2]", "got": CALL.got}, None]
    assert found[0]["solution"].startswith("x = 1")
    assert "\x1b" not in said(tmp_path, "U/1")[1]


def test_show_names_what_there_is(tmp_path: Path) -> None:
    written(tmp_path)
    for arguments, told in (
        (("1",), "2 tasks end in '1', such as T/1"),
        (("T/9",), "no sample of task 'T/9' was judged; did you mean 'T/1'?; there are T/0, T/1, U/1, U/2"),
        (("T/0", 7), "no sample 7 of T/0 was judged; there are 0, 1"),
    ):
        assert said(tmp_path, *arguments)[0] == 2
        with pytest.raises(UsageError) as caught:
            show(tmp_path, *arguments)  # type: ignore[arg-type]
        assert told in str(caught.value)
    with pytest.raises(UsageError, match="is no run folder"):
        show(tmp_path / "absent", "0")


def test_the_samples_of_a_task_are_bounded(tmp_path: Path) -> None:
    written(tmp_path, [result("T/0", i, detail="x") for i in range(60)])
    lines = said(tmp_path, "T/0")[1].splitlines()
    assert (len(lines), lines[-1]) == (101, "and 10 more samples: name one, or say --json")
    (tmp_path / "samples.jsonl").unlink()
    assert said(tmp_path, "T/0", 3) == (0, "T/0 · sample 3 · wrong answer (base wrong answer, plus wrong answer)\n  x\n")


def test_the_page_has_the_call_and_what_it_says_stays_text() -> None:
    found = report.summarise(benchmark="own", results=RESULTS, ks=(1,))
    text = page.html(page.Judged(summary=found, results=RESULTS, run={}))
    (block,) = re.findall('data-block="texts">(.*?)</script>', text, re.S)
    calls = [dict(each[3]) for each in json.loads(block)]
    assert sum("input" in call for call in calls) == 3
    assert {"1", "[2]"} == {call["expected"] for call in calls if "expected" in call}
    assert "no answer" in {call.get("got") for call in calls}
    assert any("</code><script>alert(1)</script>\\x1b[31m\\u202e\\r\\n{{ 7 * 7 }}" in said for call in calls for said in call.values())
    assert "<script>alert" not in text
    assert not set(text) & set("\x1b\u202e")


def test_who_sees_tests() -> None:
    """People do, of a benchmark that does not keep them private; whatever a model learns from does not."""
    public = BENCHMARKS["mbpp+"]
    private = replace(public, private=True)
    default, flag, no_flag = (replace(Settings(benchmark="mbpp+"), show_tests=it) for it in (None, True, False))
    assert [shows_tests(each, public) for each in (default, flag, no_flag)] == [True, True, False]
    assert [shows_tests(each, private) for each in (default, flag, no_flag)] == [False, True, False]
    assert not shows_tests(Settings(benchmark="mbpp+"), public)  # as `rounds` asks


@pytest.mark.parametrize(("benchmark", "base_only"), [("humaneval", False), ("mbpp+", True)])
def test_failing_fast_without_extra_tests_is_refused(benchmark: str, base_only: bool) -> None:
    with pytest.raises(UsageError, match="--fail-fast leaves extra tests out"):
        evaluate.evaluate(Settings(benchmark=benchmark, samples=Path("x"), fail_fast=True, base_only=base_only))
