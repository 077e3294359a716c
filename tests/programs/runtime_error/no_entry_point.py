def squares(xs): return xs
