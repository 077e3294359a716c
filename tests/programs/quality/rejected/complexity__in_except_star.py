def f(a):
    try:
        return a()
    except* ValueError:
        print(0)
    except* TypeError:
        print(1)
    except* KeyError:
        print(2)
    except* IndexError:
        print(3)
    except* OSError:
        print(4)
    except* ArithmeticError:
        print(5)
    except* LookupError:
        print(6)
    except* MemoryError:
        print(7)
    except* NameError:
        print(8)
    except* RuntimeError:
        print(9)
    except* EOFError:
        print(10)
    except* BufferError:
        print(11)
    return None
