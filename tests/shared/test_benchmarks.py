"""Benchmarks whose data is published are what they say of themselves."""

from pathlib import Path

import pytest

from tests.shared.test_forgery import DATA
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.testing import check_benchmark


@pytest.mark.parametrize("name", DATA)
def test_a_benchmark_is_what_it_says_of_itself(name: str, shared: Path) -> None:
    check_benchmark(BENCHMARKS[name], Options(data=shared / "data" / DATA[name]))
