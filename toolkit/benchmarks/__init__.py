"""Benchmarks: one file each, one line in `BENCHMARKS`. `toolkit validate` proves one on its canonical solutions."""

from toolkit.benchmarks import humaneval, humaneval_plus, mbpp_plus
from toolkit.benchmarks.base import Benchmark, DataMissing, Loaded, Options

BENCHMARKS: dict[str, Benchmark] = {
    "humaneval": humaneval.BENCHMARK,
    "humaneval+": humaneval_plus.BENCHMARK,
    "mbpp+": mbpp_plus.BENCHMARK,
}

__all__ = ["BENCHMARKS", "Benchmark", "DataMissing", "Loaded", "Options"]
