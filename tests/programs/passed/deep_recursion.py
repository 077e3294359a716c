import sys

sys.setrecursionlimit(100_000)


def count(n):
    return 0 if n == 0 else 1 + count(n - 1)


def pairs(xs):
    assert count(5000) == 5000
    return [(x, x * x) for x in xs]
