"""Where text comes from: one file a kind, one line in `GENERATORS`."""

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
    """Return the key of `GENERATORS` that a source asks for."""
    if source.base_url:
        return "openai"
    return "replay" if source.model.endswith((".jsonl", ".jsonl.gz")) else "transformers"


def chosen(model: str | None, base_url: str | None = None) -> str:
    """Return the model's name: the one given, else `TOOLKIT_MODEL`, else the default; "" is the endpoint's own choice."""
    return model or os.environ.get("TOOLKIT_MODEL") or ("" if base_url else SMOLLM2)


def resolve(source: Source) -> Generator:
    """Open the generator of a source.

    Raises:
        BadModel, GenerationFailed: it cannot be had.
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
