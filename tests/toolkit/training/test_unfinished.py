"""An answer that was cut off at the token limit is never taught as finished, unless that is asked for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from toolkit.errors import UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.training.data import PADDING, Blocks, Learnt, read  # noqa: E402
from toolkit.training.loop import PAPER, TrainSettings, train  # noqa: E402

CHAT = {"prompt": "<user>\n```python\n", "chat": True}
ROWS = [
    {**CHAT, "completion": "x = 1", "finished": True},
    {**CHAT, "completion": "y = 2 +", "finished": False},
    {"content": "z = 3\n"},
    {"prompt": "def f():\n", "completion": "    return", "finished": False},
]


def written(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_that_were_cut_off_are_left_out_and_counted(tmp_path: Path) -> None:
    texts, why = read([written(tmp_path / "x.jsonl", ROWS)])
    assert list(texts) == [(CHAT["prompt"], "x = 1\n```"), "z = 3\n"]
    assert why == ["2 of 4 answers were cut off at the token limit, and are left out"]
    texts, why = read([tmp_path / "x.jsonl"], unfinished="open")
    assert [isinstance(text, Learnt) for text in texts] == [False, True, False, True]
    assert (texts[1], texts[3], why) == (Learnt((str(CHAT["prompt"]), "y = 2 +"), is_open=True), Learnt("def f():\n    return", is_open=True), [])
    texts, _ = read([tmp_path / "x.jsonl"], unfinished="closed")
    assert texts[1] == (CHAT["prompt"], "y = 2 +\n```")
    with pytest.raises(UsageError, match="all 2 answers were cut off at the token limit"):
        read([written(tmp_path / "cut.jsonl", [row for row in ROWS if row.get("finished") is False])])
    with pytest.raises(UsageError, match="finished is not true or false but int"):
        read([written(tmp_path / "bad.jsonl", [{"content": "x", "finished": 1}])])


def test_what_follows_an_open_text_is_no_target(tmp_path: Path) -> None:
    """Every token of every text is there; an end of text follows the finished ones alone."""
    tokenizer = load(Source(model=tiny(tmp_path / "model"), device="cpu")).tokenizer
    texts, _ = read([written(tmp_path / "x.jsonl", ROWS)], unfinished="open")
    blocks = Blocks(texts=texts, tokenizer=tokenizer, length=200)
    (row,) = blocks.epoch(0).tolist()
    while row[-1] == PADDING:
        row.pop()
    end = tokenizer.eos_token_id
    assert row.count(end) == 2
    parts = "".join("E" if token == end else "O" if token == PADDING else tokenizer.decode([token]) for token in row)
    for text, mark in (("x = 1\n```", "E"), ("z = 3\n", "E"), ("y = 2 +", "O"), ("    return", "O")):
        assert text + mark in parts or (mark == "O" and parts.endswith(text)), "the last one's mark is padding"
    cut = Blocks(texts=texts, tokenizer=tokenizer, length=200, fim_rate=1.0)
    assert sum(d[-1] == PADDING for d in cut.documents(0)) == 2


def test_a_model_is_not_taught_to_stop_where_answers_were_cut_off(tmp_path: Path) -> None:
    """The same text, learnt as open and as closed: the chance of an end of text behind it rises only in the latter."""
    model = tiny(tmp_path / "model")
    file = written(tmp_path / "x.jsonl", [{"prompt": "a = ", "completion": "b + ", "finished": False}] * 4)
    chance = {}
    for how in ("open", "closed"):
        told = TrainSettings(data=(file,), output=tmp_path / how, model=model, steps=60, batch=2, sequence=32, lr=1e-2, full=True,
                             device="cpu", unfinished=how, checkpoint_every=0)  # type: ignore[arg-type]  # fmt: skip
        outcome = train(told)
        assert not list(outcome.folder.glob("checkpoint*"))
        assert json.loads((outcome.folder / "training.json").read_text())["finished"] == (0.0 if how == "open" else 1.0)
        loaded = load(Source(model=str(outcome.weights), device="cpu"))
        with torch.no_grad():
            logits = loaded.model(torch.tensor([loaded.tokenizer.encode("a = b + ")])).logits[0, -1]
        chance[how] = float(logits.softmax(-1)[loaded.tokenizer.eos_token_id])
    assert chance["closed"] > 0.5
    assert chance["open"] < 0.05


def test_the_paper_joins_all_texts_by_ends() -> None:
    assert PAPER["unfinished"] == "closed"
