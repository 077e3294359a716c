# coding: raw_unicode_escape
# \u000aimport os
x = 1
