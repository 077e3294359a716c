def pairs(xs):
    return [0] * 10**15
