"""A run's summary on a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.report import words
from toolkit.report.table import Column, Row
from toolkit.report.text import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_STYLES = {"passed": "green", "plus": "green", "base": "cyan", "unscored": "yellow"}


def render(summary: Mapping[str, Any]) -> "RenderableType":
    """Return the summary for a terminal of 80 columns or more."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"{summary['benchmark']} · {words.extent(summary)}", style="bold")]
    if summary["refused"]:
        parts.append(Text(f"no score: {visible(summary['refused'])}", style="bold red"))
    if scores := words.scores(summary):
        parts += [Text(""), table(words.SCORES, scores)]
    parts += [Text(f"{row['name']}, {row['tests']}: {row['bound']}", style="yellow") for row in scores if row["bound"]]
    parts += [Text(f"warning: {visible(warning)}", style="yellow") for warning in summary["warnings"]]
    if verdicts := words.verdicts(summary):
        parts += [Text(""), table(words.VERDICTS, verdicts)]
    parts += [Text(line[:350], style="yellow") for line in words.unscored(summary)]
    if it := words.comparison(summary):
        parts += [Text(""), Text(it)]
    parts += [Text(line) for line in (*words.cut(summary), *words.budget(summary))]
    parts += [Text(""), Text(_folded(words.cost(summary)), style="dim")]
    if written := words.generation(summary.get("generation")):
        parts.append(Text(_folded(written), style="dim"))
    if summary.get("folder"):
        parts.append(Text(f"{summary['folder']}/{'' if summary.get('interrupted') else 'report.html'}", style="dim"))
    return Group(*parts)


def _folded(text: str, width: int = 80) -> str:
    """Return a line as lines of at most that width, where its parts, which dots divide, allow it."""
    lines = [""]
    for part in text.split(" · "):
        line = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(line) > width - 2 and lines[-1]:
            lines[-1:] = [lines[-1] + " ·", part]
        else:
            lines[-1] = line
    return "\n".join(lines)


def table(columns: Sequence[Column], rows: Sequence[Row]) -> "Table":
    """Return a table for a terminal: chips and bars in the colour of the row's style."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        made.add_column(column.name, justify="right" if column.kind == "number" else "left")
    for row in rows:
        colour = _STYLES.get(row.get("style", ""), "red")
        cells = []
        for column in columns:
            text = _bar(column.value(row), column.width) if column.kind == "bar" else visible(column.text(row))
            cells.append(Text(text, style={"chip": f"bold {colour}", "bar": colour}.get(column.kind, "")))
        made.add_row(*cells)
    return made


def _bar(share: float, width: int) -> str:
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
