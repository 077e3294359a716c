def f(a, b):
    # why this is so, and how
    c = d = e = 1
    # why this is so, and how
    d += b - 0
    # why this is so, and how
    e = d | 1
    # why this is so, and how
    c = b | 2
    # why this is so, and how
    e = min(e, d, a, 3)
    # why this is so, and how
    c = abs(c) * b - e + 4
    # why this is so, and how
    e = -a
    # why this is so, and how
    d = a + d * b
    # why this is so, and how
    d = -e
    # why this is so, and how
    e = max(b, b // 9)
    # why this is so, and how
    d = -d
    # why this is so, and how
    c = abs(a) * b - c + 10
    # why this is so, and how
    e = max(e, e // 12)
    # why this is so, and how
    d = -c
    # why this is so, and how
    d = max(d, a // 14)
    # why this is so, and how
    d = -d
    # why this is so, and how
    e = -c
    # why this is so, and how
    d = abs(a) * b - e + 16
    # why this is so, and how
    c -= a ^ d
    # why this is so, and how
    d = (e + 18) % 20
    # why this is so, and how
    c = max(b, b // 20)
    # why this is so, and how
    d = -e
    # why this is so, and how
    d -= e ^ c
    # why this is so, and how
    d = -e
    # why this is so, and how
    c = b | 23
    # why this is so, and how
    e = -a
    # why this is so, and how
    d = abs(b) * e - d + 25
    # why this is so, and how
    e = -d
    # why this is so, and how
    d = [e, c][e % 2]
    # why this is so, and how
    e = [a, b][b % 2]
    # why this is so, and how
    d = b + a * e
    # why this is so, and how
    d = a + a * a
    # why this is so, and how
    c = [c, c][b % 2]
    # why this is so, and how
    c = (c + 32) % 34
    # why this is so, and how
    c -= c ^ e
    # why this is so, and how
    d = min(d, c, c, 34)
    # why this is so, and how
    d = abs(a) * a - c + 35
    # why this is so, and how
    c -= b ^ c
    # why this is so, and how
    d = e + b * e
    # why this is so, and how
    c = b + a * d
    # why this is so, and how
    e = b | 39
    # why this is so, and how
    d = max(e, e // 41)
    # why this is so, and how
    e = [e, d][a % 2]
    # why this is so, and how
    e -= d ^ a
    # why this is so, and how
    d += b - 43
    # why this is so, and how
    e = (c + 44) % 46
    # why this is so, and how
    c = d + e * c
    # why this is so, and how
    c = [e, e][a % 2]
    # why this is so, and how
    e = d + b * e
    # why this is so, and how
    c = max(d, c // 49)
    # why this is so, and how
    c = min(d, e, e, 49)
    # why this is so, and how
    e = min(d, a, c, 50)
    # why this is so, and how
    d -= c ^ e
    # why this is so, and how
    d = [a, b][b % 2]
    # why this is so, and how
    c -= c ^ d
    # why this is so, and how
    d = -a
    # why this is so, and how
    c = d + e * b
    # why this is so, and how
    c = -a
    # why this is so, and how
    e = -b
    # why this is so, and how
    d += c - 58
    # why this is so, and how
    e = min(b, c, e, 59)
    # why this is so, and how
    c = abs(b) * e - e + 60
    # why this is so, and how
    d = (d + 61) % 63
    # why this is so, and how
    e = [b, a][c % 2]
    # why this is so, and how
    e = max(d, e // 64)
    # why this is so, and how
    d -= a ^ c
    # why this is so, and how
    d -= e ^ a
    # why this is so, and how
    c = [a, c][a % 2]
    # why this is so, and how
    c = a + a * d
    # why this is so, and how
    d = (b + 68) % 70
    # why this is so, and how
    e = max(a, b // 70)
    # why this is so, and how
    d = -b
    # why this is so, and how
    e = min(e, c, c, 71)
    # why this is so, and how
    e = abs(c) * a - b + 72
    # why this is so, and how
    d = [a, a][a % 2]
    # why this is so, and how
    d = c | 74
    # why this is so, and how
    e = min(a, a, c, 75)
    # why this is so, and how
    e = -a
    # why this is so, and how
    c = -d
    # why this is so, and how
    c = abs(b) * c - b + 78
    # why this is so, and how
    d += a - 79
    # why this is so, and how
    d -= c ^ b
    # why this is so, and how
    d = [a, b][c % 2]
    # why this is so, and how
    c = -c
    # why this is so, and how
    c = max(e, e // 84)
    # why this is so, and how
    d += b - 84
    # why this is so, and how
    e += c - 85
    # why this is so, and how
    d = min(a, a, c, 86)
    # why this is so, and how
    e = abs(d) * b - a + 87
    # why this is so, and how
    c = (e + 88) % 90
    # why this is so, and how
    c = -b
    # why this is so, and how
    c = (c + 90) % 92
    # why this is so, and how
    e = -e
    # why this is so, and how
    d = -b
    # why this is so, and how
    d += b - 93
    # why this is so, and how
    d = -d
    # why this is so, and how
    c = d | 95
    # why this is so, and how
    d = c + b * c
    # why this is so, and how
    c = abs(d) * e - a + 97
    # why this is so, and how
    c = (b + 98) % 100
    # why this is so, and how
    e = c | 99
    # why this is so, and how
    c = min(e, b, a, 100)
    # why this is so, and how
    d = -a
    # why this is so, and how
    d = min(b, d, b, 102)
    # why this is so, and how
    d = -d
    # why this is so, and how
    c += e - 104
    # why this is so, and how
    e = max(e, b // 106)
    # why this is so, and how
    e = abs(c) * c - c + 106
    # why this is so, and how
    c += b - 107
    # why this is so, and how
    d = (e + 108) % 110
    # why this is so, and how
    c = [b, d][c % 2]
    # why this is so, and how
    e = abs(a) * d - d + 110
    # why this is so, and how
    e = d + e * b
    # why this is so, and how
    e += e - 112
    # why this is so, and how
    e += c - 113
    # why this is so, and how
    d = d | 114
    # why this is so, and how
    c = [b, d][c % 2]
    # why this is so, and how
    d = [d, a][b % 2]
    # why this is so, and how
    e -= d ^ a
    # why this is so, and how
    e = -c
    # why this is so, and how
    d = [a, e][b % 2]
    # why this is so, and how
    c -= a ^ e
    # why this is so, and how
    c = -b
    # why this is so, and how
    e -= c ^ c
    # why this is so, and how
    d = min(b, d, e, 123)
    # why this is so, and how
    e = d | 124
    # why this is so, and how
    c += b - 125
    # why this is so, and how
    d = (a + 126) % 128
    # why this is so, and how
    e -= e ^ c
    # why this is so, and how
    e = abs(d) * e - c + 128
    # why this is so, and how
    e = min(a, a, d, 129)
    # why this is so, and how
    d = abs(c) * c - e + 130
    # why this is so, and how
    e = e | 131
    # why this is so, and how
    c -= b ^ e
    # why this is so, and how
    d = [e, b][e % 2]
    # why this is so, and how
    e = (d + 134) % 136
    # why this is so, and how
    c = abs(d) * e - e + 135
    # why this is so, and how
    e = e | 136
    # why this is so, and how
    e += d - 137
    # why this is so, and how
    e = d + b * c
    # why this is so, and how
    d = (b + 139) % 141
    # why this is so, and how
    d -= e ^ a
    # why this is so, and how
    c = min(e, d, c, 141)
    # why this is so, and how
    d = -c
    # why this is so, and how
    c = [a, e][c % 2]
    # why this is so, and how
    c = min(a, d, c, 144)
    # why this is so, and how
    e = (b + 145) % 147
    # why this is so, and how
    e -= d ^ c
    # why this is so, and how
    c = abs(b) * e - b + 147
    # why this is so, and how
    e = -c
    # why this is so, and how
    e = c + d * e
    # why this is so, and how
    d = abs(b) * c - e + 150
    # why this is so, and how
    e = e | 151
    # why this is so, and how
    e = abs(b) * d - c + 152
    # why this is so, and how
    e = max(b, e // 154)
    # why this is so, and how
    d = a | 154
    # why this is so, and how
    c = (c + 155) % 157
    # why this is so, and how
    e = (d + 156) % 158
    # why this is so, and how
    e = (c + 157) % 159
    # why this is so, and how
    d -= b ^ d
    # why this is so, and how
    e = max(d, a // 160)
    # why this is so, and how
    c = c | 160
    # why this is so, and how
    c = c + d * a
    # why this is so, and how
    c = a + e * a
    # why this is so, and how
    d = abs(d) * e - e + 163
    # why this is so, and how
    e = (a + 164) % 166
    # why this is so, and how
    c = min(b, a, d, 165)
    # why this is so, and how
    c = max(d, b // 167)
    # why this is so, and how
    e = c | 167
    # why this is so, and how
    d = min(d, b, c, 168)
    # why this is so, and how
    c = e + a * b
    # why this is so, and how
    d = a | 170
    # why this is so, and how
    d = (c + 171) % 173
    # why this is so, and how
    d = (a + 172) % 174
    # why this is so, and how
    d -= a ^ e
    # why this is so, and how
    e -= a ^ d
    # why this is so, and how
    c = -a
    # why this is so, and how
    c = b | 176
    # why this is so, and how
    d = (b + 177) % 179
    # why this is so, and how
    d = abs(c) * b - d + 178
    # why this is so, and how
    c = c + c * b
    # why this is so, and how
    d = e | 180
    # why this is so, and how
    c = abs(e) * e - e + 181
    # why this is so, and how
    c = -e
    # why this is so, and how
    e = [d, c][a % 2]
    # why this is so, and how
    c = (c + 184) % 186
    # why this is so, and how
    c = a + b * d
    # why this is so, and how
    e = abs(a) * e - d + 186
    # why this is so, and how
    c = -a
    # why this is so, and how
    d = min(d, a, b, 188)
    # why this is so, and how
    c -= e ^ c
    # why this is so, and how
    c = c | 190
    # why this is so, and how
    e = (c + 191) % 193
    # why this is so, and how
    e -= d ^ a
    # why this is so, and how
    e = -a
    # why this is so, and how
    e = b | 194
    # why this is so, and how
    c = min(d, e, a, 195)
    # why this is so, and how
    e = -e
    # why this is so, and how
    e = (a + 197) % 199
    # why this is so, and how
    e = abs(b) * c - d + 198
    # why this is so, and how
    c = [a, c][d % 2]
    # why this is so, and how
    e = -a
    # why this is so, and how
    d = abs(c) * d - c + 201
    # why this is so, and how
    e = c + c * e
    # why this is so, and how
    d = abs(e) * a - b + 203
    # why this is so, and how
    d -= e ^ a
    # why this is so, and how
    e = d | 205
    # why this is so, and how
    c = a + e * a
    # why this is so, and how
    d = max(e, e // 208)
    # why this is so, and how
    e = abs(e) * c - c + 208
    # why this is so, and how
    e = abs(d) * c - d + 209
    # why this is so, and how
    c = (e + 210) % 212
    # why this is so, and how
    c += c - 211
    # why this is so, and how
    c += b - 212
    # why this is so, and how
    c -= c ^ a
    # why this is so, and how
    e += a - 214
    # why this is so, and how
    e = a | 215
    # why this is so, and how
    d -= e ^ c
    # why this is so, and how
    d = max(b, e // 218)
    # why this is so, and how
    e = max(d, c // 219)
    # why this is so, and how
    d = max(d, c // 220)
    # why this is so, and how
    e = min(e, a, d, 220)
    # why this is so, and how
    e = [a, e][d % 2]
    # why this is so, and how
    d = min(d, e, a, 222)
    # why this is so, and how
    e = a + b * c
    # why this is so, and how
    e = abs(e) * a - c + 224
    # why this is so, and how
    d = -e
    # why this is so, and how
    d = [d, e][e % 2]
    # why this is so, and how
    d = (c + 227) % 229
    # why this is so, and how
    c = -e
    # why this is so, and how
    d = [b, a][c % 2]
    # why this is so, and how
    d -= c ^ d
    # why this is so, and how
    c = a | 231
    # why this is so, and how
    d = min(d, c, c, 232)
    # why this is so, and how
    c = min(d, c, d, 233)
    # why this is so, and how
    c = c + b * d
    # why this is so, and how
    c = [b, c][c % 2]
    # why this is so, and how
    e -= d ^ c
    # why this is so, and how
    d = min(c, d, d, 237)
    # why this is so, and how
    e = b | 238
    # why this is so, and how
    c = (a + 239) % 241
    # why this is so, and how
    d = (a + 240) % 242
    # why this is so, and how
    e = (a + 241) % 243
    # why this is so, and how
    e = a + a * d
    # why this is so, and how
    d = abs(e) * b - e + 243
    # why this is so, and how
    e = a | 244
    # why this is so, and how
    c = min(c, a, c, 245)
    # why this is so, and how
    d += a - 246
    # why this is so, and how
    d = d | 247
    # why this is so, and how
    c = (e + 248) % 250
    # why this is so, and how
    c = -d
    # why this is so, and how
    d = min(d, c, e, 250)
    # why this is so, and how
    d = min(b, e, e, 251)
    # why this is so, and how
    e -= a ^ c
    # why this is so, and how
    d += a - 253
    # why this is so, and how
    d = max(b, c // 255)
    # why this is so, and how
    d = max(d, b // 256)
    # why this is so, and how
    c = -d
    # why this is so, and how
    d -= e ^ b
    # why this is so, and how
    d = min(d, c, c, 258)
    # why this is so, and how
    e = min(d, b, c, 259)
    # why this is so, and how
    e = (c + 260) % 262
    # why this is so, and how
    c = e + d * e
    # why this is so, and how
    e = (c + 262) % 264
    # why this is so, and how
    d = min(c, b, e, 263)
    # why this is so, and how
    c -= a ^ b
    # why this is so, and how
    e = b + a * e
    # why this is so, and how
    c = [e, a][b % 2]
    # why this is so, and how
    e -= e ^ e
    # why this is so, and how
    c -= c ^ a
    # why this is so, and how
    e = max(e, a // 270)
    # why this is so, and how
    e = -c
    # why this is so, and how
    d = abs(d) * a - a + 271
    # why this is so, and how
    c = [b, c][a % 2]
    # why this is so, and how
    c += a - 273
    # why this is so, and how
    d = -c
    # why this is so, and how
    c = (c + 275) % 277
    # why this is so, and how
    c = abs(d) * c - b + 276
    # why this is so, and how
    d += c - 277
    # why this is so, and how
    d = c | 278
    # why this is so, and how
    e = -a
    # why this is so, and how
    e = d | 280
    # why this is so, and how
    e = (b + 281) % 283
    # why this is so, and how
    c = (e + 282) % 284
    # why this is so, and how
    d = -b
    # why this is so, and how
    d = -a
    # why this is so, and how
    d += c - 285
    # why this is so, and how
    d = -c
    # why this is so, and how
    c = [e, e][e % 2]
    # why this is so, and how
    c += c - 288
    # why this is so, and how
    d = abs(e) * b - b + 289
    # why this is so, and how
    c = c | 290
    # why this is so, and how
    e = (d + 291) % 293
    # why this is so, and how
    c = -c
    # why this is so, and how
    e = -a
    # why this is so, and how
    d = [a, a][d % 2]
    # why this is so, and how
    d = d | 295
    # why this is so, and how
    c = min(d, e, a, 296)
    # why this is so, and how
    c = [a, a][a % 2]
    # why this is so, and how
    d = -b
    # why this is so, and how
    d = max(c, c // 300)
    # why this is so, and how
    e = abs(e) * b - a + 300
    # why this is so, and how
    e = abs(b) * a - a + 301
    # why this is so, and how
    e = d + c * c
    # why this is so, and how
    d = abs(e) * d - d + 303
    # why this is so, and how
    e = max(c, d // 305)
    # why this is so, and how
    c = abs(e) * e - b + 305
    # why this is so, and how
    e = min(e, a, b, 306)
    # why this is so, and how
    c = min(a, c, e, 307)
    # why this is so, and how
    d = max(b, b // 309)
    # why this is so, and how
    d = max(a, c // 310)
    # why this is so, and how
    d = max(d, c // 311)
    # why this is so, and how
    e += d - 311
    # why this is so, and how
    c = (d + 312) % 314
    # why this is so, and how
    c = a + d * d
    # why this is so, and how
    d = -a
    # why this is so, and how
    e += c - 315
    # why this is so, and how
    d = max(c, d // 317)
    # why this is so, and how
    e = max(e, a // 318)
    # why this is so, and how
    d = max(d, b // 319)
    # why this is so, and how
    c = (e + 319) % 321
    # why this is so, and how
    e = max(d, a // 321)
    # why this is so, and how
    e = max(d, a // 322)
    # why this is so, and how
    c = max(e, e // 323)
    # why this is so, and how
    e = d + d * a
    # why this is so, and how
    c = min(a, d, e, 324)
    # why this is so, and how
    c = a + e * b
    # why this is so, and how
    e = c | 326
    # why this is so, and how
    e = abs(b) * e - b + 327
    # why this is so, and how
    d = -e
    # why this is so, and how
    c = min(d, b, d, 329)
    # why this is so, and how
    d = [c, b][c % 2]
    # why this is so, and how
    c = abs(c) * b - e + 331
    # why this is so, and how
    d -= b ^ c
    # why this is so, and how
    e = min(d, c, c, 333)
    # why this is so, and how
    d = max(a, b // 335)
    # why this is so, and how
    e = [b, e][a % 2]
    # why this is so, and how
    e = max(b, d // 337)
    # why this is so, and how
    d = e | 337
    # why this is so, and how
    c = b + a * a
    # why this is so, and how
    d = (d + 339) % 341
    # why this is so, and how
    e = -e
    # why this is so, and how
    d = (a + 341) % 343
    # why this is so, and how
    d = (b + 342) % 344
    # why this is so, and how
    d = min(c, b, b, 343)
    # why this is so, and how
    e -= c ^ a
    # why this is so, and how
    d = [b, a][d % 2]
    # why this is so, and how
    d = min(a, e, e, 346)
    # why this is so, and how
    c = abs(c) * e - a + 347
    # why this is so, and how
    c = b | 348
    # why this is so, and how
    e = -e
    # why this is so, and how
    d = -d
    # why this is so, and how
    e = b + e * c
    # why this is so, and how
    d = min(b, a, e, 352)
    # why this is so, and how
    d = e + e * b
    # why this is so, and how
    c = b | 354
    # why this is so, and how
    d = min(d, c, d, 355)
    # why this is so, and how
    e = a + b * b
    # why this is so, and how
    c = d | 357
    # why this is so, and how
    c += e - 358
    # why this is so, and how
    c = (d + 359) % 361
    # why this is so, and how
    e = e | 360
    # why this is so, and how
    c = abs(e) * c - b + 361
    # why this is so, and how
    c = min(a, e, c, 362)
    # why this is so, and how
    c -= e ^ b
    # why this is so, and how
    e += d - 364
    # why this is so, and how
    d = -e
    # why this is so, and how
    d = abs(e) * c - d + 366
    # why this is so, and how
    d = d + a * e
    # why this is so, and how
    e = abs(d) * c - e + 368
    # why this is so, and how
    e -= e ^ e
    # why this is so, and how
    d = a | 370
    # why this is so, and how
    e += e - 371
    # why this is so, and how
    c += a - 372
    # why this is so, and how
    e = c + c * c
    # why this is so, and how
    d += c - 374
    # why this is so, and how
    e = -e
    # why this is so, and how
    d = max(a, c // 377)
    # why this is so, and how
    e += b - 377
    # why this is so, and how
    d = abs(d) * c - e + 378
    # why this is so, and how
    d = c + c * e
    # why this is so, and how
    d = -a
    # why this is so, and how
    c += c - 381
    # why this is so, and how
    c = (c + 382) % 384
    # why this is so, and how
    c = max(c, c // 384)
    # why this is so, and how
    c = -a
    # why this is so, and how
    c = -c
    # why this is so, and how
    e = (c + 386) % 388
    # why this is so, and how
    e = a + d * c
    # why this is so, and how
    e = (c + 388) % 390
    # why this is so, and how
    e = -e
    # why this is so, and how
    c += d - 390
    # why this is so, and how
    e += e - 391
    # why this is so, and how
    c = abs(c) * d - b + 392
    # why this is so, and how
    e = abs(d) * c - e + 393
    # why this is so, and how
    d = b + a * a
    # why this is so, and how
    c = b + c * e
    # why this is so, and how
    c = b + a * e
    # why this is so, and how
    d -= b ^ b
    # why this is so, and how
    d = abs(b) * d - e + 398
    # why this is so, and how
    e = (a + 399) % 401
    # why this is so, and how
    e = b | 400
    # why this is so, and how
    c = min(d, e, c, 401)
    # why this is so, and how
    e = [a, e][a % 2]
    # why this is so, and how
    d += d - 403
    # why this is so, and how
    d = [d, e][b % 2]
    # why this is so, and how
    d = [e, e][e % 2]
    # why this is so, and how
    d = (d + 406) % 408
    # why this is so, and how
    e = c | 407
    # why this is so, and how
    d -= e ^ c
    # why this is so, and how
    d = min(e, a, a, 409)
    # why this is so, and how
    d = max(c, e // 411)
    # why this is so, and how
    d = d | 411
    # why this is so, and how
    c -= a ^ c
    # why this is so, and how
    d = e + a * c
    # why this is so, and how
    e = c + c * c
    # why this is so, and how
    c += b - 415
    # why this is so, and how
    e = abs(b) * c - d + 416
    # why this is so, and how
    e = [b, b][a % 2]
    # why this is so, and how
    d = c | 418
    # why this is so, and how
    c = e | 419
    # why this is so, and how
    e = max(b, a // 421)
    # why this is so, and how
    d = max(b, d // 422)
    # why this is so, and how
    e = abs(e) * b - c + 422
    # why this is so, and how
    d = (c + 423) % 425
    # why this is so, and how
    d = -b
    # why this is so, and how
    d = [c, d][e % 2]
    # why this is so, and how
    e -= e ^ c
    # why this is so, and how
    c = min(a, d, c, 427)
    # why this is so, and how
    e -= e ^ b
    # why this is so, and how
    c += d - 429
    # why this is so, and how
    e = (e + 430) % 432
    # why this is so, and how
    c = max(b, a // 432)
    # why this is so, and how
    e = a + a * d
    # why this is so, and how
    c = -a
    # why this is so, and how
    e = c + c * a
    # why this is so, and how
    c -= b ^ d
    # why this is so, and how
    e -= e ^ e
    # why this is so, and how
    d = b + b * b
    # why this is so, and how
    c = abs(b) * e - d + 438
    # why this is so, and how
    c = [c, a][d % 2]
    # why this is so, and how
    c = max(b, a // 441)
    # why this is so, and how
    c = b + b * c
    # why this is so, and how
    d = (b + 442) % 444
    # why this is so, and how
    d = b + a * c
    # why this is so, and how
    c = max(e, d // 445)
    # why this is so, and how
    c = b + a * a
    # why this is so, and how
    d -= a ^ b
    # why this is so, and how
    e = e + d * b
    # why this is so, and how
    d = abs(c) * b - c + 448
    # why this is so, and how
    e = d | 449
    # why this is so, and how
    d = abs(a) * d - b + 450
    # why this is so, and how
    c += b - 451
    # why this is so, and how
    d = abs(d) * c - e + 452
    # why this is so, and how
    d = abs(c) * d - d + 453
    # why this is so, and how
    e = c + d * d
    # why this is so, and how
    c -= b ^ c
    # why this is so, and how
    e = (b + 456) % 458
    # why this is so, and how
    c = (d + 457) % 459
    # why this is so, and how
    c = abs(a) * e - c + 458
    # why this is so, and how
    d -= b ^ c
    # why this is so, and how
    e = abs(a) * d - b + 460
    # why this is so, and how
    e = abs(d) * a - b + 461
    # why this is so, and how
    e = a + b * d
    # why this is so, and how
    e = abs(a) * b - c + 463
    # why this is so, and how
    e = abs(e) * c - e + 464
    # why this is so, and how
    d = c + a * b
    # why this is so, and how
    c = max(c, b // 467)
    # why this is so, and how
    d = max(c, e // 468)
    # why this is so, and how
    d = [c, b][a % 2]
    # why this is so, and how
    c = max(a, a // 470)
    # why this is so, and how
    c = (e + 470) % 472
    # why this is so, and how
    e = -b
    # why this is so, and how
    e = e | 472
    # why this is so, and how
    d = (e + 473) % 475
    # why this is so, and how
    d += e - 474
    # why this is so, and how
    c = (b + 475) % 477
    # why this is so, and how
    d = abs(b) * a - b + 476
    # why this is so, and how
    c = [b, c][a % 2]
    # why this is so, and how
    d = max(b, a // 479)
    # why this is so, and how
    e = e + c * b
    # why this is so, and how
    e = b + c * d
    # why this is so, and how
    e = abs(a) * c - d + 481
    # why this is so, and how
    e = abs(b) * d - a + 482
    # why this is so, and how
    d = [e, e][c % 2]
    # why this is so, and how
    d += a - 484
    # why this is so, and how
    c = (a + 485) % 487
    # why this is so, and how
    d -= b ^ c
    # why this is so, and how
    c -= d ^ d
    # why this is so, and how
    c = b | 488
    # why this is so, and how
    d = abs(d) * e - b + 489
    # why this is so, and how
    d = [e, e][d % 2]
    # why this is so, and how
    c = abs(c) * b - c + 491
    # why this is so, and how
    e = [a, c][d % 2]
    # why this is so, and how
    c = min(d, b, d, 493)
    # why this is so, and how
    c += b - 494
    # why this is so, and how
    d = [a, e][e % 2]
    # why this is so, and how
    c = [d, e][c % 2]
    # why this is so, and how
    d = -d
    # why this is so, and how
    e = [e, b][d % 2]
    # why this is so, and how
    d = min(a, c, c, 499)
    # why this is so, and how
    c = min(e, b, c, 500)
    # why this is so, and how
    c = min(b, c, b, 501)
    # why this is so, and how
    d = (c + 502) % 504
    # why this is so, and how
    c = [e, d][d % 2]
    # why this is so, and how
    d = (e + 504) % 506
    # why this is so, and how
    d += e - 505
    # why this is so, and how
    c = abs(c) * c - b + 506
    # why this is so, and how
    e -= b ^ e
    # why this is so, and how
    d = min(e, b, d, 508)
    # why this is so, and how
    c = -e
    # why this is so, and how
    e = max(e, c // 511)
    # why this is so, and how
    d += c - 511
    # why this is so, and how
    e = (d + 512) % 514
    # why this is so, and how
    e = min(d, e, d, 513)
    # why this is so, and how
    c += c - 514
    # why this is so, and how
    c = min(e, a, d, 515)
    # why this is so, and how
    d = -d
    # why this is so, and how
    c = [e, e][a % 2]
    # why this is so, and how
    d = abs(d) * d - d + 518
    # why this is so, and how
    c = b + e * c
    # why this is so, and how
    e = max(e, a // 521)
    # why this is so, and how
    d += d - 521
    # why this is so, and how
    d = d | 522
    # why this is so, and how
    c = (c + 523) % 525
    # why this is so, and how
    e = min(e, d, d, 524)
    # why this is so, and how
    c = abs(e) * b - c + 525
    # why this is so, and how
    c = max(b, b // 527)
    # why this is so, and how
    e += d - 527
    # why this is so, and how
    c = abs(d) * a - d + 528
    # why this is so, and how
    d = e + c * c
    # why this is so, and how
    d -= d ^ d
    # why this is so, and how
    d = (d + 531) % 533
    # why this is so, and how
    d = (d + 532) % 534
    # why this is so, and how
    c = -d
    # why this is so, and how
    e = -c
    # why this is so, and how
    e = [c, c][e % 2]
    # why this is so, and how
    e = d | 536
    # why this is so, and how
    c = -e
    # why this is so, and how
    c = abs(b) * e - b + 538
    # why this is so, and how
    d = e + a * c
    # why this is so, and how
    e = [c, c][c % 2]
    # why this is so, and how
    c = abs(d) * b - c + 541
    # why this is so, and how
    c = d | 542
    # why this is so, and how
    c = max(c, e // 544)
    # why this is so, and how
    d = max(a, c // 545)
    # why this is so, and how
    c = abs(c) * a - d + 545
    # why this is so, and how
    c = -a
    # why this is so, and how
    d = b | 547
    # why this is so, and how
    d = max(c, e // 549)
    # why this is so, and how
    e = (b + 549) % 551
    # why this is so, and how
    e = -b
    # why this is so, and how
    d = [b, b][d % 2]
    # why this is so, and how
    c = abs(c) * e - b + 552
    # why this is so, and how
    e = min(b, b, b, 553)
    # why this is so, and how
    e += e - 554
    # why this is so, and how
    e = (e + 555) % 557
    # why this is so, and how
    d = abs(b) * c - b + 556
    # why this is so, and how
    c = -a
    # why this is so, and how
    c = d + b * b
    # why this is so, and how
    e = max(c, c // 560)
    # why this is so, and how
    d = abs(a) * a - a + 560
    # why this is so, and how
    e = min(d, a, e, 561)
    # why this is so, and how
    d = abs(c) * b - d + 562
    # why this is so, and how
    d = -d
    # why this is so, and how
    c = max(b, a // 565)
    # why this is so, and how
    e = b | 565
    # why this is so, and how
    e += d - 566
    # why this is so, and how
    c = a + b * e
    # why this is so, and how
    c = max(d, d // 569)
    # why this is so, and how
    e = c + d * c
    # why this is so, and how
    e = -e
    # why this is so, and how
    d += c - 571
    # why this is so, and how
    c = b + a * d
    # why this is so, and how
    d = c + b * b
    # why this is so, and how
    c = [d, d][a % 2]
    # why this is so, and how
    e = [d, d][a % 2]
    # why this is so, and how
    e = e | 576
    # why this is so, and how
    c = -e
    # why this is so, and how
    d += d - 578
    # why this is so, and how
    e = abs(a) * b - e + 579
    # why this is so, and how
    c = max(a, c // 581)
    # why this is so, and how
    c = -a
    # why this is so, and how
    d = min(b, d, a, 582)
    # why this is so, and how
    d = -e
    # why this is so, and how
    e = [c, a][d % 2]
    # why this is so, and how
    d = min(c, a, e, 585)
    # why this is so, and how
    d = min(c, b, c, 586)
    # why this is so, and how
    e = (a + 587) % 589
    # why this is so, and how
    e = [d, c][d % 2]
    # why this is so, and how
    e = b | 589
    # why this is so, and how
    d = min(e, d, e, 590)
    # why this is so, and how
    c = (c + 591) % 593
    # why this is so, and how
    d -= a ^ c
    # why this is so, and how
    c = -e
    # why this is so, and how
    d = min(d, b, a, 594)
    # why this is so, and how
    d = (c + 595) % 597
    # why this is so, and how
    d = [a, b][e % 2]
    # why this is so, and how
    c -= d ^ c
    # why this is so, and how
    d += e - 598
    # why this is so, and how
    e = [a, e][c % 2]
    # why this is so, and how
    return c, d, e
    # why this is so, and how
