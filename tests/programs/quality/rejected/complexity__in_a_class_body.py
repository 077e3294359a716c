import sys


class C:
    a = len(sys.argv)
    if a == 0:
        b = 0
    elif a == 1:
        b = 7
    elif a == 2:
        b = 3
    elif a == 3:
        b = 10
    elif a == 4:
        b = 6
    elif a == 5:
        b = 2
    elif a == 6:
        b = 9
    elif a == 7:
        b = 5
    elif a == 8:
        b = 1
    elif a == 9:
        b = 8
    elif a == 10:
        b = 4
    elif a == 11:
        b = 0
    elif a == 12:
        b = 7
    elif a == 13:
        b = 3
