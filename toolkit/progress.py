"""The callback by which long work reports how far it is."""

from collections.abc import Callable

Advance = Callable[..., None]
"""Progress callback: `(label, done, total, rate="")`."""
