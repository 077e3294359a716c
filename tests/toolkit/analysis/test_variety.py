"""Variety at equal numbers of tokens: what is copied is less varied, and how much there is of it does not matter."""

import random

import pytest

from toolkit.analysis import diversity


def programs(n: int, kinds: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    def one(kind: int) -> str:
        pick = random.Random(kind)
        lines = [f"    {pick.choice('abcde')} = {pick.choice(['x', 'len(x)', 'x[0]', 'x + 1'])} {pick.choice('+-*')} {pick.randint(0, 99)}\n"
                 for _ in range(pick.randint(2, 6))]  # fmt: skip
        return f"def f{kind}(x):\n{''.join(lines)}    return a\n"

    return [one(rng.randrange(kinds)) for _ in range(n)]


def test_fewer_kinds_of_programs_are_less_varied_by_every_measure() -> None:
    few, many = diversity.at_equal_tokens([programs(300, 3), programs(300, 10_000)])
    assert few["tokens"] == many["tokens"]
    for name in ("distinct_1", "distinct_2", "distinct_3", "entropy_2", "entropy_3", "compressed", "unique_trees"):
        assert few[name] < many[name], name
    for name in ("self_bleu", "self_repetition", "repeated_lines"):
        assert few[name] > many[name], name


def test_more_of_the_same_does_not_change_what_is_measured() -> None:
    small, large = diversity.at_equal_tokens([programs(60, 10_000, 1), programs(600, 10_000, 2)])
    for name in ("distinct_1", "distinct_2", "entropy_1", "entropy_2", "compressed", "unique_trees", "self_bleu"):
        assert small[name] == pytest.approx(large[name], rel=0.12, abs=0.02), name
    assert small["tokens"] == large["tokens"]


def test_hand_examples() -> None:
    assert diversity.entropy([1, 1, 1, 1]) == 2
    assert diversity.entropy([5]) == 0
    assert diversity.self_bleu([["a", "b", "c", "d"], ["a", "b", "c", "d"]]) == pytest.approx(1)
    apart = diversity.self_bleu([["a", "b", "c", "d"], ["e", "f", "g", "h"]])
    assert apart is not None
    assert apart == pytest.approx((0.5**4 / (4 * 3 * 2 * 1)) ** 0.25)
    assert diversity.self_bleu([["a", "b", "c", "d"]]) is None
    (found,) = diversity.at_equal_tokens([["import os\nx = len(os.listdir('a'))\n", "x = = 1\n"]])
    assert (found["parses"], found["imports"], found["calls"], found["unique_trees"]) == (0.5, 1, 2, 1.0)
    renamed = diversity.at_equal_tokens([["def f(x):\n    return x + 1\n", "def g(y):\n    return y + 2\n"]])[0]
    assert renamed["unique_trees"] == 0.5
    few, people = diversity.at_equal_tokens([["a = 1\n"] * 2, ["a = 1\n", "b = 2\n"]], reference=1)
    assert (few["coverage"], people["coverage"]) == (3 / 5, 1)
    assert diversity.at_equal_tokens([[], ["x = 1\n"]])[1] == {"texts": 0, "tokens": 0}


@pytest.mark.parametrize("text", ["x = (" * 5000, "x" * 9000, "\0", "def f(:\n", "(" * 7000, "-" * 7000 + "1"])
def test_hostile_text_is_counted_and_not_parsed(text: str) -> None:
    assert diversity.at_equal_tokens([[text, "x = 1\n"]])[0]["texts"] >= 1
    assert diversity.parsed(text) is None
