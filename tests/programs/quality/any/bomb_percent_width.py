X = "%9999999999d" % 1
Y = "%*d" % (9999999999, 1)
print(X.strip(), Y.strip())
