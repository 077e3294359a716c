"""The page of a run of rounds: it says what it shows and what not, in words, and hides nothing that was made before."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from gates import prefers_low
from tests.toolkit.report.tables import Tables
from toolkit.analysis import heldout, ledger, ranking
from toolkit.analysis.alarm import rubber_stamps
from toolkit.analysis.rises import rises
from toolkit.analysis.seeds import comparisons
from toolkit.report import figures, round_figures, rounds

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SETTINGS = json.loads((EXPERIMENTS / "mbpp-cpu" / "summary.json").read_text())["settings"]


@cache
def summary(seeds: tuple[int, ...]) -> dict[str, Any]:
    """Return what a run of self-score and a chain leaves, with every number that a ledger has."""
    rows: list[dict[str, Any]] = []
    verdicts = []
    for seed in seeds:
        tasks = {f"t{i}": [1, 1] for i in range(30)}
        verdicts.append({"regime": "base", "seed": seed, "round": 0, "benchmark": "humaneval", "tasks": tasks})
        for regime in ("self-score", "compile+perplexity"):
            score = {"humaneval": {"value": 0.5, "low": 0.4, "high": 0.6}}
            rows.append({"regime": regime, "seed": seed, "round": 0, "scores": score})
            for number in (1, 2):
                chain = ["compile"] * ("+" in regime) + [regime.split("+")[-1]]
                told = [{"task_id": str(i // 4), "accepted": i % 5 < 2 + number, "reports": [
                    {"gate": name, "passed": i % 5 < 2 + number or name == "compile", "score": float(i % 7) - number,
                     "values": {"probability": 0.5} if name == "self-score" else {}} for name in chain]} for i in range(24)]  # fmt: skip
                ran = [i % 3 == 0 for i in range(24)]
                opinion = {name: {"accepted": {"value": 0.25, "low": 0.1, "high": 0.4}, "score": None}
                           for name in ("now_of_now", "first_of_now", "now_of_first", "first_of_first")}  # fmt: skip
                rows.append({
                    "regime": regime, "seed": seed, "round": number, "candidates": 24, "accepted": 8 * number, "trained_on": 8,
                    "acceptance_mass": number / 3, "thresholds": {}, "gates": ranking.gates(told, ran, prefers_low),
                    "held_out": heldout.held_out(told, ran, prefers_low), "opinion": opinion, "raw": {"strict": 1 / 3},
                    "accepted_runs": None, "trained_runs": None, "texts": {"distinct_3": 0.9}, "scores": score, "stopped": None,
                })  # fmt: skip
                fewer = {task: [int(i >= 3 * number + seed), 1] for i, task in enumerate(tasks)}
                verdicts.append({"regime": regime, "seed": seed, "round": number, "benchmark": "humaneval", "tasks": fewer})
    found = {
        "settings": {**SETTINGS, "seeds": list(seeds), "model": "org/name", "rounds": 2}, "rows": rows, "waiting": [],
        "cells": ledger.cells(rows), "rubber_stamps": rubber_stamps(rows, verdicts), "comparisons": comparisons(verdicts),
        "rises": rises(rows), "date": "2026-11-24T13:00:00+00:00",
    }  # fmt: skip
    return dict(json.loads(json.dumps(found, allow_nan=False)))


def html(found: dict[str, Any]) -> str:
    return rounds.html(rounds.named([rounds.Run(summary=found)]), docs="../../docs/rounds.md#acceptance-probability")


@cache
def page(seeds: tuple[int, ...]) -> str:
    return html(summary(seeds))


class Words(HTMLParser):
    """Collects the texts of headers and terms, and what cells are called on a phone."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.heads: list[str] = []
        self.named: set[str] = set()
        self.tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.named |= {value or "" for name, value in attrs if name == "data-name"}

    def handle_data(self, data: str) -> None:
        if self.tag in ("th", "dt") and data.strip():
            self.heads.append(data.strip())


def test_headers_are_words_and_each_cell_has_its_header_on_a_phone() -> None:
    text = page((0, 1))
    found = Words(text)
    assert len(found.heads) > 60
    assert not [head for head in found.heads if re.search(r"[a-z]_[a-z]|\w\.\w", head)]
    assert set(found.heads) >= found.named >= {"Regime", "AUC", "Rubber stamp", "Picks what runs", "Further than under", "First model, today's texts", "Share above 0"}
    assert re.search(r"<title>Rounds of org/name · 2026-11-24</title>", text)
    assert "(max-width:60rem){.stacked thead{display:none}" in text
    assert "prefers-color-scheme:dark" in text


