class A0:
    pass
class B0:
    pass
class A1(A0, B0):
    pass
class B1(A0, B0):
    pass
class A2(A1, B1):
    pass
class B2(A1, B1):
    pass
class A3(A2, B2):
    pass
class B3(A2, B2):
    pass
class A4(A3, B3):
    pass
class B4(A3, B3):
    pass
class A5(A4, B4):
    pass
class B5(A4, B4):
    pass
class A6(A5, B5):
    pass
class B6(A5, B5):
    pass
class A7(A6, B6):
    pass
class B7(A6, B6):
    pass
class A8(A7, B7):
    pass
class B8(A7, B7):
    pass
class A9(A8, B8):
    pass
class B9(A8, B8):
    pass
class A10(A9, B9):
    pass
class B10(A9, B9):
    pass
class A11(A10, B10):
    pass
class B11(A10, B10):
    pass
class A12(A11, B11):
    pass
class B12(A11, B11):
    pass
class A13(A12, B12):
    pass
class B13(A12, B12):
    pass
class A14(A13, B13):
    pass
class B14(A13, B13):
    pass
class A15(A14, B14):
    pass
class B15(A14, B14):
    pass
class A16(A15, B15):
    pass
class B16(A15, B15):
    pass
class A17(A16, B16):
    pass
class B17(A16, B16):
    pass
class A18(A17, B17):
    pass
class B18(A17, B17):
    pass
class A19(A18, B18):
    pass
class B19(A18, B18):
    pass
class A20(A19, B19):
    pass
class B20(A19, B19):
    pass
class A21(A20, B20):
    pass
class B21(A20, B20):
    pass
class A22(A21, B21):
    pass
class B22(A21, B21):
    pass
class A23(A22, B22):
    pass
class B23(A22, B22):
    pass
class A24(A23, B23):
    pass
class B24(A23, B23):
    pass
print(A24().x)
