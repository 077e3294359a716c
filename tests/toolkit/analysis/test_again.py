"""Every number of an analysis of a small planted run, made again by other means: scipy, numpy, or counting all there is."""

import ast
import itertools
import math
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gates.tokens import tokens
from toolkit.analysis import theory, whole

TASKS, ROUNDS = 11, (0, 1, 2, 4)
KEY = ("x", 0, 1)
RNG = np.random.default_rng(10)
PROBE = [(f"p{i // 7}", bool(a), bool(b), bool(good), round(float(chance), 3)) for i, (a, b, good, chance) in enumerate(
    zip(RNG.random(28) < 0.6, RNG.random(28) < 0.6, RNG.random(28) < 0.5, RNG.random(28), strict=True))]  # fmt: skip
PASSES = {number: (RNG.random((2, TASKS)) < (0.8 if number == 0 else 0.8 - 0.15 * number)).astype(int) for number in ROUNDS}
PROGRAMS = {
    ("x", 0, 1): ["import os\nprint(len(os.listdir('.')), 1)\n", "def f(a):\n    return a + 1\n", "x = = 1\n"],
    ("x", 0, 2): ["def g(b):\n    return b + 2\n", "def g(b):\n    return b + 2\n", "y = [i for i in range(9)]\nprint(y)\n"],
}
HUMAN = ["for i in range(3):\n    print(i, max(i, 1))\n", "import math\nprint(math.sqrt(2))\n"]


def named(passes: Iterable[int]) -> dict[str, list[int]]:
    return {f"t{i}": [int(c), 1] for i, c in enumerate(passes)}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    ledgers = [
        {"regime": "x", "seed": seed, "round": number, "scores": {"b": {"value": 0.0}}, "acceptance_mass": 0.1 * number,
         "cut": {"threshold": 1.0 + number}, **({"accepted": 9 + 5 * number + seed, "candidates": 40, "thresholds": {}} if number else {})}
        for seed in (0, 1) for number in ROUNDS
    ]  # fmt: skip
    verdicts = [{"regime": "x" if number else "base", "seed": seed, "round": number, "benchmark": "b", "tasks": named(PASSES[number][seed])}
                for seed in (0, 1) for number in ROUNDS]  # fmt: skip
    rows = [{"task_id": task, "accepted": a, "reports": [{"values": {"probability": chance}}]} for task, a, _, _, chance in PROBE]
    probe = whole.Probe(rows=rows, ran=[good for *_, good, _ in PROBE], again=[b for _, _, b, _, _ in PROBE])
    dates = {f"t{i}": "2024-01-05" if i < 5 else "2024-03-05" for i in range(TASKS)}
    programs = {key: {"candidates": texts} for key, texts in PROGRAMS.items()}
    run = whole.Run(about={"rounds": 4}, ledgers=ledgers, verdicts=verdicts, probes={KEY: probe}, programs=programs, human=HUMAN, dates=dates)
    return whole.analyze(run, day="2024-02-01")


def groups() -> list[list[tuple[bool, bool, bool]]]:
    return [[(a, b, good) for _, a, b, good, _ in each] for _, each in itertools.groupby(PROBE, key=lambda row: row[0])]


def test_self_confirmation(found: dict[str, Any]) -> None:
    (told,) = found["confirmation"]
    n = len(PROBE)
    accepted = sum(a for _, a, *_ in PROBE)
    limits = stats.binomtest(accepted, n).proportion_ci(method="wilson")
    assert list(told["mass"].values()) == pytest.approx([accepted / n, limits.low, limits.high], abs=1e-4)
    wins = total = 0.0
    for group in groups():
        pairs = [(a > c) + (a == c) / 2 for a, _, good in group if good for c, _, bad in group if not bad]
        wins, total = wins + sum(pairs) / len(group), total + len(pairs) / len(group)
    assert told["auc"]["value"] == pytest.approx(wins / total, abs=1e-4)
    same = [np.mean([a and b for a, b, _ in group]) for group in groups()]
    other = [np.mean([x[0] and y[1] for x, y in itertools.permutations(group, 2)]) for group in groups()]
    assert told["excess_sd"]["value"] == pytest.approx(math.sqrt(max(0.0, np.mean(same) - np.mean(other))), abs=1e-4)
    within = np.mean([np.var([a for a, _, _ in group], ddof=1) for group in groups()])
    assert told["variance"]["value"] == pytest.approx(within, abs=1e-4)
    chances = np.ones(1)
    for group in groups():
        k, good = sum(a for a, _, _ in group), sum(g for _, _, g in group)
        chances = np.convolve(chances, stats.hypergeom(len(group), k, good).pmf(np.arange(len(group) + 1)))
    seen = sum(a and g for group in groups() for a, _, g in group)
    assert told["agrees_p"] == pytest.approx(chances[chances <= chances[seen] * (1 + 1e-7)].sum(), abs=1e-5)
    stated, ran = np.array([row[4] for row in PROBE]), np.array([row[3] for row in PROBE], float)
    bins = np.digitize(stated, np.linspace(0, 1, 11)[1:-1])
    ece = sum(abs(stated[bins == i].mean() - ran[bins == i].mean()) * (bins == i).mean() for i in set(bins))
    assert (told["calibration"]["ece"], told["calibration"]["brier"]) == pytest.approx((ece, ((stated - ran) ** 2).mean()), abs=1e-4)
    laws = [(np.array([a for a, _, _ in group], float), np.array([g for _, _, g in group], float)) for group in groups()]
    apart = [abs(a / a.sum() - h / h.sum()).sum() for a, h in laws]
    sharp = [2 * abs(a - h).mean() / h.mean() for a, h in laws]
    assert told["bound"] == {"prompts": 4, "distance": pytest.approx(np.mean(apart), abs=1e-4), "violated": 0,
                             "bound": pytest.approx(np.mean([2 / h.mean() for _, h in laws]), abs=1e-4),
                             "sharper": pytest.approx(np.mean(sharp), abs=1e-4)}  # fmt: skip
    assert (told["threshold_drift"], told["acceptance_mass"]) == (0, 0.1)


