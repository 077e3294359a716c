def pairs(xs):
    return [(x, x * x) for x in xs]

