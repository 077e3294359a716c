"""Measures of loads, by hand, and what routing tells where it was planted."""

import math

import numpy as np
import pytest

from toolkit.analysis import routing

LOADS = [200, 180, 160, 140, 120, 100, 80, 44]


def test_loads_by_hand() -> None:
    assert routing.max_vio([10, 2, 4, 4]) == 1.0
    assert routing.max_vio([5, 5, 5, 5]) == 0.0
    assert routing.max_vio([20, 0, 0, 0]) == 3.0
    assert routing.max_vio(LOADS) == 0.5625
    assert routing.max_vio([0, 0]) == 0.0
    assert (routing.dead(LOADS), routing.dead([100, 100, 5, 4]), routing.dead([20, 0, 0, 0])) == (0, 2, 3)
    assert routing.entropy([3, 3, 3]) == pytest.approx(1)
    assert routing.entropy([9, 0, 0]) == 0
    assert routing.entropy([1, 1, 0, 0]) == pytest.approx(0.5)
    found = routing.of_layers([[10, 2, 4, 4], [5, 5, 5, 5]])
    assert (found["max_vio"], found["worst"], found["dead"]) == (0.5, 1.0, 0)


@pytest.mark.parametrize(("factor", "most", "share"), [(1, 128, 168 / 1024), (1.25, 160, 60 / 1024), (2, 256, 0), (math.inf, math.inf, 0)])
def test_capacity_by_hand(factor: float, most: float, share: float) -> None:
    assert routing.capacity(factor, 2, 512, 8) == most
    assert routing.dropped(LOADS, most) == pytest.approx(share)


def test_capacity_is_rounded_up() -> None:
    assert routing.capacity(1.0, 2, 5, 4) == 3
    assert routing.capacity(1.1, 1, 10, 1) == 11  # not 12: 1.1 * 10 is a little more than 11


def test_recovery() -> None:
    assert routing.recovery([3, 2, 1.05, 1, 1.1], 1.0) == 2
    assert routing.recovery([3, 1, 2, 1], 1.0) == 3, "it has to stay there"
    assert routing.recovery([3, 2], 1.0) is None
    assert routing.recovery([1, 1], 1.0) == 0


def test_divergence() -> None:
    assert routing.divergence([1, 2, 3], [2, 4, 6]) == 0
    assert routing.divergence([1, 0], [0, 5]) == pytest.approx(1)
    assert 0 < routing.divergence([3, 1], [1, 3]) < 1


def planted(n: int, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Loads of n prompts of each of two kinds, which prefer other experts, by so much."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n)
    shares = np.full((2 * n, 3, 8), 1.0)
    shares[labels == 0, :, :4] += bias
    shares[labels == 1, :, 4:] += bias
    shares /= shares.sum(-1, keepdims=True)
    return np.array([[rng.multinomial(rng.integers(40, 90), layer) for layer in prompt] for prompt in shares], float), labels


def test_planted_routing_is_found_and_shuffled_labels_are_at_chance() -> None:
    loads, labels = planted(20, 2.0)
    rows = routing.signatures(loads)
    assert rows.shape == (40, 24)
    assert np.allclose(rows.reshape(40, 3, 8).sum(-1), 1)
    alike = routing.similarity(rows, labels.tolist())
    assert alike["within"] > alike["across"] + 0.1
    found = routing.probe(rows, labels.tolist())
    assert found["accuracy"] >= 0.95
    assert found["p_value"] < 0.01
    assert 0.4 < found["chance"] < 0.6
    shuffled = np.random.default_rng(1).permutation(labels)
    by_chance = routing.probe(rows, shuffled.tolist())
    assert 0.2 < by_chance["accuracy"] < by_chance["high"] + 0.1 < 0.9
    assert by_chance["p_value"] > 0.05
    apart = routing.specialisation(loads, labels.tolist())
    assert apart["divergence"] > 5 * apart["chance"]
    assert apart["p_value"] < 0.01


def test_routing_that_was_not_planted_is_not_found() -> None:
    loads, labels = planted(20, 0.0, seed=3)
    assert routing.probe(routing.signatures(loads), labels.tolist())["p_value"] > 0.05
    assert routing.specialisation(loads, labels.tolist())["p_value"] > 0.05


def test_several_kinds() -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(np.eye(4), 10, axis=0) + rng.normal(0, 0.05, (40, 4))
    assert routing.probe(rows, np.repeat([0, 1, 2, 3], 10).tolist())["accuracy"] == 1.0
