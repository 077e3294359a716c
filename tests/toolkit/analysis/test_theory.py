"""The finite theory: equalities in fractions, a bound that is never violated, and checks that can fail."""

from fractions import Fraction

import numpy as np
import pytest

from toolkit.analysis import theory


def table(*rows: tuple[str, ...]) -> np.ndarray:
    return np.array([[Fraction(text) for text in row] for row in rows], dtype=object)


def test_theorem_2_3_is_an_equality_of_fractions() -> None:
    p = table(("1/2", "1/3", "1/6"), ("1/7", "2/7", "4/7"))
    q, mass = theory.gated(p, table(("1/3",) * 3, ("1/9",) * 3))
    assert (q == p).all()
    assert list(mass) == [Fraction(1, 3), Fraction(1, 9)]
    other, _ = theory.gated(p, table(("1/3", "1/3", "1/2"), ("1/9",) * 3))
    assert (other[1] == p[1]).all()
    assert list(other[0]) == [Fraction(6, 13), Fraction(4, 13), Fraction(3, 13)], "by hand"
    assert theory.spread(p, table(("1/3",) * 3, ("0", "1/2", "1"))).tolist() == pytest.approx([0.0, 0.3642157])
    found = theory.theorem_2_3(40)
    assert set(found.values()) == {40}
    with pytest.raises(ValueError, match="prompt 1 accepts nothing"):
        theory.gated(p, table(("1", "1", "1"), ("0", "0", "0")))


def test_theorem_2_6_is_never_violated_and_would_be_by_half_of_it() -> None:
    found = theory.theorem_2_6(400)
    assert (found["violated"], found["sharper_violated"]) == (0, 0)
    assert found["prompts"] > 4000
    assert 0.5 < found["tightest"] <= 1, "a bound of half the size would be violated"
    assert found["sharper_tightest"] > 0.99
    p = np.array([[0.5, 0.5]])
    apart, wide, sharp = theory.human_bound(p, np.array([[1.0, 0.5]]), np.array([[1.0, 1.0]]))
    assert apart.tolist() == pytest.approx([1 / 3])
    assert wide.tolist() == pytest.approx([1.0])
    assert sharp.tolist() == pytest.approx([0.5])


def test_rounds_under_a_constant_gate_change_nothing_and_under_the_truth_leave_only_it() -> None:
    p = np.array([[0.1, 0.2, 0.7]])
    for law in theory.recursion(p, lambda _: np.full((1, 3), 0.3), 5):
        assert law.tolist()[0] == pytest.approx([0.1, 0.2, 0.7])
    assert theory.recursion(p, lambda _: np.array([[1.0, 1.0, 0.0]]), 1)[-1].tolist()[0] == pytest.approx([1 / 3, 2 / 3, 0])
    selfish = theory.recursion(p, lambda now: now / now.max(), 4)[-1]
    assert selfish[0, 2] > 0.999, "what the model likes, it likes more"


def test_proposition_2_1_saturates_with_a_floor_and_diverges_without() -> None:
    found = theory.proposition_2_1()
    for name in ("saturates", "diverges"):
        assert found[name]["holds"], name
        assert found[name]["rises"], name
    assert found["saturates"]["ratios"][-1] == pytest.approx(found["limit"], rel=1e-3)
    assert max(found["saturates"]["ratios"]) <= found["limit"] * (1 + 1e-9)
    assert found["diverges"]["ratios"][-1] > 1e6
    assert found["growth"] == pytest.approx(1 / 0.6, rel=1e-3)


def test_a_phase_plot_has_both_phases_and_its_corners_are_known() -> None:
    found = theory.phase(size=5)
    assert found["confirmed_in"][0][0] == 0, "a gate that likes all alike confirms itself at once"
    assert found["correct"][0][0] == pytest.approx(found["first"], abs=1e-3), "and changes nothing"
    assert found["confirmed_in"][-1][0] == 1, "the truth leaves nothing to refuse after a round"
    assert found["correct"][-1][0] == 1
    assert found["correct"][0][-1] < found["first"], "a model that follows itself confirms what it wrote most, right or wrong"
    assert found["confirmed_in"][0][-1] is not None
    assert any(number is None for row in theory.phase()["confirmed_in"] for number in row)
