"""What a gate judges is what training learns, in the form that it is learnt in."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from toolkit.records import Task
from toolkit.rounds import learnt
from toolkit.rounds.machine import Machine
from toolkit.rounds.pool import Item
from toolkit.rounds.settings import RoundsSettings

TASK = Task(task_id="t", prompt="def f(x):\n", entry_point="f", canonical_solution="    return x\n")
PROSE = Task(task_id="p", prompt="Write f.", entry_point="f", canonical_solution="def f(x):\n    return x\n")
ITEMS = {task.task_id: Item(task=task) for task in (TASK, PROSE)}
TORN = "    return x\n\ndef g(:\n"


def judged(tmp_path: Path, **row: Any) -> str:
    file = tmp_path / "candidates.jsonl"
    row = {"task_id": "t", "chat": False, "prompt": TASK.prompt.strip(), **row}
    field = next(name for name in ("completion", "raw_response", "solution") if name in row)
    file.write_text(json.dumps(row | {"written": row[field]}) + "\n")
    (program,) = learnt.programs(file, ITEMS)
    return program


def test_a_torn_end_is_judged_where_it_is_learnt(tmp_path: Path) -> None:
    """The sanitizer drops `def g(:`, and `compile` passed what it left, while training learnt all of it."""
    assert judged(tmp_path, completion="\n" + TORN) == TASK.prompt.strip() + "\n" + TORN
    asked = {"prompt": "<user>Write f.\n```python\n", "chat": True}
    assert judged(tmp_path, completion="def f(x):\n" + TORN, **asked) == "def f(x):\n" + TORN
    assert judged(tmp_path, raw_response=f"Here:\n```python\ndef f(x):\n{TORN}```\nDone.", **asked) == "def f(x):\n" + TORN
    assert judged(tmp_path, raw_response=f"Here:\n```python\ndef f(x):\n{TORN}", **asked) == "def f(x):\n" + TORN
    assert judged(tmp_path, raw_response="It is:\n\ndef f(x):\n    return x\n", **asked).startswith("def f(x):")
    assert judged(tmp_path, task_id="p", prompt="Write f.", completion="def f(x):\n" + TORN) == "def f(x):\n" + TORN


@pytest.mark.models
def test_what_goes_on_from_a_files_beginning_is_judged_behind_it_whatever_the_file_is(tmp_path: Path) -> None:
    """A file of Python 2 does not parse, and its rest may: it is no question in prose, which the answer alone would solve."""
    pytest.importorskip("transformers")
    model = tiny(tmp_path / "model")
    file = tmp_path / "files.jsonl"
    file.write_text(json.dumps({"content": 'print "x"\n' * 9 + "x = 1\n" * 9}) + "\n")
    asked = RoundsSettings(output=tmp_path / "run", pool=str(file), pool_columns=("prompt=content",), prompt_tokens=90, model=model,
                           pool_min_tokens=20, benchmarks=(), held_out=0.0, device="cpu")  # fmt: skip
    with Machine(asked, lambda *_: None) as machine:
        ((name, item),) = machine.items().items()
    prompt = item.task.prompt
    assert prompt == 'print "x"\n' * 9
    assert item.task.canonical_solution == "x = 1\n" * 9
    row = {"task_id": name, "chat": False, "prompt": prompt, "completion": "y = 2\n", "written": "y = 2\n"}
    (tmp_path / "candidates.jsonl").write_text(json.dumps(row) + "\n")
    assert learnt.programs(tmp_path / "candidates.jsonl", {name: item}) == [prompt + "y = 2\n"]
    (human,) = learnt.of_people([item], None)
    assert (human["prompt"], human["program"]) == (prompt, prompt + "x = 1\n" * 9)


def test_what_was_cut_off_is_not_learnable() -> None:
    for row, expected in (({"accepted": True, "finished": False}, (False, True)), ({"accepted": True}, (True, True)),
                          ({"accepted": False, "finished": True}, (False, False))):  # fmt: skip
        assert (learnt.is_learnable(row, "leave-out"), learnt.is_learnable(row, "open")) == expected


@pytest.mark.models
def test_human_programs_are_in_the_form_of_the_models(tmp_path: Path) -> None:
    """A chat's own template around the prompt, as in generation, and the program as the answer that it begins."""
    torch = pytest.importorskip("torch")
    from transformers import AutoTokenizer

    from toolkit.training.data import read

    assert torch
    model = tiny(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = (
        "{% for m in messages %}<fim_prefix>{{ m['role'] }}\n{{ m['content'] }}<fim_suffix>\n{% endfor %}"
        "{% if add_generation_prompt %}<fim_prefix>assistant\n{% endif %}"
    )
    tokenizer.save_pretrained(model)
    (tmp_path / "pool.jsonl").write_text("".join(
        json.dumps({"id": t.task_id, "prompt": t.prompt, "solution": t.canonical_solution}) + "\n" for t in (TASK, PROSE)
    ))  # fmt: skip
    settings = RoundsSettings(output=tmp_path / "run", pool=str(tmp_path / "pool.jsonl"), model=model, benchmarks=(), held_out=0.0,
                              device="cpu", data="mixed")  # fmt: skip
    with Machine(settings, lambda *_: None) as machine:
        items = list(machine.items().values())
        made = machine.generate(machine.first, [TASK], tmp_path / "c.jsonl", temperature=0.0, max_new_tokens=3, seed=0)
        assert made["sha256"]
        (row,) = (json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines())
        assert row["chat"]
        assert learnt.is_asked(row, machine.items()["t"])
        human = learnt.of_people(items, machine.asked())
        assert (human[0]["prompt"], human[0]["chat"], human[0]["human"]) == (row["prompt"], True, True)
        assert human[0]["completion"] == "def f(x):\n    return x"
        assert human[1]["completion"] == "def f(x):\n    return x", "the prompt is prose: the answer is the program"
        (tmp_path / "t.jsonl").write_text("".join(json.dumps(each) + "\n" for each in human))
        texts, _ = read([tmp_path / "t.jsonl"])
        assert texts[0] == (row["prompt"], "def f(x):\n    return x\n```")
    plain = learnt.of_people(items, None)
    assert (plain[0]["prompt"], plain[0]["completion"], plain[0]["chat"]) == (TASK.prompt, TASK.canonical_solution, False)
