"""Who has which data."""

import numpy as np
import pytest

from toolkit.errors import UsageError
from toolkit.federation.partition import IID, by_label, by_quantity, heterogeneity, table
from toolkit.federation.topics import TOPICS, functions

LABELS = [label for label in "abcdefgh" for _ in range(100)]


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1e6, IID])
def test_each_row_is_somebodys_once(alpha: float) -> None:
    parts = by_label(LABELS, 8, alpha, seed=3, least=0)
    assert sorted(at for part in parts for at in part) == list(range(len(LABELS)))
    assert sum(sum(row.values()) for row in table(LABELS, parts)) == len(LABELS)


def test_alpha_says_how_much_clients_differ() -> None:
    def distance(alpha: float) -> float:
        return float(np.mean([heterogeneity(LABELS, by_label(LABELS, 8, alpha, seed=seed, least=0)) for seed in range(5)]))

    assert distance(IID) < 0.03
    assert distance(1e6) < 0.03
    assert distance(1.0) == pytest.approx(0.32, abs=0.06)  # measured elsewhere with the same definition
    assert distance(0.05) > 0.6


def test_the_same_seed_gives_the_same_parts() -> None:
    assert by_label(LABELS, 8, 0.5, seed=1, least=0) == by_label(LABELS, 8, 0.5, seed=1, least=0)
    assert by_label(LABELS, 8, 0.5, seed=1, least=0) != by_label(LABELS, 8, 0.5, seed=2, least=0)


def test_a_client_with_too_little_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"client \d of 8 would get \d+ of 800 items, and 60 are the least \(alpha 0.05\)"):
        by_label(LABELS, 8, 0.05, seed=0, least=60)
    with pytest.raises(UsageError, match="alpha must be above 0, not -1"):
        by_label(LABELS, 8, -1)


def test_sizes_alone_may_differ() -> None:
    parts = by_quantity(800, 8, 0.5, seed=0, least=0)
    assert sorted(at for part in parts for at in part) == list(range(800))
    assert max(map(len, parts)) > 3 * min(map(len, parts))
    assert heterogeneity(LABELS, by_quantity(800, 8, IID, seed=0)) < 0.12


def test_distance_of_clients_with_one_label_each() -> None:
    assert heterogeneity(["a", "a", "b", "b"], [[0, 1], [2, 3]]) == pytest.approx(0.5)
    assert heterogeneity(["a", "a", "b", "b"], [[0, 2], [1, 3]]) == 0


@pytest.mark.slow
def test_topics_of_the_standard_library() -> None:
    rows = functions()
    assert {row["label"] for row in rows} == set(TOPICS)
    assert len(TOPICS) == 8
    assert all(compile(row["text"], row["id"], "exec") for row in rows[::50])
    modules = [row["module"] for row in rows]
    assert max(map(modules.count, set(modules))) <= 200
