"""The comparison against EvalPlus's own, on values of all kinds; where they differ is written down, and nowhere else."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy
import pytest

from sandbox.wire import codec
from tests.toolkit.benchmarks.differences import LENIENT, STRICTER, UNSEEN, Difference, reasons
from tests.toolkit.benchmarks.pairs import N_PAIRS, OWN, TASK, Pair, judged, ours, pair, theirs, wires
from tests.toolkit.benchmarks.wrong_rules import WRONG
from toolkit.benchmarks import compare
from toolkit.benchmarks.compare import matches
from toolkit.records import Table


@dataclass(frozen=True)
class Judged:
    """A pair, its bytes (none of an answer that cannot be written), what EvalPlus says of it, and of which point it is an example."""

    make: Callable[[], Pair]
    wires: tuple[bytes, bytes] | None
    is_right: bool
    words: str

    def __str__(self) -> str:
        try:
            return f"{self.make()}"[:1000]
        except ValueError:  # an integer of too many digits
            return f"{self.wires}"[:1000]


@pytest.fixture(scope="module")
def pairs() -> list[Judged]:
    """One pair for each point in which the rules differ, and the generated ones."""
    examples = [(point.example, point.words) for point in STRICTER + LENIENT]
    makers = examples + [(partial(pair, seed), "") for seed in range(N_PAIRS)]
    return [Judged(make, written(make()), theirs(make()), words) for make, words in makers]


def written(pair: Pair) -> tuple[bytes, bytes] | None:
    try:
        return wires(pair)
    except codec.CodecError:
        return None


def surprises(pairs: Iterable[Judged], counts: Counter[str]) -> Iterator[str]:
    """Yield what must not be: pairs that the rules differ about for no written reason, and examples that they agree about."""
    for one in pairs:
        is_right = one.wires is not None and judged(one.make(), *one.wires)
        if is_right is one.is_right:
            counts["right for both" if is_right else "wrong for both"] += 1
            if one.words:
                yield f"{one} is an example of {one.words!r}, and is {'right' if is_right else 'wrong'} for both"
            continue
        why = reasons(one.make, is_right)
        if why is None:
            yield f"{one} is {'right' if is_right else 'wrong'} here, for no written reason"
        counts.update(set(why or ()))


def test_against_evalplus(pairs: list[Judged]) -> None:
    """Whatever it is, it is right for both or for neither, or why not is written down."""
    counts: Counter[str] = Counter()
    found = list(surprises(pairs, counts))
    print("", *(f"{n:5} {words}" for words, n in counts.most_common()), sep="\n")
    assert not found, "\n".join(found[:10])
    assert counts["right for both"] > N_PAIRS // 4
    assert counts["wrong for both"] > N_PAIRS // 4
    assert counts["right for both"] + counts["wrong for both"] > 0.85 * N_PAIRS


@pytest.mark.parametrize("about", WRONG)
def test_a_wrong_rule_is_found(about: str, pairs: list[Judged], monkeypatch: pytest.MonkeyPatch) -> None:
    WRONG[about](monkeypatch)
    first = next(surprises(pairs, Counter()), None)
    print(first)
    assert first is not None


@pytest.mark.parametrize("point", STRICTER + LENIENT, ids=lambda point: point.words)
def test_where_they_differ(point: Difference) -> None:
    is_right = point in LENIENT
    assert (ours(point.example()), theirs(point.example())) == (is_right, not is_right)
    assert reasons(point.example, is_right) == [point.words]


def test_every_difference_is_written_down() -> None:
    written = re.findall(r"(?m)^- (.*)$", str(compare.__doc__))
    words = [point.words for point in STRICTER] + [*UNSEEN] + [point.words for point in LENIENT]
    assert len(written) == len(words)
    assert all(any(line.startswith(begin) for line in written) for begin in words)


def test_rows_of_tuples_are_compared_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way for plain rows says what the slow one does, of NaN too, which identity would find equal to itself."""
    cells = [0, 1, True, False, None, "", "1", 1.0, -0.0, float("nan"), float("inf"), 2**70, Decimal("NaN"), Fraction(1, 2), b"a"]
    rng, found = random.Random(7), set()
    for _ in range(3000):
        expected = [tuple(rng.choices(cells, k=rng.randrange(3))) for _ in range(rng.randrange(1, 4))]
        got = [tuple(cell if rng.random() < 0.9 else rng.choice(cells) for cell in row) for row in expected]
        right, wire = codec.decode(codec.encode(expected)), codec.read(codec.encode(got))
        quick = compare._same(right, wire)
        with monkeypatch.context() as patched:
            patched.setattr(compare, "_tuples", lambda *_: [])
            assert compare._same(right, wire) == quick, (expected, got)
        found.add(quick)
    assert found == {True, False}


