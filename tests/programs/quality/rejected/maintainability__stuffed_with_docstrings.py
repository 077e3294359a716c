"""Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
Text.
"""
def f(a, b):
    """Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
Text of a long docstring.
    """
    c = d = e = 1
    d += b - 0
    e = d | 1
    c = b | 2
    e = min(e, d, a, 3)
    c = abs(c) * b - e + 4
    e = -a
    d = a + d * b
    d = -e
    e = max(b, b // 9)
    d = -d
    c = abs(a) * b - c + 10
    e = max(e, e // 12)
    d = -c
    d = max(d, a // 14)
    d = -d
    e = -c
    d = abs(a) * b - e + 16
    c -= a ^ d
    d = (e + 18) % 20
    c = max(b, b // 20)
    d = -e
    d -= e ^ c
    d = -e
    c = b | 23
    e = -a
    d = abs(b) * e - d + 25
    e = -d
    d = [e, c][e % 2]
    e = [a, b][b % 2]
    d = b + a * e
    d = a + a * a
    c = [c, c][b % 2]
    c = (c + 32) % 34
    c -= c ^ e
    d = min(d, c, c, 34)
    d = abs(a) * a - c + 35
    c -= b ^ c
    d = e + b * e
    c = b + a * d
    e = b | 39
    d = max(e, e // 41)
    e = [e, d][a % 2]
    e -= d ^ a
    d += b - 43
    e = (c + 44) % 46
    c = d + e * c
    c = [e, e][a % 2]
    e = d + b * e
    c = max(d, c // 49)
    c = min(d, e, e, 49)
    e = min(d, a, c, 50)
    d -= c ^ e
    d = [a, b][b % 2]
    c -= c ^ d
    d = -a
    c = d + e * b
    c = -a
    e = -b
    d += c - 58
    e = min(b, c, e, 59)
    c = abs(b) * e - e + 60
    d = (d + 61) % 63
    e = [b, a][c % 2]
    e = max(d, e // 64)
    d -= a ^ c
    d -= e ^ a
    c = [a, c][a % 2]
    c = a + a * d
    d = (b + 68) % 70
    e = max(a, b // 70)
    d = -b
    e = min(e, c, c, 71)
    e = abs(c) * a - b + 72
    d = [a, a][a % 2]
    d = c | 74
    e = min(a, a, c, 75)
    e = -a
    c = -d
    c = abs(b) * c - b + 78
    d += a - 79
    d -= c ^ b
    d = [a, b][c % 2]
    c = -c
    c = max(e, e // 84)
    d += b - 84
    e += c - 85
    d = min(a, a, c, 86)
    e = abs(d) * b - a + 87
    c = (e + 88) % 90
    c = -b
    c = (c + 90) % 92
    e = -e
    d = -b
    d += b - 93
    d = -d
    c = d | 95
    d = c + b * c
    c = abs(d) * e - a + 97
    c = (b + 98) % 100
    e = c | 99
    c = min(e, b, a, 100)
    d = -a
    d = min(b, d, b, 102)
    d = -d
    c += e - 104
    e = max(e, b // 106)
    e = abs(c) * c - c + 106
    c += b - 107
    d = (e + 108) % 110
    c = [b, d][c % 2]
    e = abs(a) * d - d + 110
    e = d + e * b
    e += e - 112
    e += c - 113
    d = d | 114
    c = [b, d][c % 2]
    d = [d, a][b % 2]
    e -= d ^ a
    e = -c
    d = [a, e][b % 2]
    c -= a ^ e
    c = -b
    e -= c ^ c
    d = min(b, d, e, 123)
    e = d | 124
    c += b - 125
    d = (a + 126) % 128
    e -= e ^ c
    e = abs(d) * e - c + 128
    e = min(a, a, d, 129)
    d = abs(c) * c - e + 130
    e = e | 131
    c -= b ^ e
    d = [e, b][e % 2]
    e = (d + 134) % 136
    c = abs(d) * e - e + 135
    e = e | 136
    e += d - 137
    e = d + b * c
    d = (b + 139) % 141
    d -= e ^ a
    c = min(e, d, c, 141)
    d = -c
    c = [a, e][c % 2]
    c = min(a, d, c, 144)
    e = (b + 145) % 147
    e -= d ^ c
    c = abs(b) * e - b + 147
    e = -c
    e = c + d * e
    d = abs(b) * c - e + 150
    e = e | 151
    e = abs(b) * d - c + 152
    e = max(b, e // 154)
    d = a | 154
    c = (c + 155) % 157
    e = (d + 156) % 158
    e = (c + 157) % 159
    d -= b ^ d
    e = max(d, a // 160)
    c = c | 160
    c = c + d * a
    c = a + e * a
    d = abs(d) * e - e + 163
    e = (a + 164) % 166
    c = min(b, a, d, 165)
    c = max(d, b // 167)
    e = c | 167
    d = min(d, b, c, 168)
    c = e + a * b
    d = a | 170
    d = (c + 171) % 173
    d = (a + 172) % 174
    d -= a ^ e
    e -= a ^ d
    c = -a
    c = b | 176
    d = (b + 177) % 179
    d = abs(c) * b - d + 178
    c = c + c * b
    d = e | 180
    c = abs(e) * e - e + 181
    c = -e
    e = [d, c][a % 2]
    c = (c + 184) % 186
    c = a + b * d
    e = abs(a) * e - d + 186
    c = -a
    d = min(d, a, b, 188)
    c -= e ^ c
    c = c | 190
    e = (c + 191) % 193
    e -= d ^ a
    e = -a
    e = b | 194
    c = min(d, e, a, 195)
    e = -e
    e = (a + 197) % 199
    e = abs(b) * c - d + 198
    c = [a, c][d % 2]
    e = -a
    d = abs(c) * d - c + 201
    e = c + c * e
    d = abs(e) * a - b + 203
    d -= e ^ a
    e = d | 205
    c = a + e * a
    d = max(e, e // 208)
    e = abs(e) * c - c + 208
    e = abs(d) * c - d + 209
    c = (e + 210) % 212
    c += c - 211
    c += b - 212
    c -= c ^ a
    e += a - 214
    e = a | 215
    d -= e ^ c
    d = max(b, e // 218)
    e = max(d, c // 219)
    d = max(d, c // 220)
    e = min(e, a, d, 220)
    e = [a, e][d % 2]
    d = min(d, e, a, 222)
    e = a + b * c
    e = abs(e) * a - c + 224
    d = -e
    d = [d, e][e % 2]
    d = (c + 227) % 229
    c = -e
    d = [b, a][c % 2]
    d -= c ^ d
    c = a | 231
    d = min(d, c, c, 232)
    c = min(d, c, d, 233)
    c = c + b * d
    c = [b, c][c % 2]
    e -= d ^ c
    d = min(c, d, d, 237)
    e = b | 238
    c = (a + 239) % 241
    d = (a + 240) % 242
    e = (a + 241) % 243
    e = a + a * d
    d = abs(e) * b - e + 243
    e = a | 244
    c = min(c, a, c, 245)
    d += a - 246
    d = d | 247
    c = (e + 248) % 250
    c = -d
    d = min(d, c, e, 250)
    d = min(b, e, e, 251)
    e -= a ^ c
    d += a - 253
    d = max(b, c // 255)
    d = max(d, b // 256)
    c = -d
    d -= e ^ b
    d = min(d, c, c, 258)
    e = min(d, b, c, 259)
    e = (c + 260) % 262
    c = e + d * e
    e = (c + 262) % 264
    d = min(c, b, e, 263)
    c -= a ^ b
    e = b + a * e
    c = [e, a][b % 2]
    e -= e ^ e
    c -= c ^ a
    e = max(e, a // 270)
    e = -c
    d = abs(d) * a - a + 271
    c = [b, c][a % 2]
    c += a - 273
    d = -c
    c = (c + 275) % 277
    c = abs(d) * c - b + 276
    d += c - 277
    d = c | 278
    e = -a
    e = d | 280
    e = (b + 281) % 283
    c = (e + 282) % 284
    d = -b
    d = -a
    d += c - 285
    d = -c
    c = [e, e][e % 2]
    c += c - 288
    d = abs(e) * b - b + 289
    c = c | 290
    e = (d + 291) % 293
    c = -c
    e = -a
    d = [a, a][d % 2]
    d = d | 295
    c = min(d, e, a, 296)
    c = [a, a][a % 2]
    d = -b
    d = max(c, c // 300)
    e = abs(e) * b - a + 300
    e = abs(b) * a - a + 301
    e = d + c * c
    d = abs(e) * d - d + 303
    e = max(c, d // 305)
    c = abs(e) * e - b + 305
    e = min(e, a, b, 306)
    c = min(a, c, e, 307)
    d = max(b, b // 309)
    d = max(a, c // 310)
    d = max(d, c // 311)
    e += d - 311
    c = (d + 312) % 314
    c = a + d * d
    d = -a
    e += c - 315
    d = max(c, d // 317)
    e = max(e, a // 318)
    d = max(d, b // 319)
    c = (e + 319) % 321
    e = max(d, a // 321)
    e = max(d, a // 322)
    c = max(e, e // 323)
    e = d + d * a
    c = min(a, d, e, 324)
    c = a + e * b
    e = c | 326
    e = abs(b) * e - b + 327
    d = -e
    c = min(d, b, d, 329)
    d = [c, b][c % 2]
    c = abs(c) * b - e + 331
    d -= b ^ c
    e = min(d, c, c, 333)
    d = max(a, b // 335)
    e = [b, e][a % 2]
    e = max(b, d // 337)
    d = e | 337
    c = b + a * a
    d = (d + 339) % 341
    e = -e
    d = (a + 341) % 343
    d = (b + 342) % 344
    d = min(c, b, b, 343)
    e -= c ^ a
    d = [b, a][d % 2]
    d = min(a, e, e, 346)
    c = abs(c) * e - a + 347
    c = b | 348
    e = -e
    d = -d
    e = b + e * c
    d = min(b, a, e, 352)
    d = e + e * b
    c = b | 354
    d = min(d, c, d, 355)
    e = a + b * b
    c = d | 357
    c += e - 358
    c = (d + 359) % 361
    e = e | 360
    c = abs(e) * c - b + 361
    c = min(a, e, c, 362)
    c -= e ^ b
    e += d - 364
    d = -e
    d = abs(e) * c - d + 366
    d = d + a * e
    e = abs(d) * c - e + 368
    e -= e ^ e
    d = a | 370
    e += e - 371
    c += a - 372
    e = c + c * c
    d += c - 374
    e = -e
    d = max(a, c // 377)
    e += b - 377
    d = abs(d) * c - e + 378
    d = c + c * e
    d = -a
    c += c - 381
    c = (c + 382) % 384
    c = max(c, c // 384)
    c = -a
    c = -c
    e = (c + 386) % 388
    e = a + d * c
    e = (c + 388) % 390
    e = -e
    c += d - 390
    e += e - 391
    c = abs(c) * d - b + 392
    e = abs(d) * c - e + 393
    d = b + a * a
    c = b + c * e
    c = b + a * e
    d -= b ^ b
    d = abs(b) * d - e + 398
    e = (a + 399) % 401
    e = b | 400
    c = min(d, e, c, 401)
    e = [a, e][a % 2]
    d += d - 403
    d = [d, e][b % 2]
    d = [e, e][e % 2]
    d = (d + 406) % 408
    e = c | 407
    d -= e ^ c
    d = min(e, a, a, 409)
    d = max(c, e // 411)
    d = d | 411
    c -= a ^ c
    d = e + a * c
    e = c + c * c
    c += b - 415
    e = abs(b) * c - d + 416
    e = [b, b][a % 2]
    d = c | 418
    c = e | 419
    e = max(b, a // 421)
    d = max(b, d // 422)
    e = abs(e) * b - c + 422
    d = (c + 423) % 425
    d = -b
    d = [c, d][e % 2]
    e -= e ^ c
    c = min(a, d, c, 427)
    e -= e ^ b
    c += d - 429
    e = (e + 430) % 432
    c = max(b, a // 432)
    e = a + a * d
    c = -a
    e = c + c * a
    c -= b ^ d
    e -= e ^ e
    d = b + b * b
    c = abs(b) * e - d + 438
    c = [c, a][d % 2]
    c = max(b, a // 441)
    c = b + b * c
    d = (b + 442) % 444
    d = b + a * c
    c = max(e, d // 445)
    c = b + a * a
    d -= a ^ b
    e = e + d * b
    d = abs(c) * b - c + 448
    e = d | 449
    d = abs(a) * d - b + 450
    c += b - 451
    d = abs(d) * c - e + 452
    d = abs(c) * d - d + 453
    e = c + d * d
    c -= b ^ c
    e = (b + 456) % 458
    c = (d + 457) % 459
    c = abs(a) * e - c + 458
    d -= b ^ c
    e = abs(a) * d - b + 460
    e = abs(d) * a - b + 461
    e = a + b * d
    e = abs(a) * b - c + 463
    e = abs(e) * c - e + 464
    d = c + a * b
    c = max(c, b // 467)
    d = max(c, e // 468)
    d = [c, b][a % 2]
    c = max(a, a // 470)
    c = (e + 470) % 472
    e = -b
    e = e | 472
    d = (e + 473) % 475
    d += e - 474
    c = (b + 475) % 477
    d = abs(b) * a - b + 476
    c = [b, c][a % 2]
    d = max(b, a // 479)
    e = e + c * b
    e = b + c * d
    e = abs(a) * c - d + 481
    e = abs(b) * d - a + 482
    d = [e, e][c % 2]
    d += a - 484
    c = (a + 485) % 487
    d -= b ^ c
    c -= d ^ d
    c = b | 488
    d = abs(d) * e - b + 489
    d = [e, e][d % 2]
    c = abs(c) * b - c + 491
    e = [a, c][d % 2]
    c = min(d, b, d, 493)
    c += b - 494
    d = [a, e][e % 2]
    c = [d, e][c % 2]
    d = -d
    e = [e, b][d % 2]
    d = min(a, c, c, 499)
    c = min(e, b, c, 500)
    c = min(b, c, b, 501)
    d = (c + 502) % 504
    c = [e, d][d % 2]
    d = (e + 504) % 506
    d += e - 505
    c = abs(c) * c - b + 506
    e -= b ^ e
    d = min(e, b, d, 508)
    c = -e
    e = max(e, c // 511)
    d += c - 511
    e = (d + 512) % 514
    e = min(d, e, d, 513)
    c += c - 514
    c = min(e, a, d, 515)
    d = -d
    c = [e, e][a % 2]
    d = abs(d) * d - d + 518
    c = b + e * c
    e = max(e, a // 521)
    d += d - 521
    d = d | 522
    c = (c + 523) % 525
    e = min(e, d, d, 524)
    c = abs(e) * b - c + 525
    c = max(b, b // 527)
    e += d - 527
    c = abs(d) * a - d + 528
    d = e + c * c
    d -= d ^ d
    d = (d + 531) % 533
    d = (d + 532) % 534
    c = -d
    e = -c
    e = [c, c][e % 2]
    e = d | 536
    c = -e
    c = abs(b) * e - b + 538
    d = e + a * c
    e = [c, c][c % 2]
    c = abs(d) * b - c + 541
    c = d | 542
    c = max(c, e // 544)
    d = max(a, c // 545)
    c = abs(c) * a - d + 545
    c = -a
    d = b | 547
    d = max(c, e // 549)
    e = (b + 549) % 551
    e = -b
    d = [b, b][d % 2]
    c = abs(c) * e - b + 552
    e = min(b, b, b, 553)
    e += e - 554
    e = (e + 555) % 557
    d = abs(b) * c - b + 556
    c = -a
    c = d + b * b
    e = max(c, c // 560)
    d = abs(a) * a - a + 560
    e = min(d, a, e, 561)
    d = abs(c) * b - d + 562
    d = -d
    c = max(b, a // 565)
    e = b | 565
    e += d - 566
    c = a + b * e
    c = max(d, d // 569)
    e = c + d * c
    e = -e
    d += c - 571
    c = b + a * d
    d = c + b * b
    c = [d, d][a % 2]
    e = [d, d][a % 2]
    e = e | 576
    c = -e
    d += d - 578
    e = abs(a) * b - e + 579
    c = max(a, c // 581)
    c = -a
    d = min(b, d, a, 582)
    d = -e
    e = [c, a][d % 2]
    d = min(c, a, e, 585)
    d = min(c, b, c, 586)
    e = (a + 587) % 589
    e = [d, c][d % 2]
    e = b | 589
    d = min(e, d, e, 590)
    c = (c + 591) % 593
    d -= a ^ c
    c = -e
    d = min(d, b, a, 594)
    d = (c + 595) % 597
    d = [a, b][e % 2]
    c -= d ^ c
    d += e - 598
    e = [a, e][c % 2]
    return c, d, e
