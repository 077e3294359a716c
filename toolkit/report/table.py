"""Tables: one list of columns, of which terminal, CSV and page each make their own form."""

import csv as csv_format
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
"""Plain data. `style`, where a row has it, is the verdict or variant that its chips and bars are coloured by."""


def plain(value: Any) -> str:
    """Return a value as a person reads it: nothing for None, an estimate with its interval, at most 4 digits of a float."""
    if isinstance(value, Mapping) and "value" in value:
        at, low, high = (value.get(name) for name in ("value", "low", "high"))
        return "" if None in (at, low, high) else f"{at:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        path: keys that lead to the value in a row; CSV names the column by them, joined with dots.
        name: heading for a person.
        kind: `number` stands at the right; `chip` is coloured by the row's style; `bar` is drawn, of a share in [0, 1];
            `heat` colours the cell by such a share.
        form: turns the value into text for a person.
        width: of a bar, in characters.
        top: share with the full colour of `heat`.
    """

    path: tuple[str, ...]
    name: str = ""
    kind: Literal["text", "number", "chip", "bar", "heat"] = "text"
    form: Callable[[Any], str] = plain
    width: int = 40
    top: float = 1.0

    def value(self, row: Row) -> Any:
        """Return what the row has there; None if it has nothing."""
        found: Any = row
        for name in self.path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def text(self, row: Row) -> str:
        """Return the value as a person reads it."""
        return self.form(self.value(row))


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its heading, and what its readers have to know."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    says: str = ""


def csv(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return the table as CSV: numbers and texts as they are, nothing for None, lists and what has parts."""
    file = io.StringIO()
    writer = csv_format.writer(file)
    writer.writerow([".".join(column.path) for column in columns])
    for row in rows:
        values = [column.value(row) for column in columns]
        writer.writerow([None if isinstance(value, Mapping | list) else value for value in values])
    return file.getvalue()


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return the table as Markdown, as a person reads it; bars are left out."""
    from toolkit.report.text import visible

    shown = [column for column in columns if column.kind != "bar"]
    lines = [[column.name for column in shown], ["---:" if column.kind in ("number", "heat") else "---" for column in shown]]
    lines += [[visible(column.text(row)).replace("|", "\\|") for column in shown] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def leaves(rows: Sequence[Row]) -> list[Column]:
    """Return a column for every number and text within the rows, in order of appearance; lists are left out."""
    return [Column(path) for path in dict.fromkeys(path for row in rows for path in _leaves(row))]


def _leaves(row: Row) -> Iterator[tuple[str, ...]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from ((name, *path) for path in _leaves(value))
        elif not isinstance(value, list | tuple):
            yield (name,)
