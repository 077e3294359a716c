# pylint: skip-file
import os, sys


def f(a, b, unused):
    x = 1
    if a == True:
        return 1
    else:
        if b != None:
            return 2
    try:
        y = a
    except:
        pass
