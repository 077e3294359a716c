"""Judges of adapters that a trainer loads by name or path, and hands no `Judge`."""

import functools
import json
import os
from typing import Any

from toolkit.errors import UsageError
from toolkit.reward.judge import Judge

VARIABLE = "TOOLKIT_REWARD"
"""Arguments of `Judge` as JSON, such as '{"url": "http://host:8080", "partial": 0.5}'."""


def judge_of(**settings: Any) -> Judge:
    """Return the judge of settings; without any, that of `TOOLKIT_REWARD`. Raise `UsageError` if there is none such."""
    if not settings:
        try:
            settings = json.loads(os.environ.get(VARIABLE) or "{}")
        except ValueError as error:
            raise UsageError(f"{VARIABLE} is no JSON: {error}") from None
        if not isinstance(settings, dict):
            raise UsageError(f'{VARIABLE} is a JSON object, such as {{"partial": 0.5}}')
    return _judge(json.dumps(settings, sort_keys=True))


@functools.lru_cache(maxsize=16)
def _judge(settings: str) -> Judge:
    try:
        return Judge(**json.loads(settings))
    except TypeError as error:
        raise UsageError(f"a setting of Judge: {str(error).removeprefix('Judge.__init__() ')}") from None
