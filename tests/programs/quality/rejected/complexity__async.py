async def f(a):
    if a == 0:
        return 0
    elif a == 1:
        return 7
    elif a == 2:
        return 3
    elif a == 3:
        return 10
    elif a == 4:
        return 6
    elif a == 5:
        return 2
    elif a == 6:
        return 9
    elif a == 7:
        return 5
    elif a == 8:
        return 1
    elif a == 9:
        return 8
    elif a == 10:
        return 4
    elif a == 11:
        return 0
    elif a == 12:
        return 7
    elif a == 13:
        return 3
    return None
