"""Gates that rank: the rules of keeping hold exactly, whatever the model says."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import pytest

from gates import Gate, Report, Solution, parse
from gates.judge import Judge
from gates.noisy import Noisy
from gates.perplexity import InversePerplexity, Perplexity
from gates.self_score import SelfScore
from sandbox import Sandbox
from tests.gates.said import NO_BOX, Said, ask, kept


def test_no_prompt_given_is_what_stands_before_the_completion() -> None:
    said = Said(perplexities={"b": 2.0, "c": 2.0})
    ask(Perplexity(model=said), [Solution(code="ab", completion="b"), Solution(code="xy", completion="c"), Solution(code="b"),
                                 Solution(code="ab", completion="b", prompt="<user>")])  # fmt: skip
    assert said.asked == [("a", "b"), ("", "c"), ("", "b"), ("<user>", "b")]


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


def test_a_judge_that_reasons_is_asked_behind_its_own_line() -> None:
    said = Said(logits={f"{code}\n# review: about {code}": (float(code), 0.0) for code in "12"})
    first, second = ask(Judge(judge_model=said, threshold=1.5, cot=True), ["1", "2"])
    assert (first.score, second.score, first.passed, second.passed) == (1.0, 2.0, False, True)
    review, question = said.asked
    assert review == ("\n# review:", 1936, 64, ("\n",))
    assert question == ((" good", " bad"), "\n# quality: ", 2000)
    assert parse("judge", given={"judge_model": said, "cot": True}).gates[0] == Judge(judge_model=said, cot=True)


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
    codes = [f"{i:05}{'x' * (i % 2)}" for i in range(1500)]
    truth = ask(Even(), codes)
    for p in (0.0, 0.05, 0.2, 1.0):
        gate = Noisy(gate=Even(), p=p)
        assert (gate.name, gate.cost, gate.image, gate.version) == (f"even~{p:g}", 7, None, 3)
        reports = ask(gate, codes)
        flipped = [one.passed != other.passed for one, other in zip(reports, truth, strict=True)]
        assert abs(sum(flipped) - 1500 * p) <= 5 * math.sqrt(1500 * p * (1 - p))
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
