"""What can be chosen by name: our own, and what installed distributions add through entry points.

An entry point is found by its metadata, and imported when it is first needed. It cannot take a name that is in use, and one
that fails to load costs a warning, not the command.
"""

import functools
from collections.abc import Callable, ItemsView, Iterable, Iterator, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
MAX_WHY = 300
"""Characters of what an entry point's module raises."""


class Unknown(UsageError, KeyError):
    """Nothing has that name, or it cannot be used; the text says what there is, or why."""

    def __str__(self) -> str:
        return str(self.args[0])


class Registry(MutableMapping[str, T], Generic[T]):
    """Things of one kind by name: ours first, in our order, then others' by name.

    Iterating over names imports nothing. `items` and `values` import all, and leave out what cannot be used.

    Args:
        kind: what one is called in messages, such as `gate`.
        own: those of this package.
        accept: given (name, thing, distribution), returns what is registered. Raises TypeError if it is not of the kind.

    Attributes:
        problems: why an entry point is not used, by its name; one line each.
        origins: which distribution an entry point came from, such as `lint-more 1.2`, by the name of the thing.
    """

    def __init__(self, kind: str, own: Iterable[tuple[str, T]], accept: Callable[[str, Any, str], T]) -> None:
        self.kind, self.group = kind, f"toolkit.{kind}s"
        self.problems: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        self._known, self._accept = dict(own), accept
        self._waiting: dict[str, EntryPoint] | None = None

    def _found(self) -> dict[str, "EntryPoint"]:
        """Return entry points that have not been imported, by name."""
        if self._waiting is None:
            self._waiting = {}
            for point, origin in _entry_points():
                if point.group != self.group:
                    continue
                if point.name in self._known or point.name in self._waiting:
                    holder = self.origins.get(point.name, "exogate itself")
                    _tell(self._problem(point.name, origin, f"the name is taken by {holder}"))
                else:
                    self._waiting[point.name], self.origins[point.name] = point, origin
        return self._waiting

    def _problem(self, name: str, origin: str, why: str) -> str:
        line = f"the {self.kind} {name!r} of {origin} is not used: {why}"
        self.problems[name] = f"{self.problems[name]}; {line}" if name in self.problems else line
        return line

    def _load(self, name: str) -> str:
        """Import an entry point; return the complaint if it cannot be used."""
        import contextlib
        import sys

        point, origin = self._found().pop(name), self.origins[name]
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is the command's
                thing = point.load()
        except (Exception, SystemExit) as error:
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_WHY]}"
        else:
            try:
                self._known[name] = self._accept(name, thing, origin)
                return ""
            except TypeError as error:
                why = str(error)
        del self.origins[name]
        return self._problem(name, origin, f"{point.value}: {why}")

    def _load_all(self) -> None:
        for name in list(self._found()):
            if complaint := self._load(name):
                _tell(complaint)

    def __getitem__(self, name: str) -> T:
        """Return what is called `name`. Raises `Unknown`."""
        waiting = self._found()
        if name in self._known:
            return self._known[name]
        if name in waiting and not self._load(name):
            return self._known[name]
        there = f"no {self.kind} is called {name!r}; known: {', '.join(self)}{nearest(name, self)}"
        raise Unknown(self.problems.get(name, there))

    def __setitem__(self, name: str, thing: T) -> None:
        self._found().pop(name, None)
        self.origins.pop(name, None)
        self._known[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        self._found()
        return iter([*(name for name in self._known if name not in self.origins), *sorted(self.origins)])

    def __len__(self) -> int:
        return len(self._known) + len(self._found())

    def __contains__(self, name: object) -> bool:
        return name in self._found() or name in self._known

    def items(self) -> ItemsView[str, T]:
        """Return names and things."""
        self._load_all()
        return super().items()

    def values(self) -> ValuesView[T]:
        """Return the things."""
        self._load_all()
        return super().values()


def _tell(line: str) -> None:
    """Log a line; it appears on standard error unless the program configures logging."""
    import logging

    logging.getLogger("toolkit").warning("toolkit: warning: %s", line)


@functools.cache
def _entry_points() -> list[tuple["EntryPoint", str]]:
    """Return the entry points of our groups, with their distributions; a distribution that is found twice counts once."""
    from importlib.metadata import distributions

    found: dict[str, list[tuple[EntryPoint, str]]] = {}
    for dist in distributions():
        try:
            if "[toolkit." in (dist.read_text("entry_points.txt") or ""):
                found.setdefault(dist.name, [(point, f"{dist.name} {dist.version}") for point in dist.entry_points])
        except Exception as error:  # whatever a damaged folder makes the standard library raise
            _tell(f"the entry points of {getattr(dist, '_path', dist)} cannot be read: {type(error).__name__}: {error}")
    return sorted((pair for pairs in found.values() for pair in pairs), key=lambda pair: (pair[1], pair[0].name))


def listed(names: Iterable[str]) -> str:
    """Return names as "one, another or a third"; empty if there are none."""
    *most, last = [*names] or [""]
    return f"{', '.join(most)} or {last}" if most else last


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'compile'?` for a misspelt word, or an empty text when no known one is near."""
    import difflib

    found = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]!r}?" if found else ""