def test_rubber_stamp_and_comparison(found: dict[str, Any]) -> None:
    (stamp,), (compared,) = found["rubber_stamps"], found["comparisons"]
    total = spread = 0.0
    for seed in (0, 1):
        x = np.repeat([float(t) for t in ROUNDS[1:]], 40)
        y = np.concatenate([np.arange(40) < 9 + 5 * t + seed for t in ROUNDS[1:]]).astype(float)
        centred = x - x.mean()
        total, spread = total + centred @ y, spread + y.var(ddof=1) * (centred @ centred)
    assert stamp["p_up"] == pytest.approx(stats.norm.sf((total - 0.5) / math.sqrt(spread)))
    assert stamp["rise"] == pytest.approx(15 / 40)
    differences = (PASSES[4] - PASSES[0]).mean(0)
    flips = np.array(list(itertools.product((-1, 1), repeat=TASKS))) @ differences
    p_value = float((abs(flips) >= abs(differences.sum()) - 1e-9).mean())
    assert compared["p_tasks"] == compared["p_tasks_holm"] == pytest.approx(p_value)
    assert stamp["p_down"] == pytest.approx(p_value / 2)
    assert stamp["p"] == stamp["p_holm"] == pytest.approx(max(stamp["p_up"], p_value / 2))
    by_seed = (PASSES[4] - PASSES[0]).mean(1)
    known = stats.ttest_1samp(by_seed, 0)
    assert (compared["p_seeds"], compared["seed_sd"]) == pytest.approx((known.pvalue, by_seed.std(ddof=1)))
    error = (compared["high"] - compared["low"]) / 2 / stats.norm.ppf(0.975)
    assert compared["detectable"] == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error, abs=1e-4)
    assert f"{100 * compared['low']:+.1f} to {100 * compared['high']:+.1f} points" in compared["says"] or compared["says"].startswith("differ")
    z = stats.norm.ppf(0.975)
    mass, square, size = z * z / 2, differences @ differences, abs(differences).sum()
    middle = differences.sum() / (TASKS + mass)
    second = (square + mass * (square + mass) / (size + mass)) / (TASKS + mass)
    half = z * math.sqrt((second - middle**2) / (TASKS + mass))
    assert (compared["low"], compared["high"]) == pytest.approx((max(-1, middle - half), min(1, middle + half)))


