"""pass@k, its interval and the comparison of runs, against brute force and against what is known in closed form."""

import math
import random
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.analysis import ranking, stats, trend

small = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(small)
def test_pass_at_k_is_the_share_of_subsets_with_a_pass(case: tuple[int, int, int]) -> None:
    n, c, k = case
    subsets = list(combinations([True] * c + [False] * (n - c), k))
    assert stats.pass_at_k(n, c, k) == float(Fraction(sum(map(any, subsets)), len(subsets)))


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_exact_for_big_n(case: tuple[int, int, int]) -> None:
    n, c, k = case
    assert stats.pass_at_k(n, c, k) == float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))
    assert stats.pass_at_k(n, c, 1) == c / n


def test_pass_at_k_keeps_tiny_values() -> None:
    assert stats.pass_at_k(10**12, 1, 1) == 1e-12
    assert stats.pass_at_k(10**6, 1, 10**5) == 0.1


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6), (0, 0, 1)])
def test_pass_at_k_refuses_what_has_no_meaning(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@k wants"):
        stats.pass_at_k(n, c, k)


def test_no_task_is_no_score() -> None:
    with pytest.raises(ValueError, match="no task"):
        stats.mean_pass_at_k([], 1)
    with pytest.raises(ValueError, match="share no task"):
        stats.compare({"a": (1, 1)}, {"b": (1, 1)})
    with pytest.raises(ValueError, match="level"):
        stats.interval([(1, 1)], 1, level=1)


def test_mean() -> None:
    assert stats.mean_pass_at_k([(2, 1), (4, 4), (3, 0), (1, 1)], 1) == 0.625
    assert stats.mean_pass_at_k([(2, 1), (4, 1)], 2) == 0.75


samples = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(samples, min_size=1, max_size=30), st.integers(1, 3))
@settings(deadline=None)
def test_interval_holds_the_mean(counts: list[tuple[int, int]], k: int) -> None:
    k = min(k, *(n for n, _ in counts))
    low, high = stats.interval(counts, k)
    assert 0 <= low < high <= 1
    assert low - 1e-12 <= stats.mean_pass_at_k(counts, k) <= high + 1e-12
    assert stats.interval(counts[::-1], k) == pytest.approx((low, high), abs=1e-12)
    inner = stats.interval(counts, k, level=0.5)
    assert low - 1e-12 <= inner[0] <= inner[1] <= high + 1e-12
    low, high = stats.interval(counts, 1)
    assert stats.interval([(n, n - c) for n, c in counts], 1) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize("n_tasks", [1, 2, 40, 164])
def test_interval_of_single_samples_is_wilsons_and_rises(n_tasks: int) -> None:
    found = [stats.interval([(1, 1)] * c + [(1, 0)] * (n_tasks - c), 1) for c in range(n_tasks + 1)]
    assert found == [stats.wilson(n_tasks, c) for c in range(n_tasks + 1)]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))
    z2 = NormalDist().inv_cdf(0.975) ** 2
    assert found[0] == pytest.approx((0, z2 / (n_tasks + z2)))
    assert found[-1] == pytest.approx((n_tasks / (n_tasks + z2), 1))


@pytest.mark.parametrize("solved", [0, 1, 100, 163, 164])
def test_interval_of_all_of_all_samples_is_wilsons(solved: int) -> None:
    assert stats.interval([(10, 1 + i % 10) for i in range(solved)] + [(10, 0)] * (164 - solved), 10) == stats.wilson(164, solved)
    assert stats.interval([(9, 9)] * solved + [(9, 0)] * (164 - solved), 1) == stats.wilson(164, solved)  # samples are no tasks


@pytest.mark.parametrize("n_tasks", [1, 2, 5, 40, 164, 1000])
@pytest.mark.parametrize("n", [2, 10, 200])
def test_a_few_passes_do_not_make_the_bound_lower_than_none(n_tasks: int, n: int) -> None:
    none = stats.interval([(n, 0)] * n_tasks, 1)
    for passes in range(1, min(n_tasks, 30) + 1):
        low, high = stats.interval([(n, 1)] * passes + [(n, 0)] * (n_tasks - passes), 1)
        assert low > none[0]
        assert high > none[1]


