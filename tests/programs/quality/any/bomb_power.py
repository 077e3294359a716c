def f():
    return 10 ** 10 ** 10


X = f() + 10 ** 10 ** 9
