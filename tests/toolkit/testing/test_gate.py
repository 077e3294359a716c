"""Every gate passes the suite that the library ships, and the suite sees gates that do not keep their promise."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from gates import GATES, Corpus, Finding, Gate, Report, Solution, parse
from sandbox import DockerEngine, Sandbox
from tests.one_file import copied, likely, short
from toolkit.testing import GATE, Nonconforming, check_gate

GOOD = '"""Cubes."""\n\n\ndef cube(x):\n    """Return x to the power 3."""\n    return x**3\n'
LONG = "".join(f"def f{i}(x):\n    return x + {i} * x\n\n\n" for i in range(9))
TESTED = Solution(code="def f(x):\n    return x\n", test="assert f(1) == 1", entry_point="f")


class Scorer:
    """A model to which the letters of a text are its tokens, and long texts are likely."""

    identity = "0"

    def __repr__(self) -> str:
        return "Scorer"

    def logprobs(self, prompts: Sequence[str], completions: Sequence[str], chats: Sequence[bool] = ()) -> Any:
        return [[-1 / (2 + len(text))] * len(text) for text in completions]

    def next_logits(self, texts: Sequence[str], words: Sequence[str], *, suffix: str = "", last: int | None = None) -> Any:
        return [(float(len(text)), 0.0) for text in texts]


CORPUS = Corpus(items=(("Known/0 (prompt)", LONG, LONG),))
GIVEN: dict[str, Any] = {"corpus": CORPUS, "model": Scorer(), "judge_model": Scorer()}
EXAMPLES: dict[str, tuple[Sequence[Solution | str], Sequence[Solution | str]]] = {
    "none": ([GOOD, "def f(:"], []),
    "repetition": ([LONG], ["x = 1\n"]),
    "compile": ([GOOD], ["def f(:\n"]),
    "duplicate": ([LONG], []),
    "decontaminate": ([GOOD], [LONG]),
    "import": ([GOOD], ["1 / 0\n"]),
    "quality": ([GOOD], ["import os,sys\ndef f(a,b):\n  x=1;y=2\n  return eval('a')\n"]),
    "tests": ([TESTED], [Solution(code="def f(x):\n    return 2\n", test="assert f(1) == 1", entry_point="f")]),
}


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2) as sandbox:
        yield sandbox


@pytest.mark.parametrize("kind", [*GATES, "compile~0.5"])
def test_gate(sandbox: Sandbox, kind: str) -> None:
    """A new gate is enrolled by its line in `GATES`."""
    (gate,) = parse(kind, given=GIVEN).gates
    accepts, refuses = EXAMPLES.get(kind, ([], []))
    check_gate(gate, accepts=accepts, refuses=refuses, sandbox=sandbox)


def test_the_gates_of_one_file(sandbox: Sandbox) -> None:
    check_gate(short.Short(lines=3), accepts=["x = 1\n"], refuses=["x = 1\n" * 9], sandbox=sandbox)
    check_gate(copied.Copied(corpus=CORPUS), accepts=["x = 1\n"], refuses=[LONG], sandbox=sandbox)
    check_gate(likely.Likely(model=Scorer(), threshold=-0.01), accepts=[LONG], refuses=["x = 1\n"], sandbox=sandbox)


@dataclass(frozen=True, kw_only=True)
class Wrong(Gate):
    """Does what `how` says."""

    name: ClassVar[str] = "wrong"
    cost: ClassVar[float] = 1
    how: str = ""

    def check_many(self, solutions: Iterable[Solution], sandbox: Sandbox) -> Iterator[Report]:
        if self.how == "greedy":
            solutions = list(solutions)
        if self.how == "neighbours":
            solutions = solutions if isinstance(solutions, list) else list(zip(range(20), solutions, strict=False))  # type: ignore[assignment]
            yield from (self.report((), len(solutions)) for _ in solutions)  # type: ignore[arg-type]
            return
        for n, solution in enumerate(solutions):
            if self.how == "few" and n == 3:
                return
            if self.how == "hostile" and "(" * 500 in solution.code:
                raise RecursionError("too deep")
            if self.how == "passed":
                yield Report(gate=self.name, passed=True, findings=(Finding(symbol="bad", message="", decisive=True),))
            else:
                yield Report(gate="other" if self.how == "name" else self.name, passed=True,
                             score=math.nan if self.how == "score" else None)  # fmt: skip


@pytest.mark.parametrize(
    ("how", "check", "words"),
    [
        ("greedy", "programs_are_taken_as_they_are_needed", "takes 5000 programs before its first report"),
        ("neighbours", "the_same_program_has_the_same_report", "what was said of it alone"),
        ("few", "each_program_has_its_report_in_order", "the number of reports is 3, not 11"),
        ("hostile", "each_program_has_its_report_in_order", "RecursionError: too deep"),
        ("passed", "each_program_has_its_report_in_order", "passed, of "),
        ("name", "each_program_has_its_report_in_order", "the report's gate is another"),
        ("score", "each_program_has_its_report_in_order", "the score is no finite number"),
    ],
)
def test_a_gate_that_does_not_hold_is_seen(sandbox: Sandbox, how: str, check: str, words: str) -> None:
    with pytest.raises(Nonconforming) as found:
        check_gate(Wrong(how=how), sandbox=sandbox)
    lines = [line for line in str(found.value).splitlines() if line.startswith(f"{check}: ")]
    assert lines
    assert words in lines[0]


def test_examples_that_are_decided_otherwise_are_seen(sandbox: Sandbox) -> None:
    check_gate(Wrong(), sandbox=sandbox)
    with pytest.raises(Nonconforming, match=r"^examples_are_decided_as_they_should_be: 1 of what it refuses: "):
        check_gate(Wrong(), refuses=["x = 1\n"], sandbox=sandbox)
    with pytest.raises(Nonconforming, match=r"^examples_are_decided_as_they_should_be: 1 of what it accepts: "):
        check_gate(short.Short(), accepts=[LONG], sandbox=sandbox, skip=set(GATE) - {"examples_are_decided_as_they_should_be"})
