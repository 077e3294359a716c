def f(a, b):  # a# b# c# d# e
    c = d = e = 1  # a# b# c# d# e
    d += b - 0  # a# b# c# d# e
    e = d | 1  # a# b# c# d# e
    c = b | 2  # a# b# c# d# e
    e = min(e, d, a, 3)  # a# b# c# d# e
    c = abs(c) * b - e + 4  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    d = a + d * b  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    e = max(b, b // 9)  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    c = abs(a) * b - c + 10  # a# b# c# d# e
    e = max(e, e // 12)  # a# b# c# d# e
    d = -c  # a# b# c# d# e
    d = max(d, a // 14)  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    e = -c  # a# b# c# d# e
    d = abs(a) * b - e + 16  # a# b# c# d# e
    c -= a ^ d  # a# b# c# d# e
    d = (e + 18) % 20  # a# b# c# d# e
    c = max(b, b // 20)  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    d -= e ^ c  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    c = b | 23  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    d = abs(b) * e - d + 25  # a# b# c# d# e
    e = -d  # a# b# c# d# e
    d = [e, c][e % 2]  # a# b# c# d# e
    e = [a, b][b % 2]  # a# b# c# d# e
    d = b + a * e  # a# b# c# d# e
    d = a + a * a  # a# b# c# d# e
    c = [c, c][b % 2]  # a# b# c# d# e
    c = (c + 32) % 34  # a# b# c# d# e
    c -= c ^ e  # a# b# c# d# e
    d = min(d, c, c, 34)  # a# b# c# d# e
    d = abs(a) * a - c + 35  # a# b# c# d# e
    c -= b ^ c  # a# b# c# d# e
    d = e + b * e  # a# b# c# d# e
    c = b + a * d  # a# b# c# d# e
    e = b | 39  # a# b# c# d# e
    d = max(e, e // 41)  # a# b# c# d# e
    e = [e, d][a % 2]  # a# b# c# d# e
    e -= d ^ a  # a# b# c# d# e
    d += b - 43  # a# b# c# d# e
    e = (c + 44) % 46  # a# b# c# d# e
    c = d + e * c  # a# b# c# d# e
    c = [e, e][a % 2]  # a# b# c# d# e
    e = d + b * e  # a# b# c# d# e
    c = max(d, c // 49)  # a# b# c# d# e
    c = min(d, e, e, 49)  # a# b# c# d# e
    e = min(d, a, c, 50)  # a# b# c# d# e
    d -= c ^ e  # a# b# c# d# e
    d = [a, b][b % 2]  # a# b# c# d# e
    c -= c ^ d  # a# b# c# d# e
    d = -a  # a# b# c# d# e
    c = d + e * b  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    e = -b  # a# b# c# d# e
    d += c - 58  # a# b# c# d# e
    e = min(b, c, e, 59)  # a# b# c# d# e
    c = abs(b) * e - e + 60  # a# b# c# d# e
    d = (d + 61) % 63  # a# b# c# d# e
    e = [b, a][c % 2]  # a# b# c# d# e
    e = max(d, e // 64)  # a# b# c# d# e
    d -= a ^ c  # a# b# c# d# e
    d -= e ^ a  # a# b# c# d# e
    c = [a, c][a % 2]  # a# b# c# d# e
    c = a + a * d  # a# b# c# d# e
    d = (b + 68) % 70  # a# b# c# d# e
    e = max(a, b // 70)  # a# b# c# d# e
    d = -b  # a# b# c# d# e
    e = min(e, c, c, 71)  # a# b# c# d# e
    e = abs(c) * a - b + 72  # a# b# c# d# e
    d = [a, a][a % 2]  # a# b# c# d# e
    d = c | 74  # a# b# c# d# e
    e = min(a, a, c, 75)  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    c = -d  # a# b# c# d# e
    c = abs(b) * c - b + 78  # a# b# c# d# e
    d += a - 79  # a# b# c# d# e
    d -= c ^ b  # a# b# c# d# e
    d = [a, b][c % 2]  # a# b# c# d# e
    c = -c  # a# b# c# d# e
    c = max(e, e // 84)  # a# b# c# d# e
    d += b - 84  # a# b# c# d# e
    e += c - 85  # a# b# c# d# e
    d = min(a, a, c, 86)  # a# b# c# d# e
    e = abs(d) * b - a + 87  # a# b# c# d# e
    c = (e + 88) % 90  # a# b# c# d# e
    c = -b  # a# b# c# d# e
    c = (c + 90) % 92  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    d = -b  # a# b# c# d# e
    d += b - 93  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    c = d | 95  # a# b# c# d# e
    d = c + b * c  # a# b# c# d# e
    c = abs(d) * e - a + 97  # a# b# c# d# e
    c = (b + 98) % 100  # a# b# c# d# e
    e = c | 99  # a# b# c# d# e
    c = min(e, b, a, 100)  # a# b# c# d# e
    d = -a  # a# b# c# d# e
    d = min(b, d, b, 102)  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    c += e - 104  # a# b# c# d# e
    e = max(e, b // 106)  # a# b# c# d# e
    e = abs(c) * c - c + 106  # a# b# c# d# e
    c += b - 107  # a# b# c# d# e
    d = (e + 108) % 110  # a# b# c# d# e
    c = [b, d][c % 2]  # a# b# c# d# e
    e = abs(a) * d - d + 110  # a# b# c# d# e
    e = d + e * b  # a# b# c# d# e
    e += e - 112  # a# b# c# d# e
    e += c - 113  # a# b# c# d# e
    d = d | 114  # a# b# c# d# e
    c = [b, d][c % 2]  # a# b# c# d# e
    d = [d, a][b % 2]  # a# b# c# d# e
    e -= d ^ a  # a# b# c# d# e
    e = -c  # a# b# c# d# e
    d = [a, e][b % 2]  # a# b# c# d# e
    c -= a ^ e  # a# b# c# d# e
    c = -b  # a# b# c# d# e
    e -= c ^ c  # a# b# c# d# e
    d = min(b, d, e, 123)  # a# b# c# d# e
    e = d | 124  # a# b# c# d# e
    c += b - 125  # a# b# c# d# e
    d = (a + 126) % 128  # a# b# c# d# e
    e -= e ^ c  # a# b# c# d# e
    e = abs(d) * e - c + 128  # a# b# c# d# e
    e = min(a, a, d, 129)  # a# b# c# d# e
    d = abs(c) * c - e + 130  # a# b# c# d# e
    e = e | 131  # a# b# c# d# e
    c -= b ^ e  # a# b# c# d# e
    d = [e, b][e % 2]  # a# b# c# d# e
    e = (d + 134) % 136  # a# b# c# d# e
    c = abs(d) * e - e + 135  # a# b# c# d# e
    e = e | 136  # a# b# c# d# e
    e += d - 137  # a# b# c# d# e
    e = d + b * c  # a# b# c# d# e
    d = (b + 139) % 141  # a# b# c# d# e
    d -= e ^ a  # a# b# c# d# e
    c = min(e, d, c, 141)  # a# b# c# d# e
    d = -c  # a# b# c# d# e
    c = [a, e][c % 2]  # a# b# c# d# e
    c = min(a, d, c, 144)  # a# b# c# d# e
    e = (b + 145) % 147  # a# b# c# d# e
    e -= d ^ c  # a# b# c# d# e
    c = abs(b) * e - b + 147  # a# b# c# d# e
    e = -c  # a# b# c# d# e
    e = c + d * e  # a# b# c# d# e
    d = abs(b) * c - e + 150  # a# b# c# d# e
    e = e | 151  # a# b# c# d# e
    e = abs(b) * d - c + 152  # a# b# c# d# e
    e = max(b, e // 154)  # a# b# c# d# e
    d = a | 154  # a# b# c# d# e
    c = (c + 155) % 157  # a# b# c# d# e
    e = (d + 156) % 158  # a# b# c# d# e
    e = (c + 157) % 159  # a# b# c# d# e
    d -= b ^ d  # a# b# c# d# e
    e = max(d, a // 160)  # a# b# c# d# e
    c = c | 160  # a# b# c# d# e
    c = c + d * a  # a# b# c# d# e
    c = a + e * a  # a# b# c# d# e
    d = abs(d) * e - e + 163  # a# b# c# d# e
    e = (a + 164) % 166  # a# b# c# d# e
    c = min(b, a, d, 165)  # a# b# c# d# e
    c = max(d, b // 167)  # a# b# c# d# e
    e = c | 167  # a# b# c# d# e
    d = min(d, b, c, 168)  # a# b# c# d# e
    c = e + a * b  # a# b# c# d# e
    d = a | 170  # a# b# c# d# e
    d = (c + 171) % 173  # a# b# c# d# e
    d = (a + 172) % 174  # a# b# c# d# e
    d -= a ^ e  # a# b# c# d# e
    e -= a ^ d  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    c = b | 176  # a# b# c# d# e
    d = (b + 177) % 179  # a# b# c# d# e
    d = abs(c) * b - d + 178  # a# b# c# d# e
    c = c + c * b  # a# b# c# d# e
    d = e | 180  # a# b# c# d# e
    c = abs(e) * e - e + 181  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    e = [d, c][a % 2]  # a# b# c# d# e
    c = (c + 184) % 186  # a# b# c# d# e
    c = a + b * d  # a# b# c# d# e
    e = abs(a) * e - d + 186  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    d = min(d, a, b, 188)  # a# b# c# d# e
    c -= e ^ c  # a# b# c# d# e
    c = c | 190  # a# b# c# d# e
    e = (c + 191) % 193  # a# b# c# d# e
    e -= d ^ a  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    e = b | 194  # a# b# c# d# e
    c = min(d, e, a, 195)  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    e = (a + 197) % 199  # a# b# c# d# e
    e = abs(b) * c - d + 198  # a# b# c# d# e
    c = [a, c][d % 2]  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    d = abs(c) * d - c + 201  # a# b# c# d# e
    e = c + c * e  # a# b# c# d# e
    d = abs(e) * a - b + 203  # a# b# c# d# e
    d -= e ^ a  # a# b# c# d# e
    e = d | 205  # a# b# c# d# e
    c = a + e * a  # a# b# c# d# e
    d = max(e, e // 208)  # a# b# c# d# e
    e = abs(e) * c - c + 208  # a# b# c# d# e
    e = abs(d) * c - d + 209  # a# b# c# d# e
    c = (e + 210) % 212  # a# b# c# d# e
    c += c - 211  # a# b# c# d# e
    c += b - 212  # a# b# c# d# e
    c -= c ^ a  # a# b# c# d# e
    e += a - 214  # a# b# c# d# e
    e = a | 215  # a# b# c# d# e
    d -= e ^ c  # a# b# c# d# e
    d = max(b, e // 218)  # a# b# c# d# e
    e = max(d, c // 219)  # a# b# c# d# e
    d = max(d, c // 220)  # a# b# c# d# e
    e = min(e, a, d, 220)  # a# b# c# d# e
    e = [a, e][d % 2]  # a# b# c# d# e
    d = min(d, e, a, 222)  # a# b# c# d# e
    e = a + b * c  # a# b# c# d# e
    e = abs(e) * a - c + 224  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    d = [d, e][e % 2]  # a# b# c# d# e
    d = (c + 227) % 229  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    d = [b, a][c % 2]  # a# b# c# d# e
    d -= c ^ d  # a# b# c# d# e
    c = a | 231  # a# b# c# d# e
    d = min(d, c, c, 232)  # a# b# c# d# e
    c = min(d, c, d, 233)  # a# b# c# d# e
    c = c + b * d  # a# b# c# d# e
    c = [b, c][c % 2]  # a# b# c# d# e
    e -= d ^ c  # a# b# c# d# e
    d = min(c, d, d, 237)  # a# b# c# d# e
    e = b | 238  # a# b# c# d# e
    c = (a + 239) % 241  # a# b# c# d# e
    d = (a + 240) % 242  # a# b# c# d# e
    e = (a + 241) % 243  # a# b# c# d# e
    e = a + a * d  # a# b# c# d# e
    d = abs(e) * b - e + 243  # a# b# c# d# e
    e = a | 244  # a# b# c# d# e
    c = min(c, a, c, 245)  # a# b# c# d# e
    d += a - 246  # a# b# c# d# e
    d = d | 247  # a# b# c# d# e
    c = (e + 248) % 250  # a# b# c# d# e
    c = -d  # a# b# c# d# e
    d = min(d, c, e, 250)  # a# b# c# d# e
    d = min(b, e, e, 251)  # a# b# c# d# e
    e -= a ^ c  # a# b# c# d# e
    d += a - 253  # a# b# c# d# e
    d = max(b, c // 255)  # a# b# c# d# e
    d = max(d, b // 256)  # a# b# c# d# e
    c = -d  # a# b# c# d# e
    d -= e ^ b  # a# b# c# d# e
    d = min(d, c, c, 258)  # a# b# c# d# e
    e = min(d, b, c, 259)  # a# b# c# d# e
    e = (c + 260) % 262  # a# b# c# d# e
    c = e + d * e  # a# b# c# d# e
    e = (c + 262) % 264  # a# b# c# d# e
    d = min(c, b, e, 263)  # a# b# c# d# e
    c -= a ^ b  # a# b# c# d# e
    e = b + a * e  # a# b# c# d# e
    c = [e, a][b % 2]  # a# b# c# d# e
    e -= e ^ e  # a# b# c# d# e
    c -= c ^ a  # a# b# c# d# e
    e = max(e, a // 270)  # a# b# c# d# e
    e = -c  # a# b# c# d# e
    d = abs(d) * a - a + 271  # a# b# c# d# e
    c = [b, c][a % 2]  # a# b# c# d# e
    c += a - 273  # a# b# c# d# e
    d = -c  # a# b# c# d# e
    c = (c + 275) % 277  # a# b# c# d# e
    c = abs(d) * c - b + 276  # a# b# c# d# e
    d += c - 277  # a# b# c# d# e
    d = c | 278  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    e = d | 280  # a# b# c# d# e
    e = (b + 281) % 283  # a# b# c# d# e
    c = (e + 282) % 284  # a# b# c# d# e
    d = -b  # a# b# c# d# e
    d = -a  # a# b# c# d# e
    d += c - 285  # a# b# c# d# e
    d = -c  # a# b# c# d# e
    c = [e, e][e % 2]  # a# b# c# d# e
    c += c - 288  # a# b# c# d# e
    d = abs(e) * b - b + 289  # a# b# c# d# e
    c = c | 290  # a# b# c# d# e
    e = (d + 291) % 293  # a# b# c# d# e
    c = -c  # a# b# c# d# e
    e = -a  # a# b# c# d# e
    d = [a, a][d % 2]  # a# b# c# d# e
    d = d | 295  # a# b# c# d# e
    c = min(d, e, a, 296)  # a# b# c# d# e
    c = [a, a][a % 2]  # a# b# c# d# e
    d = -b  # a# b# c# d# e
    d = max(c, c // 300)  # a# b# c# d# e
    e = abs(e) * b - a + 300  # a# b# c# d# e
    e = abs(b) * a - a + 301  # a# b# c# d# e
    e = d + c * c  # a# b# c# d# e
    d = abs(e) * d - d + 303  # a# b# c# d# e
    e = max(c, d // 305)  # a# b# c# d# e
    c = abs(e) * e - b + 305  # a# b# c# d# e
    e = min(e, a, b, 306)  # a# b# c# d# e
    c = min(a, c, e, 307)  # a# b# c# d# e
    d = max(b, b // 309)  # a# b# c# d# e
    d = max(a, c // 310)  # a# b# c# d# e
    d = max(d, c // 311)  # a# b# c# d# e
    e += d - 311  # a# b# c# d# e
    c = (d + 312) % 314  # a# b# c# d# e
    c = a + d * d  # a# b# c# d# e
    d = -a  # a# b# c# d# e
    e += c - 315  # a# b# c# d# e
    d = max(c, d // 317)  # a# b# c# d# e
    e = max(e, a // 318)  # a# b# c# d# e
    d = max(d, b // 319)  # a# b# c# d# e
    c = (e + 319) % 321  # a# b# c# d# e
    e = max(d, a // 321)  # a# b# c# d# e
    e = max(d, a // 322)  # a# b# c# d# e
    c = max(e, e // 323)  # a# b# c# d# e
    e = d + d * a  # a# b# c# d# e
    c = min(a, d, e, 324)  # a# b# c# d# e
    c = a + e * b  # a# b# c# d# e
    e = c | 326  # a# b# c# d# e
    e = abs(b) * e - b + 327  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    c = min(d, b, d, 329)  # a# b# c# d# e
    d = [c, b][c % 2]  # a# b# c# d# e
    c = abs(c) * b - e + 331  # a# b# c# d# e
    d -= b ^ c  # a# b# c# d# e
    e = min(d, c, c, 333)  # a# b# c# d# e
    d = max(a, b // 335)  # a# b# c# d# e
    e = [b, e][a % 2]  # a# b# c# d# e
    e = max(b, d // 337)  # a# b# c# d# e
    d = e | 337  # a# b# c# d# e
    c = b + a * a  # a# b# c# d# e
    d = (d + 339) % 341  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    d = (a + 341) % 343  # a# b# c# d# e
    d = (b + 342) % 344  # a# b# c# d# e
    d = min(c, b, b, 343)  # a# b# c# d# e
    e -= c ^ a  # a# b# c# d# e
    d = [b, a][d % 2]  # a# b# c# d# e
    d = min(a, e, e, 346)  # a# b# c# d# e
    c = abs(c) * e - a + 347  # a# b# c# d# e
    c = b | 348  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    e = b + e * c  # a# b# c# d# e
    d = min(b, a, e, 352)  # a# b# c# d# e
    d = e + e * b  # a# b# c# d# e
    c = b | 354  # a# b# c# d# e
    d = min(d, c, d, 355)  # a# b# c# d# e
    e = a + b * b  # a# b# c# d# e
    c = d | 357  # a# b# c# d# e
    c += e - 358  # a# b# c# d# e
    c = (d + 359) % 361  # a# b# c# d# e
    e = e | 360  # a# b# c# d# e
    c = abs(e) * c - b + 361  # a# b# c# d# e
    c = min(a, e, c, 362)  # a# b# c# d# e
    c -= e ^ b  # a# b# c# d# e
    e += d - 364  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    d = abs(e) * c - d + 366  # a# b# c# d# e
    d = d + a * e  # a# b# c# d# e
    e = abs(d) * c - e + 368  # a# b# c# d# e
    e -= e ^ e  # a# b# c# d# e
    d = a | 370  # a# b# c# d# e
    e += e - 371  # a# b# c# d# e
    c += a - 372  # a# b# c# d# e
    e = c + c * c  # a# b# c# d# e
    d += c - 374  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    d = max(a, c // 377)  # a# b# c# d# e
    e += b - 377  # a# b# c# d# e
    d = abs(d) * c - e + 378  # a# b# c# d# e
    d = c + c * e  # a# b# c# d# e
    d = -a  # a# b# c# d# e
    c += c - 381  # a# b# c# d# e
    c = (c + 382) % 384  # a# b# c# d# e
    c = max(c, c // 384)  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    c = -c  # a# b# c# d# e
    e = (c + 386) % 388  # a# b# c# d# e
    e = a + d * c  # a# b# c# d# e
    e = (c + 388) % 390  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    c += d - 390  # a# b# c# d# e
    e += e - 391  # a# b# c# d# e
    c = abs(c) * d - b + 392  # a# b# c# d# e
    e = abs(d) * c - e + 393  # a# b# c# d# e
    d = b + a * a  # a# b# c# d# e
    c = b + c * e  # a# b# c# d# e
    c = b + a * e  # a# b# c# d# e
    d -= b ^ b  # a# b# c# d# e
    d = abs(b) * d - e + 398  # a# b# c# d# e
    e = (a + 399) % 401  # a# b# c# d# e
    e = b | 400  # a# b# c# d# e
    c = min(d, e, c, 401)  # a# b# c# d# e
    e = [a, e][a % 2]  # a# b# c# d# e
    d += d - 403  # a# b# c# d# e
    d = [d, e][b % 2]  # a# b# c# d# e
    d = [e, e][e % 2]  # a# b# c# d# e
    d = (d + 406) % 408  # a# b# c# d# e
    e = c | 407  # a# b# c# d# e
    d -= e ^ c  # a# b# c# d# e
    d = min(e, a, a, 409)  # a# b# c# d# e
    d = max(c, e // 411)  # a# b# c# d# e
    d = d | 411  # a# b# c# d# e
    c -= a ^ c  # a# b# c# d# e
    d = e + a * c  # a# b# c# d# e
    e = c + c * c  # a# b# c# d# e
    c += b - 415  # a# b# c# d# e
    e = abs(b) * c - d + 416  # a# b# c# d# e
    e = [b, b][a % 2]  # a# b# c# d# e
    d = c | 418  # a# b# c# d# e
    c = e | 419  # a# b# c# d# e
    e = max(b, a // 421)  # a# b# c# d# e
    d = max(b, d // 422)  # a# b# c# d# e
    e = abs(e) * b - c + 422  # a# b# c# d# e
    d = (c + 423) % 425  # a# b# c# d# e
    d = -b  # a# b# c# d# e
    d = [c, d][e % 2]  # a# b# c# d# e
    e -= e ^ c  # a# b# c# d# e
    c = min(a, d, c, 427)  # a# b# c# d# e
    e -= e ^ b  # a# b# c# d# e
    c += d - 429  # a# b# c# d# e
    e = (e + 430) % 432  # a# b# c# d# e
    c = max(b, a // 432)  # a# b# c# d# e
    e = a + a * d  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    e = c + c * a  # a# b# c# d# e
    c -= b ^ d  # a# b# c# d# e
    e -= e ^ e  # a# b# c# d# e
    d = b + b * b  # a# b# c# d# e
    c = abs(b) * e - d + 438  # a# b# c# d# e
    c = [c, a][d % 2]  # a# b# c# d# e
    c = max(b, a // 441)  # a# b# c# d# e
    c = b + b * c  # a# b# c# d# e
    d = (b + 442) % 444  # a# b# c# d# e
    d = b + a * c  # a# b# c# d# e
    c = max(e, d // 445)  # a# b# c# d# e
    c = b + a * a  # a# b# c# d# e
    d -= a ^ b  # a# b# c# d# e
    e = e + d * b  # a# b# c# d# e
    d = abs(c) * b - c + 448  # a# b# c# d# e
    e = d | 449  # a# b# c# d# e
    d = abs(a) * d - b + 450  # a# b# c# d# e
    c += b - 451  # a# b# c# d# e
    d = abs(d) * c - e + 452  # a# b# c# d# e
    d = abs(c) * d - d + 453  # a# b# c# d# e
    e = c + d * d  # a# b# c# d# e
    c -= b ^ c  # a# b# c# d# e
    e = (b + 456) % 458  # a# b# c# d# e
    c = (d + 457) % 459  # a# b# c# d# e
    c = abs(a) * e - c + 458  # a# b# c# d# e
    d -= b ^ c  # a# b# c# d# e
    e = abs(a) * d - b + 460  # a# b# c# d# e
    e = abs(d) * a - b + 461  # a# b# c# d# e
    e = a + b * d  # a# b# c# d# e
    e = abs(a) * b - c + 463  # a# b# c# d# e
    e = abs(e) * c - e + 464  # a# b# c# d# e
    d = c + a * b  # a# b# c# d# e
    c = max(c, b // 467)  # a# b# c# d# e
    d = max(c, e // 468)  # a# b# c# d# e
    d = [c, b][a % 2]  # a# b# c# d# e
    c = max(a, a // 470)  # a# b# c# d# e
    c = (e + 470) % 472  # a# b# c# d# e
    e = -b  # a# b# c# d# e
    e = e | 472  # a# b# c# d# e
    d = (e + 473) % 475  # a# b# c# d# e
    d += e - 474  # a# b# c# d# e
    c = (b + 475) % 477  # a# b# c# d# e
    d = abs(b) * a - b + 476  # a# b# c# d# e
    c = [b, c][a % 2]  # a# b# c# d# e
    d = max(b, a // 479)  # a# b# c# d# e
    e = e + c * b  # a# b# c# d# e
    e = b + c * d  # a# b# c# d# e
    e = abs(a) * c - d + 481  # a# b# c# d# e
    e = abs(b) * d - a + 482  # a# b# c# d# e
    d = [e, e][c % 2]  # a# b# c# d# e
    d += a - 484  # a# b# c# d# e
    c = (a + 485) % 487  # a# b# c# d# e
    d -= b ^ c  # a# b# c# d# e
    c -= d ^ d  # a# b# c# d# e
    c = b | 488  # a# b# c# d# e
    d = abs(d) * e - b + 489  # a# b# c# d# e
    d = [e, e][d % 2]  # a# b# c# d# e
    c = abs(c) * b - c + 491  # a# b# c# d# e
    e = [a, c][d % 2]  # a# b# c# d# e
    c = min(d, b, d, 493)  # a# b# c# d# e
    c += b - 494  # a# b# c# d# e
    d = [a, e][e % 2]  # a# b# c# d# e
    c = [d, e][c % 2]  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    e = [e, b][d % 2]  # a# b# c# d# e
    d = min(a, c, c, 499)  # a# b# c# d# e
    c = min(e, b, c, 500)  # a# b# c# d# e
    c = min(b, c, b, 501)  # a# b# c# d# e
    d = (c + 502) % 504  # a# b# c# d# e
    c = [e, d][d % 2]  # a# b# c# d# e
    d = (e + 504) % 506  # a# b# c# d# e
    d += e - 505  # a# b# c# d# e
    c = abs(c) * c - b + 506  # a# b# c# d# e
    e -= b ^ e  # a# b# c# d# e
    d = min(e, b, d, 508)  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    e = max(e, c // 511)  # a# b# c# d# e
    d += c - 511  # a# b# c# d# e
    e = (d + 512) % 514  # a# b# c# d# e
    e = min(d, e, d, 513)  # a# b# c# d# e
    c += c - 514  # a# b# c# d# e
    c = min(e, a, d, 515)  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    c = [e, e][a % 2]  # a# b# c# d# e
    d = abs(d) * d - d + 518  # a# b# c# d# e
    c = b + e * c  # a# b# c# d# e
    e = max(e, a // 521)  # a# b# c# d# e
    d += d - 521  # a# b# c# d# e
    d = d | 522  # a# b# c# d# e
    c = (c + 523) % 525  # a# b# c# d# e
    e = min(e, d, d, 524)  # a# b# c# d# e
    c = abs(e) * b - c + 525  # a# b# c# d# e
    c = max(b, b // 527)  # a# b# c# d# e
    e += d - 527  # a# b# c# d# e
    c = abs(d) * a - d + 528  # a# b# c# d# e
    d = e + c * c  # a# b# c# d# e
    d -= d ^ d  # a# b# c# d# e
    d = (d + 531) % 533  # a# b# c# d# e
    d = (d + 532) % 534  # a# b# c# d# e
    c = -d  # a# b# c# d# e
    e = -c  # a# b# c# d# e
    e = [c, c][e % 2]  # a# b# c# d# e
    e = d | 536  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    c = abs(b) * e - b + 538  # a# b# c# d# e
    d = e + a * c  # a# b# c# d# e
    e = [c, c][c % 2]  # a# b# c# d# e
    c = abs(d) * b - c + 541  # a# b# c# d# e
    c = d | 542  # a# b# c# d# e
    c = max(c, e // 544)  # a# b# c# d# e
    d = max(a, c // 545)  # a# b# c# d# e
    c = abs(c) * a - d + 545  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    d = b | 547  # a# b# c# d# e
    d = max(c, e // 549)  # a# b# c# d# e
    e = (b + 549) % 551  # a# b# c# d# e
    e = -b  # a# b# c# d# e
    d = [b, b][d % 2]  # a# b# c# d# e
    c = abs(c) * e - b + 552  # a# b# c# d# e
    e = min(b, b, b, 553)  # a# b# c# d# e
    e += e - 554  # a# b# c# d# e
    e = (e + 555) % 557  # a# b# c# d# e
    d = abs(b) * c - b + 556  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    c = d + b * b  # a# b# c# d# e
    e = max(c, c // 560)  # a# b# c# d# e
    d = abs(a) * a - a + 560  # a# b# c# d# e
    e = min(d, a, e, 561)  # a# b# c# d# e
    d = abs(c) * b - d + 562  # a# b# c# d# e
    d = -d  # a# b# c# d# e
    c = max(b, a // 565)  # a# b# c# d# e
    e = b | 565  # a# b# c# d# e
    e += d - 566  # a# b# c# d# e
    c = a + b * e  # a# b# c# d# e
    c = max(d, d // 569)  # a# b# c# d# e
    e = c + d * c  # a# b# c# d# e
    e = -e  # a# b# c# d# e
    d += c - 571  # a# b# c# d# e
    c = b + a * d  # a# b# c# d# e
    d = c + b * b  # a# b# c# d# e
    c = [d, d][a % 2]  # a# b# c# d# e
    e = [d, d][a % 2]  # a# b# c# d# e
    e = e | 576  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    d += d - 578  # a# b# c# d# e
    e = abs(a) * b - e + 579  # a# b# c# d# e
    c = max(a, c // 581)  # a# b# c# d# e
    c = -a  # a# b# c# d# e
    d = min(b, d, a, 582)  # a# b# c# d# e
    d = -e  # a# b# c# d# e
    e = [c, a][d % 2]  # a# b# c# d# e
    d = min(c, a, e, 585)  # a# b# c# d# e
    d = min(c, b, c, 586)  # a# b# c# d# e
    e = (a + 587) % 589  # a# b# c# d# e
    e = [d, c][d % 2]  # a# b# c# d# e
    e = b | 589  # a# b# c# d# e
    d = min(e, d, e, 590)  # a# b# c# d# e
    c = (c + 591) % 593  # a# b# c# d# e
    d -= a ^ c  # a# b# c# d# e
    c = -e  # a# b# c# d# e
    d = min(d, b, a, 594)  # a# b# c# d# e
    d = (c + 595) % 597  # a# b# c# d# e
    d = [a, b][e % 2]  # a# b# c# d# e
    c -= d ^ c  # a# b# c# d# e
    d += e - 598  # a# b# c# d# e
    e = [a, e][c % 2]  # a# b# c# d# e
    return c, d, e  # a# b# c# d# e
