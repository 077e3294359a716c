"""Benchmarks: one file each, one line in `BENCHMARKS`. `toolkit validate` proves one on its canonical solutions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.registry import Registry
from toolkit.benchmarks import bigcodebench, humaneval, humaneval_plus, livecodebench, mbpp, mbpp_plus, pro
from toolkit.benchmarks.base import Benchmark, DataMissing, Loaded, Options, complaints


def _benchmark(name: str, thing: Any, origin: str) -> Benchmark:
    if type(thing) is not Benchmark:
        raise TypeError(f"a benchmark is a toolkit.benchmarks.Benchmark, not {thing!r}")
    if thing.name != name:
        raise TypeError(f"it calls itself {thing.name!r}")

    def load(options: Options) -> Loaded:
        loaded: Loaded = guarded(lambda: thing.load(options))
        if wrong := complaints(loaded):
            raise DataMissing(f"{whose}: {wrong[0]}")
        return loaded

    def guarded(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except DataMissing:
            raise
        except Exception as error:
            raise DataMissing(f"{whose}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from None

    whose = f"the benchmark {name!r} of {origin} cannot be used"
    return replace(thing, origin=origin, load=load, data_file=lambda: guarded(thing.data_file))


_OWN = (
    humaneval.BENCHMARK, humaneval_plus.BENCHMARK, pro.HUMANEVAL_PRO, livecodebench.BENCHMARK,
    bigcodebench.FULL, bigcodebench.HARD, bigcodebench.LITE_PRO,
    mbpp.BENCHMARK, mbpp_plus.BENCHMARK, pro.MBPP_PRO, mbpp.SANITIZED,
)  # fmt: skip
BENCHMARKS: Registry[Benchmark] = Registry("benchmark", [(each.name, each) for each in _OWN], _benchmark)
"""Every benchmark by its name; `toolkit.testing.check_benchmark` checks that one is what it claims to be."""

__all__ = ["BENCHMARKS", "Benchmark", "DataMissing", "Loaded", "Options"]
