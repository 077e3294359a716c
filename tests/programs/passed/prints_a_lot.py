print("x" * 5_000_000)
def pairs(xs):
    return [(x, x * x) for x in xs]

