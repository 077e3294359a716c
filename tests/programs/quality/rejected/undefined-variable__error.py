def f(a):
    return a + missing
