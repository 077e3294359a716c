"""Pages of runs: each number is made again from the run's lines, every sample is there, and what cannot be shown is said."""

import base64
import csv
import gzip
import hashlib
import json
import random
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.toolkit.report import grid, judged
from tests.toolkit.report.tables import Tables
from toolkit.cli.main import app
from toolkit.commands.report import report
from toolkit.errors import UsageError
from toolkit.records import Result
from toolkit.report import figures, round_figures, samples

SETTINGS = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())["settings"]
TASKS, SAMPLES = 10, 12


def blocks(page: Path) -> dict[str, list[Any]]:
    """Return the data blocks of a page by their names."""
    found: dict[str, list[Any]] = {}
    pattern = r'<script type="application/json" data-block="(\w+)"( data-packed="1")?>(.*?)</script>'
    for name, is_packed, text in re.findall(pattern, page.read_text(), re.S):
        found.setdefault(name, []).append(json.loads(gzip.decompress(base64.b64decode(text)) if is_packed else text))
    return found


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "tables" / f"{name}.csv").read_text().splitlines()))


def run(tmp_path: Path, seed: int = 0, **more: Any) -> Path:
    return judged.folder(tmp_path / f"run{seed}", judged.results(TASKS, SAMPLES, seed), name=f"m{seed}.jsonl", **more)


def test_numbers_of_a_run_are_those_of_its_lines(tmp_path: Path) -> None:
    folder = run(tmp_path)
    made = report([folder], tmp_path / "out")
    rows, facts = judged.rows(folder, "results.jsonl"), judged.rows(folder, "executions.jsonl")
    passed = {f"HumanEval/{i}": sum(r["verdict"] == "passed" for r in rows if r["task_id"] == f"HumanEval/{i}") for i in range(TASKS)}
    tables = Tables(made.page.read_text()).found
    for row in tables["pass@k over k, with 95 % intervals over tasks"]:
        k = int(row["k"])
        wanted = statistics.fmean(1 - _chance_of_none(SAMPLES, c, k) for c in passed.values())
        assert row["pass@k"] == f"{100 * wanted:.1f} %"
        assert float(row["from"].split()[0]) < 100 * wanted < float(row["to"].split()[0]) or k == SAMPLES
    assert [row["k"] for row in tables["pass@k over k, with 95 % intervals over tasks"]] == ["1", "2", "5", "10", "12"]
    measured = [each for each in facts if not each["cached"]]
    seconds, memory = [each["charged_s"] for each in measured], [each["memory_peak_bytes"] / 1e6 for each in measured]
    for row, values in zip(tables["What programs take"], (seconds, memory), strict=True):
        quantile = statistics.quantiles(values, n=10, method="inclusive")[-1]
        assert row["samples"] == str(len(measured))
        assert [float(row[name]) for name in ("median", "90 % are below", "largest")] == pytest.approx(
            [statistics.median(values), quantile, max(values)], rel=1e-3
        )
    for title, values in (("Seconds a sample", seconds), ("Memory at its peak", memory)):
        counted = 0
        for row in tables[title]:
            start, end = map(float, next(iter(row.values())).split(" to "))
            inside = sum(start <= value < end for value in values)
            assert row["samples"] == str(inside)
            counted += inside
        assert counted == len(values)
    verdicts = {row["0"]: int(row["1"]) for row in tables["Verdicts"]}
    assert verdicts == {name.replace("_", " "): n for name, n in _tally(rows).items()}
    for name, section in made.tables.items():
        assert len(table(tmp_path / "out", name)) == len(section.rows)
        assert (tmp_path / "out" / "tables" / f"{name}.md").read_text().startswith(f"## {section.title}\n\n| ")
    assert float(table(tmp_path / "out", "pass-at-k")[0]["value"]) == pytest.approx(sum(passed.values()) / TASKS / SAMPLES)
    for name in ("pass-at-k", "seconds", "memory"):
        png, svg = ((tmp_path / "out" / "figures" / f"{name}.{suffix}").read_bytes() for suffix in ("png", "svg"))
        assert png.startswith(b"\x89PNG")
        assert b"m0.jsonl" in svg
    assert made.page.read_text().count("<svg") == 3


def _chance_of_none(n: int, c: int, k: int) -> float:
    """Return the chance that k of n samples, drawn one after another, are all among the n - c that fail."""
    chance = 1.0
    for i in range(k):
        chance *= max(0, n - c - i) / (n - i)
    return chance


def _tally(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in {row["verdict"] for row in rows}}


