print("x" * 900_000)
def pairs(xs):
    return [(x, x * x) for x in xs]

