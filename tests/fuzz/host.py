"""Fuzz of the comparison on the host."""

import random
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy

from sandbox.wire import codec
from tests.fuzz import plain_rule
from tests.fuzz.cases import Case, Failed, packed, unpacked
from tests.fuzz.hostile import HOSTILE, hashed, mutated, near, rewritten, value
from toolkit.benchmarks import humaneval_plus, mbpp_plus
from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.compare import matches
from toolkit.records import Table, Task


def _task(name: str, atol: float = 0.0) -> Task:
    return Task(task_id=f"Fuzz/{name}", prompt="", entry_point=name, canonical_solution="", tests=Table(atol=atol))


RULES: dict[str, tuple[Benchmark, Task, list[Any]]] = {
    "plain": (mbpp_plus.BENCHMARK, _task("plain"), []),
    "tolerance": (mbpp_plus.BENCHMARK, _task("plain", 1e-6), []),
    "set": (mbpp_plus.BENCHMARK, _task("Diff"), []),
    "not none": (mbpp_plus.BENCHMARK, _task("check_str"), []),
    "any bool": (mbpp_plus.BENCHMARK, _task("are_equivalent"), []),
    "zero": (mbpp_plus.BENCHMARK, _task("sum_div"), [8]),
    "surface": (mbpp_plus.BENCHMARK, _task("surface_Area"), [3, 4]),
    "digits": (mbpp_plus.BENCHMARK, _task("digit_distance_nums"), [1, 23]),
    "polynomial": (humaneval_plus.BENCHMARK, _task("find_zero", 1e-4), [[-6, 11, -6, 1]]),
}
SIZES = (200, 200, 5_000, 5_000, 50_000, 50_000, 1 << 20, 2 << 20)
MOST_S = 0.2
PER_MB_S = 0.1
"""CPU seconds a MB of an answer, where the right one is short, as nearly all are: it is hardly more than read."""
PER_BUILT_MB_S = 1.0
"""The same where values of that size are built too: what two bytes a list cost on a busy machine; a square costs far more."""
SHORT_BYTES = 1 << 16
PER_BYTE = 160
"""Bytes of memory for each byte of both values: a deque has 600 for 18, and a nest of lists 88 for one."""


def bounded(case: Case, what: str, size: int, act: Callable[[], Any], *, is_traced: bool, per_mb_s: float) -> Any:
    """Return what `act` returns, or the CodecError that it raises. Raises `Failed` for all else, and for its cost."""
    if is_traced:
        tracemalloc.start()
    started = time.thread_time()
    try:
        found = act()
    except codec.CodecError as error:
        found = error
    except Exception as error:
        raise Failed(case, f"{what} raised {type(error).__name__}: {str(error)[:200]}") from error
    finally:
        spent = time.thread_time() - started
        peak = tracemalloc.get_traced_memory()[1] if is_traced else 0
        tracemalloc.stop()
    if peak > PER_BYTE * size + (8 << 20):
        raise Failed(case, f"{what} took {peak >> 20} MiB for {size} bytes")
    if not is_traced and spent > MOST_S + per_mb_s * size / (1 << 20):
        raise Failed(case, f"{what} took {spent:.2f} s for {size} bytes")
    return found


def check_host(case: Case, *, is_traced: bool = False) -> bool:
    """Compare once, and decode; return whether the answer was right. Raises `Failed`."""
    benchmark, task, arguments = RULES[case.name]
    expected, got = unpacked(case.expected), unpacked(case.got)
    size = len(expected) + len(got)
    per_mb_s = PER_MB_S if len(expected) < SHORT_BYTES else PER_BUILT_MB_S
    found = bounded(
        case, "matches", size, lambda: matches(benchmark, task, arguments, expected, got), is_traced=is_traced, per_mb_s=per_mb_s
    )
    if type(found) is not bool:
        raise Failed(case, f"matches gave {found!r}")
    if found and not plain_rule.is_right(benchmark, task, arguments, expected, got):
        raise Failed(case, "matches says right, and plain comparison does not")
    bounded(case, "decode", size, lambda: codec.decode(got, max_hashed=1000), is_traced=is_traced, per_mb_s=PER_BUILT_MB_S)
    return found


def host_case(rng: random.Random) -> tuple[Case, bool]:
    """Return a case, and whether its memory is to be measured."""
    name = rng.choice([*RULES, "plain", "plain", "tolerance", "set"])
    if rng.random() < 0.005:
        which, size = rng.choice(list(HOSTILE)), rng.choice(SIZES)
        got = HOSTILE[which](size)
        wide = HOSTILE[rng.choice(["zeros", "lists", "floats", which])](rng.choice([size, size // 4]))
        expected = wide if len(wide) < 4 * PLAIN_BYTES and _is_value(wide) else codec.encode(value(rng))
        got = mutated(rng, got) if rng.random() < 0.3 else got
        is_traced = size < SHORT_BYTES or rng.random() < 0.1  # which takes ten times as long
        return Case(part="host", name=name, expected=packed(expected), got=packed(got), note=f"{which}, {size}"), is_traced
    wanted = value(rng, rng.choice([0, 1, 2, 3, 4]))
    if name in ("set", "plain") and rng.random() < 0.3:
        wanted = list(hashed(rng, 2))
    is_listed = name == "set" and not isinstance(wanted, numpy.ndarray)
    expected = codec.encode(wanted, listed=is_listed)
    got = codec.encode(near(rng, wanted) if rng.random() < 0.5 else wanted, listed=is_listed)
    for _ in range(rng.choice([0, 1, 1, 2])):
        got = rng.choice([mutated, rewritten, rewritten])(rng, got)
    return Case(part="host", name=name, expected=packed(expected), got=packed(got)), False


PLAIN_BYTES = 1 << 19


def _is_value(data: bytes) -> bool:
    try:
        codec.decode(data, max_hashed=1000)
    except codec.CodecError:
        return False
    return True


def run_host(rng: random.Random, seconds: float) -> tuple[int, int]:
    """Check generated comparisons for some seconds; return how many, and how many were right. Raises `Failed`."""
    until, n_cases, n_right = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        case, is_traced = host_case(rng)
        n_right += check_host(case)
        if is_traced:
            check_host(case, is_traced=True)
        n_cases += 1
    return n_cases, n_right
