"""How varied texts are does not depend on how many there are."""

import random

import pytest

from toolkit.analysis.diversity import WINDOW, texts


def test_the_share_of_distinct_words_does_not_fall_with_the_number_of_texts() -> None:
    rng = random.Random(0)
    words = [f"w{i}" for i in range(300)]
    many = [" ".join(rng.choices(words, k=50)) for _ in range(400)]
    few = texts(many[:20])
    for name in ("distinct_1", "distinct_2", "distinct_3"):
        assert texts(many)[name] == pytest.approx(few[name], abs=0.03)
    assert texts([" ".join(str(i) for i in range(WINDOW))])["distinct_1"] == 1.0
    assert texts([" ".join("ab" for _ in range(WINDOW))])["distinct_1"] == 1 / WINDOW
    assert texts(many[:3])["distinct_1"] is None, "too few to compare"
