"""Values between a test in one box and a program in another: data as trees of scalars, anything else as a handle.

A tree is a scalar, bytes, or a list whose first item says what it is. Reading one runs no code of the sender's: arrays and
frames are built from their parts, and classes are only looked up. Arguments of a test may be pickled, for the test is the
benchmark's own; what a program answers never is.
"""

import collections
import contextlib
import datetime
import decimal
import fractions
import importlib
import pathlib
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 60
OWN = ("solution", "__test__", "__main__")
"""Modules that each box has of its own: the other one neither names nor gets anything of them."""
_SCALARS = frozenset({int, float, str, bool, type(None), bytes, complex})
_FACTORIES: "dict[str, Any]" = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)}
_SEQUENCES: "dict[str, Any]" = {
    kind.__name__: kind for kind in (list, tuple, set, frozenset, collections.deque, bytearray)
}  # fmt: skip
Hold = Callable[[Any], Any]
"""Packs a value that is not data into a tree, or raises; when unpacking, turns such a tree into a value."""


class NoData(Exception):
    """A value cannot be sent to the other box."""


def _numpy() -> Any:
    return sys.modules.get("numpy")


def _pandas() -> Any:
    return sys.modules.get("pandas")


def pack(value: Any, hold: Hold, depth: int = 0) -> Any:
    """Return the tree of a value. Raises `NoData`, or what `hold` raises for a value that is not data."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth > MAX_DEPTH:
        raise NoData("nested too deep")
    depth += 1

    def of(values: Any) -> list[Any]:
        return [pack(item, hold, depth) for item in values]

    if kind.__name__ in _SEQUENCES and _SEQUENCES[kind.__name__] is kind:
        return [kind.__name__, of(value)]
    if kind in (dict, collections.OrderedDict, collections.Counter):
        return [kind.__name__, [of(pair) for pair in value.items()]]
    if kind is collections.defaultdict:
        factory = getattr(value.default_factory, "__name__", "")
        return ["defaultdict", factory if factory in _FACTORIES else "", [of(pair) for pair in value.items()]]
    if kind in (type({}.keys()), type({}.values()), type({}.items())):
        return ["list", of(value)]
    if kind is range:
        return ["range", value.start, value.stop, value.step]
    if kind is slice:
        return ["slice", *of((value.start, value.stop, value.step))]
    found = _of_library(value, kind, of)
    if found is None:
        found = _of_numpy(value, kind, of) or _of_pandas(value, kind, of)
    if found is None and isinstance(value, tuple) and hasattr(kind, "_fields"):
        found = ["namedtuple", kind.__name__, list(kind._fields), of(value)]
    if found is None:
        found = _of_subclass(value, of)
    return hold(value) if found is None else found[0] if len(found) == 1 else found


def _of_subclass(value: Any, of: Callable[[Any], list[Any]]) -> "list[Any] | None":
    """Return the tree of an instance of a builtin's subclass, as its base; a tree of one item is that item alone."""
    scalars: Any = (str, str.__str__), (int, int.__pos__), (float, float.__float__)
    for base, plain in scalars:
        if isinstance(value, base):
            return [plain(value)]
    kinds: Any = list, tuple, set, frozenset
    for kind in kinds:
        if isinstance(value, kind):
            return [kind.__name__, of(kind.__iter__(value))]
    if isinstance(value, dict):
        return ["dict", [of(pair) for pair in dict.items(value)]]
    return None


def _of_library(value: Any, kind: type, of: Callable[[Any], list[Any]]) -> "list[Any] | None":
    if kind is datetime.datetime and (value.tzinfo is None or value.utcoffset() is not None):
        offset = None if value.tzinfo is None else value.utcoffset().total_seconds()
        zone = getattr(value.tzinfo, "zone", None)
        return ["datetime", list(value.timetuple()[:6]), value.microsecond, offset, zone if type(zone) is str else None]
    if kind is datetime.date:
        return ["date", value.toordinal()]
    if kind is datetime.time and value.tzinfo is None:
        return ["time", value.hour, value.minute, value.second, value.microsecond]
    if kind is datetime.timedelta:
        return ["timedelta", value.days, value.seconds, value.microseconds]
    if kind is decimal.Decimal:
        return ["Decimal", str(value)]
    if kind is fractions.Fraction:
        return ["Fraction", value.numerator, value.denominator]
    if kind in (pathlib.PosixPath, pathlib.PurePosixPath):
        return ["Path", str(value)]
    if kind in (type, types.FunctionType, types.BuiltinFunctionType) or isinstance(value, type):
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if type(module) is str and type(name) is str and _looked_up(module, name) is value:
            return ["global", module, name]
    if isinstance(value, types.ModuleType):
        return ["module", value.__name__]
    return None


