"""How long work tells whoever waits for it how far it is."""

from collections.abc import Callable

Advance = Callable[..., None]
"""Progress callback: `(label, done, total, rate="")`."""
