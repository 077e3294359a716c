"""Gates that ask a model: what they say is what the model says."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gates import Solution, parse
from gates.perplexity import Perplexity
from gates.self_score import LAST, QUESTION, SelfScore
from tests.tiny import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from tests.gates.said import NO_BOX, Said, ask  # noqa: E402
from toolkit.errors import InfrastructureError, UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.save import weights_hash  # noqa: E402
from toolkit.models.scorer import ModelScorer  # noqa: E402
from toolkit.models.source import Source  # noqa: E402

PAIRS = [
    ("def add(a, b):", "\n    return a + b\n"),
    ("", "x = 1\n"),
    ("# äöü 🙂\n", "x = '🙂' * 20\n" * 9),
    ("x", "y"),
    ("def f():\n    ", ""),
]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> ModelScorer:
    return ModelScorer(loaded=load(Source(model=tiny(tmp_path_factory.mktemp("model")), device="cpu")))


def by_hand(scorer: ModelScorer, prompt: str, completion: str) -> list[float]:
    tokenizer, model = scorer.loaded.tokenizer, scorer.loaded.model
    before = tokenizer.encode(prompt) or [tokenizer.eos_token_id]
    ids = tokenizer.encode(prompt + completion) if prompt else before + tokenizer.encode(completion)
    assert ids[: len(before)] == before, "the seam is between tokens"
    with torch.no_grad():
        logs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return [float(logs[at - 1, ids[at]]) for at in range(len(before), len(ids))]


@pytest.mark.parametrize(("prompt", "completion"), PAIRS[:3])
def test_perplexity_is_the_sum_by_hand(scorer: ModelScorer, prompt: str, completion: str) -> None:
    expected = by_hand(scorer, prompt, completion)
    (found,) = scorer.logprobs([prompt], [completion])
    assert found == pytest.approx(expected, abs=1e-5)
    (report,) = ask(Perplexity(model=scorer), [Solution(code=prompt + completion, completion=completion, prompt=prompt)])
    assert report.score == pytest.approx(math.exp(-sum(expected) / len(expected)), rel=1e-5)
    assert report.values["n_tokens"] == len(expected)
    assert report.versions["model"] == weights_hash(scorer.loaded.model)


def test_neighbours_and_padding_do_not_matter(scorer: ModelScorer) -> None:
    prompts, completions = zip(*PAIRS, strict=True)
    together = scorer.logprobs(prompts, completions)
    alone = [scorer.logprobs([p], [c])[0] for p, c in PAIRS]
    narrow = replace(scorer, batch_tokens=1).logprobs(prompts[::-1], completions[::-1])[::-1]
    for one, two, three in zip(together, alone, narrow, strict=True):
        assert one == pytest.approx(two, abs=1e-5)
        assert one == pytest.approx(three, abs=1e-5)
    texts = [p + c for p, c in PAIRS]
    words = (" good", " bad")
    for row, text in zip(scorer.next_logits(texts, words), texts, strict=True):
        assert row == pytest.approx(scorer.next_logits([text], words)[0], abs=1e-5)


def test_a_token_across_the_seam_is_the_completions(scorer: ModelScorer) -> None:
    assert len(scorer.loaded.tokenizer.encode("return")) < len("return")
    (found,) = scorer.logprobs(["    re"], ["turn a"])
    joined = scorer.loaded.tokenizer("    return a", return_offsets_mapping=True)
    assert len(found) == sum(end > len("    re") for _, end in joined.offset_mapping)


def test_long_texts_keep_the_completion(scorer: ModelScorer) -> None:
    short = replace(scorer, max_tokens=16)
    (cut,) = short.logprobs(["# " + "z" * 50], ["q" * 100])
    assert len(cut) == 8
    (whole,) = short.logprobs(["zq" * 50], ["kw"])
    assert whole == pytest.approx(short.logprobs(["zq" * 4], ["kw"])[0], abs=1e-5)
    (empty,) = short.logprobs(["z"], [""])
    assert len(empty) == 0


def test_special_tokens_in_a_text_are_text(scorer: ModelScorer) -> None:
    (found,) = scorer.logprobs(["x"], ["<|endoftext|>"])
    assert len(found) > 1


def test_of_a_chat_the_prompts_special_tokens_are_meant_and_the_answers_are_not(scorer: ModelScorer) -> None:
    """What is scored is what the model itself read and wrote: by hand, from the tokens of the two parts."""
    prompt, answer = "<fim_prefix>user\ndef add<fim_suffix>", "(a, b): <fim_prefix>"
    head = scorer.loaded.tokenizer.encode(prompt, add_special_tokens=False)
    tail = scorer.loaded.tokenizer.encode(answer, add_special_tokens=False, split_special_tokens=True)
    with torch.no_grad():
        logs = torch.log_softmax(scorer.loaded.model(torch.tensor([head + tail])).logits[0].double(), -1)
    expected = [float(logs[len(head) + i - 1, token]) for i, token in enumerate(tail)]
    (found,) = scorer.logprobs([prompt], [answer], [True])
    assert found == pytest.approx(expected, abs=1e-5)
    assert len(head) < len(scorer.loaded.tokenizer.encode(prompt, split_special_tokens=True))
    assert found != pytest.approx(scorer.logprobs([prompt], [answer])[0], abs=1e-3)
    (report,) = ask(Perplexity(model=scorer), [Solution(code="", completion=answer, prompt=prompt, chat=True)])
    assert report.score == pytest.approx(math.exp(-sum(expected) / len(expected)), rel=1e-5)
    (cut,) = replace(scorer, max_tokens=8).logprobs([prompt], [answer * 9], [True])
    assert len(cut) == 4


def test_swapping_good_and_bad_flips_the_sign(scorer: ModelScorer) -> None:
    codes = [p + c for p, c in PAIRS]
    one = [report.score for report in ask(SelfScore(model=scorer), codes)]
    other = [report.score for report in ask(SelfScore(model=scorer, good=" bad", bad=" good"), codes)]
    assert all(one)
    assert other == [-score for score in one if score is not None]
    for report in ask(SelfScore(model=scorer), codes):
        assert report.score is not None
        assert report.values["probability"] == pytest.approx(1 / (1 + math.exp(-report.score)))


def test_the_question_is_the_studys(scorer: ModelScorer) -> None:
    said = Said(logits={"x": (1.0, 3.0)})
    (report,) = ask(SelfScore(model=said), ["x"])
    assert said.asked == [((" good", " bad"), "\n# quality: ", 2000)]
    assert report.score == -2.0
    tokenizer, model = scorer.loaded.tokenizer, scorer.loaded.model
    good, bad = (tokenizer.encode(f"{QUESTION}{word}") for word in (" good", " bad"))
    same = next(i for i, (g, b) in enumerate(zip(good, bad, strict=False)) if g != b)
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode("x = 1\n") + good[:same]])).logits[0, -1]
    (report,) = ask(SelfScore(model=scorer), ["x = 1\n"])
    assert report.score == pytest.approx(float(logits[good[same]] - logits[bad[same]]), abs=1e-5)


def test_only_the_last_2000_tokens_are_read(scorer: ModelScorer) -> None:
    tokenizer = scorer.loaded.tokenizer
    end = "qz" * (LAST // 2)
    assert len(tokenizer.encode(end)) == LAST
    (plain, longer, other) = (report.score for report in ask(SelfScore(model=scorer), [end, "k" * 300 + end, "k" + end[1:]]))
    assert longer == pytest.approx(plain, abs=1e-5)
    assert other != pytest.approx(plain, abs=1e-7)


def test_words_that_begin_alike_are_told_apart_or_refused(tmp_path: Path) -> None:
    loaded = load(Source(model=tiny(tmp_path, spaced=True), device="cpu"))
    scorer = ModelScorer(loaded=loaded)
    assert loaded.tokenizer.encode(" good")[0] == loaded.tokenizer.encode(" bad")[0]
    (report,) = ask(SelfScore(model=scorer), ["x"])
    assert report.score not in (0, None)
    with pytest.raises(UsageError, match="does not tell ' good' from ' good'"):
        scorer.next_logits(["x"], (" good", " good"))


def test_weights_that_are_no_numbers_refuse_everything(tmp_path: Path) -> None:
    loaded = load(Source(model=tiny(tmp_path), device="cpu"))
    with torch.no_grad():
        loaded.model.model.norm.weight.fill_(math.nan)
    scorer = ModelScorer(loaded=loaded)
    for gate in (Perplexity(model=scorer, fraction=1.0), SelfScore(model=scorer, threshold=0.0)):
        reports = ask(gate, ["x = 1\n", "y"])
        assert [report.passed for report in reports] == [False, False]
        assert {f.symbol for report in reports for f in report.findings} == {"score-not-finite"}
        json.dumps([report.to_row() for report in reports], allow_nan=False)


def test_no_memory_is_said(scorer: ModelScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(scorer.loaded.model, "forward", full)
    with pytest.raises(InfrastructureError, match="memory"):
        scorer.logprobs(["a"], ["b"])


def test_what_a_judge_writes_is_what_the_model_would(scorer: ModelScorer) -> None:
    """Greedy text of each program alone, whatever stands beside it, without its stop string; a long program is cut in front."""
    codes = ["x = 1\n", "def f(a):\n    return a + 1\n", "y = 2\n" * 2000]
    together = scorer.written(codes, suffix="\n# review:", last=50, most=12)
    assert together == [scorer.written([code], suffix="\n# review:", last=50, most=12)[0] for code in codes]
    model, tokenizer = scorer.loaded.model, scorer.loaded.tokenizer
    for code, text in zip(codes, together, strict=True):
        ids = tokenizer.encode(code, add_special_tokens=False)[-50:]
        read = tokenizer(tokenizer.decode(ids) + "\n# review:", return_tensors="pt")
        wanted = model.generate(**read, max_new_tokens=12, do_sample=False, pad_token_id=0)[0, read.input_ids.shape[1] :]
        assert text == tokenizer.decode(wanted, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    (alone,) = scorer.written(codes[:1], suffix="\n# review:", last=50, most=12, stop=(together[0][3],))
    assert alone == together[0][: together[0].index(together[0][3])]


def test_the_judge_is_another_model_and_named_by_its_weights(scorer: ModelScorer, tmp_path: Path) -> None:
    judge = ModelScorer(loaded=load(Source(model=tiny(tmp_path, seed=1), device="cpu")))
    gates = parse("self-score+judge", {"fraction": 1.0}, given={"model": scorer, "judge_model": judge})
    ((own, other),) = gates.check_many(["x = 1\n"], NO_BOX)
    assert own.versions == {"model": scorer.identity}
    assert other.versions == {"judge": judge.identity}
    assert own.score != other.score
    assert judge.identity == weights_hash(judge.loaded.model) != scorer.identity
    with torch.no_grad():
        next(judge.loaded.model.parameters())[0, 0] += 1
    assert weights_hash(judge.loaded.model) != judge.identity
    assert "sha256=" + judge.identity in repr(judge)