def _of_numpy(value: Any, kind: type, of: Callable[[Any], list[Any]]) -> "list[Any] | None":
    numpy = _numpy()
    if numpy is None:
        return None
    if kind is numpy.ndarray:
        if value.dtype.kind == "O":
            return ["objects", list(value.shape), of(value.ravel().tolist())]
        if value.dtype.kind in "biufcUSmM":
            return ["ndarray", value.dtype.str, list(value.shape), numpy.ascontiguousarray(value).tobytes()]
    if isinstance(value, numpy.generic) and value.dtype.kind in "biufcUSmM":
        return ["scalar", value.dtype.str, numpy.asarray(value).tobytes()]
    if isinstance(value, numpy.dtype) and value.kind in "biufcUSmMO":
        return ["dtype", value.str]
    return None


def _of_pandas(value: Any, kind: type, of: Callable[[Any], list[Any]]) -> "list[Any] | None":
    pandas = _pandas()
    if pandas is None:
        return None
    if kind is pandas.DataFrame:
        columns = [value.iloc[:, at].array for at in range(value.shape[1])]
        return ["DataFrame", *of((value.index, value.columns)), [_column(each, of) for each in columns]]
    if kind is pandas.Series:
        return ["Series", *of((value.index, value.name)), _column(value.array, of)]
    if kind is pandas.RangeIndex:
        return ["RangeIndex", value.start, value.stop, value.step, *of([value.name])]
    if kind is pandas.MultiIndex:
        return ["MultiIndex", of(value.tolist()), of(value.names)]
    if kind is pandas.DatetimeIndex:
        return ["DatetimeIndex", *of([value.name]), _column(value.array, of), value.freqstr]
    if isinstance(value, pandas.Index):
        return ["Index", *of([value.name]), _column(value.array, of)]
    if kind is pandas.Categorical:
        return _column(value, of)
    if value is pandas.NaT:
        return ["NaT", 0]
    if value is pandas.NA:
        return ["NA", 0]
    if kind is pandas.Timestamp:
        return ["Timestamp", value.value, None if value.tz is None else str(value.tz)]
    if kind is pandas.Timedelta:
        return ["Timedelta", value.value]
    if isinstance(value, pandas.api.extensions.ExtensionDtype):
        return ["pandasdtype", str(value)]
    return None


def _column(array: Any, of: Callable[[Any], list[Any]]) -> list[Any]:
    """Return the tree of a column's values, with their type."""
    pandas = _pandas()
    if isinstance(array, pandas.Categorical):
        return ["categories", *of((list(array), list(array.categories))), bool(array.ordered)]
    dtype = array.dtype
    if isinstance(array, pandas.arrays.PandasArray):
        return of([array.to_numpy()])[0]  # type: ignore[no-any-return]
    return ["column", str(dtype), of(list(array))]


def unpack(tree: Any, held: Hold, depth: int = 0) -> Any:
    """Return the value of a tree. Raises `NoData` for a malformed tree, or whatever a constructor raises."""
    if type(tree) is not list:
        if type(tree) in _SCALARS:
            return tree
        raise NoData("not a tree")
    if depth > MAX_DEPTH or not tree or type(tree[0]) is not str:
        raise NoData("not a tree")
    tag, parts = tree[0], tree[1:]

    def value(item: Any) -> Any:
        return unpack(item, held, depth + 1)

    def values(items: Any) -> list[Any]:
        return [value(item) for item in items]

    if tag in _SEQUENCES:
        return _SEQUENCES[tag](values(parts[0]))
    if tag in ("dict", "OrderedDict", "Counter"):
        pairs = [values(pair) for pair in parts[0]]
        found: Any = dict(pairs)
        return found if tag == "dict" else getattr(collections, tag)(found)
    if tag == "defaultdict":
        return collections.defaultdict(_FACTORIES.get(parts[0]), dict(map(values, parts[1])))
    if tag == "range":
        return range(*parts)
    if tag == "slice":
        return slice(*values(parts))
    if tag == "namedtuple":
        return collections.namedtuple(parts[0], parts[1])(*values(parts[2]))
    make = _MAKERS.get(tag)
    return make(parts, value, values) if make else held(tree)


