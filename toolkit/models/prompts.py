"""Prompt styles: a question with or without an example, with room to think, or a text to continue.

A text to continue never ends in white space: after a newline most tokenizers have no good next token (StarCoder2-3B solves
3 of HumanEval's 164 tasks with it, and 49 without).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.models.generators.base import Generator, Prompt
from toolkit.records import Task

STOP_FUNCTION = ("\nclass ", "\ndef ", "\n@", "\n#", "\nif ", "\nprint", "\nassert ", "\nimport ", "\nfrom ", "\n```")
"""What follows a finished function: HumanEval, whose prompts begin one."""
STOP_PROGRAM = ("\nassert", '\n"""', "\nprint", "\nif ", "\n```")
"""What follows a finished program: MBPP, whose prompts are a docstring."""
_FENCE, _END = "```python\n", ("\n```",)
_TURN = ("\n@@ Instruction",)
# evalplus's words, so that results compare with its public numbers.
_ASK = "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
_THINK = (
    "Think step by step about how to solve the following problem, in a few sentences. Then provide a self-contained Python "
    "script that solves it in a markdown code block:\n"
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
    """A prompt style.

    Attributes:
        ask: returns the question for a problem; None continues the problem's text.
        own: returns the question of a task that has words of its own.
        thinks: whether the answer has prose before the program.
    """

    ask: Callable[[str], str] | None
    own: Callable[[Task], str] = lambda task: task.question
    thinks: bool = False


def _fenced(problem: str) -> str:
    return f"```\n{problem}\n```\n"


def _with_example(task: Task) -> str:
    """Return the task's own question with its first assert, as CodeEval-Pro has it."""
    example = re.search(r"^assert .*", task.tests.text, re.MULTILINE)
    return task.question.removesuffix("\n```") + (f"\n\n{example[0]}" if example else "") + "\n```"


STYLES: dict[str, Style] = {
    "0-shot": Style(ask=lambda problem: _ASK + _fenced(problem)),
    "1-shot": Style(
        ask=lambda problem: f"{_ASK}Problem:\n{_fenced(_EXAMPLE.strip())}\n"
        f"Answer:\n{_FENCE}{_EXAMPLE}{_ANSWER}```\n\nProblem:\n{_fenced(problem)}",
        own=_with_example,
    ),
    "cot": Style(
        ask=lambda problem: _THINK + _fenced(problem),
        own=lambda task: f"{task.question}\nLet's think step by step.",
        thinks=True,
    ),
    "completion": Style(ask=None),
}


def default_style(generator: Generator) -> str:
    """Return the style for a generator when none was chosen."""
    return "0-shot" if generator.chat else "completion"


def for_tasks(
    tasks: Sequence[Task], style: str | None, generator: Generator, *, strip: bool = True, stops: bool = True
) -> tuple[list[Prompt], tuple[str, ...]]:
    """Return a prompt for each task, and the strings that end an answer.

    If a chat's answer can be prefilled, it begins with a fenced block. A model that does not chat is told in plain words
    whose turn it is.

    Args:
        strip, stops: strip texts to continue of white space at their ends, and end what continues them as benchmarks do.

    Raises:
        KeyError: there is no such style.
    """
    chosen = STYLES[style or default_style(generator)]
    if chosen.ask is None:
        are_begun = all(re.search(r"^(async\s+)?def\s", task.prompt, re.MULTILINE) for task in tasks)
        prompts = [Prompt(task_id=task.task_id, text=task.prompt.strip() if strip else task.prompt) for task in tasks]
        return prompts, () if not stops else STOP_FUNCTION if are_begun else STOP_PROGRAM
    is_begun = not chosen.thinks and (generator.prefills or not generator.chat)
    field = "completion" if is_begun else "raw_response"
    prompts = []
    for task in tasks:
        text = chosen.own(task) if task.question else chosen.ask(task.prompt.strip())
        prefill = (f"{_FENCE}{task.prompt.strip()}\n" if task.question else _FENCE) if is_begun else ""
        if not generator.chat:
            text, prefill = f"@@ Instruction\n{text}\n@@ Response\n{prefill}".rstrip(), ""
        prompts.append(Prompt(task_id=task.task_id, text=text, chat=generator.chat, prefill=prefill, field=field))
    return prompts, _END if is_begun else () if generator.chat else _TURN
