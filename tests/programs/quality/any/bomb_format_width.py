X = "{:>9999999999}".format(1)
print(X.strip())