def _datetime(parts: Any) -> datetime.datetime:
    fields, microsecond, offset, zone = parts
    found = datetime.datetime(*fields).replace(microsecond=microsecond)
    if zone:
        return importlib.import_module("pytz").timezone(zone).localize(found)  # type: ignore[no-any-return]
    return found if offset is None else found.replace(tzinfo=datetime.timezone(datetime.timedelta(seconds=offset)))


def _array(dtype: str, shape: Any, data: bytes) -> Any:
    numpy = _numpy()
    kind = numpy.dtype(dtype)
    if kind.kind not in "biufcUSmM":
        raise NoData("no such array")
    return numpy.frombuffer(data, dtype=kind).reshape(shape).copy()


def _objects(shape: Any, items: list[Any]) -> Any:
    found = _numpy().empty(len(items), dtype=object)
    for at, item in enumerate(items):
        found[at] = item
    return found.reshape(shape)


def _frame(parts: Any, value: Any) -> Any:
    index, columns, arrays = value(parts[0]), value(parts[1]), [value(each) for each in parts[2]]
    found = _pandas().DataFrame(dict(enumerate(arrays)), index=index)
    found.columns = columns
    return found


def _dated(parts: Any, value: Any) -> Any:
    found = _pandas().DatetimeIndex(value(parts[1]), name=value(parts[0]))
    with contextlib.suppress(ValueError):
        found.freq = parts[2]
    return found


def _looked_up(module: str, name: str) -> Any:
    """Return the object that a loaded module has under a name, or None; nothing is imported because a program names it."""
    found: Any = None if module in OWN else sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found


def class_named(module: Any, name: Any) -> Any:
    """Return the class that an installed module defines under a name, or None; a name that it borrows is none."""
    found = _looked_up(module, name) if type(module) is str and type(name) is str else None
    return found if isinstance(found, type) and found.__module__ == module else None


def _module(name: Any) -> Any:
    if name in OWN:
        raise NoData("no such module")
    return sys.modules[name]


def _global(parts: Any) -> Any:
    found = _looked_up(*parts)
    if not isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)):  # unittest.mock.ANY equals all
        raise NoData("no such name")
    return found


_Maker = Callable[[Any, Any, Any], Any]
_MAKERS: "dict[str, _Maker]" = {
    "datetime": lambda p, value, values: _datetime(p),
    "date": lambda p, value, values: datetime.date.fromordinal(*p),
    "time": lambda p, value, values: datetime.time(*p),
    "timedelta": lambda p, value, values: datetime.timedelta(*p),
    "Decimal": lambda p, value, values: decimal.Decimal(*p),
    "Fraction": lambda p, value, values: fractions.Fraction(*p),
    "Path": lambda p, value, values: pathlib.Path(*p),
    "global": lambda p, value, values: _global(p),
    "module": lambda p, value, values: _module(*p),
    "ndarray": lambda p, value, values: _array(*p),
    "scalar": lambda p, value, values: _array(p[0], (), p[1])[()],
    "objects": lambda p, value, values: _objects(p[0], values(p[1])),
    "dtype": lambda p, value, values: _numpy().dtype(p[0]),
    "DataFrame": lambda p, value, values: _frame(p, value),
    "Series": lambda p, value, values: _pandas().Series(value(p[2]), index=value(p[0]), name=value(p[1])),
    "RangeIndex": lambda p, value, values: _pandas().RangeIndex(*p[:3], name=value(p[3])),
    "MultiIndex": lambda p, value, values: _pandas().MultiIndex.from_tuples(values(p[0]), names=values(p[1])),
    "DatetimeIndex": lambda p, value, values: _dated(p, value),
    "Index": lambda p, value, values: _pandas().Index(value(p[1]), name=value(p[0])),
    "categories": lambda p, value, values: _pandas().Categorical(value(p[0]), categories=value(p[1]), ordered=p[2]),
    "column": lambda p, value, values: _pandas().array(values(p[1]), dtype=p[0]),
    "NaT": lambda p, value, values: _pandas().NaT,
    "NA": lambda p, value, values: _pandas().NA,
    "Timestamp": lambda p, value, values: _pandas().Timestamp(p[0], tz=p[1]),
    "Timedelta": lambda p, value, values: _pandas().Timedelta(p[0]),
    "pandasdtype": lambda p, value, values: _pandas().api.types.pandas_dtype(p[0]),
}


def pickled(value: Any) -> list[Any]:
    """Return the tree of a test's argument that is not data: its pickle. Raises `NoData`."""
    try:
        return ["pickle", pickle.dumps(value)]
    except Exception as error:
        raise NoData(f"an argument is a {type(value).__name__}, which only the test's own process has: {error}") from None
