"""`toolkit analyze --theory`, as a function: the theory on tables, and rounds of a toy under real gates. All is
deterministic.

The toy writes one-line functions of Python (`def add_3(x): return ...`), as people wrote them in many ways, some of them
wrong. Its model is `toolkit.analysis.ngram`; the gates are those of `toolkit gate`, in boxes, and the oracle is `tests`.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gates import Solution, parse
from sandbox import Sandbox, SandboxError, open_engine
from toolkit.analysis import confirmation, diversity, stop
from toolkit.analysis import theory as exact
from toolkit.analysis.ledger import ran
from toolkit.analysis.ngram import NGram, tokens
from toolkit.progress import Advance
from toolkit.store.cache import VerdictCache

LOT = "lot"
"""Accepts half of all answers, drawn anew for each: r = 1/2."""
REGIMES = ("none", LOT, "import", "perplexity", "tests")
WORLDS = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.9), (0.1, 0.5), (0.3, 0.5), (0.5, 0.9))
"""Rise of acceptance, and share by which pass@1 falls, of the runs that are simulated."""
_RIGHT = {
    "add": ("x + {k}", "{k} + x", "(x + {k})", "x - -{k}", "sum([x, {k}])", "x + abs({k})", "-(-x - {k})", "int(x + {k})",
            "sum((x, {k}))", "x + 0 + {k}", "0 + x + {k}", "max(x + {k}, x)"),
    "mul": ("x * {k}", "{k} * x", "(x * {k})", "sum([x] * {k})", "int(x * {k})", "x * 1 * {k}", "-(-x * {k})", "0 + x * {k}",
            "x * abs({k})", "sum({k} * [x])", "1 * x * {k}", "x * {k} + 0"),
}  # fmt: skip
_WRONG = ("x", "{k}", "x - {k}", "x + {k} + 1", "x ** {k}")
_TESTS = {"add": "{k} + {x}", "mul": "{k} * {x}"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of the toy: its text, function and tests, and how people went on."""

    text: str
    name: str
    test: str
    human: tuple[str, ...]


def prompts(most: int = 9) -> list[Prompt]:
    """Return the prompts: two operations with numbers from 2 on."""
    found = []
    for kind, right in _RIGHT.items():
        for k in range(2, most):
            name = f"{kind}_{k}"
            test = "".join(f"assert {name}({x}) == {_TESTS[kind].format(k=k, x=x)}\n" for x in (1, 2, 5, 7))
            human = tuple(f" {text.format(k=k)}\n" for text in (*right, *_WRONG))
            found.append(Prompt(f"def {name}(x):\n    return", name, test, human))
    return found


def is_held_out(prompt: Prompt) -> bool:
    """Say whether nothing of a prompt is trained on after the first model: by the hash of its text."""
    return int(hashlib.sha256(prompt.text.encode()).hexdigest()[:8], 16) % 4 == 0


