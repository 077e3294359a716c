"""Pydantic models whose errors are `UsageError`s with one line a field.

Importing pydantic takes time, so import this module, and those that define settings, only when a command runs.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from toolkit.errors import UsageError, nearest

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
FromText = BeforeValidator(lambda given: _parts(given) if isinstance(given, str) else given)
"""Accept a list as comma-separated text too, as flags give it."""
Flag = Annotated[bool, BeforeValidator(lambda given: given == "" or given)]
"""A truth value; a flag without a value is true."""


class Settings(BaseModel):
    """Base of the settings of a command. Raises `UsageError` for names and values that are not allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def label(cls, name: str) -> str:
        """Return the name by which messages call a setting."""
        return name

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            told = handler(values)
        except ValidationError as error:
            raise UsageError("\n".join(_line(cls, each) for each in error.errors())) from None
        if wrong := told.wrong():
            raise UsageError("\n".join(wrong))
        return told

    def wrong(self) -> list[str]:
        """Return complaints about settings that do not go together, one line each."""
        return []

    def useless(self, names: Iterable[str], why: str) -> list[str]:
        """Return a complaint about each named setting that was set to something other than its default."""
        fields = type(self).model_fields
        told = [name for name in names if name in self.model_fields_set and getattr(self, name) != fields[name].default]
        return [f"{self.label(name)} has no effect {why}" for name in told]

    def plain(self) -> dict[str, Any]:
        """Return all settings as plain data."""
        return self.model_dump(mode="json")


def check_once(values: Sequence[Any]) -> None:
    """Raise ValueError if a value is named twice."""
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{twice[0]!r} is named twice")


def check_known(names: Iterable[str], registry: Mapping[str, Any]) -> None:
    """Raise ValueError unless a registry has all names; the text has what there is, and the nearest."""
    for name in names:
        try:
            registry[name]
        except KeyError as error:
            raise ValueError(str(error)) from None


def described(cls: type[Settings], name: str) -> str:
    """Return a setting's help: its description, and its default unless the description has it."""
    field = cls.model_fields[name]
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    is_said = field.is_required() or default in (None, "", False) or "[default" in str(field.description)
    return str(field.description) + ("" if is_said else f" [default: {default}]")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _line(cls: type[Settings], error: Any) -> str:
    """Return one line about a wrong setting: its name, what is allowed, what was given, and the nearest right value."""
    said = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if not error["loc"]:
        return str(said)
    name, label = str(error["loc"][0]), cls.label(str(error["loc"][0]))
    if error["type"] == "extra_forbidden":
        return f"no setting is called {name!r}; there are {', '.join(cls.model_fields)}{nearest(name, cls.model_fields)}"
    if error["type"] in ("missing", "value_error"):
        return f"{label}: {said}"
    field = cls.model_fields[name]
    limits = [(word, getattr(each, at)) for each in field.metadata for at, word in _BOUNDS.items() if hasattr(each, at)]
    if limits:
        kind = ["a whole number"] * ("int" in error["type"]) or ["a number"] * ("float" in error["type"])
        said = f"must be {' and '.join(kind + [f'{word} {limit}' for word, limit in limits])}"
    choices = re.findall("'([^']+)'", error.get("ctx", {}).get("expected", ""))
    return f"{label} {said}, not {error['input']!s}{nearest(str(error['input']), choices)}"
