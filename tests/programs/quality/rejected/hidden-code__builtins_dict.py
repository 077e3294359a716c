__builtins__["ex" + "ec"]("x = 1")