@pytest.mark.parametrize("plain", [1 << 21, 0])
def test_every_sample_is_on_the_page_with_all_its_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: int) -> None:
    monkeypatch.setattr(samples, "PLAIN", plain)
    folder = run(tmp_path)
    made = report([folder])
    assert made.page == folder / "report.html"
    found = blocks(made.page)
    (index,) = found["index"]
    texts = [text for pack in found["texts"] for text in pack]
    rows, written = judged.rows(folder, "results.jsonl"), judged.rows(folder, "samples.jsonl")
    assert len(texts) == len(rows) == len(index["columns"]["id"])
    assert index["columns"]["text"] == [1] * len(rows)
    for i, (row, sample) in enumerate(zip(rows, written, strict=True)):
        at = {name: column[i] for name, column in index["columns"].items()}
        assert index["tasks"][at["task"]] == row["task_id"]
        assert (at["id"], index["verdicts"][at["verdict"]][0]) == (row["sample_id"], row["verdict"])
        assert index["details"][at["detail"]] == row["detail"]
        assert texts[i][:3] == [sample["solution"], sample["raw"], row["detail"]]
        assert dict(texts[i][3]) == {name: row["failed"][name] for name in ("input", "expected", "got") if row["failed"]}
    assert found["prompts"][0][3].lstrip().startswith(("from typing", "def ", "import"))
    assert list(made.notes) == []


def test_above_so_many_samples_only_texts_of_those_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = run(tmp_path)
    n = TASKS * SAMPLES
    for limit in (n, n - 1):
        monkeypatch.setattr(samples, "MAX_WHOLE", limit)
        page = report([folder]).page
        found = blocks(page)
        (index,) = found["index"]
        rows = judged.rows(folder, "results.jsonl")
        assert index["columns"]["text"] == [int(limit == n or row["verdict"] != "passed") for row in rows]
        assert sum(map(len, found["texts"])) == sum(index["columns"]["text"])
        assert (f"More than {n - 1:,} samples: the page has all verdicts, but texts of samples that did not pass only." in page.read_text()) is (limit < n)


def test_texts_are_left_out_where_the_page_would_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = judged.results(TASKS, 30)
    folder = judged.folder(tmp_path / "run", results, programs={("HumanEval/0", 0): "x" * (samples.MAX_CHARS + 7)})
    text = next(text for pack in blocks(report([folder]).page)["texts"] for text in pack)[0]
    assert text == "x" * samples.MAX_CHARS + "\n\n… 7 more characters"
    monkeypatch.setattr(samples, "MAX_TEXT", 50_000)
    page = report([folder]).page
    (index,) = blocks(page)["index"]
    kept = index["columns"]["text"]
    assert kept == sorted(kept, reverse=True)
    assert 10 <= sum(kept) < len(results) == len(kept)
    assert f"Texts of {kept.count(0):,} of {len(kept):,} samples are left out" in page.read_text()


def test_texts_that_cannot_be_packed_do_not_make_a_page_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MAX_PACKED", 1 << 20)
    monkeypatch.setattr(samples, "PLAIN", 0)
    draw = random.Random(0)
    results = judged.results(10, 20)
    noise = (samples.Shown(result=each, program="".join(map(chr, draw.choices(range(0x4E00, 0x9FFF), k=15_000)))) for each in results)
    found = samples.embed(noise, len(results))
    packed = sum(len(text) for name, _, text in found.blocks if name == "texts")
    assert 600_000 < packed <= 1 << 20
    assert len(found.notes) == 1


def test_findings_of_gates_stand_beside_their_programs(tmp_path: Path) -> None:
    folder, gated = run(tmp_path), tmp_path / "gated"
    first = judged.rows(folder, "samples.jsonl")[0]["solution"]
    digest = hashlib.sha256(first.encode()).hexdigest()
    finding = {"symbol": "unused-variable", "message": judged.HOSTILE, "severity": "warning", "line": 3, "column": 0, "decisive": False}
    gated.mkdir()
    (gated / "accepted.jsonl").write_text("")
    (gated / "rejected.jsonl").write_text(json.dumps({"judged_sha256": digest, "reports": [{"gate": "quality", "findings": [finding]}]}) + "\n")
    texts = [text for pack in blocks(report([folder], gated=[gated]).page)["texts"] for text in pack]
    assert texts[0][4][0][:2] + texts[0][4][0][3:] == ["quality", "unused-variable", "3"]
    assert all(not text[4] for text in texts[1:])
    with pytest.raises(UsageError, match=r"--gated .*: no accepted\.jsonl and rejected\.jsonl"):
        report([folder], gated=[tmp_path])


