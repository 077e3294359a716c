import multiprocessing


def pairs(xs):
    with multiprocessing.Pool(2) as pool:
        return list(zip(xs, pool.map(abs, [x * x for x in xs])))
