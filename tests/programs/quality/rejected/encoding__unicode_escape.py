# coding: unicode_escape
# \nimport os\ndef f(a): return a
x = 1