def test_runs_compared_are_those_of_their_lines(tmp_path: Path) -> None:
    folders = [run(tmp_path, seed) for seed in range(3)]
    made = report(folders, tmp_path / "out")
    passed = [[0] * TASKS for _ in folders]
    for folder, tally in zip(folders, passed, strict=True):
        for row in judged.rows(folder, "results.jsonl"):
            tally[int(row["task_id"].split("/")[1])] += row["verdict"] == "passed"
    tables = Tables(made.page.read_text()).found
    for row, tally in zip(tables["pass@1, by the base tests"], passed, strict=True):
        assert (row["tasks"], row["samples"], row["pass@1"]) == (str(TASKS), str(TASKS * SAMPLES), f"{sum(tally) / TASKS / SAMPLES:.1%}".replace("%", " %"))
    p_values = []
    for row, (i, j) in zip(tables["Which differ"], ((0, 1), (0, 2), (1, 2)), strict=True):
        pairs = list(zip(passed[i], passed[j], strict=True))
        assert (row["run"], row["against"]) == (f"m{i}.jsonl", f"m{j}.jsonl")
        assert [int(row[name]) for name in ("won", "lost", "alike")] == [sum((a > b) - (a < b) == sign for a, b in pairs) for sign in (1, -1, 0)]
        points = 100 * sum(a - b for a, b in pairs) / TASKS / SAMPLES
        assert row["points"] == (f"{points:+.1f}" if points else "0.0")
        p_values.append((sign_flips([a - b for a, b in pairs]), row))
    order, highest = sorted(p_values, key=lambda each: each[0]), 0.0
    for rank, (p_value, row) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_value))
        assert (row["p"], row["p, Holm"]) == (f"{p_value:.4f}", f"{highest:.4f}")
    (title,) = (title for title in tables if title.startswith(f"Tasks ({TASKS})"))
    for row in tables[title]:
        at = int(row["task"].split("/")[1])
        assert [row[f"m{i}.jsonl"] for i in range(3)] == [f"{100 * tally[at] / SAMPLES:.0f}" for tally in passed]
    (index,) = blocks(made.page)["index"]
    assert index["runs"] == ["m0.jsonl", "m1.jsonl", "m2.jsonl"]
    assert sorted(set(index["columns"]["run"])) == [0, 1, 2]
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == {"matrix.png", "matrix.svg", "pass-at-1.png", "pass-at-1.svg"}


