import os, sys


def f(a, b, unused):
    x = 1
    if a == True:
        return 1
    else:
        if b != None:
            return 2
    try:
        y = a
    except:
        pass


def g0(a):
    return a


def g1(a):
    return a


def g2(a):
    return a


def g3(a):
    return a


def g4(a):
    return a


def g5(a):
    return a


def g6(a):
    return a


def g7(a):
    return a


def g8(a):
    return a


def g9(a):
    return a


def g10(a):
    return a


def g11(a):
    return a


def g12(a):
    return a


def g13(a):
    return a


def g14(a):
    return a


def g15(a):
    return a


def g16(a):
    return a


def g17(a):
    return a


def g18(a):
    return a


def g19(a):
    return a


def g20(a):
    return a


def g21(a):
    return a


def g22(a):
    return a


def g23(a):
    return a


def g24(a):
    return a


def g25(a):
    return a


def g26(a):
    return a


def g27(a):
    return a


def g28(a):
    return a


def g29(a):
    return a


def g30(a):
    return a


def g31(a):
    return a


def g32(a):
    return a


def g33(a):
    return a


def g34(a):
    return a


def g35(a):
    return a


def g36(a):
    return a


def g37(a):
    return a


def g38(a):
    return a


def g39(a):
    return a


def g40(a):
    return a


def g41(a):
    return a


def g42(a):
    return a


def g43(a):
    return a


def g44(a):
    return a


def g45(a):
    return a


def g46(a):
    return a


def g47(a):
    return a


def g48(a):
    return a


def g49(a):
    return a


def g50(a):
    return a


def g51(a):
    return a


def g52(a):
    return a


def g53(a):
    return a


def g54(a):
    return a


def g55(a):
    return a


def g56(a):
    return a


def g57(a):
    return a


def g58(a):
    return a


def g59(a):
    return a


def g60(a):
    return a


def g61(a):
    return a


def g62(a):
    return a


def g63(a):
    return a


def g64(a):
    return a


def g65(a):
    return a


def g66(a):
    return a


def g67(a):
    return a


def g68(a):
    return a


def g69(a):
    return a


def g70(a):
    return a


def g71(a):
    return a


def g72(a):
    return a


def g73(a):
    return a


def g74(a):
    return a


def g75(a):
    return a


def g76(a):
    return a


def g77(a):
    return a


def g78(a):
    return a


def g79(a):
    return a


def g80(a):
    return a


def g81(a):
    return a


def g82(a):
    return a


def g83(a):
    return a


def g84(a):
    return a


def g85(a):
    return a


def g86(a):
    return a


def g87(a):
    return a


def g88(a):
    return a


def g89(a):
    return a


def g90(a):
    return a


def g91(a):
    return a


def g92(a):
    return a


def g93(a):
    return a


def g94(a):
    return a


def g95(a):
    return a


def g96(a):
    return a


def g97(a):
    return a


def g98(a):
    return a


def g99(a):
    return a


def g100(a):
    return a


def g101(a):
    return a


def g102(a):
    return a


def g103(a):
    return a


def g104(a):
    return a


def g105(a):
    return a


def g106(a):
    return a


def g107(a):
    return a


def g108(a):
    return a


def g109(a):
    return a


def g110(a):
    return a


def g111(a):
    return a


def g112(a):
    return a


def g113(a):
    return a


def g114(a):
    return a


def g115(a):
    return a


def g116(a):
    return a


def g117(a):
    return a


def g118(a):
    return a


def g119(a):
    return a


def g120(a):
    return a


def g121(a):
    return a


def g122(a):
    return a


def g123(a):
    return a


def g124(a):
    return a


def g125(a):
    return a


def g126(a):
    return a


def g127(a):
    return a


def g128(a):
    return a


def g129(a):
    return a


def g130(a):
    return a


def g131(a):
    return a


def g132(a):
    return a


def g133(a):
    return a


def g134(a):
    return a


def g135(a):
    return a


def g136(a):
    return a


def g137(a):
    return a


def g138(a):
    return a


def g139(a):
    return a


def g140(a):
    return a


def g141(a):
    return a


def g142(a):
    return a


def g143(a):
    return a


def g144(a):
    return a


def g145(a):
    return a


def g146(a):
    return a


