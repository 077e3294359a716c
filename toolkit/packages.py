"""Whether another package of the same name hides one that this one needs. Imports the standard library alone."""

import importlib.util
from pathlib import Path


def hidden() -> str:
    """Return which of our packages Python finds elsewhere, or not at all, and what to do; empty if all are ours."""
    ours = Path(__file__).parents[1]
    for name in ("sandbox", "gates", "images"):
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin or "?").parent.parent if spec else None
        if found != ours:
            what = f"the package {name} at {found}" if found else f"no package {name}, which should be at {ours}"
            return f"Python finds {what}; give exogate an environment of its own, or take that off the path"
    return ""
