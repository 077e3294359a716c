import os, sys


def f(a, b, unused):
    x = 1
    # pylint: disable-next=singleton-comparison,no-else-return
    if a == True:
        return 1
    else:
        if b != None:
            return 2
    try:
        y = a
    except:  # pylint: disable=bare-except,W0702, C,R,W
        pass