def test_equal_tasks_are_not_certain() -> None:
    low, high = stats.interval([(2, 1)] * 20, 1)
    assert (low, high) == pytest.approx(stats.wilson(40, 20))  # at best, as if the samples were trials
    low, high = stats.interval([(200, 199)] * 10 + [(200, 200)] * 10, 1)
    assert low < 0.9
    assert 0.9975 < high <= 1
    assert stats.interval([(200, 100)], 1) == stats.wilson(1, 0.5)  # of one task, samples say nothing of others


def task(n: int, mean: float, concentration: float) -> np.ndarray:
    """Return the chances of c = 0..n passes of a task whose difficulty is drawn from a Beta distribution, or is `mean`."""
    a, b = mean * concentration, (1 - mean) * concentration

    def log_chance(c: int) -> float:
        chosen = math.log(math.comb(n, c))
        if math.isinf(concentration):
            return chosen + c * math.log(mean) + (n - c) * math.log(1 - mean)
        beta = math.lgamma(c + a) + math.lgamma(n - c + b) - math.lgamma(n + a + b)
        return chosen + beta - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)

    chances = np.exp([log_chance(c) for c in range(n + 1)])
    return chances / chances.sum()


MEANS = [0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98]


@pytest.mark.parametrize(("n_tasks", "least", "most_below"), [(40, 0.9158, 0.015), (164, 0.9298, 0.001), (378, 0.9354, 0)])
def test_interval_of_single_samples_covers(n_tasks: int, least: float, most_below: float) -> None:
    """Exactly, not by simulation: of tasks with one sample, passes are binomial, however difficulties vary.

    Coverage falls to its minima where the mean is just outside a bound, so these means are looked at beside a dense grid:
    at `least` it is nowhere less, and less than 93 % at no more than `most_below` of the means of the grid.
    """
    bounds = np.array([stats.interval([(1, 1)] * c + [(1, 0)] * (n_tasks - c), 1) for c in range(n_tasks + 1)])
    grid = np.linspace(0.02, 0.98, 9601)
    means = np.concatenate([grid, bounds.ravel() - 1e-9, bounds.ravel() + 1e-9, MEANS])
    means = means[(means >= 0.02) & (means <= 0.98)]
    passes, logs = np.arange(n_tasks + 1), np.array([math.lgamma(c + 1) for c in range(n_tasks + 1)])
    chances = np.exp(logs[-1] - logs - logs[::-1] + np.outer(np.log(means), passes) + np.outer(np.log1p(-means), passes[::-1]))
    coverage = (chances * ((bounds[:, 0] <= means[:, None]) & (means[:, None] <= bounds[:, 1]))).sum(axis=1)
    print(f"{n_tasks}: at least {coverage.min():.4f} at {means[coverage.argmin()]:.4f}, {coverage[: len(grid)].mean():.4f} on average")
    assert coverage.min() >= least
    assert coverage[-len(MEANS) :].min() >= 0.93
    assert (coverage[: len(grid)] < 0.93).mean() <= most_below
    assert coverage[: len(grid)].mean() >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("n_tasks", [40, 164, 378])
@pytest.mark.parametrize("concentration", [0.5, 2, math.inf], ids=["bimodal", "mixed", "alike"])
@pytest.mark.parametrize("k", [1, 5])
def test_interval_of_several_samples_covers(n_tasks: int, concentration: float, k: int) -> None:
    """4,000 benchmarks of each mean: the interval covers it, and is no wider than a bootstrap's where that is right."""
    rng = np.random.default_rng(0)
    values = np.array([stats.pass_at_k(10, c, k) for c in range(11)])
    for mean in MEANS:
        chances = task(10, mean, concentration)
        drawn = rng.multinomial(n_tasks, chances, size=4000)  # how many tasks have c passes
        found = intervals(drawn, values)
        covered = (found[:, 0] <= chances @ values) & (chances @ values <= found[:, 1])
        assert covered.mean() >= 0.93, mean
        if 0.29 < chances @ values < 0.71:
            again = rng.multinomial(n_tasks, drawn[:40, None] / n_tasks, size=(40, 500)) @ values / n_tasks
            low, high = np.quantile(again, [0.025, 0.975], axis=1)
            assert (found[:, 1] - found[:, 0]).mean() <= 1.15 * (high - low).mean(), mean


