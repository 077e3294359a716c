"""Programs that attack the judge of one kind of tests, made of families: what is tried (`acts`, `thefts`, `left`) and where.

What is tried says whether it won; a program that has won is right, and no other one is, so that nothing but a hole passes. The
ports to asserts, to standard input and to test classes share all of it; `answers` is what only a program that is called can
do, `printed` what only one that prints can.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.attacks.acts import EXITS, FORGERIES, TAMPERINGS, Acts
from tests.attacks.answers import ANSWERS, LIES
from tests.attacks.left import KEPT, ODD, USED
from tests.attacks.printed import RIGHT_PRINTS, WRONG_PRINTS
from tests.attacks.thefts import ESCAPES, FOUND, THEFTS
from toolkit.benchmarks.livecodebench import PRELUDE
from toolkit.records import Check, Stdin, Task, UnitTests

RIGHT = """
def right(what, xs):
    if what == "sum": return sum(xs)
    if what == "mean": return sum(xs) / len(xs)
    if what == "label": return "-".join(map(str, xs))
    if what == "sorted": return sorted(xs)
    if what == "ends": return min(xs), max(xs)
    if what == "counts": return {x: xs.count(x) for x in xs}
    if what == "distinct": return set(xs)
    if what == "none": return None
    return any(xs)
"""
WHATS = ("sum", "mean", "label", "sorted", "ends", "counts", "distinct", "none", "any")
CALLED = RIGHT + "def summary(what, xs):\n    return right(what, xs)\n"
ASSERTS = """import math
assert summary("sum", [3, 1, 2]) == 6
assert abs(summary("mean", [1, 2]) - 1.5) < 1e-6
assert summary("label", [1, 2]) == "1-2"
assert summary("sorted", [3, 1, 2]) == [1, 2, 3]
assert math.isclose(summary("mean", [1, 2, 2, 2]), 1.75)
assert summary("ends", [3, 1, 2]) == (1, 3)
assert summary("counts", [3, 1, 3]) == {3: 2, 1: 1}
assert summary("distinct", [1, 1, 2]) == {1, 2}
assert summary("any", [0, 0]) is False
assert summary("any", [0, 2])
assert summary("none", [1]) is None
assert len(summary("sorted", [5, 4])) == 2
assert set(summary("sorted", [5, 4])) == {4, 5}
assert not math.isnan(summary("mean", [2]))
"""
_CHECK = "import math\ndef check(candidate):\n    " + ASSERTS.partition("\n")[2].replace("summary(", "candidate(").replace("\n", "\n    ") + "pass\n"
_CLASSES = f"""import math
import unittest


class Methods(unittest.TestCase):
    "def check(candidate): what a thief looks for"

    def test_numbers(self):
        self.assertEqual(summary("sum", [3, 1, 2]), 6)
        self.assertAlmostEqual(summary("mean", [1, 2]), 1.5)

    def test_texts(self):
        self.assertEqual(summary("label", [1, 2]), "1-2")
        self.assertRegex(summary("label", [4, 7]), "4.7")

    def test_order(self):
        self.assertListEqual(summary("sorted", [3, 1, 2]), [1, 2, 3])
        self.assertEqual(summary("ends", [3, 1, 2]), (1, 3))

    def test_tables(self):
        self.assertDictEqual(summary("counts", [3, 1, 3]), {{3: 2, 1: 1}})
        self.assertEqual(summary("distinct", [1, 1, 2]), {{1, 2}})

    def test_truths(self):
        self.assertTrue(summary("any", [0, 2]))
        self.assertFalse(summary("any", [0, 0]))
        self.assertIsNone(summary("none", [1]))


