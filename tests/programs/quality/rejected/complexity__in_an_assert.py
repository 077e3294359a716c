def f(a):
    assert (a == 0 and a != 1) or (a == 1 and a != 2) or (a == 2 and a != 3) or (a == 3 and a != 4) or (a == 4 and a != 5) or (a == 5 and a != 6) or (a == 6 and a != 7) or (a == 7 and a != 8) or (a == 8 and a != 9)
    return a
