"""SandboxFusion's requests, field by field (its `sandbox/server/*.py` and `sandbox/datasets/types.py`, commit 469de08).

What does not fit is answered 422 with what pydantic says, as FastAPI does. `language` defaults to python, which there has to
be said; the languages that no box here has are no members of the enum.
"""

import json
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from toolkit.service.errors import Failed

MAX_S = 600.0
"""Most seconds that a program may ask for."""
MAX_SHOWN = 200
"""Characters of what was wrong that an answer repeats."""
MOST_FILES = 1000
"""Most files that a program may bring, or that it may be asked for."""
Objects = Annotated[list[dict[str, Any]], Field(fail_fast=True)]
Seconds = Annotated[float, Field(gt=0, le=MAX_S, allow_inf_nan=False)]
T = TypeVar("T", bound=BaseModel)


def _few(value: Any) -> Any:
    """Refuse a collection of too many before each of its items is looked at, and complained of."""
    if isinstance(value, dict | list) and len(value) > MOST_FILES:
        raise PydanticCustomError("too_long", "at most {n} files", {"n": MOST_FILES})
    return value


class Language(StrEnum):
    """Those that boxes here have."""

    PYTHON = "python"


class RunCode(BaseModel):
    """`POST /run_code`. `compile_timeout` counts only in how long the client waits: Python compiles nothing beforehand."""

    code: str
    language: Language = Language.PYTHON
    compile_timeout: Seconds = 10
    run_timeout: Seconds = 10
    memory_limit_MB: int = -1
    stdin: str | None = None
    files: Annotated[dict[str, str | None], BeforeValidator(_few)] = Field(default_factory=dict)
    fetch_files: Annotated[list[str], BeforeValidator(_few)] = Field(default_factory=list)


class Config(BaseModel):
    """`TestConfig`; `extra` and unknown fields are left alone."""

    model_config = ConfigDict(extra="allow")
    dataset_type: str | None = None
    language: Language | None = None
    locale: str | None = None
    is_fewshot: bool | None = None
    compile_timeout: Seconds | None = None
    run_timeout: Seconds | None = None
    custom_extract_logic: str | None = None
    provided_data: Objects | dict[str, Any] | None = None
    extra: dict[str, Any] = {}


class GetPrompts(BaseModel):
    """`POST /get_prompts` and `/list_ids`."""

    dataset: str
    config: Config = Config()
    offset: int = 0
    limit: int = 1_000_000


class GetPromptById(BaseModel):
    """`POST /get_prompt_by_id`."""

    dataset: str
    config: Config = Config()
    id: int | str


class Submit(BaseModel):
    """`POST /submit`."""

    dataset: str
    id: int | str
    completion: str
    config: Config = Config()


class GetMetrics(BaseModel):
    """`POST /get_metrics`; of a result only what is counted is looked at."""

    dataset: str
    config: Config = Config()
    results: Objects = []


def read(shape: type[T], body: Any) -> T:
    """Return a body as what it should be. Raises `Failed` (422)."""
    if body is None:
        raise Failed(422, [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
    try:
        return shape.model_validate(body, from_attributes=True)
    except ValidationError as error:
        said = error.errors(include_url=False)
        found = [{**each, "loc": ["body", *each["loc"]], "input": _short(each["input"])} for each in said]
        raise Failed(422, found) from None


def _short(value: Any) -> Any:
    """Return what was given, as FastAPI repeats it; as text where it is long, or no JSON (NaN)."""
    text = repr(value)
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return text[:MAX_SHOWN]
    return value if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