def test_collapse(found: dict[str, Any]) -> None:
    rows = {row["seed"]: row for row in found["collapse"]}
    assert set(rows) == {0, 1, None}
    for seed, row in rows.items():
        scores = [PASSES[n].mean() if seed is None else PASSES[n][seed].mean() for n in ROUNDS]
        kept = np.array(scores) / scores[0]
        falls = [i for i, value in enumerate(kept) if value <= 0.5]
        half = None if not falls else float(np.interp(-0.5, -kept[falls[0] - 1 : falls[0] + 1], ROUNDS[falls[0] - 1 : falls[0] + 1]))
        assert row["scores"] == pytest.approx(scores, abs=1e-4)
        for name, value in (
            ("retention", kept[-1]), ("area", np.trapezoid(kept, ROUNDS) / 4), ("slope", np.polyfit(ROUNDS, kept, 1)[0]),
            ("endpoint_slope", (kept[-1] - 1) / 4), ("half_life", half),
        ):  # fmt: skip
            assert row[name]["value"] == (None if value is None else pytest.approx(value, abs=1e-3)), (seed, name)
    tasks = np.array([[PASSES[n].mean(0)[i] for n in (0, 4)] for i in range(TASKS)] + [[1, 0], [0, 1]])
    draws = stats.bootstrap((tasks[:, 0], tasks[:, 1]), lambda x, y, axis: y.mean(axis) / x.mean(axis), paired=True, method="percentile",
                            n_resamples=20_000, vectorized=True, rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    assert [rows[None]["retention"][end] for end in ("low", "high")] == pytest.approx([draws.low, draws.high], abs=0.05)


def test_before_and_after_a_day(found: dict[str, Any]) -> None:
    row = next(row for row in found["temporal"] if (row["round"], row["seed"]) == (2, 1))
    passed = PASSES[2][1]
    assert (row["before"]["value"], row["after"]["value"]) == pytest.approx((passed[:5].mean(), passed[5:].mean()))
    far = [abs(passed[list(chosen)].sum() - passed.mean() * 5) for chosen in itertools.combinations(range(TASKS), 5)]
    assert row["p"] == pytest.approx(np.mean(np.array(far) >= abs(passed[:5].sum() - passed.mean() * 5) - 1e-9))
    ends = [stats.binomtest(int(part.sum()), len(part)).proportion_ci(method="wilson") for part in (passed[:5], passed[5:])]
    low = row["difference"] - math.hypot(row["after"]["value"] - ends[1].low, ends[0].high - row["before"]["value"])
    assert row["low"] == pytest.approx(low)
    p_values = sorted(each["p"] for each in found["temporal"])
    first = min(found["temporal"], key=lambda each: each["p"])
    assert first["p_holm"] == pytest.approx(min(1.0, len(p_values) * p_values[0]))


def test_diversity(found: dict[str, Any]) -> None:
    rows = found["diversity"]
    populations = [*PROGRAMS.values(), HUMAN]
    fewest = min(sum(len(tokens(text)) for text in texts) for texts in populations)
    assert [row["tokens"] for row in rows] == [fewest] * 3
    smallest = next(i for i, texts in enumerate(populations) if sum(len(tokens(text)) for text in texts) == fewest)
    texts, row = populations[smallest], rows[smallest]
    for n in (1, 2, 3):
        grams = Counter(gram for text in texts for gram in zip(*(tokens(text)[i:] for i in range(n)), strict=False))
        assert row[f"distinct_{n}"] == pytest.approx(len(grams) / grams.total(), abs=1e-4)
        assert row[f"entropy_{n}"] == pytest.approx(stats.entropy(list(grams.values()), base=2), abs=1e-4)
    trees = [tree for text in texts if (tree := _parsed(text))]
    kinds = Counter(type(node).__name__ for tree in trees for node in ast.walk(tree) if not isinstance(node, ast.expr_context))
    assert row["node_entropy"] == pytest.approx(stats.entropy(list(kinds.values()), base=2), abs=1e-4)
    assert row["parses"] == pytest.approx(len(trees) / len(texts), abs=1e-4)
    sizes = [sum(not isinstance(node, ast.expr_context) for node in ast.walk(tree)) for tree in trees]
    assert row["size_sd"] == pytest.approx(np.std(sizes), abs=1e-4)
    orders = ("\n".join(" ".join(tokens(text)) for text in order).encode() for order in itertools.permutations(texts))
    assert row["compressed"] in {round(len(zlib.compress(text, 6)) / len(text), 4) for text in orders}


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def test_the_phase_plot() -> None:
    """Its rounds in plain loops, for each prompt by itself."""
    found = theory.phase(size=3, rounds=3, prompts=2, answers=5, seed=4)
    rng = np.random.default_rng(4)
    start = rng.dirichlet(np.ones(5), size=2).tolist()
    truth = [[1.0] + [float(u < 0.3) for u in row[1:]] for row in rng.random((2, 5))]
    for (i, anchor), (j, coupling) in itertools.product(enumerate((0, 0.5, 1)), enumerate((0, 1, 2))):
        laws, wide = [list(law) for law in start], []
        for number in range(4):
            r = [[anchor * t + (1 - anchor) * (c / max(law)) ** coupling for c, t in zip(law, right, strict=True)]
                 for law, right in zip(laws, truth, strict=True)]  # fmt: skip
            mass = [sum(map(math.prod, zip(law, each, strict=True))) for law, each in zip(laws, r, strict=True)]
            wide.append(np.mean([math.sqrt(sum(c * (a - z) ** 2 for c, a in zip(law, each, strict=True)))
                                 for law, each, z in zip(laws, r, mass, strict=True)]))  # fmt: skip
            if number < 3:
                laws = [[c * a / z for c, a in zip(law, each, strict=True)] for law, each, z in zip(laws, r, mass, strict=True)]
        right = np.mean([sum(map(math.prod, zip(law, each, strict=True))) for law, each in zip(laws, truth, strict=True)])
        support = math.exp(np.mean([stats.entropy(law) for law in laws]))
        late = next(number for number in range(5) if all(width <= 0.1 for width in wide[number:]))
        told = [found[name][i][j] for name in ("spread", "correct", "acceptance", "support", "confirmed_in")]
        assert told == [pytest.approx(value, abs=1e-4) for value in (wide[-1], right, np.mean(mass), support)] + [late if late < 4 else None]
