import ctypes


def pairs(xs):
    return ctypes.string_at(0)
