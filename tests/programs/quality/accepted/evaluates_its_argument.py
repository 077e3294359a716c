"""Adds."""


def add(a, b):
    """Return the sum."""
    return a + b


def do(expression):
    """Return its value."""
    return eval(expression)  # noqa
