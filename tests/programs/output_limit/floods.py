def pairs(xs):
    while True:
        print("x" * 100_000)
