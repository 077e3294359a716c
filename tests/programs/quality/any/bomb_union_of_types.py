def g(x):
    if x == 0:
        x = [x, 0, g(x)]
    if x == 1:
        x = [x, 1, g(x)]
    if x == 2:
        x = [x, 2, g(x)]
    if x == 3:
        x = [x, 3, g(x)]
    if x == 4:
        x = [x, 4, g(x)]
    if x == 5:
        x = [x, 5, g(x)]
    if x == 6:
        x = [x, 6, g(x)]
    if x == 7:
        x = [x, 7, g(x)]
    if x == 8:
        x = [x, 8, g(x)]
    return x
print(g(1)[0][0][0][0][0])
