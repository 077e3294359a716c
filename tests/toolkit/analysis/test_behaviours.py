"""How many different behaviours a prompt's programs have, against counting all draws."""

from itertools import combinations
from statistics import fmean

import pytest

from toolkit.analysis.behaviours import expected, table


@pytest.mark.parametrize("counts", [[1], [3], [2, 1], [1, 1, 1, 1], [4, 2, 1]])
def test_what_is_expected_is_the_mean_over_all_draws(counts: list[int]) -> None:
    every = [kind for kind, n in enumerate(counts) for _ in range(n)]
    for k in range(1, len(every) + 1):
        assert expected(counts, k) == pytest.approx(fmean(len(set(draw)) for draw in combinations(every, k)))
    for k in (0, len(every) + 1):
        with pytest.raises(ValueError, match=f"{k} of"):
            expected(counts, k)


def test_rounds_are_compared_at_the_same_number_of_programs() -> None:
    found = table({
        ("none", 0, 1): {"a": ["x", "y", "z", "z"], "b": ["x", "x", "x"]},
        ("none", 0, 2): {"a": ["x", "x", "x", "x", None], "b": ["x", None, None]},
        ("none", 0, 3): {"a": [None, None]},
    })  # fmt: skip
    assert [row["k"] for row in found] == [3, 3, 3], "one program of b in round 2 says nothing, and sets nothing"
    assert [(row["programs"], row["loaded"], row["prompts"]) for row in found] == [(7, 7, 2), (8, 5, 1), (2, 0, 0)]
    first, second, third = (row["distinct"] for row in found)
    assert first == pytest.approx((expected([1, 1, 2], 3) + 1) / 2)
    assert (second, third) == (1, None)
    assert [row["round"] for row in found] == [1, 2, 3]
    assert table({}) == []
