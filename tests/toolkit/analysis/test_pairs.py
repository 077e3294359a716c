"""A base benchmark against its self-invoking one, on cases that are counted by hand."""

import pytest

from toolkit.analysis import pairs

BASE = {n: (1, int(n < 6)) for n in range(8)}
PRO = {n: (1, int(n in (0, 1, 6))) for n in range(9)}


def test_the_matrix_the_ratio_and_mcnemar() -> None:
    found = pairs.contrast(BASE, PRO)
    assert found["n_tasks"] == 8
    assert found["matrix"] == {"both": 2, "base_only": 4, "pro_only": 1, "neither": 1}
    assert (found["base"]["value"], found["pro"]["value"]) == (6 / 8, 3 / 8)
    assert found["ratio"]["value"] == 3 / 6
    assert found["ratio"]["low"] < 0.5 < found["ratio"]["high"]
    assert found["difference"]["value"] == -3 / 8
    assert found["difference"]["low"] < -3 / 8 < found["difference"]["high"]
    assert found["p_value"] == 2 * (1 + 5) / 32  # 4 tasks against 1: at most one of five coins
    with pytest.raises(ValueError, match="share no task"):
        pairs.contrast({0: (1, 1)}, {1: (1, 1)})


def test_with_several_samples_cells_are_expected_numbers_of_tasks() -> None:
    found = pairs.contrast({0: (2, 1)}, {0: (4, 1)})["matrix"]
    assert found == {"both": 1 / 8, "base_only": 3 / 8, "pro_only": 1 / 8, "neither": 3 / 8}


def test_the_bootstrap_draws_tasks_with_both_their_numbers() -> None:
    assert pairs.ratio([(1, 1), (1, 0)]) == {"value": 0.5, "low": 0.0, "high": 1.0}  # 0, 1/2, 1 with 1/4, 1/2, 1/4
    assert pairs.ratio([(1, 1), (0, 0), (0.5, 0.5)]) == {"value": 1.0, "low": None, "high": None}  # 1 in every draw
    assert pairs.ratio([(0, 1)]) is None
    assert pairs.ratio([]) is None
    found = pairs.ratio([(1, 1)] * 60 + [(1, 0)] * 40)
    assert found is not None
    assert found["low"] == pytest.approx(0.6 - 1.96 * 0.049, abs=0.015)
    assert found["high"] == pytest.approx(0.6 + 1.96 * 0.049, abs=0.015)


@pytest.mark.parametrize(
    ("verdict", "detail", "found"),
    [
        ("passed", "", None),
        ("wrong_answer", "after call 0: the test raised AssertionError", "AssertionError"),
        ("wrong_answer", "after call 2: the test raised TypeError", "TypeError"),
        ("wrong_answer", "after call 2: the test raised ZeroDivisionError", "Other"),
        ("wrong_answer", "in call 0: the value is no plain data (A)", "AssertionError"),
        ("runtime_error", "in call 1: NameError: name 'ValueError' is not defined", "NameError"),
        ("runtime_error", "while it was loaded: no halves is defined", "NameError"),
        ("runtime_error", "while it was loaded: IndexError: NameError", "IndexError"),
        ("runtime_error", "in call 0: ValueError", "ValueError"),
        ("runtime_error", "in call 0: UnboundLocalError: x", "Other"),
        ("runtime_error", "in call 0: KeyError: TypeError", "Other"),
        ("runtime_error", "in call 0: the program ended itself (exit code 0)", "Other"),
        ("compile_error", "SyntaxError: invalid syntax", "Other"),
        ("time_limit", "in call 0", "Other"),
        ("memory_limit", "in call 0: MemoryError", "Other"),
    ],
)
def test_error_classes(verdict: str, detail: str, found: str | None) -> None:
    assert pairs.error_class(verdict, detail) == found


def test_a_later_run_against_the_first() -> None:
    found = pairs.delta({0: (1, 0), 1: (1, 0), 2: (1, 1)}, {0: (1, 1), 1: (1, 1), 2: (1, 1), 3: (1, 0)})
    assert (found["n_tasks"], found["difference"]["value"], found["p_value"]) == (3, pytest.approx(2 / 3), 0.5)


def test_the_ladder_is_of_shared_tasks_and_says_whether_models_rank_alike() -> None:
    def of(*passed: int) -> dict[int, tuple[int, int]]:
        return {n: (1, int(n in passed)) for n in range(4)}

    found = pairs.ladder({
        "a": {"base": of(0), "pro": of(0) | {9: (1, 1)}},
        "b": {"base": of(0, 1), "pro": of(0, 1, 2)},
        "c": {"base": of(0, 1, 2), "pro": of(0, 1)},
    })  # fmt: skip
    assert found["n_tasks"] == 4
    assert [row["levels"]["pro"]["value"] for row in found["rows"]] == [0.25, 0.75, 0.5]
    (rank,) = found["agreement"]
    assert (rank["levels"], rank["n_models"]) == ("base and pro", 3)
    assert rank["kendall"] == pytest.approx(1 / 3)  # two of three pairs agree
    assert rank["spearman"] == pytest.approx(1 - 6 * 2 / (3 * 8))
    assert pairs.agreement([1, 1], [1, 2]) == {"kendall": None, "spearman": None}
    with pytest.raises(ValueError, match="no task"):
        pairs.ladder({"a": {"base": {0: (1, 1)}, "pro": {1: (1, 1)}}})


def test_growth_and_overlap() -> None:
    found = pairs.growth([(2, 4), (4, 6)])
    assert found is not None
    assert (found["n"], found["base"], found["pro"], found["ratio"]["value"]) == (2, 3, 5, 10 / 6)
    assert pairs.growth([]) is None
    assert pairs.shared_tokens("a b c d e f g h i j", "a b c d e f g h i z") == pytest.approx(2 / 3)
    assert (pairs.shared_tokens("a b c", "x a b c  # z"), pairs.shared_tokens("a b c", "a b"), pairs.shared_tokens("", "a")) == (1, 0, 0)
    assert pairs.shared_tree([("a", 12), ("b", 20), ("file", 40)], [("a", 12), ("c", 9), ("file", 40)]) == 12 / 32
    assert pairs.shared_tree([("file", 12)], [("file", 12)]) is None
