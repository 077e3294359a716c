"""Values as people see them: one printable line, bounded, and made of a bounded part of what a program wrote."""

import math
import time
from collections import UserDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.wire import codec
from toolkit.oracle import shown
from toolkit.oracle.shown import MAX_CHARS

TEXTS = st.text(st.characters(exclude_characters="'\"\\", exclude_categories=["C", "Z"]))  # of one kind of quotes
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.integers(-(10**2000), 10**2000)
HASHABLE = st.integers() | TEXTS
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.tuples(inner, inner) | st.dictionaries(HASHABLE, inner, max_size=3),
    max_leaves=200,
)


def is_fine(line: str) -> bool:
    return len(line) <= MAX_CHARS and line.isprintable()


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_a_value_is_shown_as_python_writes_it_cut(value: Any) -> None:
    line, whole = shown.value(codec.encode(value)), repr(value)
    assert is_fine(line)
    if len(line) < MAX_CHARS:
        assert line == whole
    elif "0x" not in line.replace("0…", "0x"):  # a long number stays in the base that it came in
        assert whole.startswith(line.removesuffix("…"))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(), TEXTS), min_size=1), st.integers(1, 5000))
def test_where_the_reading_ends_makes_no_difference(rows: list[Any], n: int) -> None:
    """A value that is far longer than what is read begins like one that is read to its end."""
    short = (rows * 200)[:200]
    assert shown.value(codec.encode(short + [0] * n)) == shown.value(codec.encode(short + [0] * 100_000))


@settings(max_examples=500, deadline=None)
@given(st.binary() | st.text('[]{}",:0123456789.eE-\\u TtLsfdicbrqmnauSIo', max_size=9000).map(lambda it: it.encode()))
def test_whatever_a_program_writes_is_shown_in_one_printable_line(wire: bytes) -> None:
    assert is_fine(shown.value(wire))
    assert is_fine(shown.call(wire))
    assert is_fine(shown.text(wire.decode("utf-8", "replace")))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ((1,), "(1,)"), ([(1, 2), (3, 4)], "[(1, 2), (3, 4)]"), (set(), "set()"), ({2, 1}, "{1, 2}"), (frozenset(), "frozenset()"),
        (frozenset({1}), "frozenset({1})"), (range(10**9), "range(0, 1000000000)"), (range(0, 9, 2), "range(0, 9, 2)"),
        (b"a\x00", r"b'a\x00'"), (1 + 2j, "(1+2j)"), (10**400, "1" + "0" * 198 + "…"), (math.inf, "inf"), (object(), "<builtins.object>"),
        ("\x1b[31m\u202e", r"'\x1b[31m\u202e'"), ("x" * 300, "'" + "x" * 198 + "…"),
    ],
)  # fmt: skip
def test_what_is_more_than_json(value: Any, line: str) -> None:
    assert shown.value(codec.encode(value)) == line


KINDS = [
    (1, 2), {1, 2}, frozenset({1}), {"a": [1], (2,): "b"}, 10**400, 1 + 2j, b"abc", range(0, 9, 2), Fraction(1, 3), Decimal("1.5"),
    np.float64(1.5), np.arange(6.0).reshape(2, 3), deque([1]), UserDict({"a": 1}), [(1, 2), (3, 4)],
]  # fmt: skip


@pytest.mark.parametrize("value", KINDS, ids=lambda value: type(value).__name__)
def test_a_value_of_any_kind_is_shown_wherever_it_is_cut(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut off holds less than its tag wants, and is shown as far as it goes: never as the bytes on the wire."""
    wire = codec.encode([None, value, value])
    for n in range(1, len(wire)):
        monkeypatch.setattr(shown, "_READ", n)
        line = shown.value(wire)
        assert is_fine(line)
        assert '{"' not in line, f"a tag, cut after {n}"


def test_arguments_are_separated_by_commas() -> None:
    assert shown.call(codec.encode_batch([[1, "a", [2]]])) == "1, 'a', [2]"
    assert shown.call(codec.encode_batch([[]])) == ""


@pytest.mark.parametrize(
    "wire",
    [
        b'"' + b"a" * (48 << 20), b"[" * (1 << 20), b'{"S":[' * (1 << 20), b'{"i":"0x' + b"f" * (1 << 20) + b'"}', b"9" * (1 << 20),
        b'{"r":[0,99999999999999999999,1]}', b'{"n":["S9999999999",1]}', b'{"a":["f8",[' + b"1," * 9999 + b"1],[0.5]]}", b"\\" * (1 << 20),
        b'"' + b"\\" * (1 << 20), b'{"m":"1E999999999"}', b'{"q":["0x' + b"f" * 2000 + b'","0x3"]}',
    ],
    ids=range(12),
)  # fmt: skip
def test_a_large_answer_costs_no_more_than_a_small_one(wire: bytes) -> None:
    started = time.process_time()
    for _ in range(10):
        assert is_fine(shown.value(wire))
    assert time.process_time() - started < 0.5