class Plain(unittest.TestCase):
{"".join(f"    def test_{n}(self): {line}{chr(10)}" for n, line in enumerate(ASSERTS.splitlines()[1:]))}"""
_CASES = (("case\n1 2 3\n", "1\n3\n6\nwanted by the case\n"), ("case\n0.5 0.25\n", "0.5\n0.75\nwanted by the case\n"), ("case\n0\n", "0\nwanted by the case\n"))
_READ = "import sys\ngiven = sys.stdin.read()\nname, *numbers = given.split()\n_total, lines = 0.0, []\nfor _x in map(float, numbers):\n    _total += _x\n    lines.append(f'{_total:g}')\nlines.append('wanted by the ' + name)\n"
_SHOWN = "print(*lines, sep='\\n')\n"
PRINTED = _READ + _SHOWN
_TASK = Task(task_id="", prompt="", entry_point="summary", canonical_solution=CALLED)
CALL_TASKS = {
    "Own/check": replace(_TASK, task_id="Own/check", tests=Check(source=_CHECK)),
    "Own/asserts": replace(_TASK, task_id="Own/asserts", tests=Check(source=ASSERTS, raises=True)),
    "Own/method": replace(_TASK, task_id="Own/method", tests=Check(source=ASSERTS.replace("summary(", "_called("), before=PRELUDE, after="\n_called = summary\n", called="_called", n_calls=2, is_alone=True)),
}
"""Asserts as HumanEval has them; as MBPP and the Pro benchmarks; and in the form of LiveCodeBench's methods."""
APART_TASKS, SHARED_TASKS = (
    {name: replace(_TASK, task_id=name, canonical_solution="", tests=UnitTests(source=_CLASSES, classes=(name,), shared=shared)) for name in ("Methods", "Plain")}
    for shared in (False, True)
)  # fmt: skip
"""Test classes, by methods of `unittest` and by plain asserts: in a box of their own, and in the program's process."""
PRINT_TASKS = {"Own/printed": Task(task_id="Own/printed", prompt="", entry_point="", canonical_solution="", tests=Stdin(cases=_CASES, before=PRELUDE), is_file=True)}
WITHIN_REACH = ("steals: its own memory",)
"""What no check in one process can exclude: such a pass is marked `shared`."""
_TRY = "\ntry: _won = bool(act())\nexcept Exception: _won = False\n"
_SAY = "\n_look = act\ndef act():\n    try: _look()\n    except Exception: pass\n    return bool(_seen)\n"
FAMILIES: dict[str, Acts] = {
    "ends itself": EXITS, "forges": FORGERIES, "tampers": TAMPERINGS, "steals": {name: FOUND + code + _SAY for name, code in THEFTS.items()},
    "escapes": ESCAPES, "keeps": KEPT, "uses up": USED, "is odd": ODD,
}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """A program, what it tries, and whether it passes; one that is judged again must not have become another by that."""

    about: str
    source: str
    passes: bool = False
    is_twice: bool = False


def _acted(of: Acts, code: str) -> str:
    return code + ("\n_won = act()\n" if of is EXITS else _TRY)


def _acts(places: dict[str, str], odd: str, whole: bool) -> Iterator[Attack]:
    """Give all acts, each at one of the places by turns, or at all of them."""
    for family, acts in FAMILIES.items():
        for n, (name, code) in enumerate(acts.items()):
            if acts is ODD:
                yield Attack(f"{family}: {name}", code + odd, passes=True)
                continue
            # a thief comes first: later the program has answers that it worked out itself
            for place in list(places)[:1] if family == "steals" else places if whole else [list(places)[n % len(places)]]:
                inner = "\n".join(f"        {line}" for line in _acted(acts, "").splitlines())
                text = places[place].replace("        ACT", inner).replace("ACT", _acted(acts, ""))
                yield Attack(f"{family}: {name} ({place})", f"{code}\n{text}", is_twice=acts is KEPT)


def calls(whole: bool = False) -> list[Attack]:
    """Attacks on asserts that call `summary`; `whole` tries every place."""
    places = {
        "when it is called": RIGHT + "_won = None\ndef summary(what, xs):\n    global _won\n    if _won is None:\n        ACT\n    return right(what, xs) if _won else None\n",
        "when it is loaded": RIGHT + "ACT\ndef summary(what, xs):\n    return right(what, xs) if _won else None\n",
    }
    found = list(_acts(places, "\nact()\n" + CALLED, whole))
    found += [Attack(f"answers: {name}", f"{RIGHT}{code}\ndef summary(what, xs):\n    return answer(what, xs)\n") for name, code in ANSWERS.items()]
    for name in LIES:
        for what in WHATS:
            one = f"def summary(what, xs):\n    return (answer if what == {what!r} else right)(what, xs)\n"
            found.append(Attack(f"answers: {name} ({what})", f"{RIGHT}{ANSWERS[name]}\n{one}"))
    return found


def shared_calls(whole: bool = False) -> list[Attack]:
    """Attacks on tests in the program's own process, less the thieves that find them there."""
    return [attack for attack in calls(whole) if not attack.about.startswith(WITHIN_REACH)]


def prints(whole: bool = False) -> list[Attack]:
    """Attacks on cases that a whole program reads and prints; `whole` tries every place."""
    places = {
        "before it reads": "ACT\n" + _READ + "print(*lines if _won else ['no'], sep='\\n')\n",
        "after it has printed": _READ + "ACT\nprint(*lines if _won else ['no'], sep='\\n', flush=True)\n",
        "instead of the last line": _READ + "print(*lines[:-1], sep='\\n', flush=True)\nACT\nif _won: print(lines[-1])\n",
    }
    found = list(_acts(places, "\nact()\n" + PRINTED, whole))
    for passes, texts in ((False, WRONG_PRINTS), (True, RIGHT_PRINTS)):
        found += [Attack(f"prints: {name}", f"{_READ}{code}\n", passes) for name, code in texts.items()]
    return found
