"""How commands say how far they are."""

from collections.abc import Callable

Advance = Callable[..., None]
"""Progress callback: `(label, done, total, rate="")`."""
