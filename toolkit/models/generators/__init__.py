"""Generators of text. A new kind is one file, and one line in `GENERATORS`."""

import os

from toolkit.models.generators.base import Generation, Generator, Prompt, Sampling
from toolkit.models.generators.openai_ import OpenAIGenerator
from toolkit.models.generators.replay import ReplayGenerator
from toolkit.models.generators.transformers_ import TransformersGenerator
from toolkit.models.load import SMOLLM2
from toolkit.models.source import BadModel, GenerationFailed, Source

GENERATORS: dict[str, type[Generator]] = {
    "openai": OpenAIGenerator,
    "replay": ReplayGenerator,
    "transformers": TransformersGenerator,
}


def kind_of(source: Source) -> str:
    """Return the key in `GENERATORS` for a source."""
    if source.base_url:
        return "openai"
    return "replay" if source.model.endswith((".jsonl", ".jsonl.gz")) else "transformers"


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
    "chosen",
    "kind_of",
    "resolve",
]
