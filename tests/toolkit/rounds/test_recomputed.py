"""A reader who believes nothing makes every number of a ledger again: from the files of a run, with other code.

The planted programs are harmless, so that this process may run them itself to see which ones run.
"""

import itertools
import json
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sandbox import DockerEngine
from tests.toolkit.rounds.planted import ITEMS, Planted, Policy, settings
from toolkit.records import Task
from toolkit.rounds import run as rounds

TESTS = {item["id"]: item["test"] for item in ITEMS}
CHAIN = "compile+self-score"
SEEDS, ROUNDS = (0, 1), 3
DRAWN = {"seed": 0}


def policy(task: Task, number: int, i: int) -> str:
    """Answer right, wrong, torn, or with what falls over at once: in later rounds another mixture of these."""
    from toolkit.benchmarks import BENCHMARKS, Options

    lot = random.Random(f"{task.task_id} {number} {i} {DRAWN['seed']}")
    if task.task_id.startswith("HumanEval"):
        known = BENCHMARKS["humaneval"].load(Options()).tasks[task.task_id]
        return known.prompt + known.canonical_solution if lot.random() > 0.2 * number else "x = 1\n"
    body = lot.choice([f"return x + {task.task_id[4:]}", "return -1", "return (", "return x"] + [f"return {task.task_id[4:]} + x"] * number)
    return f"{task.prompt}    {body}\n" + lot.choice(["", "", "1 / 0\n"]) + "# end\n" * lot.randint(0, 3)


class Opinion:
    """Has an opinion of each program, above and below 0, and another one in each round."""

    def __init__(self, number: int) -> None:
        self.number, self.identity = number, f"of round {number}"

    def __repr__(self) -> str:
        return self.identity

    def next_logits(self, texts: list[str], *_: Any, **__: Any) -> list[tuple[float, float]]:
        return [((sum(map(ord, text)) + self.number) % 23 / 4, 2.5) for text in texts]


@pytest.fixture
def run(tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch, engine: DockerEngine) -> Path:
    """Return the folder of a run; a third of its candidates were cut off."""
    writes = Planted.generate

    def generate(machine: Planted, weights: Any, tasks: list[Task], output: Path, **sampling: Any) -> dict[str, Any]:
        DRAWN["seed"] = sampling["seed"]
        done = writes(machine, weights, tasks, output, **sampling)
        rows = read(output)
        for i, row in enumerate(rows):
            row |= {"finished": i % 3 > 0, "n_tokens": 10 + i % 7, "mean_logprob": -i % 5 / 4}
        output.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return done

    planted(policy)
    monkeypatch.setattr("toolkit.rounds.run.report.html", lambda *_, **__: "")  # drawing it takes longer than all the rest
    monkeypatch.setattr(Planted, "generate", generate)
    monkeypatch.setattr(Planted, "given", lambda _, _kind, weights, seed: {"seed": seed, "model": Opinion(int(weights.model or 0))})
    asked = settings(tmp_path, regimes=(CHAIN, "compile+tests~0.2"), seeds=SEEDS, rounds=ROUNDS, accept=4, budget=16, freeze=True, limit=8, scored=(ROUNDS,),
                     held_out=0.4, probe=4, probe_samples=4, thresholds=("fraction=0.3",))  # fmt: skip
    rounds.run(asked)
    return asked.output


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@cache
def runs(program: str, test: str) -> bool:
    try:
        exec(compile(f"{program}\n{test}", "p", "exec"), {})
    except Exception:
        return False
    return True


