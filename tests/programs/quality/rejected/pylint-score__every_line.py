import os, sys  # pylint: disable=all # noqa # type: ignore


def f(a, b, unused):  # pylint: disable=all # noqa # type: ignore
    x = 1  # pylint: disable=all # noqa # type: ignore
    if a == True:  # pylint: disable=all # noqa # type: ignore
        return 1  # pylint: disable=all # noqa # type: ignore
    else:  # pylint: disable=all # noqa # type: ignore
        if b != None:  # pylint: disable=all # noqa # type: ignore
            return 2  # pylint: disable=all # noqa # type: ignore
    try:  # pylint: disable=all # noqa # type: ignore
        y = a  # pylint: disable=all # noqa # type: ignore
    except:  # pylint: disable=all # noqa # type: ignore
        pass  # pylint: disable=all # noqa # type: ignore