def sign_flips(differences: list[int]) -> float:
    """Return the share of all signs whose sum is at least as far from 0."""
    sums = [0]
    for each in differences:
        sums = [total + sign * each for total in sums for sign in (1, -1)]
    return sum(abs(total) >= abs(sum(differences)) for total in sums) / len(sums)


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    one, other = run(tmp_path, 0), tmp_path / "other"
    judged.folder(other, [Result(task_id="X/1", sample_id=0, verdict=None, error="e")])
    rounds = grid.model_folder(tmp_path / "rounds", "m", SETTINGS, ("none",), (0,))
    (tmp_path / "empty").mkdir()
    for folders, told in (
        ([tmp_path / "empty"], "empty: neither a run of toolkit eval"), ([tmp_path / "absent"], "absent: neither a run"),
        ([one, one], "is named twice"), ([one, rounds], "a page is of one kind"), ([one, other], "no task was scored in two of the runs"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            report(folders)
        done = CliRunner().invoke(app, ["report", *map(str, folders)])
        assert done.exit_code == 2
        assert done.output.count("\n") == 1
    (one / "summary.json").write_text('{"benchmark": "humaneval"}')
    with pytest.raises(UsageError, match=r"summary\.json has no pass_at_k"):
        report([one])
    (one / "summary.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        report([one])
    for flags in (["--like", "x"], ["--published", "-o", "x"]):
        assert CliRunner().invoke(app, ["report", str(other), *flags]).exit_code == 2
    with pytest.raises(UsageError, match="are for runs of toolkit eval"):
        report([rounds], gated=[tmp_path])


def test_a_run_that_is_not_finished_and_one_of_an_unknown_benchmark(tmp_path: Path) -> None:
    folder = run(tmp_path)
    (folder / "summary.json").unlink()
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"task_id": "torn')
    made = report([folder])
    assert any("is not finished: the page has the 120 samples" in note for note in made.notes)
    assert "is not finished" in made.page.read_text()
    settings = json.loads((folder / "run.json").read_text())
    settings["data"] = {"humaneval": "0" * 64}
    (folder / "run.json").write_text(json.dumps(settings))
    assert any("prompts are not shown: the data of humaneval is not what the run was judged with" in note for note in report([folder]).notes)
    assert "prompts" not in blocks(folder / "report.html")


def test_without_matplotlib_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    made = report([run(tmp_path)], tmp_path / "out")
    assert figures.MISSING in made.notes
    assert "<svg" not in made.page.read_text()
    assert not (tmp_path / "out" / "figures").exists()


def test_what_an_analysis_left_is_shown_whatever_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    folder = grid.model_folder(tmp_path / "rounds", "m", SETTINGS, ("none",), (0,))
    analysis = {
        "delta": 0.05, "spectrum": [{"round": 1, "layer": 2, "effective_rank": 7.25}], "nothing": None, "empty": [],
        "comparisons": [{"a": "none"}], "confirmation": [
            {"regime": "none", "seed": 0, "round": 1, "verdict": "yes", "says": "alike", "prompts": 4, "answers": 64, "needed": None,
             "auc": {"value": 0.5, "low": 0.46, "high": 0.54, "good": 9, "bad": 9}, "bound": {"distance": 1.5, "bound": 4.0, "violated": 0}},
        ], "collapse": [
            {"regime": "none", "benchmark": "humaneval", "seed": 0, "tasks": 30, "says": "",
             "retention": {"value": 0.25, "low": 0.1, "high": 0.5}, "half_life": {"value": 2.0, "low": 1.5, "high": None}},
        ],
        "self_confirmation": {"none": {"verdict": "yes", "auc": {"value": 0.5, "low": 0.4, "high": 0.6}}},
    }  # fmt: skip
    (folder / "analysis.json").write_text(json.dumps(analysis))
    tables = Tables(report([folder]).page.read_text()).found
    (told,) = tables["Is the gate self-confirming?"]
    assert [told[name] for name in ("Self-confirming", "AUC", "Theorem 2.6")] == ["yes", "0.50 [0.46, 0.54]", "4"]
    (told,) = tables["How fast pass@1 falls"]
    assert (told["Retention"], told["Rounds until half is lost"]) == ("0.25 [0.10, 0.50]", "2.00 [1.50, never]")
    assert "Comparisons" not in tables, "the page has them already"
    assert tables["Spectrum"] == [{"Round": "1", "Layer": "2", "Effective rank": "7.25"}]
    assert tables["Self confirmation none"] == [{"What": "verdict", "Value": "yes"}, {"What": "auc", "Value": "0.500 [0.400, 0.600]"}]
    assert tables["In short"] == [{"What": "delta", "Value": "0.05"}]
    monkeypatch.undo()
    rows = [{"regime": f"r{i % 2}", "seed": i % 4 // 2, "round": i // 4, "layer": layer, "effective_rank": 9.0 - i // 4 - layer, "ratio": None}
            for i in range(12) for layer in (0, 7)]  # fmt: skip
    drawn = round_figures.spectra("m", {"spectra": rows}, "1-")
    assert list(drawn) == ["1-spectra-effective-rank"]
    assert drawn["1-spectra-effective-rank"].caption == "Hidden states: effective rank (m, layer 7, n: 2 seeds)"
    assert [name for name, _, _ in drawn["1-spectra-effective-rank"].legend] == ["r0", "r1"]
    for odd_row in ("x", {"regime": 1, "auc": 3, "retention": [2], "half_life": {"value": None}}):
        (folder / "analysis.json").write_text(json.dumps({"confirmation": [odd_row], "collapse": [odd_row]}))
        assert report([folder]).page.exists()
    drawn = round_figures.spectra("m", {"spectra": [{**row, "next_token": {"kl": 0.1 * row["round"], "n": 9}} for row in rows]})
    assert list(drawn) == ["spectra-effective-rank", "spectra-kl"]
    assert drawn["spectra-kl"].caption == "Human programs: divergence of the next token from the first model's, nats (m, n: 2 seeds)"
    for odd in (None, {}, {"spectra": None}, {"spectra": [{"round": 1}]}, {"spectra": [{**rows[0], "effective_rank": None, "next_token": 3}]}):
        assert round_figures.spectra("m", odd) == {}


@pytest.mark.slow
def test_twenty_thousand_samples_take_less_than_half_a_minute_and_500_mb(tmp_path: Path) -> None:
    folder = judged.folder(tmp_path / "run", judged.results(164, 121))
    code = "import resource, sys; from pathlib import Path; from toolkit.commands.report import report\nprint(report([Path(sys.argv[1])]).page, Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0], sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))"
    started = time.monotonic()
    said = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True).stdout.split()
    assert (int(said[1]) >> 10, Path(said[0]).stat().st_size >> 20) <= (500, 40)
    assert min(float(said[2]), time.monotonic() - started) <= 30
    assert len(json.dumps(blocks(folder / "report.html")["index"])) > 500_000
