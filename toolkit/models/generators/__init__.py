"""Generators of text. A new kind is one file, and one line in `GENERATORS`."""

import os
from typing import Any

from sandbox.registry import Registry
from toolkit.models.generators.base import Generation, Generator, Prompt, Sampling, Tick
from toolkit.models.generators.openai_ import OpenAIGenerator
from toolkit.models.generators.replay import ReplayGenerator
from toolkit.models.generators.transformers_ import TransformersGenerator
from toolkit.models.load import SMOLLM2
from toolkit.models.source import BadModel, GenerationFailed, Source


def _generator(_name: str, thing: Any, _origin: str) -> type[Generator]:
    lacks = [each for each in ("takes", "generate", "close") if not callable(getattr(thing, each, None))]
    if not isinstance(thing, type) or lacks:
        raise TypeError(f"a generator is a class with takes, generate and close; {thing!r} has no {' and no '.join(lacks)}")
    return thing


GENERATORS: Registry[type[Generator]] = Registry(
    "generator",
    [("openai", OpenAIGenerator), ("replay", ReplayGenerator), ("transformers", TransformersGenerator)],
    _generator,
)
"""Every generator by its name; `toolkit.testing.check_generator` says whether one keeps to what all promise."""


def kind_of(source: Source) -> str:
    """Return the name of the generator for a source: the one that it names, else the first that takes it.

    Ours are asked first, so what is installed beside them changes nothing that they take. What nobody takes goes to
    `transformers`, which says what is wrong with it.

    Raises:
        BadModel: no generator is called so.
    """
    if source.generator is not None:
        try:
            GENERATORS[source.generator]
        except KeyError as error:
            raise BadModel(f"--generator: {error}") from None
        return source.generator
    own = (name for name in GENERATORS if name not in GENERATORS.origins and GENERATORS[name].takes(source))
    return next(own, "") or next((name for name, it in GENERATORS.items() if it.takes(source)), "transformers")


def chosen(model: str | None, base_url: str | None = None) -> str:
    """Return the given model's name, else `TOOLKIT_MODEL`, else the default; "" lets an endpoint choose."""
    return model or os.environ.get("TOOLKIT_MODEL") or ("" if base_url else SMOLLM2)


def resolve(source: Source) -> Generator:
    """Open the generator for a source.

    Raises:
        BadModel, GenerationFailed: the model cannot be opened.
    """
    return GENERATORS[kind_of(source)](source)


__all__ = [
    "GENERATORS",
    "BadModel",
    "Generation",
    "GenerationFailed",
    "Generator",
    "Prompt",
    "Sampling",
    "Source",
    "Tick",
    "chosen",
    "kind_of",
    "resolve",
]