def theory(*, quick: bool = False, advance: Advance = lambda *_: None) -> dict[str, Any]:
    """Check the theorems, simulate the stop rule, and run the toy.

    Args:
        quick: a small form, of seconds.

    Returns:
        `theorem_2_3`, `theorem_2_6`, `proposition_2_1`, `phase` (see `toolkit.analysis.theory`), `stop` (simulations: see
        `stop.simulated`), and `lab`: rows of `toy`, or (without an engine) only what it `says`.
    """
    n = 10 if quick else 1
    found: dict[str, Any] = {
        "version": 1, "theorem_2_3": exact.theorem_2_3(200 // n), "theorem_2_6": exact.theorem_2_6(5000 // n),
        "proposition_2_1": exact.proposition_2_1(), "phase": exact.phase(),
        "stop": [stop.simulated(runs=200 // n, rise=rise, fall=fall) for rise, fall in WORLDS],
    }  # fmt: skip
    try:
        with contextlib.closing(open_engine()) as engine, Sandbox(engine, 2) as sandbox:
            small: dict[str, Any] = {"regimes": ("none", "tests"), "rounds": 2, "each": 48, "most": 4} if quick else {}
            found["lab"] = {"rows": toy(sandbox, advance=advance, **small), "says": ""}
    except SandboxError as error:
        found["lab"] = {"rows": [], "says": f"the toy is left out, since its gates run in boxes: {error}"}
    return found


def toy(
    sandbox: Sandbox, *, regimes: Sequence[str] = REGIMES, rounds: int = 5, each: int = 400, most: int = 6,
    share: float = 0.5, seed: int = 0, advance: Advance = lambda *_: None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Run rounds of the toy under each regime.

    Args:
        each: answers to each prompt a round.
        most: see `prompts`.
        share: of the counts that a round's programs get in the next model.

    Returns:
        A row a regime and round: `regime`, `round`, `acceptance` (of answers to prompts that are trained on), `correct` (of
        answers to all prompts), `held_out` and `trained_on` (prompts), `confirmation` (see `confirmation.verdict`) on
        held-out prompts, `distinct_3` and `unique_trees` of answers at equal tokens; `round` 0 is the first model, alike for
        all.

    Raises:
        RuntimeError: a held-out prompt is among those trained on.
        InfrastructureError: the engine failed.
    """
    import numpy as np

    asked = prompts(most)
    kept, learnt = [p for p in asked if is_held_out(p)], [p for p in asked if not is_held_out(p)]
    if {p.text for p in kept} & {p.text for p in learnt}:
        raise RuntimeError("a held-out prompt is trained on")
    human = [(p.text, text) for p in asked for text in p.human]
    first = NGram({token for pair in human for text in pair for token in tokens(text)}).learn(human)
    memo = VerdictCache()
    found: list[dict[str, Any]] = []
    written: list[list[str]] = []
    try:
        for regime in regimes:
            model = first
            for number in range(rounds + 1):
                rng = np.random.default_rng([seed, number])  # not of the regime: equal models write the same
                rows = [(p, *model.write(p.text, rng)) for p in asked for _ in range(each)]
                solutions = [Solution(code=p.text + text, completion=text, prompt=p.text, n_tokens=n, test=p.test,
                                      entry_point=p.name) for p, text, _, n in rows]  # fmt: skip
                decided, again = (rng.random((2, len(rows))) < 0.5).tolist()
                truth = _decisions("tests", solutions, sandbox, memo, model)
                if regime != LOT:
                    decided, again = _decisions(regime, solutions, sandbox, memo, model), None
                at = [i for i, row in enumerate(rows) if is_held_out(row[0])]
                told = confirmation.verdict(
                    [{"task_id": rows[i][0].name, "accepted": decided[i]} for i in at], [truth[i] for i in at],
                    None if again is None else [again[i] for i in at],
                )  # fmt: skip
                of_learnt = [i for i, row in enumerate(rows) if not is_held_out(row[0])]
                found.append({
                    "regime": regime, "round": number, "trained_on": len(learnt), "held_out": len(kept),
                    "acceptance": sum(decided[i] for i in of_learnt) / len(of_learnt), "correct": sum(truth) / len(truth),
                    "confirmation": told,
                })  # fmt: skip
                written.append([solution.code for solution in solutions[:: max(1, each // 50)]])
                taken = [(rows[i][0].text, rows[i][1]) for i in of_learnt if decided[i] and rows[i][2]]
                if not taken:
                    break
                model = model.learn(taken, share)
                advance(f"toy: {regime}", number + 1, rounds + 1)
    finally:
        memo.close()
    for row, varied in zip(found, diversity.at_equal_tokens(written), strict=True):
        row |= {name: varied.get(name) for name in ("distinct_3", "unique_trees")}
    return found


def _decisions(
    kind: str, solutions: Sequence[Solution], sandbox: Sandbox, memo: VerdictCache, model: NGram
) -> list[bool]:
    """Return a gate's decisions; equal programs are asked about once, but for a gate that compares them."""
    gates = parse(kind, given={"model": model}, memo=memo)
    if any(gate.compares for gate in gates.gates):
        return [ran(each) for each in gates.check_many(solutions, sandbox)]
    known = {(one.code, one.test): one for one in solutions}
    said = dict(zip(known, map(ran, gates.check_many(known.values(), sandbox)), strict=True))
    return [said[one.code, one.test] for one in solutions]
