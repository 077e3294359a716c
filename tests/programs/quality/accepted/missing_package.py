import numpy as np


def mean(values):
    """Return the mean."""
    return np.mean(values)
