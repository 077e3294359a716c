"""What trainers hand over, in this package's forms: answers as text, ground truths as tests."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.errors import InfrastructureError

KINDS = ("asserts", "inputs", "stdin")
"""Kinds of tests that a row may bring (docs/rl.md)."""


class NotJudged(InfrastructureError):
    """A text has no reward, through no fault of its own; for trainers that know no other way to say so."""


def answer_of(query: str, prompt: str) -> str:
    """Return what a model wrote after its prompt, without the special token that ended it."""
    text = query.removeprefix(prompt)
    for end in ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>", "<eos>", "<end_of_turn>"):
        text = text.removesuffix("\n").removesuffix(end)
    return text


def text_of(completion: Any) -> str:
    """Return a completion as text: it is text, or a list of messages, of which the last one of the assistant counts."""
    if isinstance(completion, str):
        return completion
    messages = [each for each in completion if each.get("role", "assistant") == "assistant"]
    content = messages[-1].get("content") if messages else ""
    if isinstance(content, Sequence) and not isinstance(content, str):  # parts, of which those with text count
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content or "")


def as_tests(truth: Any) -> dict[str, Any]:
    """Return a row's ground truth as tests. It is a mapping, or JSON of one.

    Understood: tests as they are (`kind`); `{"inputs", "outputs"}` of standard input and output, or with `fn_name` of calls
    (verl, PRIME, APPS, TACO); `{"assert_case": [text]}` (verl); `{"test_cases": [{"input", "output", "fn_name"?}]}`
    (open-r1's `verification_info`); a list of asserts.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(truth, str):
        try:
            truth = json.loads(truth)
        except (ValueError, RecursionError):
            raise ValueError(f"a ground truth is JSON, not {truth[:60]!r}") from None
    if isinstance(truth, list) and truth and all(isinstance(each, str) for each in truth):
        return {"kind": "asserts", "asserts": truth}
    if not isinstance(truth, Mapping):
        raise ValueError(f"a ground truth is a mapping, not {type(truth).__name__}")
    if truth.get("kind") in KINDS:
        return dict(truth)
    if isinstance(truth.get("assert_case"), list):
        return {"kind": "asserts", "asserts": list(truth["assert_case"])}
    if isinstance(truth.get("test_cases"), list):
        cases = truth["test_cases"]
        name = next((case["fn_name"] for case in cases if case.get("fn_name")), None)
        truth = {
            "inputs": [case["input"] for case in cases], "outputs": [case["output"] for case in cases], "fn_name": name
        }  # fmt: skip
    if not (isinstance(truth.get("inputs"), list) and isinstance(truth.get("outputs"), list)):
        raise ValueError("a ground truth has inputs and outputs, assert_case, test_cases, or a kind; " + _has(truth))
    if len(truth["inputs"]) != len(truth["outputs"]) or not truth["inputs"]:
        raise ValueError(f"a ground truth has {len(truth['inputs'])} inputs and {len(truth['outputs'])} outputs")
    if truth.get("fn_name"):
        return {
            "kind": "inputs", "entry_point": truth["fn_name"], "inputs": [_arguments(each) for each in truth["inputs"]],
            "outputs": [_value(each) for each in truth["outputs"]],
        }  # fmt: skip
    return {"kind": "stdin", "inputs": list(map(_lines, truth["inputs"])), "outputs": list(map(_lines, truth["outputs"]))}


def _has(truth: Mapping[str, Any]) -> str:
    return f"this one has {', '.join(map(str, truth)) or 'nothing'}"


def _arguments(given: Any) -> list[Any]:
    """Return the arguments of a call: a list, or JSON of one argument a line."""
    if isinstance(given, str):
        try:
            return [json.loads(line) for line in given.split("\n") if line.strip()]
        except ValueError:
            return [given]
    return list(given) if isinstance(given, list) else [given]


def _value(given: Any) -> Any:
    if isinstance(given, str):
        try:
            return json.loads(given)
        except ValueError:
            return given
    return given


def _lines(given: Any) -> str:
    """Return standard input or output: text, or a list of its lines. Nothing at all says nothing about right or wrong."""
    if given is None:
        raise ValueError("a ground truth has no null among its inputs and outputs")
    return "\n".join(map(str, given)) if isinstance(given, list) else str(given)
