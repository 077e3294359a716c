X = [0] * 10 ** 10
for x in X:
    print(x)