def test_each_figure_has_a_sentence_and_the_acceptance_score_is_among_them() -> None:
    found = round_figures.drawn("m", summary((0,)), []).values()
    captions = [figure.caption.partition(" (")[0] for figure in found]
    assert "Acceptance score of self-score: median, first to third quartile" in captions
    assert "Acceptance score of self-score: share above 0" in captions
    assert not any("total variation" in caption for caption in captions)
    assert len({figure.says for figure in found}) >= len(found) - 2
    assert all(len(figure.says) > 60 and figure.says.endswith(".") for figure in found)
    auc = next(figure for figure in found if figure.caption.startswith("AUC"))
    assert auc.svg.count("stroke-opacity: 0.45") >= 4, "its intervals are drawn"


def test_one_seed_is_called_a_lead() -> None:
    assert "a lead, not a test" in page((0,))
    assert "a lead, not a test" not in page((0, 1))


def test_scores_below_nought_are_inside_a_figure() -> None:
    svg = figures.plot("c", {"a": [(1, -2.0, -3.0, -1.0), (2, -1.0, -1.5, 0.5)]}).svg
    height = float(re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', svg)[1])  # type: ignore[index]
    line = re.search(r'<g id="line-0">.*?d="M ([\d. L-]+)"', svg, re.S)
    assert line
    assert all(0 < float(y) < height for y in re.findall(r"[\d.]+ ([\d.-]+)", line[1]))


def test_a_ledger_from_before_has_a_page_without_what_it_cannot_tell() -> None:
    before = json.loads((EXPERIMENTS / "mbpp-cpu" / "summary.json").read_text())
    text = html(before)
    assert "date not recorded" in text
    assert "smollm2 (the default model)" in text
    assert "total variation" not in text
    assert "AUC" not in Words(text).heads, "it was over the scores of several gates"
    committed = (EXPERIMENTS / "mbpp-cpu" / "report.html").read_text()
    assert Words(committed).heads == Words(text).heads
    assert "rubber_stamp" not in before["cells"][0]


def test_the_committed_page_has_the_numbers_of_the_stages_and_is_what_this_code_makes() -> None:
    folder = EXPERIMENTS / "mbpp-cpu"
    text = (folder / "report.html").read_text()
    tables = Tables(text).found
    shown = [row for row in tables["Every round"] if row["Round"] != "0"]
    measured = {
        (file.parts[-3], file.parts[-2].removeprefix("round")): json.loads(file.read_text())["outputs"]
        for file in (folder / "seed0").glob("*/round[1-9]/measure.json")
    }
    assert len(shown) == len(measured) == 21
    beside = {(row["Regime"], row["Round"]): row for row in tables["The gate beside execution"]}
    ends = {(row["Regime"], row["Round"]): row for row in tables["How candidates end when they are run"]}
    heat = {row["Regime"]: row for row in tables["pass@1 over rounds"]}
    for row in shown:
        at = row["Regime"], row["Round"]
        of = measured[at]
        assert (int(row["Candidates"]), int(row["Accepted"])) == (of["candidates"], of["accepted"])
        assert row["Stopped"] == (of["stopped"] or "")
        if of["scores"]:
            value, low, high = (of["scores"]["humaneval"][name] for name in ("value", "low", "high"))
            assert row["pass@1 on humaneval"] == f"{value:.3f} [{low:.3f}, {high:.3f}]"
            assert heat[at[0]][f"Round {at[1]}"] == f"{100 * value:.1f}"
        cells = [int(beside[at][name]) for name in ("Accepted, runs", "Accepted, fails", "Refused, runs", "Refused, fails")]
        assert sum(cells) == of["raw"]["n"]
        assert cells[0] + cells[2] == of["raw"]["classes"].get("ran", 0)
        assert cells[0] == ((of["accepted_runs"] or {}).get("classes") or {}).get("ran", 0)
        counted = {kind: int(n) for kind, n in list(ends[at].items())[4:] if n}
        assert counted.items() <= of["raw"]["classes"].items()
    before = json.loads((folder / "summary.json").read_text())
    link = "../../docs/rounds.md#acceptance-probability"
    assert f'<a href="{link}">' in text
    again = rounds.html(rounds.named([rounds.Run(summary=before)]), docs=link)
    assert without_figures(again) == without_figures(text), "toolkit report experiments/mbpp-cpu makes it again"


def without_figures(page: str) -> str:
    """Return the page without what versions of matplotlib may draw differently."""
    return re.sub(r"<svg.*?</svg>", "", page, flags=re.S)
