"""The stop rule: seldom wrong over all looks of a run, whichever half of a rubber stamp happens, and of known power."""

import math
import os

import pytest

from toolkit.analysis import stop

FULL = bool(os.environ.get("TOOLKIT_ALL_SAMPLES"))
RUNS = 1000 if FULL else 30
"""Runs of 20 rounds, each looked at 19 times."""


@pytest.mark.slow
@pytest.mark.parametrize("world", [{}, {"rise": 0.7}, {"fall": 0.95}], ids=["stable", "only acceptance rises", "only the truth falls"])
def test_at_most_one_run_in_20_is_stopped_over_all_its_looks(world: dict[str, float]) -> None:
    found = stop.simulated(runs=RUNS, rise=world.get("rise", 0.0), fall=world.get("fall", 0.0), tasks=60, candidates=64)
    assert found["stopped"] * RUNS <= 0.05 * RUNS + 2 * math.sqrt(0.05 * 0.95 * RUNS), found


def test_a_rubber_stamp_is_stopped_long_before_the_end() -> None:
    found = stop.simulated(runs=20, rise=0.5, fall=0.9)
    assert found["stopped"] == 1.0
    assert found["round"] < 12


def test_a_look_needs_a_smaller_p_value_the_more_looks_cells_and_benchmarks_there_are() -> None:
    rows = [{"regime": "x", "seed": 0, "round": n, "scores": {"a": {}, "b": {}}, "accepted": 10 * n, "candidates": 100, "thresholds": {}}
            for n in (1, 2)]  # fmt: skip
    assert stop.look(rows, [], rounds=20)["level"] == pytest.approx(0.05 / 19 / 2)
    assert stop.look(rows, [], rounds=20, cells=6)["level"] == pytest.approx(0.05 / 19 / 12)
    assert not stop.look(rows, [], rounds=20)["stops"], "without verdicts there is nothing to test"