def intervals(drawn: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return what `interval` returns for each row of `drawn`, how many tasks have c passes of 10, but faster."""
    n_tasks = int(drawn[0].sum())
    means = np.minimum(drawn @ values / n_tasks, 1)
    squares = (drawn * (values - means[:, None]) ** 2).sum(axis=1)
    trials = [stats._trials(n_tasks, *at, 0.1, 0.95) for at in zip(means.tolist(), squares.tolist(), strict=True)]
    return np.array([stats.wilson(n, n * mean) for n, mean in zip(trials, means.tolist(), strict=True)])


@given(st.lists(st.integers(0, 10), min_size=2, max_size=50), st.sampled_from([1, 5]))
@settings(max_examples=60, deadline=None)
def test_what_is_simulated_is_the_interval(passes: list[int], k: int) -> None:
    values = np.array([stats.pass_at_k(10, c, k) for c in range(11)])
    row = np.array([[passes.count(c) for c in range(11)]])
    assert stats.interval([(10, c) for c in passes], k) == pytest.approx(tuple(intervals(row, values)[0]), abs=1e-9)


def test_equal_differences_are_not_certain() -> None:
    def of(a: tuple[int, int], b: tuple[int, int], n_tasks: int = 20) -> stats.Comparison:
        return stats.compare({str(i): a for i in range(n_tasks)}, {str(i): b for i in range(n_tasks)})

    added = NormalDist().inv_cdf(0.975) ** 2 / 2
    same = of((1, 1), (1, 1))
    assert (same.difference, same.p_value, same.exact) == (0, 1, True)
    assert same.low == -same.high == pytest.approx(-math.sqrt(2) * added / (20 + added))
    assert of((1, 1), (1, 1), 1).high > 0.9
    for a, b in [((1, 1), (1, 0)), ((10, 5), (10, 4)), ((200, 200), (200, 199))]:
        found = of(a, b)
        assert found.low < found.difference <= found.high
        assert found.difference - found.low > 0.02
    close = stats.compare({str(i): (200, 199 + i % 2) for i in range(20)}, {str(i): (200, 0) for i in range(20)})
    assert close.low < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n_tasks", [40, 164, 378])
def test_interval_of_differences_covers(n_tasks: int) -> None:
    """Of single samples, the shares of tasks that only one run and only the other passes being given."""
    rng = np.random.default_rng(0)
    for ours, theirs in [(0.02, 0), (0.02, 0.01), (0.02, 0.02), (0.1, 0.05), (0.3, 0), (0.3, 0.3), (0.9, 0), (0.98, 0)]:
        drawn = rng.multinomial(n_tasks, [ours, theirs, 1 - ours - theirs], size=4000)
        found = np.array([stats._paired(n_tasks, a - b, a + b, a + b) for a, b, _ in drawn.tolist()])
        assert ((found[:, 0] <= ours - theirs) & (ours - theirs <= found[:, 1])).mean() >= 0.93, (ours, theirs)


def brute(differences: list[Fraction]) -> float:
    seen = abs(sum(differences, Fraction()))
    flips = [abs(sum(signed, Fraction())) for signed in product(*((d, -d) for d in differences))]
    return sum(flip >= seen for flip in flips) / len(flips)


pairs = st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(st.tuples(pairs, pairs), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_p_value_is_the_share_of_sign_flips(rows: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    a = {str(i): row[0] for i, row in enumerate(rows)}
    b = {str(i): row[1] for i, row in enumerate(rows)}
    found = stats.compare(a, b)
    differences = [Fraction(x[1], x[0]) - Fraction(y[1], y[0]) for x, y in rows]
    assert found.exact
    assert found.p_value == pytest.approx(brute(differences))
    assert found.difference == pytest.approx(float(sum(differences) / len(rows)))
    assert -1 <= found.low <= found.difference <= found.high <= 1
    back = stats.compare(b, a)
    assert (back.difference, back.p_value) == pytest.approx((-found.difference, found.p_value))
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_p_value_at_k_above_1(rows: list[tuple[int, int]]) -> None:
    a, b = ({str(i): (6, row[side]) for i, row in enumerate(rows)} for side in (0, 1))
    value = [1 - Fraction(math.comb(6 - c, 3), math.comb(6, 3)) for c in range(7)]
    assert stats.compare(a, b, 3).p_value == pytest.approx(brute([value[x] - value[y] for x, y in rows]))


@pytest.mark.parametrize(("better", "worse"), [(1, 0), (5, 5), (9, 2), (40, 20), (90, 60), (300, 0)])
def test_p_value_of_single_samples_is_mcnemars(better: int, worse: int) -> None:
    a = {str(i): (1, int(i < better)) for i in range(better + worse + 50)}
    b = {str(i): (1, int(better <= i < better + worse)) for i in range(better + worse + 50)}
    n = better + worse
    tail = sum(math.comb(n, i) for i in range(min(better, worse) + 1)) / 2**n
    found = stats.compare(a, b)
    assert found.exact
    assert found.p_value == pytest.approx(min(1.0, 2 * tail))


def test_p_value_is_drawn_when_it_cannot_be_enumerated() -> None:
    ns = [101 + 2 * i for i in range(60)]
    a = {str(n): (n, n // 2 + n % 7) for n in ns}
    b = {str(n): (n, n // 2 + n % 5) for n in ns}
    found = stats.compare(a, b, 7)
    assert not found.exact
    assert found == stats.compare(a, b, 7)
    differences = [stats.pass_at_k(*a[str(n)], 7) - stats.pass_at_k(*b[str(n)], 7) for n in ns]
    z = abs(sum(differences)) / math.sqrt(sum(d * d for d in differences))
    assert found.p_value == pytest.approx(2 * (1 - NormalDist().cdf(z)), abs=0.02)


def test_only_shared_tasks_with_enough_samples_count() -> None:
    found = stats.compare({"x": (2, 1), "y": (1, 1), "z": (2, 2)}, {"x": (2, 0), "y": (2, 2), "w": (2, 2)}, 2)
    assert (found.n_tasks, found.a, found.b, found.difference) == (1, 1.0, 0.0, 1.0)


def test_import_is_cheap() -> None:
    code = """import sys, toolkit.analysis.stats, toolkit.store.run_folder, toolkit.report.page, toolkit.report.rounds, toolkit.report.terminal
assert not {"numpy", "rich", "docker", "typer", "jinja2", "markupsafe", "matplotlib", "scipy"} & set(sys.modules)"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_wilson_solves_its_equation(case: tuple[int, int]) -> None:
    n, c = case
    z = NormalDist().inv_cdf(0.975)
    for bound, end in zip(stats.wilson(n, c), (0.0, 1.0), strict=True):
        if bound != end:  # the bounds are where |c/n - p| is z standard errors of p
            assert abs(c / n - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / n), abs=1e-9)
    with pytest.raises(ValueError, match="a share"):
        stats.wilson(n, n + 1)


