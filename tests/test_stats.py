"""pass@k, its interval and the comparison of runs, against brute force and against what is known in closed form."""

import math
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, product
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import stats

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


@given(st.lists(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_interval_is_in_range_and_repeats(counts: list[tuple[int, int]]) -> None:
    low, high = stats.interval(counts, 1, resamples=500)
    assert 0 <= low < high <= 1
    assert (low, high) == stats.interval(counts, 1, resamples=500)
    inner = stats.interval(counts, 1, resamples=500, level=0.5)
    assert low <= inner[0] <= inner[1] <= high


@pytest.mark.parametrize("passed", [30, 80, 150])
def test_interval_of_single_samples_is_the_binomial_one(passed: int) -> None:
    low, high = stats.interval([(1, 1)] * passed + [(1, 0)] * (164 - passed), 1, resamples=50_000)
    p = passed / 164
    half = NormalDist().inv_cdf(0.975) * math.sqrt(p * (1 - p) / 164)
    assert low == pytest.approx(p - half, abs=0.01)
    assert high == pytest.approx(p + half, abs=0.01)


def test_interval_does_not_shrink_with_more_samples_a_task() -> None:
    few = stats.interval([(1, 1)] * 50 + [(1, 0)] * 50, 1)
    many = stats.interval([(200, 200)] * 50 + [(200, 0)] * 50, 1)
    assert few == many


def test_equal_tasks_are_not_certain() -> None:
    z2 = NormalDist().inv_cdf(0.975) ** 2
    assert stats.interval([(1, 0)] * 20, 1) == pytest.approx((0, z2 / (20 + z2)))
    assert stats.interval([(3, 3)] * 20, 1) == pytest.approx((20 / (20 + z2), 1))
    low, high = stats.interval([(2, 1)] * 20, 1)
    assert low < 0.5 < high
    low, high = stats.interval([(200, 199)] * 10 + [(200, 200)] * 10, 1)
    assert low < 0.9
    assert 0.9975 < high <= 1
    same = stats.compare({str(i): (1, 1) for i in range(20)}, {str(i): (1, 1) for i in range(20)})
    assert (same.difference, same.p_value, same.exact) == (0, 1, True)
    assert same.low == -same.high == pytest.approx(-z2 / (20 + z2))


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
    assert -1 <= found.low <= found.high <= 1
    back = stats.compare(b, a)
    assert (back.difference, back.p_value) == pytest.approx((-found.difference, found.p_value))


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
    code = """import sys, toolkit.stats, toolkit.runs, toolkit.report
assert not {"numpy", "rich", "docker", "typer"} & set(sys.modules)"""
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