def judged(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return candidates or held-out answers with their reports, and whether each runs."""
    written = sorted(folder.glob(f"{name}.jsonl"), key=lambda file: (len(file.name), file.name))
    found = []
    for file in written:
        said = folder / file.name.replace("candidates", "reports").replace("held-out", "held-out-reports")
        found += [row | one for row, one in zip(read(file), read(said), strict=True)]
    return [row | {"ran": runs(row["solution"], TESTS[row["task_id"]])} for row in found]


def quartiles(values: Sequence[float]) -> dict[str, float]:
    found = np.percentile(values, [0, 25, 50, 75, 100], method="linear")
    return dict(zip(("min", "q25", "median", "q75", "max"), found.round(4).tolist(), strict=True))


def auc(rows: Sequence[Mapping[str, Any]], asked: int) -> float | None:
    """Return the share of pairs of a program that runs and one that does not in which the former fares better."""
    def fares(row: Mapping[str, Any]) -> tuple[int, bool, float]:
        reports = row["reports"][:asked]
        return len(reports), reports[-1]["passed"], -math.inf if reports[-1]["score"] is None else reports[-1]["score"]

    pairs = [(fares(a), fares(b)) for a in rows if a["ran"] for b in rows if not b["ran"]]
    return round(sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs), 4) if pairs else None


def by_prompt(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    return [[row for row in rows if row["task_id"] == name] for name in dict.fromkeys(row["task_id"] for row in rows)]


def check_ledger(row: Mapping[str, Any], folder: Path) -> None:
    seen, learnt = judged(folder, "candidates-*"), read(folder / "train.jsonl")
    accepted = [one for one in seen if one["accepted"]]
    assert (row["candidates"], row["accepted"]) == (len(seen), len(accepted))
    assert row["acceptance_mass"] == pytest.approx(np.mean([one["accepted"] for one in seen]), abs=1e-6)
    whole = [one for one in accepted if one["finished"]][:4]
    assert [(one["task_id"], one["completion"]) for one in learnt] == [(one["task_id"], one["written"]) for one in whole]
    assert (row["retained"], row["trained_on"], row["human_rows"], row["stopped"]) == (len(whole), len(whole), 0, None)
    for name, population in (("finished", seen), ("accepted_finished", accepted), ("trained_finished", learnt)):
        assert row[name] == pytest.approx(np.mean([one["finished"] for one in population]), abs=5e-5)
    assert row["tokens_each"] == pytest.approx(np.mean([one["n_tokens"] for one in seen]), abs=0.051)
    assert row["spent"]["tokens"] == 60 * len(seen)
    assert row["texts"]["unique"] == pytest.approx(len({one["written"] for one in seen}) / len(seen), abs=5e-5)
    assert row["texts"]["characters"] == pytest.approx(np.mean([len(one["written"]) for one in seen]), abs=0.051)
    assert row["mean_logprob"] == quartiles([one["mean_logprob"] for one in seen])
    programs = [one | {"ran": runs(one["program"], TESTS[one["task_id"]])} for one in learnt]
    for name, population in (("raw", seen), ("accepted_runs", accepted), ("trained_runs", programs)):
        assert row[name]["n"] == len(population) == sum(row[name]["classes"].values())
        assert row[name]["strict"] == pytest.approx(np.mean([one["ran"] for one in population]), abs=5e-5)
    ends = [next(report for report in one["reports"] if not report["passed"])["findings"] for one in seen if not one["accepted"]]
    symbols = [{finding["symbol"] for finding in findings if finding["decisive"]} for findings in ends]
    assert row["refusals"] == {name: sum(name in each for each in symbols) for name in set().union(*symbols)}
    assert list(row["gates"]) == [report["gate"] for report in max((one["reports"] for one in seen), key=len)]
    for at, (name, told) in enumerate(row["gates"].items()):
        reports = [one["reports"][at] for one in seen if len(one["reports"]) > at]
        assert (told["asked"], told["passed"]) == (len(reports), sum(report["passed"] for report in reports))
        scores = [report["score"] for report in reports if report["score"] is not None]
        assert told["score"] == (quartiles(scores) if scores else None)
        assert told["above_zero"] == (round(np.mean(np.array(scores) > 0), 4) if name == "self-score" else None)
        assert told["auc"]["value"] == auc(seen, at + 1)
        assert told["auc"]["low"] <= told["auc"]["value"] <= told["auc"]["high"]
        assert (told["auc"]["good"], told["auc"]["bad"]) == (sum(one["ran"] for one in seen), sum(not one["ran"] for one in seen))


def check_held_out(row: Mapping[str, Any], folder: Path) -> None:
    told, answers = row["held_out"], judged(folder, "held-out")
    groups, names = by_prompt(answers), list(row["gates"])
    assert (told["prompts"], told["answers"], {len(group) for group in groups}) == (4, 16, {4})
    trained = {one["task_id"] for one in read(folder / "train.jsonl")}
    assert not trained & {one["task_id"] for one in answers}
    assert told["accepted"] == pytest.approx(np.mean([one["accepted"] for one in answers]), abs=5e-5)
    assert told["ran"] == pytest.approx(np.mean([one["ran"] for one in answers]), abs=5e-5)
    variances = [np.var([one["accepted"] for one in group], ddof=1) for group in groups]
    assert told["variance"]["value"] == pytest.approx(np.mean(variances), abs=5e-5), "M / (M - 1) of each prompt"
    assert told["variance"]["low"] <= told["variance"]["value"] <= told["variance"]["high"]
    others = [(a["accepted"] - b["accepted"]) ** 2 / 2 for a, b in itertools.combinations(answers, 2) if a["task_id"] != b["task_id"]]
    assert told["variance_null"] == pytest.approx(np.mean(others), abs=5e-5)
    chances, seen = np.ones(1), 0  # of how many answers are both, over all ways to pair decisions with execution in a prompt
    for group in groups:
        n, n_accepted, n_ran = len(group), sum(one["accepted"] for one in group), sum(one["ran"] for one in group)
        chances = np.convolve(chances, stats.hypergeom(n, n_accepted, n_ran).pmf(range(n + 1)))
        seen += sum(one["accepted"] and one["ran"] for one in group)
    is_testable = max(chances) < 1 - 1e-9  # else there is but one way to pair them
    assert told["agrees_p"] == (pytest.approx(chances[chances <= chances[seen] * (1 + 1e-7)].sum(), abs=1e-6) if is_testable else None)
    for at, name in enumerate(names):
        assert told["gates"][name]["auc"]["value"] == auc(answers, at + 1)
        scores = [[one["reports"][at]["score"] for one in group if len(one["reports"]) > at] for group in groups]
        spreads = [statistics.stdev(each) for each in scores if len(each) > 1 and None not in each]
        assert told["gates"][name]["score_spread"] == (pytest.approx(np.mean(spreads), abs=5e-5) if spreads else None)
    mixed = [group for group in groups if 0 < sum(one["ran"] for one in group) < len(group)]
    total = weighed = 0.0
    for group in mixed:  # Mantel and Haenszel
        good, bad = ([one["accepted"] for one in group if one["ran"] == it] for it in (True, False))
        weight = len(good) * len(bad) / len(group)
        total, weighed = total + weight, weighed + weight * (np.mean(good) - np.mean(bad))
    assert row["confirmation"]["auc"]["value"] == pytest.approx(0.5 + weighed / total / 2, abs=5e-5)


def check_opinion(rows: Mapping[int, Mapping[str, Any]], folder: Path) -> None:
    """Who judges whose texts: with the opinions of this test, by the threshold of round 1, over programs that compile."""
    texts = {number: [one["solution"] for one in judged(folder / f"round{number}", "candidates-0")] for number in rows}

    def score(text: str, number: int) -> float:
        return (sum(map(ord, text)) + number) % 23 / 4 - 2.5

    def compiles(text: str) -> bool:
        return "return (" not in text

    cut = rows[2]["thresholds"]["threshold"]
    for number in range(2, ROUNDS + 1):
        for name, whose, of in (("now_of_now", number - 1, number), ("first_of_now", 0, number), ("now_of_first", number - 1, 1),
                                ("first_of_first", 0, 1)):  # fmt: skip
            passed = [compiles(text) and score(text, whose) >= cut for text in texts[of]]
            told = rows[number]["opinion"][name]
            if name != "first_of_first":  # whose quarter was kept by rank, the earlier of equal scores
                assert told["accepted"]["value"] == pytest.approx(np.mean(passed), abs=5e-5), (number, name)
            assert told["score"]["median"] == pytest.approx(np.median([score(t, whose) for t in texts[of] if compiles(t)]), abs=5e-5)


def holm(values: Sequence[float | None]) -> list[float | None]:
    known = sorted(value for value in values if value is not None)
    adjusted = np.maximum.accumulate([min(1, (len(known) - i) * value) for i, value in enumerate(known)])
    return [None if value is None else float(adjusted[known.index(value)]) for value in values]


def sign_flips(differences: np.ndarray) -> float:
    """Return the two-sided p-value over all ways to flip the signs of the differences."""
    sums = np.array([np.dot(signs, differences) for signs in itertools.product((1, -1), repeat=len(differences))])
    return float(np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-9))


def check_tests(summary: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    shares = {(v["regime"], v["seed"], v["round"]): np.array([c / n for c, n in v["tasks"].values()]) for v in verdicts}
    scored = [row for row in rows if row["round"] in (0, ROUNDS)]
    assert not any(row["scores"] for row in rows if row not in scored)
    for row in scored:
        mine = shares[("base", row["seed"], 0) if not row["round"] else (row["regime"], row["seed"], row["round"])]
        assert row["scores"]["humaneval"]["value"] == pytest.approx(mine.mean(), abs=1e-6)
    for cell in summary["cells"]:
        values = [r["scores"]["humaneval"]["value"] for r in scored if (r["regime"], r["seed"]) == (cell["regime"], cell["seed"])]
        assert cell["retention"] == pytest.approx(values[-1] / values[0], abs=5e-5)
        assert cell["area"] == pytest.approx(np.trapezoid(np.array(values) / values[0], [0, ROUNDS]) / ROUNDS, abs=5e-5)
    assert len(summary["comparisons"]) == 3
    for told in summary["comparisons"]:
        ends = [[shares[name, seed, 0 if name == "base" else ROUNDS] for seed in SEEDS] for name in (told["a"], told["b"])]
        table = np.array(ends[0]) - np.array(ends[1])  # seeds x tasks
        by_task, by_seed = table.mean(0), table.mean(1)
        assert told["difference"] == pytest.approx(table.mean())
        assert told["p_tasks"] == pytest.approx(sign_flips(by_task))
        assert told["seed_sd"] == pytest.approx(by_seed.std(ddof=1))
        if told["seed_sd"]:
            assert told["p_seeds"] == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
            assert told["p_seeds_below"] == pytest.approx(stats.ttest_1samp(by_seed, 0, alternative="less").pvalue)
            margins = [stats.ttest_1samp(by_seed, sign * 0.02, alternative=side).pvalue for sign, side in ((-1, "greater"), (1, "less"))]
            assert told["no_worse_seeds"] == pytest.approx(margins[0])
            assert told["equal_seeds"] == pytest.approx(max(margins))
    assert any(told["seed_sd"] for told in summary["comparisons"])
    for name in ("p_tasks", "p_seeds", "no_worse_tasks", "no_worse_seeds"):
        assert [told[f"{name}_holm"] for told in summary["comparisons"]] == pytest.approx(holm([t[name] for t in summary["comparisons"]]))
    acceptance = {(row["regime"], row["seed"], row["round"]): row["accepted"] / row["candidates"] for row in rows if row["round"]}
    start = {CHAIN: 2}  # its threshold was frozen on round 1
    rise = {name: np.array([acceptance[name, s, ROUNDS] - acceptance[name, s, start.get(name, 1)] for s in SEEDS])
            for name in dict.fromkeys(row["regime"] for row in rows)}  # fmt: skip
    assert len(summary["rises"]) == 4
    for told in summary["rises"]:
        values = rise[told["regime"]] - (rise[told["against"]] if told["against"] else 0)
        assert (told["rise"], told["sd"]) == pytest.approx((values.mean(), values.std(ddof=1)))
        assert told["p_above"] == pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue)
    found = summary["rubber_stamps"]
    assert [told["p_holm"] for told in found] == pytest.approx(holm([told["p"] for told in found]))
    for told in found:
        mine = [row for row in rows if row["regime"] == told["regime"] and row["round"]]
        first = 2 if told["regime"] == CHAIN else 1  # whose threshold was frozen on round 1
        seen = expected = spread = 0.0
        for seed in SEEDS:  # each decision a point, dealt out anew over the rounds of its seed
            table = [(r["round"], r["accepted"], r["candidates"]) for r in mine if r["seed"] == seed and r["round"] >= first]
            when = np.repeat([t for t, _, n in table for _ in range(1)], [n for _, _, n in table]).astype(float)
            accepted = np.concatenate([np.arange(n) < c for _, c, n in table])
            seen += float(when[accepted].sum())
            expected += accepted.mean() * when.sum()
            spread += accepted.var() * when.var() * len(when) ** 2 / (len(when) - 1)
        p_up = float(stats.norm.sf((seen - expected - 0.5) / math.sqrt(spread)))
        at = [np.array([shares[told["regime"], s, ROUNDS], shares["base", s, 0]]) for s in SEEDS]
        fall = np.mean([a - b for a, b in at], axis=0)
        p_down = sign_flips(fall) / 2 if fall.sum() < 0 else 1.0
        assert (told["p_up"], told["p_down"], told["p"]) == pytest.approx((p_up, p_down, max(p_up, p_down)))
        assert told["shown"] == (told["p_holm"] <= 0.05)


def test_every_number_of_a_ledger_can_be_made_again_with_other_code(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    rows = summary["rows"]
    assert len(rows) == 2 * len(SEEDS) * (ROUNDS + 1), "two regimes, and the first model's round"
    for row in rows:
        folder = run / f"seed{row['seed']}" / row["regime"].replace("~", "_") / f"round{row['round']}"
        if row["round"]:
            check_ledger(row, folder)
            check_held_out(row, folder)
    for seed in SEEDS:
        mine = {row["round"]: row for row in rows if (row["regime"], row["seed"]) == (CHAIN, seed) and row["round"]}
        check_opinion(mine, run / f"seed{seed}" / CHAIN)
    check_tests(summary, read(run / "verdicts.jsonl"), rows)
