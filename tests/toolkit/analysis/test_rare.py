"""Rare failures of planted models, whose rate is known."""

import numpy as np
import pytest

from toolkit.analysis import rare
from toolkit.studies.reliability import planted

NOMINAL = rare.uniform([10] * 6)


@pytest.mark.parametrize(("k", "rate"), [(3, 1e-3), (5, 1e-5)])
def test_the_estimate_is_unbiased_and_saves_samples(k: int, rate: float) -> None:
    found = []
    for seed in range(30):
        proposal, n, _ = rare.learn(planted(k), NOMINAL, rounds=6, each=300, seed=seed)
        found.append(rare.estimate(planted(k), NOMINAL, proposal, 1500, learnt_from=n, seed=seed))
    values = np.array([it.value for it in found]) / rate
    assert abs(values.mean() - 1) < 4 * values.std(ddof=1) / np.sqrt(len(values)) + 1e-9
    assert values.std(ddof=1) < 0.1
    assert sum(it.low <= rate <= it.high for it in found) >= 26  # 95 % of 30 is 28.5
    assert min(it.saved or 0 for it in found) > 100
    assert all(it.n == 3300 for it in found)


def test_any_proposal_is_unbiased_if_it_can_draw_every_point() -> None:
    askew = [[0.05] * 9 + [0.55]] * 6  # looks away from where failures are
    values = [rare.estimate(planted(2), NOMINAL, askew, 4000, seed=seed).value for seed in range(30)]
    assert np.mean(values) == pytest.approx(0.01, rel=0.15)


def test_weights_are_nominal_over_proposed() -> None:
    points = np.array([[0, 1], [1, 1]])
    found = rare.log_ratio([[0.5, 0.5], [0.9, 0.1]], [[0.25, 0.75], [0.5, 0.5]], points)
    assert np.exp(found) == pytest.approx([0.5 / 0.25 * 0.1 / 0.5, 0.5 / 0.75 * 0.1 / 0.5])


def test_plain_sampling_sees_nothing_and_says_how_much_that_is() -> None:
    it = rare.plain(0, 3300)
    assert it.value == 0
    assert 1e-5 < it.high < 2e-3
    none = rare.estimate(lambda points: np.zeros(len(points)), NOMINAL, NOMINAL, 100)
    assert (none.value, none.low, none.saved) == (0, 0, None)
    assert none.high == pytest.approx(rare.plain(0, 100).high)


def test_a_proposal_never_forgets_a_level() -> None:
    proposal, _, told = rare.learn(planted(5), NOMINAL, rounds=20, each=300)
    assert min(min(one) for one in proposal) >= 0.9 * rare.MIXED * 0.1
    assert told[-1]["failures"] > 50
    assert told[0]["threshold"] < rare.FAILS
    assert [max(range(10), key=lambda level, at=at: proposal[at][level]) for at in range(5)] == [2, 5, 8, 1, 4]  # type: ignore[misc]
