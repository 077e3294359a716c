"""Gates that ask a model: what they say is what the model says, and the rules of keeping hold exactly."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from gates import Gate, Report, Solution, parse
from gates.judge import Judge
from gates.noisy import Noisy
from gates.perplexity import InversePerplexity, Perplexity
from gates.self_score import LAST, QUESTION, SelfScore
from sandbox import Sandbox
from tests.tiny import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from toolkit.errors import InfrastructureError, UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.save import weights_hash  # noqa: E402
from toolkit.models.scorer import ModelScorer  # noqa: E402
from toolkit.models.source import Source  # noqa: E402

NO_BOX = cast(Sandbox, None)
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


@dataclass
class Said:
    """A scorer whose answers are known."""

    perplexities: dict[str, float] = field(default_factory=dict)
    logits: dict[str, tuple[float, float]] = field(default_factory=dict)
    identity: str = "0"
    asked: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Said({self.identity})"

    def logprobs(
        self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()
    ) -> list[list[float]]:
        self.asked += zip(prompts, completions, strict=True)
        return [[-math.log(self.perplexities[c])] * 3 if c else [] for c in completions]

    def next_logits(
        self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None
    ) -> list[tuple[float, float]]:
        self.asked.append((tuple(words), suffix, last))
        return [self.logits[text] for text in texts]


def ask(gate: Gate, codes: Sequence[str | Solution]) -> list[Report]:
    return list(gate.check_many([Solution(code=c) if isinstance(c, str) else c for c in codes], NO_BOX))


def kept(reports: Sequence[Report]) -> list[int]:
    return [index for index, report in enumerate(reports) if report.passed]


# -- what the model says -----------------------------------------------------------------------------------------------


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


def test_no_prompt_given_is_what_stands_before_the_completion() -> None:
    said = Said(perplexities={"b": 2.0, "c": 2.0})
    ask(Perplexity(model=said), [Solution(code="ab", completion="b"), Solution(code="xy", completion="c"), Solution(code="b"),
                                 Solution(code="ab", completion="b", prompt="<user>")])  # fmt: skip
    assert said.asked == [("a", "b"), ("", "c"), ("", "b"), ("<user>", "b")]


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


# -- what is kept ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "fraction", "expected"), [(100, 0.25, 25), (100, 0.29, 29), (10, 0.25, 2), (3, 0.25, 0), (7, 1.0, 7)])
def test_a_fraction_is_exact(n: int, fraction: float, expected: int) -> None:
    said = Said(perplexities={f"c{i}": 2.0 + (i * 37 % 50) for i in range(n)})
    reports = ask(Perplexity(model=said, fraction=fraction), list(said.perplexities))
    assert len(kept(reports)) == expected
    best = sorted(range(n), key=lambda i: (said.perplexities[f"c{i}"], i))[:expected]
    assert kept(reports) == sorted(best)
    worst = max((said.perplexities[f"c{i}"] for i in best), default=None)
    cuts = {report.values["threshold"] for report in reports}
    assert cuts == {None} if worst is None else list(cuts) == [pytest.approx(worst)]


def test_inverse_keeps_the_other_end() -> None:
    said = Said(perplexities={c: float(i + 2) for i, c in enumerate("abcdefgh")})
    assert kept(ask(Perplexity(model=said), "abcdefgh")) == [0, 1]
    assert kept(ask(InversePerplexity(model=said), "abcdefgh")) == [6, 7]
    assert kept(ask(InversePerplexity(model=said, threshold=5.5), "abcdefgh")) == [4, 5, 6, 7]
    (report,) = ask(InversePerplexity(model=said, threshold=5.5), "a")
    assert report.findings[0].message == "2 is not at least 5.5"


def test_empty_completions_have_a_policy() -> None:
    codes = [Solution(code=c, completion=c) for c in ("a", "", "b", "", "c", "", "d", "")]
    said = Said(perplexities=dict(zip("abcd", (5.0, 4.0, 3.0, 2.0), strict=True)))
    counted = ask(Perplexity(model=said, fraction=0.5), codes)
    assert kept(counted) == [0, 2, 4, 6]
    excluded = ask(Perplexity(model=said, fraction=0.5, empty="excluded"), codes)
    assert kept(excluded) == [4, 6]
    for report in (counted[1], excluded[1], ask(Perplexity(model=said, threshold=100.0), codes)[1]):
        assert report.score is None
        assert [f.symbol for f in report.findings if f.decisive] == ["empty-completion"]
    assert not kept(ask(Perplexity(model=said, fraction=1.0), [codes[1]]))


def test_a_frozen_threshold_shows_what_a_fraction_cannot() -> None:
    first = Said(logits={c: (float(i), 0.0) for i, c in enumerate("abcdefgh")})
    reports = ask(SelfScore(model=first), "abcdefgh")
    assert kept(reports) == [6, 7]
    frozen = reports[0].values["threshold"]
    assert frozen == 6.0
    assert kept(ask(SelfScore(model=first, threshold=frozen), "abcdefgh")) == [6, 7]
    later = Said(logits={c: (float(i) + 4, 0.0) for i, c in enumerate("abcdefgh")})
    assert len(kept(ask(SelfScore(model=later), "abcdefgh"))) == 2
    assert len(kept(ask(SelfScore(model=later, threshold=frozen), "abcdefgh"))) == 6
    assert parse("self-score", {"threshold": 6.0}, given={"model": first}).gates[0] == SelfScore(model=first, threshold=6.0)


def test_equal_scores_keep_the_earlier() -> None:
    said = Said(logits=dict.fromkeys("abcd", (1.0, 0.0)))
    assert kept(ask(SelfScore(model=said, fraction=0.5), "abcd")) == [0, 1]
    assert kept(ask(SelfScore(model=said, threshold=1.0), "abcd")) == [0, 1, 2, 3]


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


def test_one_program_at_a_time_where_there_is_a_threshold() -> None:
    said = Said(logits={str(i): (1.0, 0.0) for i in range(2000)})
    taken = []

    def programs() -> Iterator[Solution]:
        for i in range(2000):
            taken.append(i)
            yield Solution(code=str(i))

    reports = Judge(judge_model=said, threshold=0.0).check_many(programs(), NO_BOX)
    next(reports)
    assert len(taken) < 1000
    assert sum(1 for _ in reports) == 1999


class Memory(dict[str, Any]):
    def put(self, key: str, value: dict[str, Any]) -> None:
        self[key] = json.loads(json.dumps(value))


def test_reports_are_kept_by_model_and_only_with_a_threshold() -> None:
    @dataclass
    class Engine:
        limits: str = ""

    said, memo, box = Said(perplexities={"a": 2.0}), Memory(), cast(Sandbox, Engine())
    for _ in range(2):
        list(parse("perplexity", memo=memo, given={"model": said}).check_many(["a"], box))
    assert (len(said.asked), len(memo)) == (2, 0)
    for _ in range(2):
        list(parse("perplexity", {"threshold": 3}, memo=memo, given={"model": said}).check_many(["a"], box))
    assert (len(said.asked), len(memo)) == (3, 1)
    other = replace(said, identity="1", asked=[])
    list(parse("perplexity", {"threshold": 3}, memo=memo, given={"model": other}).check_many(["a"], box))
    assert (len(other.asked), len(memo)) == (1, 2)


# -- noise -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Even(Gate):
    """Refuses programs of odd length."""

    name: ClassVar[str] = "even"
    cost: ClassVar[float] = 7
    version: ClassVar[int] = 3

    def check_many(self, solutions: Any, sandbox: Sandbox) -> Iterator[Report]:
        from gates.base import refused

        for solution in solutions:
            yield self.report([refused("odd", "odd")] if len(solution.code) % 2 else [], 0.5)


def test_noise_flips_the_share_that_it_says() -> None:
    codes = [f"{i:05}{'x' * (i % 2)}" for i in range(4000)]
    truth = ask(Even(), codes)
    for p in (0.0, 0.05, 0.2, 1.0):
        gate = Noisy(gate=Even(), p=p)
        assert (gate.name, gate.cost, gate.image, gate.version) == (f"even~{p:g}", 7, None, 3)
        reports = ask(gate, codes)
        flipped = [one.passed != other.passed for one, other in zip(reports, truth, strict=True)]
        assert abs(sum(flipped) - 4000 * p) <= 5 * math.sqrt(4000 * p * (1 - p))
        for report, was in zip(reports, flipped, strict=True):
            assert report.passed == (not any(f.decisive for f in report.findings))
            assert was == any(f.symbol == "flipped" for f in report.findings)
            assert (report.score, report.gate) == (0.5, gate.name)
        assert ask(gate, codes[::-1])[::-1] == reports
        other = ask(Noisy(gate=Even(), p=p, seed=1), codes)
        assert ([r.passed for r in other] == [r.passed for r in reports]) == (p in (0.0, 1.0))


def test_noise_in_parse() -> None:
    said = Said(perplexities=dict.fromkeys("ab", 2.0))
    gates = parse("none~1+perplexity~0", {"fraction": 1.0}, given={"model": said, "seed": 5}).gates
    assert [gate.name for gate in gates] == ["none~1", "perplexity~0"]
    assert isinstance(gates[0], Noisy)
    assert gates[0].seed == 5
    assert [[r.passed for r in each] for each in parse("none~1").check_many(["a"], NO_BOX)] == [[False]]
    for kind in ("none~", "none~x", "none~1.5", "none~nan"):
        with pytest.raises(ValueError, match="probability"):
            parse(kind)
    with pytest.raises(ValueError, match="twice"):
        parse("none+none~0.1")


def test_what_is_missing_or_wrong_is_said() -> None:
    for kind in ("perplexity", "inverse-perplexity", "self-score"):
        with pytest.raises(ValueError, match="'model'"):
            parse(kind)
        for fraction in (0.0, 1.5, math.nan):
            with pytest.raises(ValueError, match="fraction"):
                parse(kind, {"fraction": fraction}, given={"model": Said()})
    with pytest.raises(ValueError, match="'judge_model'"):
        parse("judge", given={"model": Said()})
    assert ask(Perplexity(model=Said()), []) == []
