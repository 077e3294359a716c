"""The documented rule of comparison, written down a second time: plainly, on decoded values, without a thought for cost.

What `toolkit/benchmarks/compare.py` calls right has to be right here; what it refuses may be right here where its docstring
says that it is stricter.
"""

from collections import deque
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy

from sandbox.wire import codec
from toolkit.benchmarks import mbpp_plus
from toolkit.benchmarks.base import Benchmark
from toolkit.records import Table, Task

MOST = 1_000_000
"""Elements that are taken out of an answer, at most."""


def is_right(benchmark: Benchmark, task: Task, arguments: Sequence[Any], expected: bytes, got: bytes) -> bool:
    """Say whether the value of `got` is right where that of `expected` is; bytes that are no value are wrong.

    What is not asked for is not read: of a dict its values where answers are sets, and what a container holds where
    anything but None is right.
    """
    if expected == got:
        return True
    try:
        wanted, wire = codec.decode(expected), codec.read(got)
        while type(wire) is tuple and wire[0] == "S" and len(wire[1]) == 1:
            (wire,) = wire[1]
        if task.entry_point in mbpp_plus._NOT_NONE and type(wire) in (list, tuple):
            return wanted is not None
        if benchmark.is_set(task) and type(wire) is tuple and wire[0] in "dI":
            found = [key for key, _ in wire[1]] if wire[0] == "d" else wire[1]
            return set(map(of_wire, found)) == set(wanted)
        value = codec.decode(got)
        scalar = int(value) if type(value) is bool and type(wire) is tuple else value  # numpy's bool is not Python's
        decided = benchmark.special(task, arguments, wanted, scalar if is_scalar(value) else codec.Opaque("other"))
        if decided is not None:
            return bool(decided)
        is_same = set(elements(value)) == set(wanted) if benchmark.is_set(task) else is_equal(wanted, value)
        return is_same or is_close(wanted, value, task.tests_as(Table).atol)
    except (codec.CodecError, ArithmeticError, ValueError, TypeError, RecursionError):
        return False


def of_wire(wire: Any) -> Any:
    return codec.decode(codec._dumps(untagged(wire)).encode())


def untagged(wire: Any) -> Any:
    """Return what JSON has for a value that was read."""
    if type(wire) is list:
        return [untagged(item) for item in wire]
    return {wire[0]: untagged(wire[1])} if type(wire) is tuple else wire


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | str | Number)


def elements(value: Any) -> list[Any]:
    """Return what iterating over an answer gives. Raises TypeError, and ValueError where it is too much."""
    if isinstance(value, numpy.ndarray):
        value = value.tolist()
    if isinstance(value, range) and (value.stop - value.start) // value.step > MOST:
        raise ValueError("too much")
    return list(value)


def is_equal(wanted: Any, value: Any) -> bool:
    """Say whether Python finds them equal; an array equals an array of its shape and kind only."""
    if isinstance(wanted, numpy.ndarray) or isinstance(value, numpy.ndarray):
        both = isinstance(wanted, numpy.ndarray) and isinstance(value, numpy.ndarray)
        return both and wanted.shape == value.shape and kind(wanted) == kind(value) and wanted.tolist() == value.tolist()
    if isinstance(wanted, list | tuple | deque):
        return type(wanted) is type(value) and len(wanted) == len(value) and all(map(is_equal, wanted, value))
    if isinstance(wanted, dict):
        return isinstance(value, dict) and wanted.keys() == value.keys() and all(is_equal(wanted[key], value[key]) for key in wanted)
    return bool(wanted == value)


def kind(array: Any) -> str:
    return {"u": "i"}.get(array.dtype.kind, array.dtype.kind)


def is_close(wanted: Any, value: Any, atol: float) -> bool:
    """Say whether numpy finds them close, where a tolerance holds, and they are of one type and shape."""
    atol = atol or (1e-6 if is_floats(wanted) else 0)
    if not atol or type(wanted) is not type(value) or not (is_numbers(wanted) and is_numbers(value)):
        return False
    if numpy.shape(wanted) != numpy.shape(value):
        return False
    return bool(numpy.allclose(value, wanted, rtol=1e-07, atol=atol))


def is_numbers(value: Any) -> bool:
    """Say whether it is a number, or lists and tuples of numbers: of anything else numpy might make what is far larger."""
    return all(map(is_numbers, value)) if isinstance(value, list | tuple) else isinstance(value, int | float | complex | numpy.ndarray)


def is_floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float) or (isinstance(value, numpy.ndarray) and value.dtype.name in ("float64", "float32"))

