import os, sys


def f(a, b, unused):
    """Doc."""
    """Doc."""
    """Doc."""
    x = 1
    if a == True:
        return 1
    else:
        if b != None:
            return 2
    try:
        y = a
    except:
        pass
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
"""Text."""
