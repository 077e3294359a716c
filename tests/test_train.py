"""Training: nothing is lost in packing, a run that was killed ends as one that was not, and what is wrong is said."""

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.tiny import FIM, tiny

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from tests.processes import started  # noqa: E402
from toolkit.cli import main as cli  # noqa: E402
from toolkit.errors import InfrastructureError, UsageError  # noqa: E402
from toolkit.models import load as loading  # noqa: E402
from toolkit.models.generators.transformers_ import TransformersGenerator  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.save import BASE  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.models.tokens import FAMILIES, Middle, middle_tokens  # noqa: E402
from toolkit.training import data as packing  # noqa: E402
from toolkit.training.data import Blocks, arranged, pack, restored  # noqa: E402
from toolkit.training.loop import PAPER, TrainSettings, train  # noqa: E402

PROGRAMS = [f"def f{i}(x):\n    return x + {i}\n" for i in range(40)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"), context=256)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("data") / "data.jsonl", [{"content": text} for text in PROGRAMS])


def rows(path: Path, items: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def small(model: str, data: Path, output: Path, **more: Any) -> TrainSettings:
    told = {"sequence": 32, "batch": 4, "steps": 12, "lr": 5e-3, "checkpoint_every": 3, "device": "cpu", **more}
    return TrainSettings(data=(data,), output=output, model=model, **told)


def changed(told: TrainSettings, **more: Any) -> TrainSettings:
    return TrainSettings(**{**{name: getattr(told, name) for name in told.model_fields_set}, **more})


def files(folder: Path) -> dict[str, str]:
    """Hashes of all that a training left, but for when and how long."""
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file() and p.name != "README.md"}
    row = json.loads((folder / "training.json").read_text())
    del row["seconds"]
    return found | {"training.json": json.dumps(row)}


# -- packing -----------------------------------------------------------------------------------------------------------


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


def test_parts_of_a_text_gain_no_space(tmp_path: Path) -> None:
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
        assert np.array_equal(again.take(start, n), whole[start : start + n])
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
def test_a_chat_template_is_learnt_as_it_was_written_and_an_answer_cannot_forge_one(spaced: bool, tmp_path: Path) -> None:
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
    assert packing.read([rows(tmp_path / "x.jsonl", items)]) == (["a", "b", "cd", "e"], [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "nothing to train on"),
        ("\n\n", "nothing to train on"),
        ("{", "malformed JSON"),
        ("[]\n", "not an object but list"),
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
        assert texts == ["good"]
        assert len(problems) == 1
        assert said in problems[0]


def test_bad_data_ends_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["train", str(tmp_path / "no.jsonl"), "-o", str(tmp_path / "out")])
    assert (done.exit_code, "no.jsonl: No such file" in done.stderr) == (2, True)
    done = CliRunner().invoke(cli.app, ["train", "x.jsonl", "-o", "out", "--fim-rate", "2"])
    assert (done.exit_code, "--fim-rate must be at least 0 and at most 1, not 2" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


# -- the loop ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_the_loss_falls(model: str, data: Path, tmp_path: Path, full: bool) -> None:
    seen: list[tuple[int, int]] = []
    told = small(model, data, tmp_path / "out", full=full, steps=60, lr=1e-2 if full else 3e-2, gradient_checkpointing=full)
    outcome = train(told, lambda _, done, total: seen.append((done, total)))
    assert (len(outcome.losses), seen[-1]) == (60, (60, 60))
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
    block = Blocks(texts=PROGRAMS, tokenizer=loaded.tokenizer, length=50).take(0, 6)
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


# -- going on ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_going_on_is_the_same_to_the_bit(model: str, data: Path, tmp_path: Path, full: bool) -> None:
    told = small(model, data, tmp_path / "whole", full=full, lora_dropout=0.0 if full else 0.2, fim_rate=0.5, steps=14, batch=6)
    train(told)

    def stop(_: str, done: int, total: int) -> None:
        if done == 8:
            raise KeyboardInterrupt

    halves = changed(told, output=tmp_path / "halves")
    with pytest.raises(KeyboardInterrupt):
        train(halves, stop)
    assert (halves.output / "checkpoint.pt").exists()
    assert not (halves.output / "training.json").exists()
    with pytest.raises(UsageError, match=r"has a training already \(checkpoint.pt\)"):
        train(halves)
    with pytest.raises(UsageError, match=r"lr: 0.005 -> 0.01"):
        train(changed(halves, lr=0.01, resume=True))
    seen: list[int] = []
    outcome = train(changed(halves, resume=True), lambda _, done, total: seen.append(done))
    assert seen[0] == 6
    assert files(tmp_path / "whole") == files(tmp_path / "halves")
    assert replace(train(changed(halves, resume=True)), seconds=outcome.seconds) == outcome
    with pytest.raises(UsageError, match="has a training already"):
        train(halves)
    with pytest.raises(UsageError, match="made with other settings"):
        train(changed(halves, resume=True, seed=1))
    (halves.output / "checkpoint.pt").write_bytes(b"torn")
    (halves.output / "training.json").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        train(changed(halves, resume=True))
    train(changed(halves, overwrite=True, steps=2))
    assert not (halves.output / "checkpoint.pt").exists()


def test_killed_anywhere_and_gone_on(model: str, data: Path, tmp_path: Path) -> None:
    told = small(model, data, tmp_path / "whole", steps=150, checkpoint_every=1, lora_dropout=0.1)
    train(told)
    killed = changed(told, output=tmp_path / "killed")
    command = [sys.executable, "-m", "toolkit.cli", "train", str(data), "-o", str(killed.output), "--model", model, "--steps", "150"]
    command += ["--sequence", "32", "--batch", "4", "--lr", "5e-3", "--checkpoint-every", "1", "--device", "cpu"]
    command += ["--lora-dropout", "0.1"]
    with started(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while not (killed.output / "checkpoint.pt").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(np.random.default_rng().uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
    assert not (killed.output / "training.json").exists()
    train(changed(killed, resume=True))
    assert files(tmp_path / "whole") == files(tmp_path / "killed")


def test_two_processes_learn_what_one_does(model: str, data: Path, tmp_path: Path) -> None:
    told = small(model, data, tmp_path / "one", steps=5)
    one = train(told)
    # What `accelerate launch` starts on several GPUs; on CPUs it wants MPI.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "toolkit.cli"]
    command += ["train", str(data), "--device", "cpu", "-o", str(tmp_path / "two"), "--model", model, "--sequence", "32", "--batch", "4", "--steps", "5", "--lr", "5e-3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    two = json.loads(done.stdout)
    assert two["settings"]["processes"] == 2
    assert two["losses"] == pytest.approx(one.losses, abs=1e-4)
    assert two["tokens"] == one.tokens
    weights = [
        load(Source(model=model, adapter=str(tmp_path / name / "adapter"), device="cpu")).model.state_dict()
        for name in ("one", "two")
    ]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name


def test_an_adapter_is_gone_on_from(model: str, data: Path, tmp_path: Path) -> None:
    first = train(small(model, data, tmp_path / "1", steps=40, lr=3e-2))
    second = train(small(model, data, tmp_path / "2", steps=2, adapter=str(first.weights)))
    assert second.losses[0] < 0.98 * first.losses[0]
    full = train(small(model, data, tmp_path / "3", steps=2, adapter=str(first.weights), full=True))
    assert full.losses[0] == pytest.approx(second.losses[0], abs=1e-4)
    assert len(full.losses) == 2
    assert full.weights.name == "model"
    assert (full.weights / "config.json").exists()


# -- what is wrong -----------------------------------------------------------------------------------------------------


def test_an_adapter_of_another_model(model: str, data: Path, tmp_path: Path) -> None:
    outcome = train(small(model, data, tmp_path / "out", steps=1))
    wider = tiny(tmp_path / "wider", hidden=64)
    twin = tiny(tmp_path / "twin", seed=1)
    for other, said in ((wider, "no adapter of"), (twin, "trained on other weights")):
        if other == wider:
            (outcome.weights / BASE).rename(tmp_path / "base")
        with pytest.raises(UsageError, match=said):
            train(small(other, data, tmp_path / "no", adapter=str(outcome.weights)))
        if other == wider:
            (tmp_path / "base").rename(outcome.weights / BASE)
    with pytest.raises(UsageError, match="no adapter of"):
        train(small(model, data, tmp_path / "no", adapter=model))


def test_wrong_settings_are_said(model: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="reads at most 256 tokens"):
        train(small(model, data, out, sequence=257))
    with pytest.raises(UsageError, match="no tokens for filling in the middle"):
        train(small(tiny(tmp_path / "plain", fim=False), data, out, fim_rate=0.5))
    with pytest.raises((UsageError, InfrastructureError), match="/nowhere/model"):
        train(small("/nowhere/model", data, out))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no GPU"):
            train(small(model, data, out, device="cuda"))
    with pytest.raises(UsageError, match=r"the loss is .* in step \d+: lower --lr"):
        train(small(model, data, out, lr=1e30, clip=0, full=True))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not a folder"):
        train(small(model, data, tmp_path / "file"))


WRONG = [
    ({"batch": 0}, "--batch must be at least 1, not 0"),
    ({"sequence": 1}, "--sequence must be at least 2, not 1"),
    ({"lr": float("nan")}, "--lr must be at least 0, not nan"),
    ({"spm_rate": 1.1}, "--spm-rate must be at least 0 and at most 1, not 1.1"),
    ({"dtype": "bfloat61"}, "--dtype must be 'float32' or 'bfloat16', not bfloat61; did you mean 'bfloat16'?"),
    ({"device": "cuda:1"}, "--device must be 'cpu' or 'cuda', not cuda:1; did you mean 'cuda'?"),
    ({"seed": -1}, "--seed must be at least 0, not -1"),
    ({"resume": True, "overwrite": True}, "--resume and --overwrite exclude each other"),
    ({"full": True, "lora_rank": 8}, "--lora-rank has no effect with --full"),
    ({"adapter": "x", "lora_alpha": 8}, "--lora-alpha has no effect with --adapter, which keeps its own"),
    ({"steps": 3, "epochs": 2}, "--epochs has no effect where --steps says how many there are"),
    ({"spm_rate": 0.2}, "--spm-rate has no effect without --fim-rate"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=lambda given: "-".join(given) if isinstance(given, dict) else "")
def test_a_wrong_setting_is_said_before_anything_is_made(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=re.escape(said)):
        TrainSettings(data=(tmp_path / "no.jsonl",), output=out, **given)
    flags = [word for name, value in given.items()
             for word in (f"--{name.replace('_', '-')}", str(value))[: 1 if value is True else 2]]  # fmt: skip
    done = CliRunner().invoke(cli.app, ["train", str(tmp_path / "no.jsonl"), "-o", str(out), *flags])
    assert (done.exit_code, done.stderr) == (2, f"toolkit: {said}\n")
    assert not list(tmp_path.iterdir())


def test_all_wrong_settings_are_said_a_line_each() -> None:
    with pytest.raises(UsageError) as error:
        TrainSettings(data=(), output=Path("x"), batch=0, lr=-1, sequense=3)  # type: ignore[call-arg]
    first, second, third = str(error.value).splitlines()
    assert first == "--batch must be at least 1, not 0"
    assert second == "--lr must be at least 0, not -1"
    assert third.startswith("no setting is called 'sequense'; there are data, output")
    assert third.endswith("did you mean 'sequence'?")


def test_help_describes_every_setting() -> None:
    shown = " ".join(CliRunner().invoke(cli.app, ["train", "--help"]).stdout.split())
    for name, field in TrainSettings.model_fields.items():
        assert str(field.description) in shown
        assert name == "data" or f"--{name.replace('_', '-')} " in shown


def test_the_loop_is_short() -> None:
    assert len((Path(packing.__file__).parent / "loop.py").read_text().splitlines()) <= 150


def test_fim_names_are_those_of_the_tiny_model() -> None:
    assert FIM in FAMILIES


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
