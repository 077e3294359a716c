"""Proposals without a model: compositions of a function with itself, chosen by what it was seen to answer."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from toolkit.builder.bases import Base
from toolkit.builder.proposals import Attempt, Proposal
from toolkit.builder.values import has_float, source

N_TESTS, MORE_TESTS = 6, 4
"""Tests of a problem at first, and how many more each repair gives it."""
MAX_MORE = 1
"""Repairs of the tests of one problem, before another one is tried."""
MAX_ITEMS = 5
_FLAT = ("bool", "int", "str", "NoneType", "tuple")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One composition. In its texts `{f}` is the base function, `{call}` a call of it with an element of `items`.

    Attributes:
        name: what the new function's name begins with.
        says: the problem, after what `items` are.
        body: the solution.
        kinds: names of the types of which all values must be; empty for any.
        least: the fewest items.
        takes: the parameters.
        more: the last argument, of (a source of chance, values of the items).
        exact: whether values are compared with one another, so that floats, which may be off a little, do not fit.
    """

    name: str
    says: str
    body: str
    kinds: tuple[str, ...] = ()
    least: int = 0
    takes: str = "items"
    more: Callable[[random.Random, Sequence[Any]], Any] | None = None
    exact: bool = True


TEMPLATES = (
    Template(
        name="longest_streak_of", kinds=("bool",),
        says="Return the length of the longest run of neighbouring items for all of which {f} is true.",
        body="best = current = 0\nfor item in items:\n    current = current + 1 if {call} else 0\n"
             "    best = max(best, current)\nreturn best",
    ),
    Template(
        name="places_of", kinds=("bool",),
        says="Return the places, counted from 1, of the items for which {f} is true, as a list in rising order.",
        body="return [place for place, item in enumerate(items, 1) if {call}]",
    ),
    Template(
        name="odd_ones_of", kinds=("bool",),
        says="Return True if {f} is true for an odd number of the items, else False.",
        body="is_odd = False\nfor item in items:\n    if {call}:\n        is_odd = not is_odd\nreturn is_odd",
    ),
    Template(
        name="spread_of", exact=False, kinds=("int", "float"), least=1,
        says="Return the difference between the largest and the smallest value that {f} has for the items.",
        body="values = [{call} for item in items]\nreturn max(values) - min(values)",
    ),
    Template(
        name="running_total_of", exact=False, kinds=("int", "float"),
        says="Return the list of the running totals of the values of {f}: the n-th is their sum for the first n items.",
        body="total, totals = 0, []\nfor item in items:\n    total += {call}\n    totals.append(total)\nreturn totals",
    ),
    Template(
        name="best_of", kinds=("int",), least=1,
        says="Return the place, counted from 0, of the item for which {f} has the largest value; of several, the first.",
        body="best = None\nfor place, item in enumerate(items):\n    value = {call}\n"
             "    if best is None or value > best[1]:\n        best = place, value\nreturn best[0]",
    ),
    Template(
        name="count_above", kinds=("int",), least=1, takes="items, limit", more=lambda chance, values: chance.choice(values),
        says="Return the number of items for which {f} has a value above limit.",
        body="return sum({call} > limit for item in items)",
    ),
    Template(
        name="joined", kinds=("str",),
        says="Return the values of {f} for the items in their order, joined by a comma and a space.",
        body="return ', '.join([{call} for item in items])",
    ),
    Template(
        name="longest", exact=False, kinds=("str", "list"), least=1,
        says="Return the longest value that {f} has for the items; the first if there are several.",
        body="longest = None\nfor item in items:\n    value = {call}\n    if longest is None or len(value) > len(longest):\n"
             "        longest = value\nreturn longest",
    ),
    Template(
        name="merged", kinds=("list", "tuple"),
        says="Return the list of all elements of the values of {f} for the items, in their order, each element only once, "
             "where it comes first.",
        body="merged = []\nfor item in items:\n    for element in {call}:\n        if element not in merged:\n"
             "            merged.append(element)\nreturn merged",
    ),
    Template(
        name="total_length_of", exact=False, kinds=("str", "list", "tuple", "dict", "set"),
        says="Return the sum of the lengths of the values of {f} for the items.",
        body="total = 0\nfor item in items:\n    total += len({call})\nreturn total",
    ),
    Template(
        name="groups_by", kinds=_FLAT,
        says="Return a dict from each value that {f} has for the items to the list of their places, counted from 1.",
        body="groups = {{}}\nfor place, item in enumerate(items, 1):\n    groups.setdefault({call}, []).append(place)\n"
             "return groups",
    ),
    Template(
        name="different", kinds=(*_FLAT, "list", "dict", "set"),
        says="Go through the items from the last to the first, and return the list of the different values of {f} for them, "
             "in the order in which they are found.",
        body="values = []\nfor item in reversed(items):\n    value = {call}\n    if value not in values:\n"
             "        values.append(value)\nreturn values",
    ),
    Template(
        name="changes_of", kinds=(*_FLAT, "list", "dict", "set"),
        says="Return how many of the items but the first have a value of {f} other than that of the item before.",
        body="values = [{call} for item in items]\nreturn sum(one != other for one, other in zip(values, values[1:]))",
    ),
    Template(
        name="all_values_of", exact=False, says="Return the list of the values of {f} for the items, the last first.",
        body="values = []\nfor item in items:\n    values = [{call}] + values\nreturn values",
    ),
)  # fmt: skip


