"""Benchmarks whose data is published are what they say of themselves."""

from pathlib import Path

import pytest

from tests.shared.test_forgery import DATA
from tests.test_one_file import conforms
from toolkit.benchmarks import BENCHMARKS, Options


@pytest.mark.parametrize("name", DATA)
def test_a_benchmark_is_what_it_says_of_itself(name: str, shared: Path) -> None:
    conforms(BENCHMARKS[name], BENCHMARKS[name].load(Options(data=shared / "data" / DATA[name])))
