def f(a, g=lambda x: 0 if x == 0 else 1 if x == 1 else 2 if x == 2 else 3 if x == 3 else 4 if x == 4 else 5 if x == 5 else 6 if x == 6 else 7 if x == 7 else 8 if x == 8 else 9 if x == 9 else 10 if x == 10 else 11 if x == 11 else 12 if x == 12 else 13 if x == 13 else 0):
    return g(a)
