def pairs(xs):
    return [(x, x * x) for x in xs]


if __name__ == "__main__":
    input()
    raise SystemExit(1)