N = 400_000
LARGE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "numbers of another type": lambda: (list(range(N)), [float(i) for i in range(N)]),
    "numbers within a tolerance": lambda: ([i / 7 for i in range(N)], [i / 7 + 1e-9 for i in range(N)]),
    "rows of numbers": lambda: ([(i, i + 1) for i in range(N // 2)], [(i, i + 1.0) for i in range(N // 2)]),
    "lists in lists": lambda: ([[i] for i in range(N // 2)], [[float(i)] for i in range(N // 2)]),
    "numbers of numpy": lambda: (list(range(N // 8)), [numpy.int64(i) for i in range(N // 8)]),
    "an array": lambda: (numpy.arange(N), numpy.arange(N) + 0.0),
    "texts": lambda: ([str(i) for i in range(N)], [str(i) for i in range(N - 1)] + ["x"]),
    "a long text": lambda: ("a" * 8_000_000, "a" * 7_999_999 + "b"),
    "a set": lambda: (set(range(N // 4)), {float(i) for i in range(N // 4)}),
    "a dict": lambda: (dict.fromkeys(range(N // 4), 1), dict.fromkeys(map(float, range(N // 4)), 1.0)),
    "a set of equal hashes": lambda: ({1, 2}, {i * (2**61 - 1) for i in range(4000)}),
    "a set in a set of equal hashes": lambda: (
        {frozenset(range(1000))}, {frozenset(i * (2**61 - 1) for i in range(1000))},
    ),
    "long numbers": lambda: ([10**4000] * 200, [10**4000 + 1] * 200),
    "fractions": lambda: ([Fraction(1, 3)] * 20_000, [Fraction(2, 7)] * 20_000),
    "decimals of another kind": lambda: ([1] * 50_000, [Decimal("1.0")] * 50_000),
    "a decimal with a large exponent": lambda: ([1], [Decimal("1E+999999")]),
}  # fmt: skip


@pytest.mark.parametrize("about", LARGE)
@pytest.mark.slow
def test_what_comparing_costs(about: str, frozen_heap: None) -> None:
    """At most 0.2 s of CPU, and 0.1 s for each megabyte of both, on a machine that reads JSON at 20 MB/s or more."""
    expected, got = map(codec.encode, LARGE[about]())
    size = (len(expected) + len(got)) / 1e6
    reading = least(lambda: (codec.read(expected), codec.read(got)))
    spent = least(lambda: matches(OWN, replace(TASK, tests=Table(atol=1e-6)), (), expected, got))
    assert spent < (0.2 + 0.1 * size) * max(1, reading / (0.05 * size)), f"{spent:.2f} s for {size:.1f} MB"


def least(act: Callable[[], object]) -> float:
    """Return the CPU seconds of the quickest of three: others may have the caches."""
    spent = []
    for _ in range(3):
        started = time.process_time()
        act()
        spent.append(time.process_time() - started)
    return min(spent)


@pytest.mark.parametrize("inside", [b'{"u":["UserList",[1]]}', b'{"S":[[1]]}'])
@pytest.mark.parametrize("wrapper", [b'{"u":["UserList",%s]}', b'{"S":[%s]}'])
def test_a_wrapper_holds_no_wrapper(wrapper: bytes, inside: bytes) -> None:
    """The codec puts plain data into each, so this is an answer that no program's value has."""
    for task in (TASK, replace(TASK, entry_point="Diff")):
        assert not matches(OWN, task, [], b"[1]", wrapper % inside)
        assert matches(OWN, task, [], b"[1]", wrapper % b"[1]")


@pytest.mark.parametrize("answer", [b'{"a":["<zz",[0],[]]}', b'{"a":[{"b":"<c16"},[0],[]]}', b'{"a":[[],[0],[]]}', b'{"a":[]}', b'{"n":[]}'])
def test_an_array_has_a_type(answer: bytes) -> None:
    for entry_point in ("plain", "Diff"):
        assert not matches(OWN, replace(TASK, entry_point=entry_point), [], codec.encode(numpy.array([])), answer)
