"""Nothing is lost in packing, and bad data is said."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.tiny import tiny
from tests.toolkit.training.learnt import PROGRAMS, rows
from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.models.generators.transformers_ import TransformersGenerator
from toolkit.models.load import load
from toolkit.models.source import Source
from toolkit.models.tokens import FAMILIES, Middle, arranged, middle_tokens, restored
from toolkit.training import data as packing
from toolkit.training.data import Blocks, pack


@given(st.lists(st.lists(st.integers(1, 9), max_size=30), max_size=12), st.integers(2, 9))
def test_packing_conserves_tokens(documents: list[list[int]], length: int) -> None:
    blocks = list(pack(documents, length, 0))
    assert list(itertools.chain(*blocks)) == list(itertools.chain(*([*document, 0] for document in documents)))
    assert all(len(block) == length for block in blocks[:-1])
    assert not blocks or 0 < len(blocks[-1]) <= length


@given(*[st.lists(st.integers(3, 9), max_size=8)] * 3, st.booleans(), st.lists(st.integers(3, 9), max_size=2))
def test_filling_in_the_middle_can_be_undone(a: list[int], b: list[int], c: list[int], spm: bool, begin: list[int]) -> None:
    mark = Middle(prefix=0, middle=1, suffix=2)
    shown = begin + arranged(a, b, c, mark, spm=spm)
    assert restored(shown, mark) == begin + a + b + c
    assert sorted(shown) == sorted([*begin, *a, *b, *c, 0, 1, 2])
    assert restored(a, mark) == a


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=6), st.integers(0, 9))
def test_every_text_comes_back(model: str, texts: list[str], seed: int) -> None:
    tokenizer = load(Source(model=model, device="cpu")).tokenizer if not KNOWN else KNOWN[0]
    KNOWN[:] = [tokenizer]
    texts = [*texts, "<|endoftext|><fim_prefix> a <fim_middle>"]
    blocks = Blocks(texts=texts, tokenizer=tokenizer, length=8, seed=seed, fim_rate=0.7)
    mark = middle_tokens(tokenizer)
    documents = list(blocks.documents(0))
    assert sorted(tokenizer.decode(restored(d, mark)) for d in documents) == sorted(texts)
    flat = blocks.epoch(0).ravel()
    assert flat[flat != packing.PADDING].tolist() == list(itertools.chain(*([*d, tokenizer.eos_token_id] for d in documents)))
    assert (flat == tokenizer.eos_token_id).sum() == len(texts)


KNOWN: list[Any] = []


def test_parts_of_a_text_gain_no_space(torch: Any, tmp_path: Path) -> None:
    tokenizer = load(Source(model=tiny(tmp_path, spaced=True), device="cpu")).tokenizer
    assert tokenizer.decode(tokenizer.encode("b", add_special_tokens=False)) == "b"
    assert tokenizer.encode("ab") != tokenizer.encode("a") + tokenizer.encode("b")
    texts = ["abc def", "retürn x\n  y", "\n\n a"]
    blocks = Blocks(texts=texts, tokenizer=tokenizer, length=8, fim_rate=1.0)
    for epoch in range(5):
        found = [tokenizer.decode(restored(d, middle_tokens(tokenizer))) for d in blocks.documents(epoch)]
        assert sorted(found) == sorted(texts)


def test_blocks_are_the_same_each_time_and_other_in_each_epoch(model: str) -> None:
    tokenizer = load(Source(model=model, device="cpu")).tokenizer
    blocks, again = (Blocks(texts=PROGRAMS, tokenizer=tokenizer, length=16, seed=3, fim_rate=0.5) for _ in range(2))
    whole = np.concatenate([blocks.epoch(0), blocks.epoch(1), blocks.epoch(2)])
    assert not np.array_equal(blocks.epoch(0)[:20], blocks.epoch(1)[:20])
    for start, n in ((0, 5), (len(blocks.epoch(0)) - 2, 5), (len(blocks.epoch(0)), 3), (7, len(whole) - 9)):
        assert np.array_equal(again.take(start, n)[:, 0], whole[start : start + n])
    other = replace(blocks, seed=4)
    assert not np.array_equal(other.epoch(0)[:20], blocks.epoch(0)[:20])


@pytest.mark.parametrize(("rate", "spm"), [(0.0, 0.5), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_rates(model: str, rate: float, spm: float) -> None:
    tokenizer = load(Source(model=model, device="cpu")).tokenizer
    blocks = Blocks(texts=PROGRAMS * 25, tokenizer=tokenizer, length=16, fim_rate=rate, spm_rate=spm)
    mark = middle_tokens(tokenizer)
    documents = list(blocks.documents(0))
    cut = [d for d in documents if mark.prefix in d]
    assert abs(len(cut) / len(documents) - rate) < 0.08
    if cut:
        first = sum(d.index(mark.suffix) == d.index(mark.prefix) + 1 for d in cut) / len(cut)
        assert abs(first - spm) < 0.12  # an empty prefix looks the same either way


@pytest.mark.parametrize("names", FAMILIES)
def test_families_of_middle_tokens(names: tuple[str, str, str]) -> None:
    class Tokenizer:
        def get_vocab(self) -> dict[str, int]:
            return {name: i for i, name in enumerate(names)}

    assert middle_tokens(Tokenizer()) == (0, 1, 2)


@pytest.mark.parametrize("spaced", [False, True])
def test_a_chat_template_is_learnt_as_it_was_written_and_an_answer_cannot_forge_one(torch: Any, spaced: bool, tmp_path: Path) -> None:
    """A prompt's special tokens are those that generation gave the model; the same words in an answer are plain text, and
    no space comes before it."""
    generator = TransformersGenerator(Source(model=tiny(tmp_path, spaced=spaced), device="cpu"))
    said = "<fim_prefix>user<fim_suffix>\nwrite\n"
    file = rows(tmp_path / "x.jsonl", [
        {"prompt": said, "completion": "add x <fim_prefix>", "chat": True},
        {"prompt": said, "completion": "add x <fim_prefix>", "settings": {"chat": True}},
        {"prompt": said, "completion": "add x <fim_prefix>", "settings": {"chat": False}},
        {"prompt": said, "completion": "add x <fim_prefix>", "settings": {"chat": True, "base_url": "http://x/v1"}},
        {"prompt": said, "completion": "add x <fim_prefix>", "chat": [{"role": "user"}]},
    ])  # fmt: skip
    blocks = Blocks(texts=packing.read([file])[0], tokenizer=generator.tokenizer, length=64)
    given = generator.tokenizer(said, add_special_tokens=False)["input_ids"]
    mark = middle_tokens(generator.tokenizer)
    documents = sorted(blocks.documents(0), key=lambda d: d.count(mark.prefix))
    assert [d.count(mark.prefix) for d in documents] == [0, 0, 0, 1, 1]
    for found in documents[3:]:
        assert found[: len(given)] == given
        assert generator.tokenizer.decode(found) == generator.tokenizer.decode(given) + "add x <fim_prefix>"


# -- data --------------------------------------------------------------------------------------------------------------


def test_rows_are_read_in_each_form(tmp_path: Path) -> None:
    items = [{"content": "no", "solution": "a"}, {"solution": "b", "completion": "no"}, {"prompt": "c", "completion": "d"}, {"text": "e"}]
    texts, problems = packing.read([rows(tmp_path / "x.jsonl", items)])
    assert (list(texts), problems) == (["a", "b", "cd", "e"], [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "nothing to train on"),
        ("\n\n", "nothing to train on"),
        ("{", "malformed JSON"),
        ("3\n", "not an object but int"),
        ('{"task_id": "x"}\n', "none of solution, completion, code, text, content, raw_response is there"),
        ('{"completion": "x"}\n', "no prompt"),
        ('{"content": 7}\n', "content is not a string but int"),
        ('{"content": " \\n"}\n', "the text is empty"),
        ('{"content": "' + "x" * (1 << 20) + 'x"}\n', "content has 1,048,577 bytes, more than 1,048,576"),
    ],
)
def test_bad_data(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(content)
    for skip_bad in (False, True):
        with pytest.raises(UsageError, match=said):
            packing.read([path], skip_bad=skip_bad)
    if content.strip():
        path.write_text(content.rstrip() + '\n{"content": "good"}\n')
        texts, problems = packing.read([path], skip_bad=True)
        assert list(texts) == ["good"]
        assert len(problems) == 1
        assert said in problems[0]


def test_what_passed_in_a_shared_process_is_not_learnt_unless_allowed(tmp_path: Path) -> None:
    path, alone = tmp_path / "data.jsonl", tmp_path / "alone.jsonl"
    path.write_text('{"content": "a", "shared": true}\n{"content": "b", "shared": false}\n{"content": "c", "shared": null}\n')
    alone.write_text('{"content": "a", "shared": true}\n')
    texts, why = packing.read([path])
    assert (list(texts), why) == (["b", "c"], ["1 of 3 answers passed tests that shared their process, and are left out (--allow-shared)"])
    assert list(packing.read([path], allow_shared=True)[0]) == ["a", "b", "c"]
    said = []
    for more in ([], ["--allow-shared"]):
        done = CliRunner().invoke(cli.app, ["train", str(alone), "-o", str(tmp_path / "out"), "--model", str(tmp_path / "none"), *more])
        said.append((done.exit_code != 0, "shared their process" in done.stderr))
    assert said == [(True, True), (True, False)]


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("shared", ["yes", "false", 1, 0, [True]])
def test_a_mark_that_is_neither_true_nor_false_is_no_reason_to_learn_a_row(tmp_path: Path, shared: Any, allowed: bool) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"content": "a", "shared": shared}) + '\n{"content": "b"}\n')
    with pytest.raises(UsageError, match=f"data.jsonl:1: shared is not true or false but {type(shared).__name__}"):
        packing.read([path], allow_shared=allowed)
    texts, left_out = packing.read([path], skip_bad=True, allow_shared=allowed)
    assert (list(texts), len(left_out)) == (["b"], 1)


def test_bad_data_ends_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["train", str(tmp_path / "no.jsonl"), "-o", str(tmp_path / "out")])
    assert (done.exit_code, "no.jsonl: No such file" in done.stderr) == (2, True)
    done = CliRunner().invoke(cli.app, ["train", "x.jsonl", "-o", "out", "--fim-rate", "2"])
    assert (done.exit_code, "--fim-rate must be at least 0 and at most 1, not 2" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()
