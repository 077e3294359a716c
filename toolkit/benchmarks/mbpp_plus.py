"""MBPP+ v0.2.0: 378 tasks of MBPP as tables of calls, with EvalPlus's own rules for eleven of them.

The rules are the official ones, weak ones included: Mbpp/295 (`sum_div`) accepts 0, and Mbpp/164 (`are_equivalent`)
either answer (here it must at least be a bool: the official rule accepts None too, so that an empty body passes).

Source: Austin et al., arXiv 2108.07732; Liu et al., arXiv 2305.01210; evalplus/eval/_special_oracle.py (0.3.1).
"""

import math
from collections.abc import Sequence
from typing import Any

from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.evalplus import Source, evalplus_loaders
from toolkit.records import Table, Task

SOURCE = Source(
    module="mbpp", getter="mbpp_plus", stem="MbppPlus", version="v0.2.0", override="MBPP_OVERRIDE_PATH"
)
_NOT_NONE = {"check_str", "text_match_three", "text_starta_endb"}
_SETS = {
    "similar_elements",
    "find_char_long",
    "common_in_nested_lists",
    "extract_singly",
    "larg_nnum",
    "intersection_array",
    "find_dissimilar",
    "Diff",
}


def special(task: Task, arguments: Sequence[Any], expected: Any, got: Any) -> bool | None:
    """Apply a task's official rule, if it has one."""
    name = task.entry_point
    if name in _NOT_NONE:
        return bool((got if isinstance(got, bool) else got is not None) == (expected is not None))
    if name == "are_equivalent":
        return isinstance(got, bool)
    if name == "sum_div":
        is_right = got == 0
    elif name == "surface_Area":
        is_right = got != expected and abs(got - _surface_area(*arguments)) <= task.tests_as(Table).atol
    else:
        is_right = name == "digit_distance_nums" and got == _digit_distance(*arguments)
    return True if is_right else None


def as_json(task: Task, arguments: Sequence[Any]) -> Any:
    """Return arguments as the data file has them: sets and complex numbers by evalplus's own function."""
    with evalplus_loaders("mbpp") as loaders:
        return loaders.mbpp_serialize_inputs(task.task_id, [arguments])[0]


def _surface_area(edge: float, height: float) -> int:
    """Return the surface of a square pyramid; `height` is that of the apex over the base."""
    slant = math.sqrt((edge / 2) ** 2 + height**2)
    return round(edge**2 + 4 * (edge * slant) / 2)


def _digit_distance(one: int, other: int) -> int:
    """Return the sum of the differences of the digits, padding the shorter number with zeros."""
    width = max(len(str(one)), len(str(other)))
    pairs = zip(str(one).zfill(width), str(other).zfill(width), strict=True)
    return sum(abs(int(a) - int(b)) for a, b in pairs)


BENCHMARK = Benchmark(
    name="mbpp+", load=SOURCE.load, n_tasks=378, prefix="Mbpp", data_file=SOURCE.data_file,
    source=SOURCE.clause, override=SOURCE.override, variants=("noextreme",),
    has_plus=True, as_json=as_json, special=special, is_set=lambda task: task.entry_point in _SETS,
)  # fmt: skip
