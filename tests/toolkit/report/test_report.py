"""What a person is shown: right numbers, nothing folded into something else, and no foothold for hostile text."""

import base64
import hashlib
import io
import json
import re
from dataclasses import asdict
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from toolkit.analysis import stats
from toolkit.records import Result, Verdict
from toolkit.report import figures, page, round_figures, rounds, templates
from toolkit.report import summary as report
from toolkit.report.table import Column, csv, leaves
from toolkit.report.terminal import render

HOSTILE = "</pre></script><script>alert(1)</script>\"'&\x1b[31m\u202e\ud800\0<img src=x onerror=alert(2)>"


ROUNDS = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())


def result(task: int, sample: int, verdict: Verdict | None, base: Verdict | None = None, **more: Any) -> Result:
    plus = None if verdict is None else verdict
    return Result(task_id=f"T/{task}", sample_id=sample, verdict=verdict, base=base or verdict, plus=plus, **more)


RESULTS = [
    result(0, 0, Verdict.PASSED),
    result(0, 1, Verdict.PASSED),
    result(1, 0, Verdict.WRONG_ANSWER, Verdict.PASSED, detail="in call 3: another value than expected"),
    result(1, 1, Verdict.TIME_LIMIT, detail="in call 0"),
    result(2, 0, None, error="the box went away"),
    result(2, 1, Verdict.RUNTIME_ERROR, detail=HOSTILE),
]


def summary(results: list[Result] = RESULTS, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"benchmark": "humaneval+", "results": results, "ks": (1, 2), "has_plus": True}
    return report.summarise(**given | more)


def html(of: dict[str, Any], results: list[Result] = RESULTS, **more: Any) -> str:
    return page.html(page.Judged(**{"summary": of, "results": results, "run": {}} | more))


