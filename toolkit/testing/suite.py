"""A suite: checks by name, and one exception for all that do not hold."""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from sandbox.registry import nearest

T = TypeVar("T")


class Nonconforming(AssertionError):
    """Something does not hold; one line for each check that failed."""


class Suite(dict[str, Callable[[T], None]], Generic[T]):
    """Checks by name, in the order in which they run. As a decorator it adds a function under its own name."""

    def __call__(self, check: Callable[[T], None]) -> Callable[[T], None]:
        """Add a check."""
        self[check.__name__] = check
        return check

    def run(self, subject: T, skip: Collection[str] = ()) -> None:
        """Run all checks but those to skip.

        Raises:
            Nonconforming: at least one check failed; all have been run.
            ValueError: there is no check of a name in `skip`.
        """
        for name in skip:
            if name not in self:
                raise ValueError(f"no check is called {name!r}; there are {', '.join(self)}{nearest(name, self)}")
        failed = []
        for name, check in self.items():
            if name in skip:
                continue
            try:
                check(subject)
            except Nonconforming as error:
                failed.append(f"{name}: {error}")
            except Exception as error:  # of what is checked
                failed.append(f"{name}: {type(error).__name__}: {error}")
        if failed:
            raise Nonconforming("\n".join(failed))


def held(condition: object, found: object) -> None:
    """Raise `Nonconforming`, which says what was found, unless the condition is true."""
    if not condition:
        raise Nonconforming(str(found)[:1000])


def equal(found: object, wanted: object, what: str) -> None:
    """Raise `Nonconforming` unless something is what it should be."""
    held(found == wanted, f"{what} is {found!r:.400}, not {wanted!r:.400}")
