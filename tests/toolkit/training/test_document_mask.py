"""Texts of a block that are kept apart: each is learnt as if it stood alone."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from tests.toolkit.training.learnt import PROGRAMS, rows, small  # noqa: E402
from toolkit.errors import UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.training import data as packing  # noqa: E402
from toolkit.training.data import Blocks, Learnt  # noqa: E402
from toolkit.training.loop import train  # noqa: E402


def test_places_begin_anew_with_each_text_and_block(model: str) -> None:
    tokenizer = load(Source(model=model, device="cpu")).tokenizer
    texts = [*PROGRAMS, Learnt("x = 12345\n", is_open=True), Learnt("# say\nyes\n", n_read=6), ""]
    blocks = Blocks(texts=texts, tokenizer=tokenizer, length=16, isolated=True)
    found = blocks.take(0, blocks.n_blocks(0))
    tokens, places = found[:, 0].ravel(), found[:, 1].ravel()
    at = 0
    for document in blocks.documents(0):
        whole = document if document[-1:] == [packing.PADDING] else [*document, tokenizer.eos_token_id]
        read = [token if token >= packing.PADDING else -2 - token for token in tokens[at : at + len(whole)].tolist()]
        assert read == [token if token >= packing.PADDING else -2 - token for token in whole]
        assert tokens[at] < 0, "the first token of a text follows another text, and is no target"
        assert list(tokens[at + 1 : at + len(whole)]) == whole[1:], "all others are what they were"
        expected = [min(n, (at + n) % 16) for n in range(len(whole))]
        assert list(places[at : at + len(whole)]) == expected
        at += len(whole)
    assert (tokens[at:] == packing.PADDING).all()
    plain = Blocks(texts=texts, tokenizer=tokenizer, length=16)
    assert plain.take(0, 1).shape == (1, 1, 16)
    assert np.array_equal(np.where(plain.epoch(0) < -1, -2 - plain.epoch(0), plain.epoch(0)), np.where(found[:, 0] < -1, -2 - found[:, 0], found[:, 0]))


def test_a_loss_is_that_of_the_texts_alone(model: str, tmp_path: Path) -> None:
    """One block has all texts: its loss is the mean over the tokens of each text but its first, each read by itself."""
    losses, texts = {}, PROGRAMS[:8]
    data = rows(tmp_path / "few.jsonl", [{"code": text} for text in texts])
    for masked in (True, False):
        told = small(model, data, tmp_path / f"{masked}", steps=1, batch=1, sequence=256, document_mask=masked, eval=(data,))
        outcome = train(told)
        losses[masked] = outcome.losses[0]
        assert outcome.eval[0] == pytest.approx(losses[masked], abs=1e-5), "held-out loss is taken in the same way"
    loaded = load(Source(model=model, device="cpu"))
    total, n = 0.0, 0
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor([[*loaded.tokenizer(text).input_ids, loaded.tokenizer.eos_token_id]])
            logs = torch.log_softmax(loaded.model(input_ids=ids).logits, -1)[0, :-1]
            total -= float(logs.gather(-1, ids[0, 1:, None]).sum())
            n += ids.shape[1] - 1
    assert losses[True] == pytest.approx(total / n, abs=1e-5)
    assert abs(losses[False] - losses[True]) > 1e-4


def test_a_model_that_reads_all_as_one_is_refused(model: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose own code makes its masks does."""
    from transformers import LlamaModel

    plain = LlamaModel.forward

    def forward(self: LlamaModel, *given: object, **more: object) -> object:
        more["attention_mask"] = torch.ones_like(more["input_ids"])  # type: ignore[arg-type]
        return plain(self, *given, **more)

    monkeypatch.setattr(LlamaModel, "forward", forward)
    with pytest.raises(UsageError, match="--document-mask: this model reads the texts of a block as one"):
        train(small(model, data, tmp_path / "out", steps=1, document_mask=True))
    assert not (tmp_path / "out" / "training.json").exists()
