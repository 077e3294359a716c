def double(x): raise KeyError(x)
