def f(a):
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


def h0(x):
    return x + 0


def h1(x):
    return x + 1


def h2(x):
    return x + 2


def h3(x):
    return x + 3


def h4(x):
    return x + 4


def h5(x):
    return x + 5


def h6(x):
    return x + 6


def h7(x):
    return x + 7


def h8(x):
    return x + 8


def h9(x):
    return x + 9


def h10(x):
    return x + 10


def h11(x):
    return x + 11


def h12(x):
    return x + 12


def h13(x):
    return x + 13


def h14(x):
    return x + 14


def h15(x):
    return x + 15


def h16(x):
    return x + 16


def h17(x):
    return x + 17


def h18(x):
    return x + 18


def h19(x):
    return x + 19


def h20(x):
    return x + 20


def h21(x):
    return x + 21


def h22(x):
    return x + 22


def h23(x):
    return x + 23


def h24(x):
    return x + 24


def h25(x):
    return x + 25


def h26(x):
    return x + 26


def h27(x):
    return x + 27


def h28(x):
    return x + 28


def h29(x):
    return x + 29


def h30(x):
    return x + 30


def h31(x):
    return x + 31


def h32(x):
    return x + 32


def h33(x):
    return x + 33


def h34(x):
    return x + 34


def h35(x):
    return x + 35


def h36(x):
    return x + 36


def h37(x):
    return x + 37


def h38(x):
    return x + 38


def h39(x):
    return x + 39
