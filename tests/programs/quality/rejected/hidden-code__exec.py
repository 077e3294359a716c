CODE = """
def f(a):
    return a
"""
exec(CODE)