def test_agreement_by_hand() -> None:
    tasks = [(1, 0, 0, 0)] * 30 + [(0, 1, 0, 0)] * 10 + [(0, 0, 1, 0)] * 20 + [(0, 0, 0, 1)] * 40
    found = stats.agreement(tasks)
    values = {name: number["value"] for name, number in found.items() if number}
    assert values == pytest.approx(
        {"base_rate": 0.5, "precision": 0.75, "recall": 0.6, "lift": 1.5, "mcc": 1000 / math.sqrt(40 * 50 * 50 * 60)}
    )
    for number in found.values():
        assert number
        assert number["low"] < number["value"] < number["high"]  # type: ignore[operator]
    assert (found["precision"]["low"], found["precision"]["high"]) == stats.wilson(40, 30)  # type: ignore[index]
    assert found == stats.agreement(tasks)


def test_agreement_where_a_number_does_not_exist() -> None:
    assert set(stats.agreement([]).values()) == {None}
    refused = stats.agreement([(0, 0, 1, 0), (0, 0, 0, 1)])
    assert refused["precision"] is refused["lift"] is refused["mcc"] is None
    assert refused["recall"] and refused["recall"]["value"] == 0  # noqa: PT018
    same = stats.agreement([(2, 2, 2, 2)] * 5)
    assert same["lift"] == {"value": 1.0, "low": None, "high": None}