def g147(a):
    return a


def g148(a):
    return a


def g149(a):
    return a


def g150(a):
    return a


def g151(a):
    return a


def g152(a):
    return a


def g153(a):
    return a


def g154(a):
    return a


def g155(a):
    return a


def g156(a):
    return a


def g157(a):
    return a


def g158(a):
    return a


def g159(a):
    return a


def g160(a):
    return a


def g161(a):
    return a


def g162(a):
    return a


def g163(a):
    return a


def g164(a):
    return a


def g165(a):
    return a


def g166(a):
    return a


def g167(a):
    return a


def g168(a):
    return a


def g169(a):
    return a


def g170(a):
    return a


def g171(a):
    return a


def g172(a):
    return a


def g173(a):
    return a


def g174(a):
    return a


def g175(a):
    return a


def g176(a):
    return a


def g177(a):
    return a


def g178(a):
    return a


def g179(a):
    return a


def g180(a):
    return a


def g181(a):
    return a


def g182(a):
    return a


def g183(a):
    return a


def g184(a):
    return a


def g185(a):
    return a


def g186(a):
    return a


def g187(a):
    return a


def g188(a):
    return a


def g189(a):
    return a


def g190(a):
    return a


def g191(a):
    return a


def g192(a):
    return a


def g193(a):
    return a


def g194(a):
    return a


def g195(a):
    return a


def g196(a):
    return a


def g197(a):
    return a


def g198(a):
    return a


def g199(a):
    return a


def g200(a):
    return a


def g201(a):
    return a


def g202(a):
    return a


def g203(a):
    return a


def g204(a):
    return a


def g205(a):
    return a


def g206(a):
    return a


def g207(a):
    return a


def g208(a):
    return a


def g209(a):
    return a


def g210(a):
    return a


def g211(a):
    return a


def g212(a):
    return a


def g213(a):
    return a


def g214(a):
    return a


def g215(a):
    return a


def g216(a):
    return a


def g217(a):
    return a


def g218(a):
    return a


def g219(a):
    return a


def g220(a):
    return a


def g221(a):
    return a


def g222(a):
    return a


def g223(a):
    return a


def g224(a):
    return a


def g225(a):
    return a


def g226(a):
    return a


def g227(a):
    return a


def g228(a):
    return a


def g229(a):
    return a


def g230(a):
    return a


def g231(a):
    return a


def g232(a):
    return a


def g233(a):
    return a


def g234(a):
    return a


def g235(a):
    return a


def g236(a):
    return a


def g237(a):
    return a


def g238(a):
    return a


def g239(a):
    return a


def g240(a):
    return a


def g241(a):
    return a


def g242(a):
    return a


def g243(a):
    return a


def g244(a):
    return a


def g245(a):
    return a


def g246(a):
    return a


def g247(a):
    return a


def g248(a):
    return a


def g249(a):
    return a


def g250(a):
    return a


def g251(a):
    return a


def g252(a):
    return a


def g253(a):
    return a


def g254(a):
    return a


def g255(a):
    return a


def g256(a):
    return a


def g257(a):
    return a


def g258(a):
    return a


def g259(a):
    return a


def g260(a):
    return a


def g261(a):
    return a


def g262(a):
    return a


def g263(a):
    return a


def g264(a):
    return a


def g265(a):
    return a


def g266(a):
    return a


def g267(a):
    return a


def g268(a):
    return a


def g269(a):
    return a


def g270(a):
    return a


def g271(a):
    return a


def g272(a):
    return a


def g273(a):
    return a


def g274(a):
    return a


def g275(a):
    return a


def g276(a):
    return a


def g277(a):
    return a


def g278(a):
    return a


def g279(a):
    return a


def g280(a):
    return a


def g281(a):
    return a


def g282(a):
    return a


def g283(a):
    return a


def g284(a):
    return a


def g285(a):
    return a


def g286(a):
    return a


def g287(a):
    return a


def g288(a):
    return a


def g289(a):
    return a


def g290(a):
    return a


def g291(a):
    return a


def g292(a):
    return a


def g293(a):
    return a


def g294(a):
    return a


def g295(a):
    return a


def g296(a):
    return a


def g297(a):
    return a


def g298(a):
    return a


def g299(a):
    return a
