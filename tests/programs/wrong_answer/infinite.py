import itertools


def pairs(xs):
    return itertools.count()
