from collections import namedtuple

Pair = namedtuple("Pair", "a b")


def pairs(xs):
    return [Pair(x, x * x) for x in xs]
