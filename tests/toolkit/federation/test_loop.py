"""What the server does."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.flower.quadratic import ROUNDS, SIZES, START, client
from toolkit.errors import UsageError
from toolkit.federation.loop import Update, average, average_kept, chosen, federate, n_bytes, one_round


def update(value: float, weight: float = 1) -> Update:
    return Update(arrays={"w": np.full((2, 2), value, np.float32)}, weight=weight)


def test_the_mean_is_by_weight() -> None:
    assert (average([update(1, 1), update(2, 3), update(3, 6)])["w"] == 2.5).all()


def test_identical_clients_change_nothing() -> None:
    same = Update(arrays={"w": np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)}, weight=3)
    assert (average([same] * 7)["w"] == same.arrays["w"]).all()
    assert (average([same])["w"] == same.arrays["w"]).all()
    assert average([same] * 7)["w"].dtype == np.float32


def test_masks_that_differ() -> None:
    found = average_kept([np.array([1, 2]), np.array([3, 4]), np.array([5, 6])], [np.array([1, 0]), np.array([1, 1]), np.array([0, 0])])
    assert found.tolist() == [2, 4]
    assert average_kept([np.array([7.0])], [np.array([0])]).tolist() == [0]


@pytest.mark.parametrize(("name", "mu"), [("fedavg", 0.0), ("fedprox", 0.5)])
def test_it_is_what_flower_does(name: str, mu: float) -> None:
    """The vectors are those of flwr 1.41; `python -m tests.flower` makes them, in an environment of its own."""
    vectors = json.loads((Path(__file__).parent / "flower.json").read_text())[name]
    found, _ = federate(START, [client(at, mu) for at in range(len(SIZES))], ROUNDS)
    for key, array in vectors.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-12, atol=0)


def test_fedprox_without_its_term_is_fedavg() -> None:
    vectors = json.loads((Path(__file__).parent / "flower.json").read_text())
    assert vectors["fedavg"] != vectors["fedprox"]


def test_who_takes_part_and_what_is_sent() -> None:
    clients = [lambda given, number, at=at: Update(arrays={"w": given["w"] + at}, weight=1) for at in range(4)]  # type: ignore[misc]
    start = {"w": np.zeros((3, 2), np.float32)}
    after, row = one_round(start, clients, 0, fraction=0.5, seed=1)
    assert row["clients"] == chosen(4, 0.5, 0, 1)
    assert len(row["clients"]) == 2
    assert row["bytes_down"] == row["bytes_up"] == 2 * n_bytes(start) == 2 * 24
    assert (after["w"] == sum(row["clients"]) / 2).all()
    assert row["drift"] == pytest.approx([abs(at - sum(row["clients"]) / 2) / (sum(row["clients"]) / 2) for at in row["clients"]])
    assert {tuple(chosen(4, 0.5, number, 1)) for number in range(20)} > {tuple(row["clients"])}
    assert chosen(10, 0.01, 0) == chosen(10, 0.01, 0)
    assert len(chosen(10, 0.01, 0)) == 1
    with pytest.raises(UsageError, match="fraction of clients"):
        chosen(4, 0, 0)


def test_an_update_holds_numbers_and_nothing_else() -> None:
    with pytest.raises(TypeError, match="arrays of numbers"):
        Update(arrays={"w": np.array(["def f(): pass"])}, weight=1)
    with pytest.raises(TypeError, match="an update holds numbers only"):
        Update(arrays={}, weight=1, numbers={"text": "def f(): pass"})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="trained on nothing"):
        update(1, 0)


def test_updates_of_other_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="different names or shapes"):
        average([update(1), Update(arrays={"w": np.zeros(3)}, weight=1)])
    with pytest.raises(UsageError, match="no update"):
        average([])
