"""The wire: every value type the benchmarks use comes back as it was; hostile bytes cost a bounded error."""

import collections
import itertools
import math
import os
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.wire import codec, frames

N = 5 if os.environ.get("TOOLKIT_LONG") else 1
"""Times so many examples: five in `make check-long`."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
scalars |= st.complex_numbers(allow_nan=False) | st.fractions()
scalars |= st.integers(-3, 3).map(lambda n: n * 7**6000)
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6)
values = st.recursive(
    scalars | st.sets(hashable, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.lists(st.tuples(inner, inner), max_size=4)
        | st.lists(st.lists(inner, max_size=3), max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
    ),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(key in b and same(a[key], b[key]) for key in a)
    return bool(a == b)


@given(values)
@settings(max_examples=60 * N, deadline=None)
def test_round_trip(value: Any) -> None:
    assert same(codec.decode(codec.encode(value)), value)


@given(st.lists(st.lists(values, max_size=3), max_size=4))
@settings(max_examples=30 * N, deadline=None)
def test_batch_round_trip(calls: list[list[Any]]) -> None:
    assert same(codec.decode_batch(codec.encode_batch(calls)), calls)


@pytest.mark.parametrize(
    "value",
    [
        math.inf, -0.0, "lone \udc00 surrogate", [1, True, 1.0, None, "x"], [(1, 2), (3, "[")], [[], [1]], [()], range(9),
        list(range(200_000)), [(i, str(i)) for i in range(100_000)], [10**5000], Decimal("1.50"), Fraction(1, 3),
    ],
)  # fmt: skip
def test_comes_back(value: Any) -> None:
    assert same(codec.decode(codec.encode(value)), value)
    assert b"".join(codec.encode_parts(value)) == codec.encode(value)


@pytest.mark.parametrize("n", [65_535, 65_536, 65_537, 131_072, 131_073, 140_000])
def test_all_pieces_but_the_last_are_long_enough(n: int) -> None:
    pieces = list(codec.encode_parts([0] * n))
    assert all(len(piece) >= codec.MIN_PART for piece in pieces[:-1])
    assert codec.decode(b"".join(pieces)) == [0] * n


def test_nan_comes_back() -> None:
    assert math.isnan(codec.decode(codec.encode(math.nan)))


def test_equal_sets_have_equal_bytes() -> None:
    assert codec.encode({"a", "b", 1}) == codec.encode({1, "b", "a"})


def test_subclasses_are_what_they_hold_not_what_they_claim() -> None:
    class Liar(list[int]):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Any:
            return iter([1, 2, 3])

    class Spoof:
        @property
        def __class__(self) -> Any:
            return tuple

    assert codec.decode(codec.encode(Liar())) == []
    assert codec.decode(codec.encode(collections.Counter("aab"))) == {"a": 2, "b": 1}
    assert isinstance(codec.decode(codec.encode(Spoof())), codec.Opaque)
    assert codec.decode(codec.encode(iter([1]))) != codec.decode(codec.encode(iter([1])))


def test_what_an_iterable_gives_is_written_out_where_that_is_asked_for() -> None:
    """Also of one that has no `__iter__`, only items in order; never of what holds no other values, or has no end."""

    class Ordered:
        def __getitem__(self, at: int) -> int:
            return (4, 5)[at]

    for some in (Ordered(), (x for x in (4, 5)), map(int, "45"), {"a": 4, "b": 5}.values(), memoryview(b"\4\5")):
        assert codec.encode(some, listed=True) == b'{"I":[4,5]}'
    for other in (7, None, "45", [4, 5], object(), Ordered, itertools.count()):
        assert codec.encode(other, listed=True) == codec.encode(other)


def test_a_list_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((codec.CodecError, RecursionError)):
        codec.encode(loop)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[", b"{}", b'{"x":1}', b'{"t":1}', b'{"t":[1],"s":[]}', b'{"s":[[1]]}', b'{"d":[1]}', b'{"d":[[[1],2]]}',
        b'{"i":"zz"}', b'{"c":[1]}', b'{"b":"0"}', b'{"r":[1,2,3,4]}', b'{"r":["a",1,1]}', b'{"q":["0x1","0x0"]}', b'{"q":"1/3"}', b'{"L":[{"r":[0,9,1]}]}', b'{"n":["S1",1000000000]}', b'{"a":["<f8",[1],[{"r":[0,9,1]}]]}', b'{"m":"x"}',
        b'{"n":["O",1]}', b'{"n":["f8","x"]}', b'{"a":["f8",[2],[1]]}', b'{"a":["V9999999",[1],[1]]}', b'{"T":[1]}',
        b'{"T":1}', b'{"L":[1]}', b"9" * 5000, b"\xff", b"[" * 100_000, b'{"t":[' * 5_000, b'{"c":["1","x"]}', b"nul",
    ],
)  # fmt: skip
def test_hostile_bytes_are_refused(data: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(codec.CodecError):
        codec.decode(data)
    assert time.monotonic() - started < 1


@given(st.binary(max_size=300))
@settings(max_examples=100 * N, deadline=None)
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    for act in (codec.decode, lambda data: codec.split_frames(data, 3)):
        try:
            act(data)
        except codec.CodecError:
            pass


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda i: st.lists(i, max_size=3)
       | st.dictionaries(st.sampled_from("tTLsfdicbrqmnaouSI"), i, max_size=2), max_leaves=12))  # fmt: skip
@settings(max_examples=100 * N, deadline=None)
def test_any_json_decodes_or_is_refused(wire: Any) -> None:
    try:
        codec.decode(codec._dumps(wire).encode())
    except codec.CodecError:
        pass


def test_too_many_hashed_elements_are_refused() -> None:
    with pytest.raises(codec.CodecError, match="elements"):
        codec.decode(codec._dumps({"s": list(range(codec.MAX_HASHED + 1))}).encode())


@given(st.lists(st.tuples(st.sampled_from([codec.RETURNED, codec.RAISED]), st.binary(max_size=50)), max_size=8), st.data())
@settings(max_examples=60 * N, deadline=None)
def test_frames_round_trip_and_torn_ones_are_left_out(sent: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = codec.join_frames(sent)
    assert codec.split_frames(stream, len(sent)) == sent
    cut = data.draw(st.integers(0, len(stream)))
    whole = codec.split_frames(stream[:cut], len(sent))
    assert whole == sent[: len(whole)]
    if sent:
        with pytest.raises(codec.CodecError):
            codec.split_frames(stream, len(sent) - 1)


def test_pieces_are_joined() -> None:
    piece = b"a" * codec.MIN_PART
    assert codec.split_frames(codec.join_frames([(codec.PART, piece), (codec.RETURNED, b"b")]), 1) == [(codec.RETURNED, piece + b"b")]
    with pytest.raises(codec.CodecError):
        codec.split_frames(codec.join_frames([(codec.PART, piece[1:]), (codec.RETURNED, b"b")]), 1)


def reader(data: bytes) -> Any:
    view = [data]

    def receive(n: int) -> bytes:
        assert n <= frames.MAX_PAYLOAD
        if len(view[0]) < n:
            raise EOFError
        part, view[0] = view[0][:n], view[0][n:]
        return part

    return receive


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4), st.binary(max_size=200))
@settings(max_examples=60 * N, deadline=None)
def test_messages_round_trip(header: dict[str, Any], payload: bytes) -> None:
    header = {**header, "op": "x"}
    assert frames.read(reader(frames.pack(header, payload))) == (header, payload)


@given(st.binary(max_size=100))
@settings(max_examples=100 * N, deadline=None)
def test_hostile_messages_are_refused_before_anything_is_allocated(data: bytes) -> None:
    with pytest.raises((frames.ProtocolError, EOFError)):
        frames.read(reader(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8, b"\0\0\0\2\xff\xff\xff\xff{}", b"\0\0\0\2\0\0\0\0{}", b"\0\0\0\2\0\0\0\0[]", b"\0\0\0\1\0\0\0\0x",
        (60_000).to_bytes(4, "big") + bytes(4) + b"[" * 60_000, b"\0\0\0\10\0\0\0\0{\"op\":1}",
        (5010).to_bytes(4, "big") + bytes(4) + b'{"op":' + b"9" * 5003 + b"}",
    ],
)  # fmt: skip
def test_broken_messages_are_refused(data: bytes) -> None:
    with pytest.raises(frames.ProtocolError):
        frames.read(reader(data))


def test_too_large_a_message_is_refused_by_the_sender() -> None:
    with pytest.raises(frames.ProtocolError):
        frames.pack({"op": "x" * frames.MAX_HEADER})


@pytest.mark.parametrize(
    "data",
    [
        '{"d":["ab"]}', '{"d":[["a"]]}', '{"T":["ab"]}', '{"r":[1,2]}', '{"c":[1]}', '{"q":["0x1"]}', '{"n":["<f8"]}', '{"n":[8,1.0]}',
        '{"a":["<zz",[0],[]]}', '{"a":["<f8",0,[]]}', '{"a":["<f8",[0]]}', '{"S":[{"S":[1]}]}', '{"S":[{"I":[]}]}', '{"S":["a"]}', '{"S":[]}',
        '{"u":["UserList",{"u":["UserList",[]]}]}', '{"u":["UserList","a"]}', '{"u":["UserString",["a"]]}', '{"u":["deque",{"I":[]}]}',
        '{"u":[{"u":["UserString","deque"]},[]]}', '{"u":["d",{"d":[]}]}', '{"u":["list",[]]}',
    ],
)  # fmt: skip
def test_a_tag_holds_what_the_encoder_puts_into_it(data: str) -> None:
    """Else answers that no value has would count as right where nothing of them is looked at."""
    with pytest.raises(codec.CodecError, match="does not hold what it should"):
        codec.read(data.encode())
