"""Conversations: rows of `messages`, as many trainers read them, in the words of the model's own chat template."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from toolkit.models.source import Source

Template = Callable[[Sequence[Mapping[str, str]]], str]
"""Writes messages as the model is given them, up to where it answers. Raises ValueError for those that it refuses."""


def template_of(model: str, revision: str | None = None) -> Template:
    """Return the template of a model, whose tokenizer is loaded when it is first needed."""

    @cache
    def tokenizer() -> Any:
        from toolkit.models import load

        return load.tokenizer(Source(model=model, revision=revision))

    def written(messages: Sequence[Mapping[str, str]]) -> str:
        if not getattr(tokenizer(), "chat_template", None):
            raise ValueError(f"messages want a chat template, and {model} has none")
        try:
            return str(tokenizer().apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # whatever a template of Jinja raises
            raise ValueError(f"the chat template of {model} refuses the messages: {error}") from None

    return written


def opened(row: Mapping[str, Any], template: Template) -> dict[str, Any]:
    """Return a row of `messages` as one with a `prompt` and an answer: the last message, which is the model's.

    Raises:
        ValueError: these are no messages that end with an answer, or the template refuses them.
    """
    messages = row["messages"]
    texts = ("role", "content")
    if not isinstance(messages, list) or not all(
        isinstance(one, dict) and all(isinstance(one.get(name), str) for name in texts) for one in messages
    ):
        raise ValueError("messages is not a list of objects with role and content as text")
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise ValueError("messages does not end with a question and the answer of the assistant")
    about = {"chat": True, "settings": {}}
    return {**row, **about, "prompt": template(messages[:-1]), "raw_response": messages[-1]["content"]}
