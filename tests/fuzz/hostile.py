"""Values of every kind that the wire has, and bytes that are nearly values: flipped, cut, nested, rewritten, or large and hostile."""

import json
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy

from sandbox.wire import codec

P = 2**61 - 1
"""Python's hash of an integer is its rest by this: its multiples all collide."""


# -- values ------------------------------------------------------------------------------------------------------------


def scalar(rng: random.Random) -> Any:
    return rng.choice(
        [
            lambda: rng.randint(-3, 9), lambda: rng.randint(-(10**18), 10**20), lambda: P * rng.randint(-3, 50), lambda: rng.random(),
            lambda: float(rng.randint(-3, 9)), lambda: rng.choice([math.inf, -math.inf, math.nan, -0.0, 1e308, 5e-324]),
            lambda: rng.choice(["", "a", "ab", "12", "\udc00", "é\n\"", "[{", "x" * rng.randint(0, 40)]), lambda: rng.choice([None, True, False]),
            lambda: bytes(rng.randrange(256) for _ in range(rng.randint(0, 4))), lambda: complex(rng.randint(0, 2), rng.randint(-1, 1)),
            lambda: Fraction(rng.randint(-3, 9), rng.randint(1, 4)), lambda: Decimal(rng.choice(["1", "1.50", "NaN", "-0", "1e400", "sNaN"])),
            lambda: range(rng.randint(0, 3), rng.randint(0, 9), rng.choice([1, 2, -1])), lambda: 7 ** rng.randint(0, 1800),
        ]
    )()  # fmt: skip


def hashable(rng: random.Random, depth: int) -> Any:
    found = rng.random()
    if depth and found < 0.2:
        return tuple(hashable(rng, depth - 1) for _ in range(rng.randint(0, 3)))
    if depth and found < 0.3:
        return frozenset(hashed(rng, depth - 1))
    return scalar(rng)


def hashed(rng: random.Random, depth: int) -> list[Any]:
    out = []
    for _ in range(rng.randint(0, 4)):
        one = hashable(rng, depth)
        try:
            hash(one)
        except TypeError:  # a signalling NaN
            continue
        out.append(one)
    return out


def value(rng: random.Random, depth: int = 3) -> Any:
    """Return a value of any type that the wire has a tag for."""
    found = rng.random()
    if not depth or found < 0.25:
        return scalar(rng)
    inside = [value(rng, depth - 1) for _ in range(rng.choice([0, 1, 2, 2, 3, 5]))]
    if found < 0.5:
        return inside
    if found < 0.6:
        return tuple(inside)
    if found < 0.65:
        return [(rng.randint(0, 9), rng.random()) for _ in range(rng.randint(0, 4))]
    if found < 0.7:
        return [rng.random() for _ in range(rng.randint(0, 5))]
    if found < 0.8:
        return dict(zip(hashed(rng, depth - 1), inside, strict=False))
    if found < 0.87:
        return set(hashed(rng, depth - 1))
    if found < 0.9:
        return deque(inside)
    if found < 0.94:
        return numpy.array([rng.randint(0, 3) for _ in range(rng.randint(0, 4))], dtype=rng.choice(["i8", "f8", "u1", "f2", "?", "c16", "U3"]))
    return rng.choice([numpy.float64(1.5), numpy.int32(3), numpy.bool_(True), numpy.float16(0.1), numpy.array(2), object(), iter(inside)])


def near(rng: random.Random, one: Any) -> Any:
    """Return a value that is nearly `one`: equal in another type, or off by little, somewhere inside."""
    if isinstance(one, list | tuple) and one and rng.random() < 0.8:
        at = rng.randrange(len(one))
        changed = [near(rng, item) if i == at else item for i, item in enumerate(one)]
        return changed if (isinstance(one, list)) == (rng.random() < 0.9) else tuple(changed)
    if isinstance(one, dict) and one and rng.random() < 0.8:
        key = rng.choice(list(one))
        return {**one, key: near(rng, one[key])}
    if isinstance(one, bool | int) and -1e300 < one < 1e300:
        return rng.choice([float(one), bool(one), one + 1, one + P, Fraction(one), Decimal(int(one)), complex(one), numpy.int64(one % 99), str(one)])
    if isinstance(one, float):
        return rng.choice([one + 1e-7, one + 1e-5, one * (1 + 1e-8), numpy.float64(one), numpy.float16(0.5), one, -one, complex(one)])
    if isinstance(one, list | tuple | set | frozenset | deque):
        return rng.choice([list, tuple, deque, lambda v: [*v, 0], lambda v: [*v][1:], lambda v: iter(list(v))])(one)
    return rng.choice([one, [one], None, str(one)[:30]])


# -- bytes -------------------------------------------------------------------------------------------------------------