def shown(of: dict[str, Any], width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(render(of))
    return file.getvalue()


def test_summary_counts_each_sample_once() -> None:
    found = summary(n_tasks=4, n_samples=8, seconds=1.23456, n_cached=2, folder="runs/a", timeout_s=5.0, parallel=2)
    assert (found["n_tasks"], found["n_tasks_scored"], found["n_samples"]) == (4, 3, 8)
    assert (found["n_scored"], found["n_unscored"], found["unscored"]) == (5, 1, {"the box went away": 1})
    assert found["verdicts"] == {"passed": 2, "wrong_answer": 1, "runtime_error": 1, "time_limit": 1}
    assert (found["seconds"], found["n_cached"], found["folder"]) == (1.235, 2, "runs/a")


def test_pass_at_k_leaves_the_unscored_out_and_keeps_variants_apart() -> None:
    found = summary()["pass_at_k"]
    assert found["base"]["1"]["value"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["plus"]["1"]["value"] == pytest.approx((1 + 0 + 0) / 3)
    assert list(found["base"]) == ["1"], "a task with one scored sample has no pass@2"
    assert list(summary(RESULTS[:4])["pass_at_k"]["plus"]) == ["1", "2"]
    low, high = stats.interval([(2, 2), (2, 1), (1, 0)], 1)
    assert (found["base"]["1"]["low"], found["base"]["1"]["high"]) == (low, high)
    assert list(summary(has_plus=False)["pass_at_k"]) == ["base"]


def test_counts() -> None:
    assert report.counts(RESULTS, "base") == {"T/0": (2, 2), "T/1": (2, 1), "T/2": (1, 0)}
    assert report.counts(RESULTS, "plus") == {"T/0": (2, 2), "T/1": (2, 0), "T/2": (1, 0)}
    assert report.counts([Result(task_id="a", sample_id=0, verdict=Verdict.PASSED)], "base") == {"a": (1, 1)}


def test_a_refused_score_has_no_number() -> None:
    found = summary(refused="a canary was judged wrongly")
    found["comparison"] = asdict(stats.compare({"a": (1, 1)}, {"a": (1, 0)}))
    assert found["pass_at_k"] == {"base": {}, "plus": {}}
    for text in (shown(found), html(found, RESULTS)):
        assert "a canary was judged wrongly" in text
        assert "pass@1" not in text


def test_passes_in_the_programs_own_process_are_counted_listed_and_left_out() -> None:
    results = [result(0, 0, Verdict.PASSED), result(1, 0, Verdict.WRONG_ANSWER), result(3, 0, Verdict.PASSED, shared=True), result(2, 0, Verdict.PASSED, shared=True)]
    found = summary(results, ks=(1,), has_plus=False)
    assert found["pass_at_k"]["base"]["1"]["value"] == 0.75
    apart = found["shared"]
    assert (apart["tasks"], apart["n_tasks_apart"], apart["n_passed"], apart["pass_at_k"]["1"]["value"]) == (["T/2", "T/3"], 2, 2, 0.5)
    line = "the tests of 2 tasks ran in the program's own process, which could forge a pass: 2 samples passed so; without these tasks pass@1 is 0.500 on 2 tasks"
    for text in (" ".join(shown(found).split()), unescape(html(found, results))):
        assert line in text
        assert "75.0" in text
    assert summary(results, ks=(1,), refused="no")["shared"]["pass_at_k"] == {}
    assert "shared" not in summary(results[:2])


def test_nothing_judged_and_nothing_scored() -> None:
    for results in ([], [RESULTS[4]]):
        found = summary(results, n_samples=3)
        assert found["pass_at_k"] == {"base": {}, "plus": {}}
        assert "humaneval+" in shown(found)
        assert "humaneval+" in html(found, results)


def test_reasons_are_bounded() -> None:
    results = [result(i, 0, None, error=f"lost {min(i, 30)} {HOSTILE}" + "x" * 9999) for i in range(50)]
    found = summary(results)
    assert found["n_unscored"] == sum(found["unscored"].values()) == 50
    assert len(found["unscored"]) == report.MAX_REASONS + 1
    assert max(map(len, found["unscored"])) <= 500


def test_terminal_is_readable_at_80_columns() -> None:
    found = summary(
        n_tasks=5, n_tasks_sampled=4, missing=["T/9"], folder="runs/x", timeout_s=5.0, parallel=2, n_skipped=1, n_stray=1,
        warnings=[f"so it is {HOSTILE}"],
    )  # fmt: skip
    found["comparison"] = asdict(stats.compare({"a": (1, 1)}, {"a": (1, 0)})) | {"with": "runs/older"}
    found["interrupted"] = "6 of 8 samples were judged"
    text = shown(found)
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    for part in ("50.0 %", "33.3 %", "base tests", "base + extra tests", "passed 2", "wrong answer 1", "unscored 1",
                 "unscored ×1: the box went away", "pass@1 against runs/older: +100.0 points", "1 bad line left out",
                 "3 of 5 tasks · 1 without a sample", "pass@1, base tests: 37.5 to 75.0 % if the 1 unscored sample and 1 bad line",
                 "warning: so it is", "on the 1 task that both have",
                 "interrupted: 6 of 8 samples were judged", "time limit 5 s"):  # fmt: skip
        assert part in flat
    found = summary([result(0, 0, None, error=HOSTILE + "[bold]x[/bold]")])
    assert not set(shown(found)) & set("\x1b\u202e\ud800\0")
    assert "[bold]" in shown(found)


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_gives_hostile_text_no_foothold() -> None:
    results = [*RESULTS, Result(task_id=HOSTILE, sample_id=0, verdict=None, error=HOSTILE)]
    found = summary(results, benchmark=HOSTILE, refused=HOSTILE, warnings=[HOSTILE])
    text = html(found, results, run={"date": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}}, texts=lambda _: (HOSTILE, HOSTILE),
                prompts={HOSTILE: HOSTILE}, findings=lambda _: [(HOSTILE, HOSTILE, HOSTILE, 1)])  # fmt: skip
    text.encode()
    parsed = Parsed(text)
    assert [attrs.get("type") for tag, attrs in parsed.tags if tag == "script"] == ["application/json"] * 3 + [None]
    assert not {"img", "link", "iframe", "object"} & {tag for tag, _ in parsed.tags}
    assert not [
        attrs for _, attrs in parsed.tags if any(name.startswith("on") or name in ("src", "href") for name in attrs)
    ]
    assert not set(text) & set("\x1b\u202e\ud800\0")
    assert parsed.text.count("<script>alert(1)</script>") > 5
    assert json.dumps(blocks(text)).count("<script>alert(1)</script>") >= 40
    assert "http://" not in text
    assert "https://" not in text


def blocks(text: str) -> dict[str, list[Any]]:
    """Return the data blocks of a page by their names; those here are small enough to stand there as they are."""
    found: dict[str, list[Any]] = {}
    for name, block in re.findall(r'<script type="application/json" data-block="(\w+)">(.*?)</script>', text, re.S):
        found.setdefault(name, []).append(json.loads(block))
    return found


def policy(text: str) -> str | None:
    (found,) = [attrs["content"] for tag, attrs in Parsed(text).tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    return found


def test_page_trusts_its_own_script_only() -> None:
    text = html(summary())
    (script,) = re.findall("<script>(.*?)</script>", text, re.S)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy(text) == f"default-src 'none';style-src 'unsafe-inline';script-src 'sha256-{own}'"
    assert policy(rounds.html(rounds.named([rounds.Run(summary=ROUNDS)]))) == "default-src 'none';style-src 'unsafe-inline';script-src 'none'"


def test_no_template_trusts_a_text() -> None:
    """Escaping is for all templates and all they show; only style, script and figures are given as markup, by this package."""
    found = templates._environment().from_string("{{ it }}|{{ [it]|join }}|<a b=\"{{ it }}\">").render(it=HOSTILE)
    assert not set(found) & set("\x1b\u202e\ud800\0")
    assert [tag for tag, _ in Parsed(found).tags] == ["a"]
    files = sorted(templates._FOLDER.glob("*.html"))
    assert len(files) >= 4
    for file in files:
        assert not re.search(r"\|\s*safe|autoescape|Markup|~", file.read_text()), file


@pytest.mark.parametrize("drawn", [True, False])
def test_rounds_page_gives_hostile_text_no_foothold(monkeypatch: pytest.MonkeyPatch, drawn: bool) -> None:
    monkeypatch.setattr(figures, "available", lambda: drawn)
    cell = ROUNDS["cells"][0] | {"regime": HOSTILE, "benchmark": HOSTILE}
    rows = [row | {"regime": HOSTILE, "stopped": HOSTILE, "scores": {HOSTILE: {"value": 0.5, "low": 0.2, "high": 0.8}}} for row in ROUNDS["rows"][:6]]
    settings = ROUNDS["settings"] | {"benchmarks": [HOSTILE], "model": HOSTILE, "regimes": [HOSTILE, "$x_1$"]}
    found = {"settings": settings, "rows": rows, "cells": [cell], "waiting": [HOSTILE]}
    analysis = {HOSTILE: [{HOSTILE: HOSTILE}], "b": {HOSTILE: HOSTILE}}
    run = rounds.Run(summary=found, analysis=analysis, folder=HOSTILE)
    text = rounds.html(rounds.named([run, run]))
    text.encode()
    tags = Parsed(text).tags
    assert not {"script", "img", "link", "iframe", "object", "style"} & {tag for tag, _ in tags if tag != "style"}
    assert [tag for tag, _ in tags].count("style") == 1
    assert not [name for _, attrs in tags for name in attrs if name.startswith("on") or name == "src"]
    assert all((attrs.get("xlink:href") or "#").startswith("#") for _, attrs in tags)
    assert not set(text) & set("\x1b\u202e\ud800\0")
    assert ("<svg" in text) is drawn
    assert (figures.MISSING in unescape(text)) is not drawn


def test_a_regime_has_one_colour_and_mark_in_all_figures() -> None:
    drawn = round_figures.drawn("m", ROUNDS, [])
    assert len(drawn) == 13, "what a ledger of that time can show"
    assert all("(m: 5 rounds of 4 steps, 1 seed, n: " in figure.caption for figure in drawn.values())
    found = [figure for name, figure in drawn.items() if not name.startswith("classes")]
    for i, regime in enumerate(ROUNDS["settings"]["regimes"]):
        entries = {entry[1:] for figure in found for entry in figure.legend if entry[0] == regime}
        assert {colour for colour, _ in entries} == {f"var(--c{i},{figures.COLOURS[i]})"}
        assert len(entries) == 1
        for figure in found:
            line = re.search(rf'<g id="line-{i}">.*?stroke: (\S+?);', figure.svg, re.S)
            assert (line and line[1]) == next((colour for name, colour, _ in figure.legend if name == regime), None)


def test_a_figure_is_the_same_each_time_and_stands_alone() -> None:
    lines = {"a $x_1$": [(0, 0.5, 0.25, 0.75), (1, 1.0, 1.0, 1.0)], HOSTILE: [(0, 0.0, 0.0, 0.0)]}
    figure = figures.plot(HOSTILE, lines, ["z"])
    assert figure == figures.plot(HOSTILE, lines, ["z"])
    assert [name for name, _, _ in figure.legend] == list(lines)
    assert re.findall(">([^<>]*[^<>\\s][^<>]*)<", figure.svg)[:2] == ["0", "1"]
    assert not re.search(r"<style|<metadata|<!|<\?|#ffffff|#01020|x_1|alert", figure.svg)
    assert figures.plot("", {"a": [(1, 0.0, 0.0, 0.0)]}).svg, "all is nought"


def test_tables_share_their_columns() -> None:
    rows = [{"a": 1, "b": {"c": 0.123456, "d": None}, "e": [1]}, {"a": "x,y", "b": {"c": True}}]
    columns = leaves(rows)
    assert csv(columns, rows) == 'a,b.c,b.d\r\n1,0.123456,\r\n"x,y",True,\r\n'
    assert [[column.text(row) for column in columns] for row in rows] == [["1", "0.1235", ""], ["x,y", "yes", ""]]
    assert Column(("s",)).text({"s": {"value": 0.5, "low": 0.25, "high": 0.75}}) == "0.500 [0.250, 0.750]"


def test_the_csv_of_rounds_has_every_number() -> None:
    folder = Path(__file__).parents[3] / "experiments" / "mbpp-cpu"
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    assert csv(leaves(rows), rows).encode() == (folder / "rounds.csv").read_bytes()
