"""Conformance suites: what every gate, benchmark, engine and generator promises, to be called from any test suite.

    from toolkit.testing import check_gate

    def test_gate():
        check_gate(Short(lines=3), accepts=["x = 1\\n"], refuses=["x = 1\\n" * 9])

Each suite is also a mapping from names to checks (`GATE`, `BENCHMARK`, `ENGINE`, `GENERATOR`), for a test runner that shows
them one by one. Our own gates, benchmarks, engines and generators pass the same suites. No test runner is imported.
"""

from toolkit.testing.benchmark import BENCHMARK, check_benchmark
from toolkit.testing.engine import ENGINE, check_engine
from toolkit.testing.gate import GATE, check_gate
from toolkit.testing.generator import GENERATOR, check_generator
from toolkit.testing.suite import Nonconforming, Suite

__all__ = [
    "BENCHMARK",
    "ENGINE",
    "GATE",
    "GENERATOR",
    "Nonconforming",
    "Suite",
    "check_benchmark",
    "check_engine",
    "check_gate",
    "check_generator",
]
