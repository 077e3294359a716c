"""What one box may ask of an object that the other holds, by name."""

import operator
import os
from collections.abc import Callable
from typing import Any


def _set_item(target: Any, key: Any, value: Any) -> None:
    target[key] = value


def _leave(target: Any, text: Any) -> Any:
    error = None if text is None else Exception(text)
    return target.__exit__(type(error) if error else None, error, None)


OF_PROGRAM: "dict[str, Callable[..., Any]]" = {
    "get": getattr, "set": setattr, "len": len, "iter": iter, "next": next, "item": lambda target, key: target[key],
    "put": _set_item, "in": lambda target, item: item in target, "bool": bool, "str": str, "repr": repr, "hash": id,
    "dir": dir,
}  # fmt: skip

OF_TEST: "dict[str, Callable[..., Any]]" = {
    **OF_PROGRAM, "call": lambda target, arguments, named: target(*arguments, **named),
    "enter": lambda target: target.__enter__(), "leave": _leave, "add": operator.add, "path": os.fspath, "int": int,
    "float": float, "lt": operator.lt, "gt": operator.gt, "le": operator.le, "ge": operator.ge,
}  # fmt: skip
