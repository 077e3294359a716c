"""Parametrised problems over the kinds of HumanEval: a level of each of five factors makes one task with its tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.records import Table, Task


@dataclass(frozen=True, slots=True)
class Template:
    """A family of problems. `{a}` and `{b}` stand for numbers in all texts.

    Attributes:
        name: of the function.
        takes: its parameters.
        says: what it returns.
        body: a right solution.
        calls: lists of arguments.
    """

    name: str
    takes: str
    says: str
    body: str
    calls: tuple[tuple[object, ...], ...]


_NUMBERS: tuple[tuple[object, ...], ...] = (
    ([],), ([1, 2, 3, 4, 5, 6, 7, 8, 9],), ([10, -3, 7, 7, 0, 12, 5],), ([-1, -8],), ([3],),
)  # fmt: skip
_TEXTS: tuple[tuple[object, ...], ...] = (("",), ("the quick brown fox jumps",), ("a",), ("Mississippi River",), ("x y  z",))
TEMPLATES = (
    Template("total_above", "numbers", "the sum of the numbers that are greater than {a}",
             "return sum(n for n in numbers if n > {a})", _NUMBERS),
    Template("count_multiples", "numbers", "how many of the numbers are multiples of {b}",
             "return sum(n % {b} == 0 for n in numbers)", _NUMBERS),
    Template("every_nth", "numbers", "a list of every {b}th number, beginning with the first one",
             "return numbers[::{b}]", _NUMBERS),
    Template("rotate", "numbers", "the list rotated to the left by {a} places; an empty list stays empty",
             "k = {a} % len(numbers) if numbers else 0\nreturn numbers[k:] + numbers[:k]", _NUMBERS),
    Template("clip", "numbers", "the list with each number below -{a} replaced by -{a} and each above {b} by {b}",
             "return [max(-{a}, min({b}, n)) for n in numbers]", _NUMBERS),
    Template("long_words", "text", "a list of the words of text that have at least {b} letters, in their order",
             "return [w for w in text.split() if len(w) >= {b}]", _TEXTS),
    Template("shift_letters", "text", "the text with each lowercase letter moved {a} places on in the alphabet, from z to "
             "a; all else stays",
             "return ''.join(chr((ord(c) - 97 + {a}) % 26 + 97) if 'a' <= c <= 'z' else c for c in text)", _TEXTS),
    Template("chunks", "text", "a list of the pieces of text of {b} characters each; the last one may be shorter",
             "return [text[i:i + {b}] for i in range(0, len(text), {b})]", _TEXTS),
    Template("power_sum", "n", "the sum of i to the power of {b} for i from 1 to n, plus {a}",
             "return sum(i ** {b} for i in range(1, n + 1)) + {a}", ((0,), (1,), (4,), (9,))),
    Template("digits_in_base", "n", "a list of the digits of n in base {b}, the most significant first; [0] for 0",
             "if n == 0:\n    return [0]\ndigits = []\nwhile n:\n    digits.append(n % {b})\n    n //= {b}\n"
             "return digits[::-1]",
             ((0,), (1,), (7,), (100,), (12345,))),
)  # fmt: skip
A, B = (1, 2, 3, 5, 8), (2, 3, 4, 5, 7)
"""The numbers that `{a}` and `{b}` may be."""
SIZES = (len(TEMPLATES), len(A), len(B), 2, 2)
"""Levels of the factors: template, a, b, whether an example is shown, and whether the name says what the function does."""


def task(point: Sequence[int]) -> Task:
    """Return the problem at a point: a level of each factor."""
    kind, a, b, has_example, is_named = map(int, point)
    it, numbers = TEMPLATES[kind], {"a": A[a], "b": B[b]}
    name = it.name if is_named else "solve"
    body = "".join(f"    {line}\n" for line in it.body.format(**numbers).splitlines())
    example = f"\n    >>> {name}({it.calls[1][0]!r})\n    {_value(it, numbers)!r}" if has_example else ""
    prompt = f'def {name}({it.takes}):\n    """Return {it.says.format(**numbers)}.{example}\n    """\n'
    return Task(
        task_id="Template/" + "-".join(map(str, map(int, point))), prompt=prompt, entry_point=name, canonical_solution=body,
        tests=Table(base=[list(call) for call in it.calls]),
    )  # fmt: skip


def _value(it: Template, numbers: dict[str, int]) -> object:
    """Return what the solution, which is ours, answers to the call of the example."""
    a, b = numbers["a"], numbers["b"]
    if it.takes == "numbers":
        n: list[int] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        return {
            "total_above": sum(x for x in n if x > a), "count_multiples": sum(x % b == 0 for x in n), "every_nth": n[::b],
            "rotate": n[a % 9 :] + n[: a % 9], "clip": [max(-a, min(b, x)) for x in n],
        }[it.name]  # fmt: skip
    if it.takes == "text":
        text = "the quick brown fox jumps"
        return {
            "long_words": [w for w in text.split() if len(w) >= b],
            "shift_letters": "".join(chr((ord(c) - 97 + a) % 26 + 97) if "a" <= c <= "z" else c for c in text),
            "chunks": [text[i : i + b] for i in range(0, len(text), b)],
        }[it.name]  # fmt: skip
    return 1 + a if it.name == "power_sum" else [1]