@pytest.mark.parametrize(("n", "c", "low", "high"), [
    (1, 0, 0.0, 0.7934506856227626), (1, 1, 0.2065493143772375, 1.0), (40, 7, 0.08745413746035918, 0.3194999033178771),
    (164, 163, 0.9662737492602964, 0.9989228186095374), (164, 100, 0.5334033189423291, 0.6810848072509673),
    (12.5, 3.3, 0.09867525524414024, 0.5402798671389061),
])  # fmt: skip
def test_wilson_stays_what_it_was(n: float, c: float, low: float, high: float) -> None:
    assert stats.wilson(n, c) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(("scores", "good", "area"), [
    ([0.0, 0.9, -0.7, -1.8, -0.7, -1.0, 0.9, -1.5, 0.0, 0.3, 0.5, 0.8, 0.7], "1101101010110", 0.6875),
    ([-0.7, 0.2, 0.7, 2.0], "1000", 0.0), ([-0.2, 1.1, 2.4, 0.8, 2.4, -0.2, 0.1], "1011000", 0.5),
    ([0.9, 0.4, -0.5, 1.4, 0.5, 1.0, 0.3, 0.7, 2.3], "110110100", 0.4), ([0.3, 1.2, -0.4, 0.4, -0.3], "10100", 0.1667),
    ([math.inf, 1.0, -math.inf, 1.0], "1100", 0.875), ([1.0, 2.0], "11", None), ([1.0, 2.0], "00", None), ([], "", None),
])  # fmt: skip
def test_auc_stays_what_it_was(scores: list[float], good: str, area: float | None) -> None:
    found = ranking.auc(scores, [each == "1" for each in good])
    assert (found and found["value"]) == (None if area is None else pytest.approx(area, abs=1e-9))


@pytest.mark.parametrize(("values", "tau", "p_value"), [
    ([0.7, 1.0, 0.2, 0.0, 1.0, 0.5, 0.4, 0.2, 0.6, 0.8], -0.0222, 0.5), ([0.7, 0.1, 1.0, 0.6, 0.8, 0.3, 0.2], -0.2381, 0.281),
    ([0.9, 1.0, 0.5, 0.5, 0.7, 0.5, 0.3, 0.4], -0.6071, 0.0186), ([0.1, 0.8, 0.5, 0.2, 0.9], 0.4, 0.2417),
    ([0.3, 0.1, 0.3, 0.8, 0.9, 0.4, 0.8, 0.8, 0.7, 0.7, 0.8, 0.4, 0.7, 0.3], 0.0659, 0.3921),
    ([0.5, 0.3, 0.7, 0.5, 0.8, 0.6, 0.8], 0.5238, 0.0635), ([1.0], 0.0, 1.0), ([], 0.0, 1.0),
])  # fmt: skip
def test_trend_stays_what_it_was(values: list[float], tau: float, p_value: float) -> None:
    assert trend.trend(values) == pytest.approx((tau, p_value), abs=1e-9)


def test_trend_and_wilson_are_scipys_where_it_has_them() -> None:
    import scipy.stats

    for order in permutations(range(5)):
        tau, p_value = trend.trend(order)
        side = "greater" if tau >= 0 else "less"
        known = scipy.stats.kendalltau(range(5), order, alternative=side, method="exact")
        assert (tau, p_value) == pytest.approx((known.statistic, known.pvalue), abs=6e-5)  # of what is rounded to 4 digits
    for n, c in ((1, 0), (7, 7), (40, 7), (164, 100)):
        low, high = scipy.stats.binomtest(c, n).proportion_ci(method="wilson")
        assert stats.wilson(n, c) == pytest.approx((low, high), abs=1e-12)


def test_quantiles_interpolate() -> None:
    def of(*values: float) -> list[float]:
        return list((trend.quantiles(values) or {}).values())

    assert of(1, 2) == [1, 1.25, 1.5, 1.75, 2]
    assert of(3) == [3] * 5
    assert of(4, 1, 3, 2, math.inf, math.nan) == [1, 1.75, 2.5, 3.25, 4]
    assert list(trend.quantiles([1, 2]) or {}) == ["min", "q25", "median", "q75", "max"]
    assert trend.quantiles([math.nan]) is trend.quantiles([]) is None


def test_auc_is_the_chance_to_rank_right() -> None:
    random.seed(0)
    for _ in range(50):
        scores = [random.randint(0, 5) for _ in range(12)]
        labels = [random.random() < 0.5 for _ in scores]
        pairs = [(a, b) for a, x in zip(scores, labels, strict=True) for b, y in zip(scores, labels, strict=True) if x and not y]
        expected = sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else None
        found = ranking.auc(scores, labels)
        assert (found and found["value"]) == (None if expected is None else pytest.approx(expected, abs=1e-4))


def test_trend_is_kendalls_and_exact() -> None:
    assert trend.trend([1, 2, 3, 4]) == (1.0, pytest.approx(1 / 24, abs=1e-4))
    assert trend.trend([4, 3, 2, 1]) == (-1.0, pytest.approx(1 / 24, abs=1e-4))
    assert trend.trend([1, 1, 1]) == (0.0, 1.0)
    long = list(range(12))
    assert trend.trend(long)[1] < 1e-4
