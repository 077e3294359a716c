"""Our environment variables, read in one place: they begin with `TOOLKIT_`; the old prefix still works."""

import os
import sys

_warned: set[str] = set()


def variable(name: str, default: str = "") -> str:
    """Return `TOOLKIT_<name>`, else `EXOGATE_<name>` with a warning on standard error, once; else `default`."""
    new, old = f"TOOLKIT_{name}", f"EXOGATE_{name}"
    if new not in os.environ and old in os.environ and name not in _warned:
        _warned.add(name)
        sys.stderr.write(f"toolkit: {old} is now called {new}\n")
    return os.environ.get(new, os.environ.get(old, default))