TAGS = "TLtsfdicbrqmnauSIo"
TOKENS = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"-0.0", b"1E5", b"9" * 4300, b"9" * 4301, b"0." + b"3" * 400, b"null", b"true", b"[]", b"{}",
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\t\n", b"\0", b"\xff", b'"\\ud800"', b'"\\u0061"', b"\\u0031", str(P).encode(),
    str(2 * P).encode(), b'{"t":[1],"t":[1]}', b'{"t":[]}', b'{"s":"ab"}', b'{"S":"1"}', b'{"o":"x"}', b'{"q":["0x1","0x0"]}', b'{"m":"1e999999999"}',
    b'{"m":"sNaN"}', b'{"i":"0x1_0"}', b'{"r":[0,9999999999999999999,1]}', b'{"r":[0,1,0]}', b'{"a":["f8",[0],[]]}', b'{"a":["f8",[1],["x"]]}',
    b'{"n":["f2",0.1]}', b'{"n":["U","x"]}', b'{"L":[[],{"T":[[]]}]}', b'{"I":[1]}', b'{"u":["UserString",12]}', b'{"c":["1",1]}',
]  # fmt: skip


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with one to three small changes."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice([1, 1, 2, 4, 5, 16, 200]))
        what = rng.randrange(10)
        if what == 0 and data:
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif what == 1:
            data = data[:at]
        elif what == 2:
            data = data[:to] + data[at:to] * rng.choice([1, 1, 3, 50]) + data[to:]
        elif what == 3:
            data = data[:at] + data[to:]
        elif what in (4, 5):
            data = data[:at] + rng.choice(TOKENS) + data[at if what == 4 else to :]
        elif what == 6:
            deep, shut = rng.choice([(b"[", b"]"), (b'{"t":[', b"]}"), (b'{"S":[', b"]}"), (b'{"L":[[', b"]]}"), (b'{"u":["UserList",', b"]}")])
            n = rng.choice([1, 2, 290, 310, 2000, 20_000])
            data = data[:at] + deep * n + data[at:to] + shut * rng.choice([n, n, 0, n - 1]) + data[to:]
        elif what == 7 and b'"' in data:
            data = data.replace(b'{"' + rng.choice(TAGS).encode(), b'{"' + rng.choice(TAGS).encode(), rng.choice([1, -1]))
        elif what == 8:
            letters = [i for i, byte in enumerate(data) if chr(byte).isalnum()]
            if letters:
                at = rng.choice(letters)
                data = data[:at] + b"\\u%04x" % data[at] + data[at + 1 :]
        else:
            other = codec.encode(value(rng, 1))
            data = data[:at] + other + data[to:]
    return data


class Pairs(list[Any]):
    """The pairs of a JSON object."""


def dumped(node: Any) -> str:
    if isinstance(node, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{dumped(inside)}" for key, inside in node) + "}"
    return "[" + ",".join(map(dumped, node)) + "]" if isinstance(node, list) else json.dumps(node)


