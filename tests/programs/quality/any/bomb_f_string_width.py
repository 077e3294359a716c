X = f"{1:>9999999999}"
print(X.strip())
