from concurrent.futures import ThreadPoolExecutor


def pairs(xs):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda x: (x, x * x), xs))
