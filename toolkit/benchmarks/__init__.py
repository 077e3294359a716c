"""Benchmarks: one file each, one line in `BENCHMARKS`. `toolkit validate` proves one on its canonical solutions."""

from toolkit.benchmarks import humaneval, humaneval_plus, livecodebench, mbpp, mbpp_plus, pro
from toolkit.benchmarks.base import Benchmark, DataMissing, Loaded, Options

BENCHMARKS: dict[str, Benchmark] = {
    "humaneval": humaneval.BENCHMARK,
    "humaneval+": humaneval_plus.BENCHMARK,
    "humaneval-pro": pro.HUMANEVAL_PRO,
    "livecodebench": livecodebench.BENCHMARK,
    "mbpp": mbpp.BENCHMARK,
    "mbpp+": mbpp_plus.BENCHMARK,
    "mbpp-pro": pro.MBPP_PRO,
    "mbpp-sanitized": mbpp.SANITIZED,
}

__all__ = ["BENCHMARKS", "Benchmark", "DataMissing", "Loaded", "Options"]