def fitting(base: Base) -> list[Template]:
    """Return the templates that fit the values of a base function."""
    kinds = {type(value).__name__ for _, value in base.seen}
    floats = any(has_float(value) for _, value in base.seen)
    return [each for each in TEMPLATES if (not each.kinds or kinds <= set(each.kinds)) and not (floats and each.exact)]


class Composer:
    """Proposes templates in an order of chance. Equal seeds give equal proposals."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.about = {"templates": [each.name for each in TEMPLATES], "seed": seed}

    def close(self) -> None:
        """Hold nothing."""

    def propose(self, waiting: Sequence[tuple[Base, Sequence[Attempt]]], number: int) -> list[Proposal | str | None]:
        """See `Proposer`; `number` is not used, as the attempts say how far it is."""
        return [self._next(base, attempts) for base, attempts in waiting]

    def _next(self, base: Base, attempts: Sequence[Attempt]) -> Proposal | str | None:
        if len({source(value) for _, value in base.seen}) < 2:
            return None if attempts else "its tests make fewer than two calls with different values that can be written down"
        order = fitting(base)
        random.Random(f"{self.seed} {base.task_id}").shuffle(order)
        order.sort(key=lambda each: not each.kinds)  # what fits everything comes last
        last = attempts[-1] if attempts else None
        if last is None or last.proposal is None:
            return self._made(base, order[0], 0)
        name, _, n_more = last.proposal.how.partition(" ")
        if last.proof.repair == "inputs":
            kept = tuple(each for at, each in enumerate(last.proposal.inputs) if at not in last.proof.bad)
            return replace(last.proposal, inputs=kept)
        if last.proof.repair == "order":
            said = "# The elements of the list that is returned may be in any order.\n"
            return replace(last.proposal, problem=said + last.proposal.problem, unordered=True)
        at = [each.name for each in order].index(name)
        if last.proof.repair == "tests" and int(n_more) < MAX_MORE:
            more = self._made(base, order[at], int(n_more) + 1)
            return replace(more, problem=last.proposal.problem, unordered=last.proposal.unordered)
        return self._made(base, order[at + 1], 0) if at + 1 < len(order) else None

    def _made(self, base: Base, template: Template, n_more: int) -> Proposal:
        chance = random.Random(f"{self.seed} {base.task_id} {template.name} {n_more}")
        is_one = len(base.seen[0][0]) == 1
        names = {"f": base.entry, "call": f"{base.entry}({'item' if is_one else '*item'})"}
        what = "an argument" if is_one else "a list of arguments"
        some = ", and there is at least one" if template.least else ""
        says = _lines(f"Each element of items is {what} of {base.entry}{some}. {template.says.format(**names)}")
        body = "".join(f"    {line}\n" for line in template.body.format(**names).splitlines())
        inputs: dict[str, list[Any]] = {}
        sizes = [template.least, 1, 2, *(chance.randint(2, MAX_ITEMS) for _ in range(N_TESTS + MORE_TESTS * n_more - 3))]
        for size in sizes:
            items, values = _drawn(chance, base, size, is_one=is_one)
            one = [items, *([template.more(chance, values)] if template.more else [])]
            inputs.setdefault(source(one), one)
        return Proposal(
            problem=f'def {template.name}_{base.entry}({template.takes}):\n    """{says}"""\n', solution=body,
            inputs=tuple(inputs.values()), how=f"{template.name} {n_more}",
        )  # fmt: skip


def _drawn(chance: random.Random, base: Base, size: int, *, is_one: bool) -> tuple[list[Any], list[Any]]:
    """Draw items, each value of the function as likely as any other."""
    by_value: dict[str, list[tuple[list[Any], Any]]] = {}
    for each in base.seen:
        by_value.setdefault(source(each[1]), []).append(each)
    groups: Mapping[str, list[tuple[list[Any], Any]]] = by_value
    drawn = [chance.choice(groups[chance.choice(list(groups))]) for _ in range(size)]
    return [arguments[0] if is_one else arguments for arguments, _ in drawn], [value for _, value in drawn]


def _lines(text: str) -> str:
    """Wrap a docstring."""
    import textwrap

    return "\n".join(textwrap.wrap(text, 96, subsequent_indent="    ", break_long_words=False))
