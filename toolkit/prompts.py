"""How a task is put to a model: as a question with or without an example, with room to think, or as text to go on with.

A text that is to be gone on with never ends in white space: after a line end most tokenizers have no good next token
(StarCoder2-3B solves 3 of HumanEval's 164 tasks with it, and 49 without).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.generators.base import Generator, Prompt
from toolkit.types import Task

STOP = ("\nclass ", "\ndef ", "\n@", "\n#", "\nif ", "\nprint", "\nassert ", "\nimport ", "\nfrom ", "\n```")
"""What follows a function that is done, where a benchmark says nothing of its own."""
_FENCE, _END = "```python\n", ("\n```",)
_TURN = ("\n@@ Instruction",)
_ASK = "Write a self-contained Python program that solves the following problem. Answer with one Python code block.\n\n"
_THINK = (
    "Solve the following problem. First think step by step about how to solve it, in a few sentences. Then write the whole "
    "self-contained Python program in one Python code block.\n\n"
)
_EXAMPLE = '''\
from typing import List


def running_total(numbers: List[int]) -> List[int]:
    """ Return the sums of the first 1, 2, 3... numbers.
    >>> running_total([1, 2, 3])
    [1, 3, 6]
    """
'''
_ANSWER = '''\
    total, totals = 0, []
    for number in numbers:
        total += number
        totals.append(total)
    return totals
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A way to ask.

    Attributes:
        ask: what is said of a task's problem; None leaves it to be gone on with.
        thinks: the answer has prose before the program.
    """

    ask: Callable[[str], str] | None
    thinks: bool = False


def _fenced(problem: str) -> str:
    return f"{_FENCE}{problem}\n```\n"


STYLES: dict[str, Style] = {
    "0-shot": Style(ask=lambda problem: _ASK + _fenced(problem)),
    "1-shot": Style(
        ask=lambda problem: f"{_ASK}Problem:\n{_fenced(_EXAMPLE.strip())}\n"
        f"Answer:\n{_fenced((_EXAMPLE + _ANSWER).strip())}\nProblem:\n{_fenced(problem)}"
    ),
    "cot": Style(ask=lambda problem: _THINK + _fenced(problem), thinks=True),
    "completion": Style(ask=None),
}


def for_tasks(
    tasks: Sequence[Task], style: str | None, generator: Generator, stop: Sequence[str] = STOP
) -> tuple[list[Prompt], tuple[str, ...]]:
    """Return a prompt for each task, and the strings that end an answer.

    Where a chat's answer can be begun for the model, it begins as a fenced block. A model that does not chat is told whose
    turn it is in plain words.

    Args:
        tasks: what is asked.
        style: one of `STYLES`; None is `0-shot` in a chat, else `completion`.
        generator: whom is asked.
        stop: what ends a plain completion.

    Raises:
        KeyError: there is no such style.
    """
    chosen = STYLES[style or ("0-shot" if generator.chat else "completion")]
    if chosen.ask is None:
        return [Prompt(task_id=task.task_id, text=task.prompt.strip()) for task in tasks], tuple(stop)
    begun = not chosen.thinks and (generator.prefills or not generator.chat)
    field = "completion" if begun else "raw_response"
    prompts = []
    for task in tasks:
        text, prefill = chosen.ask(task.prompt.strip()), _FENCE if begun else ""
        if not generator.chat:
            text, prefill = f"@@ Instruction\n{text}\n@@ Response\n{prefill}".rstrip(), ""
        prompts.append(Prompt(task_id=task.task_id, text=text, chat=generator.chat, prefill=prefill, field=field))
    return prompts, _END if begun else () if generator.chat else _TURN
