CODE = compile("x = 1", "x", "exec")
