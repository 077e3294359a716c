"""Prompts: where they end, and what a model goes on with."""

from typing import Any

import pytest

from tests.toolkit.models.generated import TASKS
from toolkit.models import prompts
from toolkit.records import Task


class Somebody:
    """Only what prompts are made by."""

    def __init__(self, chat: bool, prefills: bool) -> None:
        self.chat, self.prefills, self.about = chat, prefills, dict[str, Any]()


@pytest.mark.parametrize("style", prompts.STYLES)
@pytest.mark.parametrize(("chat", "prefills"), [(True, True), (True, False), (False, True)])
def test_no_text_to_go_on_with_ends_in_white_space(style: str, chat: bool, prefills: bool) -> None:
    """The trailing-newline trap: a prompt that ends with a line end costs most of a model's solutions."""
    mbpp = Task(task_id="Mbpp/2", prompt='"""\nWrite f.\nassert f(1) == 2\n"""\n', entry_point="f", canonical_solution="")
    assert all(task.prompt.endswith("\n") for task in TASKS.values())  # as the data has it
    for tasks in ([*TASKS.values()], [mbpp]):
        asked, stop = prompts.for_tasks(tasks, style, Somebody(chat, prefills))
        for task, prompt in zip(tasks, asked, strict=True):
            assert task.prompt.strip() in prompt.text
            if not prompt.chat:
                assert prompt.text == prompt.text.strip()
            assert prompt.prefill in ("", "```python\n")
            assert bool(prompt.prefill) == (chat and prefills and style in ("0-shot", "1-shot"))
            assert (prompt.field == "raw_response") == (style == "cot" or (chat and not prefills and style != "completion"))
        if style == "completion":
            assert not asked[0].chat
            assert ("\ndef " in stop) == (tasks[0] is not mbpp)  # MBPP's programs begin with imports and functions
        elif asked[0].field == "raw_response":
            assert "\n```" not in stop  # which an answer's first fence would be


def test_what_a_model_goes_on_with_is_a_program_after_the_prompt() -> None:
    """The stripped prompt and the task's own differ by white space that the completion brings."""
    for task in TASKS.values():
        compile(task.prompt + "\n" + task.canonical_solution, "x", "exec")
        compile(task.prompt.strip() + "\n" + task.canonical_solution, "x", "exec")