def places(node: Any, at: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    yield at
    if isinstance(node, list):
        for i, inside in enumerate(node):
            yield from places(inside[1] if isinstance(node, Pairs) else inside, (*at, i))


def replaced(node: Any, at: tuple[int, ...], change: Callable[[Any], Any]) -> Any:
    if not at:
        return change(node)
    if isinstance(node, Pairs):
        return Pairs((k, replaced(v, at[1:], change)) if i == at[0] else (k, v) for i, (k, v) in enumerate(node))
    return [replaced(inside, at[1:], change) if i == at[0] else inside for i, inside in enumerate(node)]


def rewritten(rng: random.Random, data: bytes) -> bytes:
    """Return a value's bytes in which one to three nodes of its JSON are something like them, or nothing like them."""

    def tag(name: str, body: Any) -> Pairs:
        return Pairs([(name, body)])

    def change(node: Any) -> Any:
        ways: list[Any] = [None, rng.randint(0, 9), "ab", [], [node], tag("S", [node]), tag(rng.choice(TAGS), node), tag(rng.choice(TAGS), [node])]
        ways += [tag("S", tag(str(node)[:9], node)), tag("n", ["f8", node]), tag("n", [rng.choice(["i8", "U", "b1", "f2"]), node]), tag("I", [node])]
        if isinstance(node, Pairs) and node:
            (name, body), *_ = node
            ways += [tag(rng.choice(TAGS), body)] * 6 + [Pairs([*node, *node]), body, tag(name, [body]), tag(name, str(body)[:9])]
            if isinstance(body, list) and body and not isinstance(body, Pairs):
                ways += [tag(name, "".join(map(str, body))[:9]), tag(name, tag(str(body[0])[:9], body[-1])), tag(name, body[::-1]), tag(name, body * 2)]
        elif isinstance(node, list):
            ways += [tag(name, node) for name in "TLtsfIuS"] + [tag("L", [node]), tag("u", [rng.choice(["UserList", "deque", "UserDict"]), node])]
            ways += [tag("a", [rng.choice(["f8", "i8", "c16"]), [len(node)], node]), node[::-1], node * 2, node[1:], "".join(map(str, node))[:9]]
        elif isinstance(node, bool | int):
            ways += [float(min(node, 10**300)), tag("i", hex(node)), tag("m", str(node)[:4000]), tag("q", [hex(node), "0x1"]), tag("c", [node, 0]), node + P, str(node)[:9]]
            ways += [tag("m", node), tag("m", [0, [abs(node) % 10], 0]), tag("n", ["i8", node]), bool(node)]
        elif isinstance(node, float):
            ways += [node + 1e-7, node * 1.00000001, tag("n", ["f8", node]), tag("c", [node, 0]), tag("m", str(node)), tag("m", node), -node]
        elif isinstance(node, str):
            ways += [tag("u", ["UserString", node]), tag("b", node), tag("n", ["U", node]), tag("S", node), tag("o", node), list(node[:20]), tag("i", node)]
        return rng.choice(ways)

    try:
        node = json.loads(data, object_pairs_hook=Pairs)
        for _ in range(rng.choice([1, 1, 2, 3])):
            node = replaced(node, rng.choice(list(places(node))), change)
        return dumped(node).encode()
    except (ValueError, RecursionError):  # it had been mutated before
        return data


def filled(unit: bytes, size: int, first: bytes = b"[", last: bytes = b"]") -> bytes:
    return first + b",".join([unit] * (size // (len(unit) + 1))) + last


def colliding(n: int, pair: str = "%d") -> bytes:
    return ",".join(pair % (P * i) for i in range(n)).encode()


UNITS = {
    "lists": b"[]", "tuples": b'{"t":[]}', "zeros": b"0", "floats": b"0.5", "exponents": b"1e-400", "texts": b'""', "dicts": b'{"d":[]}',
    "sets": b'{"s":[]}', "fractions": b'{"q":["0x1","0x3"]}', "decimals": b'{"m":"1"}', "numbers": b'{"n":["f8",1]}', "ranges": b'{"r":[0,1,1]}',
    "arrays": b'{"a":["f8",[1],[1]]}', "integers": b'{"i":"0x1"}', "subclasses": b'{"S":[1]}', "opaque": b'{"o":"x"}', "iterators": b'{"I":[]}',
    "deques": b'{"u":["deque",[]]}', "digits": b"9" * 4300, "nests": b"[" * 299 + b"]" * 299, "bombs": b'{"r":[0,9999999999999,1]}',
    "powers": b'{"s":[{"m":"1e-999999999999999999"}]}', "deep tuples": b'{"t":[' * 290 + b"]}" * 290, "marks": b'{"S":[' * 290 + b"1" + b"]}" * 290,
    "long fractions": b'{"q":["0x' + b"f" * 2040 + b'","0x' + b"e" * 2040 + b'"]}', "long digits": b"0." + b"123456789" * 2000,
    "hashed ranges": b'{"s":[{"r":[0,' + b"9" * 4300 + b",1]}]}", "collisions": b'{"s":[' + colliding(1000) + b"]}",
    "colliding keys": b'{"d":[' + colliding(1000, "[%d,0]") + b"]}", "colliding tuples": b'{"s":[' + colliding(1000, '{"t":[%d]}') + b"]}",
    "frozen": b'{"s":[{"f":[' + colliding(1000) + b"]}]}",
}  # fmt: skip
HOSTILE: dict[str, Callable[[int], bytes]] = {
    **{name: partial(filled, unit) for name, unit in UNITS.items()},
    "one integer": lambda size: b'{"i":"0x' + b"f" * size + b'"}',
    "one decimal": lambda size: b'{"s":[{"m":"' + b"7" * size + b'"}]}',
    "one text": lambda size: b'"' + rb"\ud800" * (size // 6) + b'"',
    "one complex": lambda size: b'{"c":["' + b"1" * size + b'",1]}',
    "one name": lambda size: b'{"' + b"s" * size + b'":[]}',
    "unclosed": lambda size: b"[" * size,
    "unclosed tuples": lambda size: b'{"t":[' * (size // 6),
    "shape": lambda size: filled(b"9" * 4300, size, b'{"a":["f8",[', b"],[]]}"),
    "shape of ones": lambda size: filled(b"1", size, b'{"a":["f8",[', b"],[1]]}"),
    "array of texts": lambda size: filled(b'""', size, b'{"a":["U",[%d],[' % (size // 3), b"]]}"),
    "rows": lambda size: filled(b"[]", size, b'{"T":[', b"]}"),
    "pieces": lambda size: filled(b'{"T":[[]]}', size, b'{"L":[', b"]}"),
    "collisions of all": lambda size: b'{"s":[' + colliding(size // 22) + b"]}",
    "keys of all": lambda size: b'{"d":[' + colliding(size // 26, "[%d,0]") + b"]}",
    "one key": lambda size: filled(b"[1,0]", size, b'{"d":[', b"]}"),
    "same keys": lambda size: filled(b'{"t":[1,{"t":[2,3]}]}', size, b'{"I":[', b"]}"),
    "spaces": lambda size: b"[" + b" " * size + b"]",
    "names": lambda size: b'{"t":[]' + b',"t":[]' * (size // 7) + b"}",
}  # fmt: skip
