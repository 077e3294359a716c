def f(a):
    return a


f.__code__ = f.__code__.replace(co_consts=(None,))
