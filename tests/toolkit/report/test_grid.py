"""Every number on the page of a grid of rounds is made again here, from the lines that the rounds left."""

import itertools
import json
import math
import re
import statistics
import zlib
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.report import grid
from tests.toolkit.report.tables import Tables
from toolkit.commands import report as command
from toolkit.report import figures, rounds
from toolkit.report.text import visible
from toolkit.rounds import verdicts

SETTINGS = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())["settings"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return grid.grid(tmp_path_factory.mktemp("grid"), SETTINGS)


@pytest.fixture(scope="module")
def made(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[command.Made, dict[str, list[dict[str, str]]]]:
    """Give what was made of all models, without figures, and the tables of its page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "available", lambda: False)
        out = command.report(folders, tmp_path_factory.mktemp("out"))
    return out, Tables(out.page.read_text()).found


def read(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def rounds_of(folder: Path) -> Iterator[tuple[str, str, str, Path]]:
    for seed, gate, number in itertools.product(grid.SEEDS, grid.GATES, range(1, grid.ROUNDS + 1)):
        yield gate, str(seed), str(number), folder / f"seed{seed}" / gate / f"round{number}"


def wilson(n: float, c: float) -> tuple[float, float]:
    """Return the roots of (c/n - p)^2 = z^2 p (1 - p) / n, from the formula in Wilson's paper."""
    z = statistics.NormalDist().inv_cdf(0.975)
    a, b, d = 1 + z * z / n, 2 * c / n + z * z / n, (c / n) ** 2
    root = math.sqrt(b * b - 4 * a * d)
    return (b - root) / (2 * a), (b + root) / (2 * a)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def names(folders: list[Path]) -> list[tuple[str, Path]]:
    return [(visible(model), folder) for model, folder in zip(grid.MODELS, folders, strict=True)]


def test_trajectories_and_heat_map(folders: list[Path], made: Any) -> None:
    _, tables = made
    rows = iter(tables["pass@1 over the rounds"])
    cells = iter(tables["pass@1 over rounds"])
    for model, folder in names(folders):
        lines = read(folder / "verdicts.jsonl")
        for gate in grid.GATES:
            cell = next(cells)
            assert (cell["Model"], cell["Regime"], cell["Benchmark"]) == (model, gate, "humaneval")
            for at in range(grid.ROUNDS + 1):
                mine = [line for line in lines if (line["regime"], line["round"]) == ((gate, at) if at else ("base", 0))]
                passes = {task: sum(line["tasks"][task][0] for line in mine) for task in mine[0]["tasks"]}
                value = sum(passes.values()) / (len(grid.SEEDS) * grid.TASKS)
                row = next(rows)
                assert (row["Model"], row["Regime"], row["Round"]) == (model, gate, str(at))
                assert (row["Seeds"], row["Tasks"], row["Answers"]) == ("2", str(grid.TASKS), str(2 * grid.TASKS))
                assert row["pass@1, %"] == cell[f"Round {at}"] == f"{100 * value:.1f}"
                low, high = (float(row[name]) / 100 for name in ("from", "to"))
                widest, narrowest = wilson(grid.TASKS, value * grid.TASKS), wilson(2 * grid.TASKS, value * 2 * grid.TASKS)
                assert widest[0] - 0.001 <= low <= narrowest[0] + 0.001 < value < narrowest[1] - 0.001 <= high <= widest[1] + 0.001
    assert next(rows, None) is next(cells, None) is None


def test_what_was_counted_in_each_round(folders: list[Path], made: Any) -> None:
    _, tables = made
    every = [row for row in tables["Every round"] if row["Round"] != "0"]
    first = [row for row in tables["Every round"] if row["Round"] == "0"]
    beside, ends, cost = tables["The gate beside execution"], tables["How candidates end when they are run"], tables["Cost of each round"]
    texts = tables["Diversity of the candidates"]
    assert len(first) == 4 * 5 * 2
    wanted = [(model, *at) for model, folder in names(folders) for at in rounds_of(folder)]
    for (model, gate, seed, at, place), row, pair, end, spent, text in zip(wanted, every, beside, ends, cost, texts, strict=True):
        for each in (row, pair, end, spent, text):
            assert (each["Model"], each["Regime"], each["Seed"], each["Round"]) == (model, gate, seed, at)
        candidates, reports, ended = (read(place / name) for name in ("candidates-0.jsonl", "reports-0.jsonl", "executed.jsonl"))
        kept = [report["accepted"] for report in reports]
        assert (row["Candidates"], row["Accepted"], row["Trained on"]) == (str(len(kept)), str(sum(kept)), str(sum(kept)))
        assert row["Share accepted"] == number(round(sum(kept) / len(kept), 6))
        assert row["Run, of candidates"] == number(round(ended.count("ran") / len(ended), 4))
        both = Counter(zip(kept, (how == "ran" for how in ended), strict=False))
        assert {name: int(pair[name]) for name in list(pair)[4:9]} == {
            "Executed": len(ended), "Accepted, runs": both[True, True], "Accepted, fails": both[True, False],
            "Refused, runs": both[False, True], "Refused, fails": both[False, False],
        }  # fmt: skip
        seen = both[True, True] + both[True, False]
        ran = both[True, True] + both[False, True]
        assert row["Run, of accepted"] == (number(round(both[True, True] / seen, 4)) if seen else "")
        assert pair["Of accepted, run, %"] == (f"{100 * both[True, True] / seen:.1f}" if seen else "")
        assert pair["Of what runs, accepted, %"] == (f"{100 * both[True, True] / ran:.1f}" if ran else "")
        assert {kind: int(n) for kind, n in list(end.items())[5:] if n} == Counter(ended)
        assert spent["Tokens written"] == str(sum(each["n_tokens"] for each in candidates))
        assert spent["Tokens a candidate"] == number(round(sum(each["n_tokens"] for each in candidates) / len(candidates), 1))
        assert (spent["Seconds writing"], spent["Seconds in the gate"]) == ("6", "3")
        written = [each["written"] for each in candidates]
        for n in (1, 2, 3):
            grams = [tuple(words[i : i + n]) for words in map(str.split, written) for i in range(len(words) - n + 1)]
            windows = [grams[i : i + 500] for i in range(0, len(grams) - 499, 500)]
            shares = [len(set(window)) / 500 for window in windows]
            assert text[f"Distinct-{n}"] == (number(round(statistics.fmean(shares), 4)) if shares else "")
        joined = "\n".join(written).encode()
        assert text["Compressed to"] == number(round(len(zlib.compress(joined, 6)) / len(joined), 4))
        assert text["Characters"] == number(round(statistics.fmean(map(len, written)), 1))
        assert text["Unique texts"] == number(round(len(set(written)) / len(written), 4))
        assert text["Ended by itself"] == number(round(sum(each["finished"] for each in candidates) / len(candidates), 4))


def test_gates_beside_execution(folders: list[Path], made: Any) -> None:
    _, tables = made
    wanted = [(model, *at) for model, folder in names(folders) for at in rounds_of(folder)]
    asked = [each for each in wanted if each[1] != "none"]
    for (model, gate, seed, at, place), row in zip(asked, tables["What the gate thought, and whether it was right"], strict=True):
        assert (row["Model"], row["Regime"], row["Seed"], row["Round"], row["Last gate"]) == (model, gate, seed, at, gate)
        reports, ended = read(place / "reports-0.jsonl"), read(place / "executed.jsonl")
        said = [report["reports"][0] for report in reports]
        assert (row["Asked"], row["Passed"]) == (str(len(said)), str(sum(each["passed"] for each in said)))
        scores = [each["score"] for each in said if each["score"] is not None]
        if scores:
            quarters = statistics.quantiles(scores, n=4, method="inclusive")
            assert [row["Score, first quartile"], row["median"], row["third quartile"]] == [number(round(q, 4)) for q in quarters]
        sign = -1 if gate == "perplexity" else 1
        order = [(each["passed"], sign * (each["score"] or 0)) for each in said[: len(ended)]]
        good, bad = ([place for place, how in zip(order, ended, strict=True) if (how == "ran") is is_good] for is_good in (True, False))
        wins = sum((a > b) + (a == b) / 2 for a in good for b in bad)
        value = re.match(r"[\d.]*", row["AUC"])
        assert value
        assert value[0] == (f"{round(wins / len(good) / len(bad), 4):.3f}" if good and bad else "")
    for (model, gate, seed, at, place), row in zip(wanted, tables["Answers to prompts that are never trained on"], strict=True):
        assert (row["Model"], row["Regime"], row["Seed"], row["Round"]) == (model, gate, seed, at)
        probes = read(place / "held-out.jsonl")
        assert row["Accepted"] == number(round(sum(each["accepted"] for each in probes) / len(probes), 4))
        assert row["Run"] == number(round(sum(each["end"] == "ran" for each in probes) / len(probes), 4))
        groups = [[each["accepted"] for each in probes if each["task_id"] == f"p{i}"] for i in range(grid.PROMPTS)]
        within = statistics.fmean(statistics.variance(map(int, group)) for group in groups)
        assert float(row["Variance within a prompt"].split()[0]) == pytest.approx(within, abs=0.0006)


def test_verdicts_on_regimes_are_those_of_the_lines(folders: list[Path], made: Any) -> None:
    _out, tables = made
    compared, stamped = iter(tables["What differs, and for whom"]), iter(tables["Is a gate a rubber stamp?"])
    for _, folder in names(folders):
        again = verdicts.recompute([folder])
        for row in again["comparisons"]:
            shown = next(compared)
            assert (shown["Regime"], shown["Against"], shown["Round"]) == (row["a"], row["b"], str(row["round"]))
            assert shown["Points"] == f"{100 * row['difference']:+.1f}"
            assert (shown["from"], shown["to"]) == (f"{100 * row['low']:+.1f}", f"{100 * row['high']:+.1f}")
            p_value = row["p_tasks_holm"]
            assert shown["p over tasks, Holm"] == ("< 0.001" if p_value < 0.001 else f"{p_value:.3f}")
        for row in again["rubber_stamps"]:
            shown = next(stamped)
            assert (shown["Regime"], shown["Rubber stamp"]) == (row["regime"], row["says"])
    assert next(compared, None) is next(stamped, None) is None
    for row in tables["What the rounds of each cell show"]:
        if row["Retention"]:
            assert float(row["Retention"]) == pytest.approx(float(row["Last pass@1"]) / float(row["First pass@1"]), abs=0.002)


def test_no_table_is_left_out_here_and_files_have_the_same(made: Any) -> None:
    out, tables = made
    assert set(tables) == {
        "pass@1 over rounds", "Is a gate a rubber stamp?", "What differs, and for whom", "pass@1 over the rounds",
        "What the rounds of each cell show", "Every round", "The gate beside execution", "How candidates end when they are run",
        "What the gate thought, and whether it was right", "Answers to prompts that are never trained on",
        "Diversity of the candidates", "Cost of each round", "Seconds of all stages",
    }  # fmt: skip
    for name, section in out.tables.items():
        shown = (out.page.parent / "tables" / f"{name}.md").read_text()
        assert shown.count("\n| ") == len(section.rows) + 2
        cells = [line.split(" | ") for line in shown.splitlines() if line.startswith("| ")][2:]
        assert [each[-1].removesuffix(" |") for each in cells] == [list(row.values())[-1] for row in tables[section.title]], name
        lines = (out.page.parent / "tables" / f"{name}.csv").read_text().count("\n")
        assert lines == len(section.rows) + 1


def test_the_definition_is_the_one_of_the_docs(made: Any) -> None:
    out, _ = made
    page, docs = out.page.read_text(), (Path(__file__).parents[3] / "docs" / "rounds.md").read_text()
    assert rounds.DEFINITION in " ".join(docs.split())
    assert "### Acceptance probability" in docs
    assert rounds.DEFINITION in unescape(page)
    assert 'id="acceptance-probability"' in page
    assert "<script>alert" not in page


def test_captions_say_rounds_steps_and_n(folders: list[Path]) -> None:
    summary = json.loads((folders[0] / "summary.json").read_text())
    one = [row for row in summary["rows"] if row["regime"] in ("none", "self-score")]
    run = rounds.Run(summary={**summary, "rows": one}, verdicts=read(folders[0] / "verdicts.jsonl"))
    drawn = rounds.drawn(rounds.named([run]))
    assert {"pass-at-1-humaneval", "acceptance-humaneval", "heat", "acceptance-mass", "classes-self-score", "texts-distinct-3",
            "spent-generate-s", "gates-self-score-score", "last-auc", "held-out-variance"} <= set(drawn)  # fmt: skip
    for name, figure in drawn.items():
        assert name == "heat" or re.search(r"org/small: 5 rounds of 4 steps, 2 seeds, n: [\d,]+ ", figure.caption), figure.caption
    assert "n: 30 tasks" in drawn["pass-at-1-humaneval"].caption
    assert "n: 24 candidates a round" in drawn["acceptance-mass"].caption
    page = rounds.html(rounds.named([run]), {}, drawn)
    assert page.count('href="#acceptance-probability"') == page.count("<figure>") == len(drawn) - 1
