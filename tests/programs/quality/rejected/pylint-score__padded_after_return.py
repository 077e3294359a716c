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
    return 0
    z0 = a + 0
    print(z0, b)
    z1 = a + 1
    print(z1, b)
    z2 = a + 2
    print(z2, b)
    z3 = a + 3
    print(z3, b)
    z4 = a + 4
    print(z4, b)
    z5 = a + 5
    print(z5, b)
    z6 = a + 6
    print(z6, b)
    z7 = a + 7
    print(z7, b)
    z8 = a + 8
    print(z8, b)
    z9 = a + 9
    print(z9, b)
    z10 = a + 10
    print(z10, b)
    z11 = a + 11
    print(z11, b)
    z12 = a + 12
    print(z12, b)
    z13 = a + 13
    print(z13, b)
    z14 = a + 14
    print(z14, b)
    z15 = a + 15
    print(z15, b)
    z16 = a + 16
    print(z16, b)
    z17 = a + 17
    print(z17, b)
    z18 = a + 18
    print(z18, b)
    z19 = a + 19
    print(z19, b)
    z20 = a + 20
    print(z20, b)
    z21 = a + 21
    print(z21, b)
    z22 = a + 22
    print(z22, b)
    z23 = a + 23
    print(z23, b)
    z24 = a + 24
    print(z24, b)
    z25 = a + 25
    print(z25, b)
    z26 = a + 26
    print(z26, b)
    z27 = a + 27
    print(z27, b)
    z28 = a + 28
    print(z28, b)
    z29 = a + 29
    print(z29, b)
    z30 = a + 30
    print(z30, b)
    z31 = a + 31
    print(z31, b)
    z32 = a + 32
    print(z32, b)
    z33 = a + 33
    print(z33, b)
    z34 = a + 34
    print(z34, b)
    z35 = a + 35
    print(z35, b)
    z36 = a + 36
    print(z36, b)
    z37 = a + 37
    print(z37, b)
    z38 = a + 38
    print(z38, b)
    z39 = a + 39
    print(z39, b)
    z40 = a + 40
    print(z40, b)
    z41 = a + 41
    print(z41, b)
    z42 = a + 42
    print(z42, b)
    z43 = a + 43
    print(z43, b)
    z44 = a + 44
    print(z44, b)
    z45 = a + 45
    print(z45, b)
    z46 = a + 46
    print(z46, b)
    z47 = a + 47
    print(z47, b)
    z48 = a + 48
    print(z48, b)
    z49 = a + 49
    print(z49, b)
    z50 = a + 50
    print(z50, b)
    z51 = a + 51
    print(z51, b)
    z52 = a + 52
    print(z52, b)
    z53 = a + 53
    print(z53, b)
    z54 = a + 54
    print(z54, b)
    z55 = a + 55
    print(z55, b)
    z56 = a + 56
    print(z56, b)
    z57 = a + 57
    print(z57, b)
    z58 = a + 58
    print(z58, b)
    z59 = a + 59
    print(z59, b)
    z60 = a + 60
    print(z60, b)
    z61 = a + 61
    print(z61, b)
    z62 = a + 62
    print(z62, b)
    z63 = a + 63
    print(z63, b)
    z64 = a + 64
    print(z64, b)
    z65 = a + 65
    print(z65, b)
    z66 = a + 66
    print(z66, b)
    z67 = a + 67
    print(z67, b)
    z68 = a + 68
    print(z68, b)
    z69 = a + 69
    print(z69, b)
    z70 = a + 70
    print(z70, b)
    z71 = a + 71
    print(z71, b)
    z72 = a + 72
    print(z72, b)
    z73 = a + 73
    print(z73, b)
    z74 = a + 74
    print(z74, b)
    z75 = a + 75
    print(z75, b)
    z76 = a + 76
    print(z76, b)
    z77 = a + 77
    print(z77, b)
    z78 = a + 78
    print(z78, b)
    z79 = a + 79
    print(z79, b)
    z80 = a + 80
    print(z80, b)
    z81 = a + 81
    print(z81, b)
    z82 = a + 82
    print(z82, b)
    z83 = a + 83
    print(z83, b)
    z84 = a + 84
    print(z84, b)
    z85 = a + 85
    print(z85, b)
    z86 = a + 86
    print(z86, b)
    z87 = a + 87
    print(z87, b)
    z88 = a + 88
    print(z88, b)
    z89 = a + 89
    print(z89, b)
    z90 = a + 90
    print(z90, b)
    z91 = a + 91
    print(z91, b)
    z92 = a + 92
    print(z92, b)
    z93 = a + 93
    print(z93, b)
    z94 = a + 94
    print(z94, b)
    z95 = a + 95
    print(z95, b)
    z96 = a + 96
    print(z96, b)
    z97 = a + 97
    print(z97, b)
    z98 = a + 98
    print(z98, b)
    z99 = a + 99
    print(z99, b)
    z100 = a + 100
    print(z100, b)
    z101 = a + 101
    print(z101, b)
    z102 = a + 102
    print(z102, b)
    z103 = a + 103
    print(z103, b)
    z104 = a + 104
    print(z104, b)
    z105 = a + 105
    print(z105, b)
    z106 = a + 106
    print(z106, b)
    z107 = a + 107
    print(z107, b)
    z108 = a + 108
    print(z108, b)
    z109 = a + 109
    print(z109, b)
    z110 = a + 110
    print(z110, b)
    z111 = a + 111
    print(z111, b)
    z112 = a + 112
    print(z112, b)
    z113 = a + 113
    print(z113, b)
    z114 = a + 114
    print(z114, b)
    z115 = a + 115
    print(z115, b)
    z116 = a + 116
    print(z116, b)
    z117 = a + 117
    print(z117, b)
    z118 = a + 118
    print(z118, b)
    z119 = a + 119
    print(z119, b)
    z120 = a + 120
    print(z120, b)
    z121 = a + 121
    print(z121, b)
    z122 = a + 122
    print(z122, b)
    z123 = a + 123
    print(z123, b)
    z124 = a + 124
    print(z124, b)
    z125 = a + 125
    print(z125, b)
    z126 = a + 126
    print(z126, b)
    z127 = a + 127
    print(z127, b)
    z128 = a + 128
    print(z128, b)
    z129 = a + 129
    print(z129, b)
    z130 = a + 130
    print(z130, b)
    z131 = a + 131
    print(z131, b)
    z132 = a + 132
    print(z132, b)
    z133 = a + 133
    print(z133, b)
    z134 = a + 134
    print(z134, b)
    z135 = a + 135
    print(z135, b)
    z136 = a + 136
    print(z136, b)
    z137 = a + 137
    print(z137, b)
    z138 = a + 138
    print(z138, b)
    z139 = a + 139
    print(z139, b)
    z140 = a + 140
    print(z140, b)
    z141 = a + 141
    print(z141, b)
    z142 = a + 142
    print(z142, b)
    z143 = a + 143
    print(z143, b)
    z144 = a + 144
    print(z144, b)
    z145 = a + 145
    print(z145, b)
    z146 = a + 146
    print(z146, b)
    z147 = a + 147
    print(z147, b)
    z148 = a + 148
    print(z148, b)
    z149 = a + 149
    print(z149, b)
    z150 = a + 150
    print(z150, b)
    z151 = a + 151
    print(z151, b)
    z152 = a + 152
    print(z152, b)
    z153 = a + 153
    print(z153, b)
    z154 = a + 154
    print(z154, b)
    z155 = a + 155
    print(z155, b)
    z156 = a + 156
    print(z156, b)
    z157 = a + 157
    print(z157, b)
    z158 = a + 158
    print(z158, b)
    z159 = a + 159
    print(z159, b)
    z160 = a + 160
    print(z160, b)
    z161 = a + 161
    print(z161, b)
    z162 = a + 162
    print(z162, b)
    z163 = a + 163
    print(z163, b)
    z164 = a + 164
    print(z164, b)
    z165 = a + 165
    print(z165, b)
    z166 = a + 166
    print(z166, b)
    z167 = a + 167
    print(z167, b)
    z168 = a + 168
    print(z168, b)
    z169 = a + 169
    print(z169, b)
    z170 = a + 170
    print(z170, b)
    z171 = a + 171
    print(z171, b)
    z172 = a + 172
    print(z172, b)
    z173 = a + 173
    print(z173, b)
    z174 = a + 174
    print(z174, b)
    z175 = a + 175
    print(z175, b)
    z176 = a + 176
    print(z176, b)
    z177 = a + 177
    print(z177, b)
    z178 = a + 178
    print(z178, b)
    z179 = a + 179
    print(z179, b)
    z180 = a + 180
    print(z180, b)
    z181 = a + 181
    print(z181, b)
    z182 = a + 182
    print(z182, b)
    z183 = a + 183
    print(z183, b)
    z184 = a + 184
    print(z184, b)
    z185 = a + 185
    print(z185, b)
    z186 = a + 186
    print(z186, b)
    z187 = a + 187
    print(z187, b)
    z188 = a + 188
    print(z188, b)
    z189 = a + 189
    print(z189, b)
    z190 = a + 190
    print(z190, b)
    z191 = a + 191
    print(z191, b)
    z192 = a + 192
    print(z192, b)
    z193 = a + 193
    print(z193, b)
    z194 = a + 194
    print(z194, b)
    z195 = a + 195
    print(z195, b)
    z196 = a + 196
    print(z196, b)
    z197 = a + 197
    print(z197, b)
    z198 = a + 198
    print(z198, b)
    z199 = a + 199
    print(z199, b)
