"""The builder's parts that need no box: values as source and JSON, mutants, templates and their repairs."""

import ast
import json
import math
from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from toolkit.builder.bases import Base
from toolkit.builder.mutants import mutants
from toolkit.builder.proposals import Attempt, Proof, Proposal, parsed
from toolkit.builder.templates import TEMPLATES, Composer, fitting
from toolkit.builder.values import Refused, asserts, from_json, is_literal, source, to_json
from toolkit.records import Check, Task

PLAIN: list[Any] = [
    None, True, 0, -1, 1.5, -0.0, 1e300, "a'\"\n\0\ud800", b"\xff", [], [1, [2.0, "x"]], (), (1,), ((1, 2), [3]), {1: [2], "a": None},
    {3, 1, 2}, set(), {"$": 1}, {"a": {"b": (1,)}}, [{"$": "x"}],
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_what_is_written_reads_back_as_it_was(value: Any) -> None:
    for back in (ast.literal_eval(source(value)), from_json(json.loads(json.dumps(to_json(value))))):
        assert repr(back) == repr(value)
    assert is_literal(value)


def test_sets_have_one_text_and_special_floats_another() -> None:
    assert source({"b", "a", "c"}) == source({"c", "b", "a"}) == "{'a', 'b', 'c'}"
    assert source([math.nan, -math.inf]) == "[float('nan'), float('-inf')]"
    assert source(frozenset({2, 1})) == "frozenset({1, 2})"
    assert not is_literal([math.nan])


class Own(int):
    pass


OTHERS = [object(), Decimal("1"), Fraction(1, 2), deque([1]), range(3), 1j, Own(1), [Own(1)], {math.nan}, {math.nan: 1}, 10**5000, "x" * 3000, lambda: 1]


@pytest.mark.parametrize("value", OTHERS, ids=lambda it: type(it).__name__)
def test_what_does_not_read_back_is_refused(value: Any) -> None:
    with pytest.raises(Refused):
        source(value)


def test_what_is_nested_too_deep_is_refused() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(Refused):
        source(value)


@pytest.mark.parametrize(("row", "said"), [
    ({}, "no new_problem and no new_solution and no inputs"),
    ({"new_problem": 1}, "new_problem is no str"),
    ({"new_problem": "", "new_solution": "", "inputs": [1]}, "inputs is no list of lists of arguments"),
    ({"new_problem": "", "new_solution": "", "inputs": [[{"$": "f(1)"}]]}, "'f(1)' is no literal"),
    ({"new_problem": "", "new_solution": "", "inputs": [[{"$": 3}]]}, "3 is no literal"),
    ({"new_problem": "", "new_solution": "", "inputs": [[{"$": "1" + " " * 2000}]]}, "is no literal of at most 2000 characters"),
    ({"new_problem": "", "new_solution": "", "inputs": [], "unordered": 1}, "unordered is no bool"),
    ({"new_problem": "", "new_solution": "", "inputs": [], "equivalent": [1]}, "equivalent is no list of texts"),
])  # fmt: skip
def test_a_row_that_is_no_proposal_says_why(row: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said.replace("(", r"\(").replace(")", r"\)")):
        parsed(row, "hand")


def run(tests: str, answer: Any) -> bool:
    try:
        exec(tests, {"f": lambda *_: answer})
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(("value", "right", "wrong", "unordered"), [
    ([0.1 + 0.2], [0.3], [0.31], False),
    ((1.0, [math.nan]), (1, [math.nan]), (1, [0.0]), False),
    (math.inf, math.inf, -math.inf, False),
    ({"a": 1.5}, {"a": 1.5000000001}, {"a": 1.5, "b": 1}, False),
    ([1.0], [1.0], (1.0,), False),
    (1.5, 1.5, "1.5", False),
    ({1, 2}, {2, 1}, {1}, False),
    ({1: 2, 3: 4}, {3: 4, 1: 2}, {1: 2}, False),
    ([2, 1], [1, 2], [1, 1], True),
    ([2, 1], [2, 1], [1, 2], False),
    ([0.5, 0.25], [0.25, 0.5], [0.25], True),
])  # fmt: skip
def test_asserts_pass_what_is_right_alone(value: Any, right: Any, wrong: Any, unordered: bool) -> None:
    tests = asserts("f", [[1]], [value], unordered=unordered)
    assert run(tests, value)
    assert run(tests, right)
    assert not run(tests, wrong)


def test_mutants_differ_in_one_place() -> None:
    text = 'def f(x: int = 1) -> "int":\n    """Not 1 == 1."""\n    if x < 2 and True:\n        x += 3\n    return [y for y in "a" if y]\n'
    plain = ast.unparse(ast.parse(text)).splitlines()
    assert sorted(line for each in mutants(text) for line in each.splitlines() if line not in plain) == sorted([
        "def f(x: int=2) -> 'int':", "    if x < 2 or True:", "    if x <= 2 and True:", "    if x < 3 and True:", "    if x < 2 and False:",
        "    if not (x < 2 and True):", "        x -= 3", "        x += 4", "    return [y for y in 'ax' if y]", "    return [y for y in 'a']",
    ])  # fmt: skip


def base(*seen: tuple[list[Any], Any]) -> Base:
    task = Task(task_id="T/1", prompt="def f(x):\n", entry_point="f", canonical_solution="    return x\n", tests=Check(source="assert f(1)"))
    return Base(number=1, problem=task.prompt, solution=task.canonical_solution, task=task, seen=seen)


KINDS = {
    "bool": [True, False], "int": [1, 2], "float": [0.5, 1.5], "str": ["a", "bc"], "list": [[1], [2, 3]], "tuple": [(1,), (2, 3)],
    "dict": [{1: 2}, {}], "set": [{1}, set()], "floats": [[0.5], [1.5]], "mixed": [None, "a"], "bytes": [b"a", b"b"],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_templates_fit_and_are_programs(kind: str) -> None:
    made = base(*(([at], value) for at, value in enumerate(KINDS[kind])))
    assert fitting(made)
    composer = Composer(3)
    attempts: list[Attempt] = []
    while proposal := composer.propose([(made, attempts)], 1)[0]:
        assert isinstance(proposal, Proposal)
        ast.parse(made.program + proposal.problem + proposal.solution)
        assert proposal == Composer(3).propose([(made, attempts)], 1)[0]
        assert len(proposal.inputs) >= 4
        assert parsed(proposal.row(), proposal.how) == proposal
        attempts.append(Attempt(number=1, base="", round=1, proposal=proposal, proof=Proof(reason="no")))
    names = {each.proposal.how for each in attempts if each.proposal}
    assert names == {f"{each.name} 0" for each in fitting(made)}
    assert len(names) == len(attempts)


def test_every_template_fits_something() -> None:
    fits = {each.name for values in KINDS.values() for each in fitting(base(*(([0], value) for value in values)))}
    assert fits == {each.name for each in TEMPLATES}


def test_floats_are_not_told_apart() -> None:
    assert {each.name for each in fitting(base(([0], 0.5), ([1], 1.5)))} == {"spread_of", "running_total_of", "all_values_of"}
    assert "merged" not in {each.name for each in fitting(base(([0], [0.5]), ([1], [1.5])))}


def test_repairs_of_a_template() -> None:
    made = base(([1], [3]), ([2], [4]), ([5], [3, 4]))
    first = Composer(0).propose([(made, [])], 1)[0]
    assert isinstance(first, Proposal)

    def after(**found: Any) -> Any:
        return Composer(0).propose([(made, [Attempt(number=1, base="", round=1, proposal=first, proof=Proof(reason="no", **found))])], 2)[0]

    assert after(repair="inputs", bad=(0, 2)).inputs == (first.inputs[1], *first.inputs[3:])
    assert after(repair="order").unordered
    assert "any order" in after(repair="order").problem
    more = after(repair="tests")
    assert (more.problem, more.solution) == (first.problem, first.solution)
    assert len(more.inputs) > len(first.inputs)
    assert after().how.split()[0] != first.how.split()[0]


def test_a_function_of_one_value_is_not_built_on() -> None:
    said = Composer(0).propose([(base(([1], 1), ([2], 1)), [])], 1)[0]
    assert isinstance(said, str)
    assert "fewer than two" in said
