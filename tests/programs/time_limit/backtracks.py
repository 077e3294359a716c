import re


def pairs(xs):
    return re.match("(a+)+b", "a" * 64)
