"""Pairs of an expected and an answered value, and what EvalPlus's own rule and ours say of them."""

import random
import warnings
from collections import UserList, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy
from evalplus.eval import is_floats
from evalplus.eval._special_oracle import (
    MBPP_OUTPUT_NOT_NONE_TASKS,
    MBPP_OUTPUT_SET_EQ_TASKS,
    _digit_distance_nums,
    _poly,
    _surface_Area,
)

from sandbox.wire import codec
from tests.toolkit.benchmarks.values import Items, LoudList, MyList, OldItems, Plain, as_type, near, unique, value
from toolkit.benchmarks import humaneval_plus, mbpp_plus
from toolkit.benchmarks.base import Benchmark, Loaded
from toolkit.benchmarks.compare import matches
from toolkit.records import Table, Task

OWN = Benchmark(name="own", load=lambda _: Loaded(tasks={}, data_hash=""))
BENCHMARKS = {"own": OWN, "mbpp": mbpp_plus.BENCHMARK, "humaneval": humaneval_plus.BENCHMARK}
TASK = Task(task_id="Own/0", prompt="", entry_point="f", canonical_solution="", tests=Table())
N_PAIRS = 5_000


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is expected and what a program answered. An iterator in it can be looked at once."""

    expected: Any
    got: Any
    dataset: str = "own"
    entry_point: str = "f"
    inp: tuple[Any, ...] = ()
    atol: float = 0

    @property
    def is_set(self) -> bool:
        return self.dataset == "mbpp" and self.entry_point in MBPP_OUTPUT_SET_EQ_TASKS


def evalplus_says(entry_point: str, dataset: str, inp: Any, expected: Any, got: Any, atol: float) -> bool:
    """Do what `unsafe_execute` does with one answer, by its own helpers; what raises there fails there."""
    if dataset == "mbpp" and entry_point in MBPP_OUTPUT_NOT_NONE_TASKS:
        expected = expected is not None  # so does `trusted_exec`
    try:
        exact = got == expected
        if dataset == "humaneval" and entry_point == "find_zero":
            return bool(abs(_poly(*inp, got)) <= atol)
        if dataset == "mbpp":
            if entry_point == "are_equivalent":
                exact = exact or True
            elif entry_point == "sum_div":
                exact = exact or got == 0
            elif entry_point == "surface_Area":
                exact = exact or abs(got - _surface_Area(*inp)) <= atol
            elif entry_point == "digit_distance_nums":
                exact = exact or got == _digit_distance_nums(*inp)
            elif entry_point in MBPP_OUTPUT_SET_EQ_TASKS:
                exact = set(got) == set(expected)
            elif entry_point in MBPP_OUTPUT_NOT_NONE_TASKS:
                exact = got == expected if isinstance(got, bool) else expected == (got is not None)
        if atol == 0 and is_floats(expected):
            atol = 1e-6
        if exact or atol == 0:
            return bool(exact)
        has_type = type(got) is type(expected)
        has_length = not isinstance(expected, list | tuple) or len(got) == len(expected)
        return has_type and has_length and bool(numpy.allclose(got, expected, rtol=1e-07, atol=atol))
    except Exception:
        return False


def theirs(pair: Pair) -> bool:
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return evalplus_says(pair.entry_point, pair.dataset, pair.inp, pair.expected, pair.got, pair.atol)


def wires(pair: Pair) -> tuple[bytes, bytes]:
    return codec.encode(pair.expected, listed=pair.is_set), codec.encode(pair.got, listed=pair.is_set)


def ours(pair: Pair) -> bool:
    expected = codec.encode(pair.expected, listed=pair.is_set)
    try:
        got = codec.encode(pair.got, listed=pair.is_set)
    except Exception:  # the box says so, and the program has failed
        return False
    return judged(pair, expected, got)


def judged(pair: Pair, expected: bytes, got: bytes) -> bool:
    task = replace(TASK, entry_point=pair.entry_point, tests=Table(atol=pair.atol))
    return matches(BENCHMARKS[pair.dataset], task, pair.inp, expected, got)


def shaped(rng: random.Random) -> Pair:
    """Numbers that are close, in shapes that are not the same, or that numpy makes the same; some have no elements."""
    number = rng.choice((0.0, -0.0, 0.5, 1, -2.5, 3))
    answer = number + rng.choice((0, 0, 1e-9, 5e-7, 5e-5))
    shapes: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (0,), (1, 0), (2, 0), (2, 0, 1))
    kinds = (list, list, list, tuple, numpy.array, deque, UserList, numpy.float64, numpy.float16, int, Fraction)
    expected, got = (filled(rng.choice(shapes), x, rng.choice((list, list, tuple))) for x in (number, answer))
    return Pair(expected=expected, got=as_type(rng.choice(kinds), got), atol=rng.choice((0, 1e-6, 1e-4)))


def filled(shape: tuple[int, ...], number: float, kind: Callable[[Any], Any]) -> Any:
    return kind([filled(shape[1:], number, kind) for _ in range(shape[0])]) if shape else number


def pair(seed: int) -> Pair:
    """The same pair each time, of new objects, of which the two sides share none (a NaN is equal to itself)."""
    return replace(_pair(seed), expected=_pair(seed).expected)


def _pair(seed: int) -> Pair:
    rng = random.Random(seed)
    rule = rng.randrange(22)
    if rule >= 20:
        return shaped(rng)
    if rule < 8:
        expected = value(rng)
        return Pair(expected=expected, got=near(rng, expected))
    if rule < 12:
        expected = value(rng)
        return Pair(expected=expected, got=near(rng, expected), atol=1e-4)
    if rule < 15:
        items = unique(rng) if rng.random() < 0.5 else [rng.randrange(-20, 20) / 4 for _ in range(rng.randrange(5))]
        expected = rng.choice((list, tuple, set, deque))(items)
        more = rng.choices(items, k=rng.randrange(3)) if items else []
        shuffled = rng.sample([*items, *more], len(items) + len(more))
        kinds = (list, tuple, set, frozenset, iter, dict.fromkeys, deque, UserList, MyList, Items, OldItems, numpy.array, LoudList, str)
        got: Any = as_type(rng.choice(kinds), shuffled) if rng.random() < 0.7 else near(rng, expected)
        return Pair(expected=expected, got=got, atol=rng.choice((0, 0, 1e-4)), dataset="mbpp", entry_point=rng.choice(MBPP_OUTPUT_SET_EQ_TASKS))
    atol = rng.choice((0, 1e-4))
    match rng.randrange(6):
        case 0:
            name, inp, expected = rng.choice(MBPP_OUTPUT_NOT_NONE_TASKS), ("a",), rng.choice((None, Plain(), "a"))
            return Pair(expected=expected, got=rng.choice((None, value(rng), True, False)), dataset="mbpp", entry_point=name, inp=inp)
        case 1:
            expected = rng.random() < 0.5
            got = near(rng, not expected)
            return Pair(expected=expected, got=got, dataset="mbpp", entry_point="are_equivalent", inp=(36, 57))
        case 2:
            name, inp, expected, other = "sum_div", (8,), 7, 0
        case 3:
            name, inp, expected, other = "surface_Area", (3, 4), rng.choice((33, 33.0)), 35
        case 4:
            name, inp, expected, other = "digit_distance_nums", (1, 23), 3, 4
        case _:
            zero = rng.choice((1, 2.0, 3, 1.0 + 1e-6, 1.001))
            got = near(rng, zero)
            return Pair(expected=1.0, got=got, dataset="humaneval", entry_point="find_zero", inp=([-6, 11, -6, 1],), atol=1e-4)
    got = rng.choice((expected, other, near(rng, expected), near(rng, other), value(rng)))
    return Pair(expected=expected, got=got, dataset="mbpp", entry_point=name, inp=inp, atol=atol)
