def pairs(xs):
    loop = []
    loop.append(loop)
    return loop
