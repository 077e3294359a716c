N = 9999999999
X = f"{1:>{N}}"
print(X.strip(), f"{X!r:>{N}}")
