"""The loop: what it minimises, counts and writes."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from tests.toolkit.training.learnt import PROGRAMS, changed, small  # noqa: E402
from toolkit.errors import UsageError  # noqa: E402
from toolkit.models import load as loading  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.training import data as packing  # noqa: E402
from toolkit.training.data import Blocks  # noqa: E402
from toolkit.training.loop import PAPER, TrainSettings, train  # noqa: E402


@pytest.mark.parametrize("full", [False, True])
def test_the_loss_falls(model: str, data: Path, tmp_path: Path, full: bool) -> None:
    seen: list[tuple[int, int]] = []
    n = 60 if full else 150
    told = small(model, data, tmp_path / "out", full=full, steps=n, lr=1e-2, gradient_checkpointing=full)
    outcome = train(told, lambda _, done, total: seen.append((done, total)))
    assert (len(outcome.losses), seen[-1]) == (n, (n, n))
    assert np.mean(outcome.losses[-5:]) < (0.5 if full else 0.95) * outcome.losses[0]
    row = json.loads((outcome.folder / "training.json").read_text())
    assert (row["losses"], row["tokens"], row["n_texts"]) == (list(outcome.losses), outcome.tokens, 40)
    assert not (outcome.folder / "checkpoint.pt").exists()
    after = load(Source(model=str(outcome.weights) if full else model, device="cpu",
                               adapter=None if full else str(outcome.weights)))  # fmt: skip
    ids = torch.tensor([after.tokenizer.encode(PROGRAMS[7])])
    with torch.no_grad():
        before = load(Source(model=model, device="cpu")).model(input_ids=ids, labels=ids).loss
        assert after.model(input_ids=ids, labels=ids).loss < before - (2 if full else 0.3)


def test_the_first_loss_is_the_mean_over_tokens(model: str, data: Path, tmp_path: Path) -> None:
    outcomes = [
        train(small(model, data, tmp_path / str(n), steps=3, micro_batch=n, batch=6, sequence=50)) for n in (1, 4, 6)
    ]
    loaded = load(Source(model=model, device="cpu"))
    block = Blocks(texts=PROGRAMS, tokenizer=loaded.tokenizer, length=50).take(0, 6)[:, 0]
    ids = torch.from_numpy(block).long()
    with torch.no_grad():
        logs = torch.log_softmax(loaded.model(input_ids=ids.clamp(min=0)).logits, -1)[:, :-1]
    known = ids[:, 1:] != packing.PADDING
    by_hand = -logs.gather(-1, ids[:, 1:, None].clamp(min=0))[..., 0][known].mean()
    for outcome in outcomes:
        assert outcome.losses[0] == pytest.approx(float(by_hand), abs=1e-5)
        assert outcome.losses == pytest.approx(outcomes[0].losses, abs=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_sixteen_bits_are_for_the_arithmetic(model: str, data: Path, tmp_path: Path, full: bool) -> None:
    first = train(small(model, data, tmp_path / "out", dtype="bfloat16", full=full, gradient_checkpointing=True))
    assert first.losses[0] == pytest.approx(train(small(model, data, tmp_path / "32", full=full)).losses[0], abs=0.05)
    for file in first.weights.glob("*.safetensors"):
        assert b"BF16" not in file.read_bytes()[:8192]
    if not full:
        again = train(small(model, data, tmp_path / "2", dtype="bfloat16", adapter=str(first.weights)))
        assert all(b"BF16" not in file.read_bytes()[:8192] for file in again.weights.glob("*.safetensors"))


def test_an_epoch_sees_every_token_once(model: str, data: Path, tmp_path: Path) -> None:
    outcome = train(small(model, data, tmp_path / "out", steps=None, epochs=1, batch=1, sequence=16))
    tokenizer = load(Source(model=model, device="cpu")).tokenizer
    blocks = Blocks(texts=PROGRAMS, tokenizer=tokenizer, length=16)
    n_tokens = sum(len(tokenizer.encode(text)) + 1 for text in PROGRAMS)
    assert outcome.tokens == n_tokens - blocks.n_blocks(0)
    assert len(outcome.losses) == blocks.n_blocks(0)


def test_learning_rate() -> None:
    told = TrainSettings(data=(), output=Path("x"), warmup=4, lr=1.0)
    rates = [told.rate(step, 12) for step in range(12)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[8] == pytest.approx(0.5)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 0.05
    assert changed(told, lr=None).rate(4, 12) == 2e-4
    assert changed(told, lr=None, full=True, warmup=0).rate(0, 12) == 5e-5
    paper = TrainSettings(data=(), output=Path("x"), **PAPER)
    assert (paper.batch, paper.sequence, paper.rate(499, 3000), paper.weight_decay) == (64, 2048, 5e-5, 0.05)


def test_the_loop_is_short() -> None:
    assert len((Path(packing.__file__).parent / "loop.py").read_text().splitlines()) <= 150


def test_two_processes_may_convert_a_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"weights")
    folder = tmp_path / "models" / hashlib.sha256(b"weights").hexdigest()[:32]

    def save(_model: object, _tokenizer: object, made: Path, _name: str) -> None:
        for place in (made, folder):  # the other process is a little faster
            place.mkdir(exist_ok=True)
            (place / "config.json").write_text("{}")

    model = SimpleNamespace(config=SimpleNamespace(quantization_config=1), hf_quantizer=1, quantization_method=1)
    monkeypatch.setattr(loading.cache, "directory", lambda: tmp_path)
    monkeypatch.setattr(loading, "_from_pretrained", lambda _source: SimpleNamespace(model=model, tokenizer=None))
    monkeypatch.setattr(loading, "save", save)
    assert loading._converted(file) == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_prompts_are_read_and_not_learnt(model: str, tmp_path: Path) -> None:
    """The loss is that of the answers, behind their prompts; what is held out is measured in the same way."""
    rows = [{"prompt": f"def f{i}(x):\n", "completion": f"    return x + {i}\n"} for i in range(6)]
    chats = [{**row, "chat": True} for row in rows]
    loaded = load(Source(model=model, device="cpu"))
    tokenizer = loaded.tokenizer
    total, n = 0.0, 0
    for row in rows:  # each alone in its block, so that nothing comes before its prompt
        prompt, answer = (tokenizer.encode(row[name]) for name in ("prompt", "completion"))
        ids = torch.tensor([[*prompt, *answer, tokenizer.eos_token_id]])
        with torch.no_grad():
            logs = torch.log_softmax(loaded.model(input_ids=ids).logits, -1)[0, :-1]
        each = -logs.gather(-1, ids[0, 1:, None])[len(prompt) - 1 :, 0]
        total, n = total + float(each.sum()), n + len(each)
    for i, (given, loss) in enumerate([(rows, "completion"), (chats, None), (chats, "completion")]):
        files = [tmp_path / f"{i}-{j}.jsonl" for j in range(6)]
        for file, row in zip(files, given, strict=True):
            file.write_text(json.dumps(row) + "\n")
        found = [train(small(model, file, tmp_path / f"out{i}-{j}", steps=1, batch=1, loss=loss, eval=(file,)))
                 for j, file in enumerate(files)]  # fmt: skip
        assert sum(one.losses[0] * one.tokens for one in found) == pytest.approx(total, abs=1e-3)
        assert sum(one.tokens for one in found) == n
        assert all(one.eval[0] == pytest.approx(one.losses[0], abs=1e-5) for one in found)
        assert all(one.eval[1] < one.eval[0] for one in found)
    text, _ = packing.read([files[0]], loss="all")
    assert not isinstance(text[0], packing.Learnt)
    row = json.loads((found[0].folder / "training.json").read_text())
    assert row["eval"] == list(found[0].eval)
    again = train(small(model, files[0], tmp_path / "out2-0", steps=1, batch=1, loss="completion", eval=(files[0],), resume=True))
    assert again.eval == found[0].eval


def test_weights_are_how_often_a_row_is_seen(model: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps({"text": text, "weight": weight}) + "\n" for text, weight in
                            (("aa", 1), ("bb", 2.5), ("cc", 0), ("dd", 0.25))))  # fmt: skip
    tokenizer = load(Source(model=model, device="cpu")).tokenizer
    blocks = Blocks(texts=packing.read([file])[0], tokenizer=tokenizer, length=64)
    epochs = [[tokenizer.decode(document) for document in blocks.documents(number)] for number in range(200)]
    assert epochs[7] == [tokenizer.decode(document) for document in blocks.documents(7)]
    counts = {name: [epoch.count(name) for epoch in epochs] for name in ("aa", "bb", "cc", "dd")}
    assert (set(counts["aa"]), set(counts["bb"]), set(counts["cc"]), set(counts["dd"])) == ({1}, {2, 3}, {0}, {0, 1})
    assert 70 < sum(n == 3 for n in counts["bb"]) < 130
    assert 25 < sum(counts["dd"]) < 75
    for weight, said in ((-1, "weight is not a number from 0 to 100"), (True, "weight is not"), (0.5, "all rows have a weight below 1")):
        file.write_text(json.dumps({"text": "x", "weight": weight}) + "\n")
        with pytest.raises(UsageError, match=said):
            packing.read([file])
