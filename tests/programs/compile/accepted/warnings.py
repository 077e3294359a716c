import re

x = "\d"
if x is "a":
    assert (x, "text")
