f = eval("lambda a, b: (a * 31 + b * 17) % 1009 if a > b else (a - b) * (a + b)")
