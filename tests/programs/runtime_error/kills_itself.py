import os


def pairs(xs):
    os.kill(os.getpid(), 9)
