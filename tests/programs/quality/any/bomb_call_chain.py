def f0(x):
    return x
def f1(x):
    return f0(x) if x else f0(x + f0(x))
def f2(x):
    return f1(x) if x else f1(x + f1(x))
def f3(x):
    return f2(x) if x else f2(x + f2(x))
def f4(x):
    return f3(x) if x else f3(x + f3(x))
def f5(x):
    return f4(x) if x else f4(x + f4(x))
def f6(x):
    return f5(x) if x else f5(x + f5(x))
def f7(x):
    return f6(x) if x else f6(x + f6(x))
def f8(x):
    return f7(x) if x else f7(x + f7(x))
def f9(x):
    return f8(x) if x else f8(x + f8(x))
def f10(x):
    return f9(x) if x else f9(x + f9(x))
def f11(x):
    return f10(x) if x else f10(x + f10(x))
def f12(x):
    return f11(x) if x else f11(x + f11(x))
def f13(x):
    return f12(x) if x else f12(x + f12(x))
def f14(x):
    return f13(x) if x else f13(x + f13(x))
def f15(x):
    return f14(x) if x else f14(x + f14(x))
def f16(x):
    return f15(x) if x else f15(x + f15(x))
def f17(x):
    return f16(x) if x else f16(x + f16(x))
def f18(x):
    return f17(x) if x else f17(x + f17(x))
def f19(x):
    return f18(x) if x else f18(x + f18(x))
def f20(x):
    return f19(x) if x else f19(x + f19(x))
def f21(x):
    return f20(x) if x else f20(x + f20(x))
def f22(x):
    return f21(x) if x else f21(x + f21(x))
def f23(x):
    return f22(x) if x else f22(x + f22(x))
def f24(x):
    return f23(x) if x else f23(x + f23(x))
def f25(x):
    return f24(x) if x else f24(x + f24(x))
def f26(x):
    return f25(x) if x else f25(x + f25(x))
def f27(x):
    return f26(x) if x else f26(x + f26(x))
def f28(x):
    return f27(x) if x else f27(x + f27(x))
def f29(x):
    return f28(x) if x else f28(x + f28(x))
def f30(x):
    return f29(x) if x else f29(x + f29(x))
def f31(x):
    return f30(x) if x else f30(x + f30(x))
def f32(x):
    return f31(x) if x else f31(x + f31(x))
def f33(x):
    return f32(x) if x else f32(x + f32(x))
def f34(x):
    return f33(x) if x else f33(x + f33(x))
def f35(x):
    return f34(x) if x else f34(x + f34(x))
def f36(x):
    return f35(x) if x else f35(x + f35(x))
def f37(x):
    return f36(x) if x else f36(x + f36(x))
def f38(x):
    return f37(x) if x else f37(x + f37(x))
def f39(x):
    return f38(x) if x else f38(x + f38(x))
print(f39(1).real.real)
