import sys

a = len(sys.argv)
if a == 0:
    print(0)
elif a == 1:
    print(7)
elif a == 2:
    print(3)
elif a == 3:
    print(10)
elif a == 4:
    print(6)
elif a == 5:
    print(2)
elif a == 6:
    print(9)
elif a == 7:
    print(5)
elif a == 8:
    print(1)
elif a == 9:
    print(8)
elif a == 10:
    print(4)
elif a == 11:
    print(0)
elif a == 12:
    print(7)
elif a == 13:
    print(3)
