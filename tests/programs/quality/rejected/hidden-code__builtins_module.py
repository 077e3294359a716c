import builtins

getattr(builtins, "ex" + "ec")("x = 1")
