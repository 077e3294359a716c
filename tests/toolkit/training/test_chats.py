"""Rows of messages are learnt as the answers of a chat: in the model's own template, behind a question that is read only."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import inside
from tests.tiny import tiny
from toolkit.errors import UsageError
from toolkit.training.chats import template_of
from toolkit.training.data import Learnt, read

pytest.importorskip("transformers")
TEMPLATE = (
    "{% for m in messages %}<fim_prefix>{{ m['role'] }}\n{{ m['content'] }}<fim_suffix>\n{% endfor %}"
    "{% if messages[-1]['role'] == 'system' %}{{ raise_exception('a question is missing') }}{% endif %}"
    "{% if add_generation_prompt %}<fim_prefix>assistant\n{% endif %}"
)
QUESTION, ANSWER = {"role": "user", "content": "Write f."}, {"role": "assistant", "content": "Here:\n```python\nf = 1\n```"}


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import AutoTokenizer

    folder = tiny(tmp_path_factory.mktemp("chatty"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def written(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_messages_are_learnt_as_the_answer_to_the_templates_prompt(tmp_path: Path, chatty: str) -> None:
    before = "<fim_prefix>user\nWrite f.<fim_suffix>\n"
    longer = [QUESTION, {"role": "assistant", "content": "f?"}, QUESTION, ANSWER]
    rows = written(tmp_path / "x.jsonl", {"messages": [QUESTION, ANSWER]}, {"messages": longer, "weight": 2, "finished": False})
    prompts = [f"{before}<fim_prefix>assistant\n", f"{before}<fim_prefix>assistant\nf?<fim_suffix>\n{before}<fim_prefix>assistant\n"]
    for loss, n_read in ((None, [len(each) for each in prompts]), ("all", [0, 0])):
        texts, _ = read([rows], loss=loss, unfinished="open", template=template_of(chatty))  # type: ignore[arg-type]
        first, second = (text if isinstance(text, Learnt) else Learnt(text) for text in texts)
        assert first == Learnt((prompts[0], ANSWER["content"]), n_read=n_read[0])
        assert second == Learnt((prompts[1], ANSWER["content"]), is_open=True, n_read=n_read[1], weight=2.0)
    trained = inside.toolkit("train", rows, "--model", chatty, "--steps", 1, "--sequence", 64, "--batch", 1, "--device", "cpu",
                             "--eval", rows, "-o", tmp_path / "out", "--json")  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["n_texts"] == 1, "the one that was cut off is left out"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("Write f.", "messages is not a list of objects with role and content as text"),
        ([QUESTION, {"role": "assistant", "content": [{"type": "text"}]}], "messages is not a list of objects"),
        ([QUESTION], "does not end with a question and the answer of the assistant"),
        ([ANSWER], "does not end with a question"),
        ([{"role": "system", "content": "x"}, ANSWER], "refuses the messages: a question is missing"),
        ([QUESTION, {"role": "assistant", "content": 9}], "as text"),
    ],
)
def test_messages_that_cannot_be_learnt_are_said_with_their_line(tmp_path: Path, chatty: str, messages: Any, said: str) -> None:
    rows = written(tmp_path / "x.jsonl", {"messages": [QUESTION, ANSWER]}, {"messages": messages})
    with pytest.raises(UsageError, match=f"x.jsonl:2: .*{said}"):
        read([rows], template=template_of(chatty))


def test_a_model_without_a_template_is_named(tmp_path: Path) -> None:
    plain = tiny(tmp_path / "plain")
    rows = written(tmp_path / "x.jsonl", {"messages": [QUESTION, ANSWER]})
    done = inside.toolkit("train", rows, "--model", plain, "--device", "cpu", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert f"messages want a chat template, and {plain} has none" in done.stderr
    assert not (tmp_path / "out").exists()
