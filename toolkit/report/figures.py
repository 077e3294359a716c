"""Figures, drawn by matplotlib: as SVG that stands in a page (no script, no file, the page's colours), and as files."""

import importlib.util
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

COLOURS = ["#0b6e99", "#c4452d", "#3a7d34", "#8a4fb0", "#b07b10", "#4a4a4a", "#d0588f", "#1f9e9e", "#6b6f00", "#7c3f00"]
"""Colours of lines; a page may set others by the CSS variables `--c0` to `--c9`."""
MISSING = 'The figures are left out, because matplotlib is not installed here: pip install "exogate[figures]"'
_INK, _FAINT = "#010203", "#010204"
_OF_PAGE = {_INK: "currentColor", _FAINT: "var(--line,#d9d9d9)"} | {
    colour: f"var(--c{i},{colour})" for i, colour in enumerate(COLOURS)
}
_MARKS = {"o": "●", "s": "■", "D": "◆", "^": "▲", "v": "▼", "P": "✚", "*": "★", "X": "✖", "d": "♦", "<": "◀"}
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "", "font.size": 10, "font.family": "sans-serif",
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _FAINT, "xtick.color": _INK, "ytick.color": _INK,
    "grid.color": _FAINT, "axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
    "lines.linewidth": 1.8, "lines.markersize": 5, "text.parse_math": False,
}  # fmt: skip
_OF_FILES = _STYLE | {"axes.edgecolor": "#d9d9d9", "grid.color": "#d9d9d9"}
_BARE = dict.fromkeys(("Date", "Creator", "Format", "Type"))
SIZE = (5.2, 2.6)
"""Size of a figure, in inches."""

Line = Sequence[tuple[float, float, float, float]]
"""Points (x, y, low, high); low and high are y where there is no interval."""


def available() -> bool:
    """Say whether matplotlib is installed; whatever draws needs it."""
    return importlib.util.find_spec("matplotlib") is not None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure. Names that people or programs chose stand on the page alone, not in the drawing.

    Attributes:
        svg: one element, without text but for the axes; empty if it is for files only, because the page has a table of it.
        legend: (name, colour, mark) of each line.
        says: what it shows, and what it does not.
        draw: puts it on axes.
    """

    caption: str
    svg: str
    legend: Sequence[tuple[str, str, str]]
    says: str = ""
    draw: Callable[[Any], None] = field(default=lambda _: None, compare=False, repr=False)
    size: tuple[float, float] = SIZE

    def files(self) -> dict[str, bytes]:
        """Return it as files, by suffix (`svg`, `png`), each with its caption and legend."""
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as Canvas
        from matplotlib.lines import Line2D

        from toolkit.report.text import visible

        shown, marks = {page: colour for colour, page in _OF_PAGE.items()}, {sign: mark for mark, sign in _MARKS.items()}
        found = {}
        with rc_context(_OF_FILES):
            figure = Canvas(figsize=(self.size[0], self.size[1] + 0.5 + 0.17 * len(self.legend)), layout="constrained")
            axes = figure.add_subplot()
            self.draw(axes)
            figure.suptitle(visible(self.caption), fontsize=9, wrap=True)
            handles = [
                Line2D([], [], color=shown.get(colour, colour), marker=marks.get(mark, "s"), label=visible(name))
                for name, colour, mark in self.legend
            ]
            if handles:
                figure.legend(handles=handles, loc="outside lower left", fontsize=8, frameon=False, ncols=2)
            for suffix, canvas in (("svg", FigureCanvasSVG(figure)), ("png", FigureCanvasAgg(figure))):
                file = io.BytesIO()
                given: dict[str, Any] = {"metadata": _BARE if suffix == "svg" else {"Software": None}}
                canvas.print_figure(file, format=suffix, dpi=150, **given)
                found[suffix] = file.getvalue()
        return found


def plot(
    caption: str, lines: Mapping[str, Line], names: Sequence[str] = (), says: str = "", *, x: str = "round",
    is_log: bool = False,
) -> Figure:  # fmt: skip
    """Draw one line per name over rounds, y from 0, or from below where there are numbers below.

    Args:
        lines: at least one, each with at least one point.
        names: all names that figures beside this one show; a name's colour and mark follow from its place among them.
        x: what the lines go over.
        is_log: that has a logarithmic scale.
    """
    order = list(dict.fromkeys([*names, *lines]))
    apart = 0.03 if not is_log and any(low < high for line in lines.values() for _, _, low, high in line) else 0.0

    def draw(axes: Any) -> None:
        from matplotlib.ticker import MaxNLocator, ScalarFormatter

        for i, (name, line) in enumerate(lines.items()):
            at = order.index(name)
            colour, mark = COLOURS[at % len(COLOURS)], list(_MARKS)[at % len(_MARKS)]
            across, y, low, high = ([point[part] for point in line] for part in range(4))
            across = [each + apart * (i - (len(lines) - 1) / 2) for each in across]  # or intervals hide each other
            axes.vlines(across, low, high, color=colour, alpha=0.45, linewidth=1.4)
            axes.plot(across, y, color=colour, marker=mark, gid=f"line-{at}", clip_on=False)
        bottom, top = (edge(point[part] for line in lines.values() for point in line) for edge, part in ((min, 2), (max, 3)))
        axes.set_ylim(min(0, bottom) * 1.05, max(0, top) * 1.05 or float(bottom >= 0))
        if is_log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_locator(MaxNLocator(1))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.tick_params(length=0, pad=6)
        axes.set_xlabel(x)

    return _made(caption, draw, _legend(order, lines), says)


def paths(
    caption: str, lines: Mapping[str, Sequence[tuple[float, float]]], names: Sequence[str], says: str, *, x: str, y: str
) -> Figure:
    """Draw a path per name through points (x, y), both from 0 to 1; the last point is the large one."""
    order = list(dict.fromkeys([*names, *lines]))

    def draw(axes: Any) -> None:
        for name, line in lines.items():
            at = order.index(name)
            colour, mark = COLOURS[at % len(COLOURS)], list(_MARKS)[at % len(_MARKS)]
            across, up = ([point[part] for point in line] for part in range(2))
            axes.plot(across, up, color=colour, marker=mark, gid=f"line-{at}", clip_on=False, alpha=0.8)
            axes.plot(across[-1:], up[-1:], color=colour, marker=mark, markersize=10, clip_on=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(point[1] for line in lines.values() for point in line) * 1.05 or 1)
        axes.grid(linewidth=0.8)
        axes.tick_params(length=0, pad=6)
        axes.set_xlabel(x)
        axes.set_ylabel(y)

    return _made(caption, draw, _legend(order, lines), says)


def intervals(caption: str, rows: Sequence[tuple[str, float, float, float]], says: str = "") -> Figure:
    """Draw a point with its interval for each (name, value, low, high), in [0, 1]; the first is the leftmost."""

    def draw(axes: Any) -> None:
        for i, (_, value, low, high) in enumerate(rows):
            colour = COLOURS[i % len(COLOURS)]
            axes.vlines([i], [low], [high], color=colour, alpha=0.45, linewidth=3)
            axes.plot([i], [value], color=colour, marker=list(_MARKS)[i % len(_MARKS)], markersize=8, gid=f"line-{i}")
        axes.set_xlim(-0.5, len(rows) - 0.5)
        axes.set_ylim(0, max(high for *_, high in rows) * 1.05 or 1)
        axes.set_xticks([])
        axes.grid(axis="y", linewidth=0.8)
        axes.tick_params(length=0, pad=6)

    return _made(caption, draw, _legend([name for name, *_ in rows], dict.fromkeys(name for name, *_ in rows)), says)


def forest(
    caption: str, rows: Sequence[tuple[str, float, float, float]], says: str, *, x: str, margin: float = 0.0,
    is_log: bool = False,
) -> Figure:  # fmt: skip
    """Draw a point with its interval for each (name, value, low, high), the first on top, beside a line at 0.

    Args:
        rows: at least one, and no more than there are colours.
        margin: what lies within plus and minus this is shaded.
        is_log: a logarithmic scale without that line; intervals from 0 begin at its end, and a value of 0 has no point.
    """
    least = min([end for _, *ends in rows for end in ends if end > 0], default=1.0) / 2 if is_log else -inf

    def draw(axes: Any) -> None:
        if is_log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        else:
            axes.axvspan(-margin, margin, color=COLOURS[5], alpha=0.12, linewidth=0)
            axes.axvline(0, color=_INK, linewidth=0.8, linestyle="--")
        for i, (_, value, low, high) in enumerate(rows):
            axes.hlines([-i], [max(low, least)], [high], color=COLOURS[i], alpha=0.45, linewidth=3)
            if value > least:
                axes.plot([value], [-i], color=COLOURS[i], marker=list(_MARKS)[i], markersize=7, gid=f"line-{i}")
        axes.set_ylim(0.5 - len(rows), 0.5)
        axes.set_yticks([])
        axes.grid(axis="x", linewidth=0.8)
        axes.tick_params(length=0, which="both", pad=6)
        axes.set_xlabel(x)

    legend = [(name, _OF_PAGE[COLOURS[i]], list(_MARKS.values())[i]) for i, (name, *_) in enumerate(rows)]
    return _made(caption, draw, legend, says)


def bars(caption: str, bins: Sequence[Mapping[str, Any]], x: str, says: str = "") -> Figure:
    """Draw a histogram; bins as `curves.histogram` returns them, all equally wide."""

    def draw(axes: Any) -> None:
        axes.bar([i + 0.5 for i in range(len(bins))], [each["n"] for each in bins], width=0.94, color=COLOURS[0])
        edges = [each["start"] for each in bins] + [bins[-1]["end"]]
        axes.set_xticks(range(len(edges)), [f"{edge:g}" for edge in edges], rotation=45 if len(edges) > 9 else 0)
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, pad=4)
        axes.set_xlabel(x)

    return _made(caption, draw, (), says)


def stacked(caption: str, columns: Sequence[tuple[str, Mapping[str, float]]], says: str = "") -> Figure:
    """Draw a bar per column, made of the parts' shares, from 0 to 1.

    Args:
        columns: name of each bar, which axes show, and its parts; parts are drawn in order of appearance, the first below.
    """
    parts = list(dict.fromkeys(part for _, shares in columns for part in shares))

    def draw(axes: Any) -> None:
        below = [0.0] * len(columns)
        for i, part in enumerate(parts):
            heights = [shares.get(part, 0.0) for _, shares in columns]
            axes.bar(range(len(columns)), heights, bottom=below, width=0.8, color=COLOURS[i % len(COLOURS)])
            below = [a + b for a, b in zip(below, heights, strict=True)]
        axes.set_xticks(range(len(columns)), [name for name, _ in columns])
        axes.set_ylim(0, 1)
        axes.tick_params(length=0, pad=4)
        axes.set_xlabel("round")

    legend = [(part, _OF_PAGE[COLOURS[i % len(COLOURS)]], _MARKS["s"]) for i, part in enumerate(parts)]
    return _made(caption, draw, legend, says)


def heat(
    caption: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]], top: float = 1.0
) -> Figure:  # fmt: skip
    """Draw shares as a table of colours with their percentages, for files alone: a page has a table of its own.

    Args:
        top: share with the full colour.
    """

    def draw(axes: Any) -> None:
        from toolkit.report.text import visible

        shown = [[float("nan") if value is None else value for value in row] for row in values]
        axes.imshow(shown, cmap="Blues", vmin=0, vmax=top, aspect="auto")
        axes.set_xticks(range(len(columns)), [visible(each) for each in columns])
        axes.set_yticks(range(len(rows)), [visible(each) for each in rows])
        axes.tick_params(length=0)
        if len(rows) * len(columns) <= 600:
            for i, row in enumerate(values):
                for j, value in enumerate(row):
                    if value is not None:
                        colour = "white" if value > 0.55 * top else "black"
                        axes.text(j, i, f"{100 * value:.1f}", ha="center", va="center", color=colour, fontsize=8)

    height = min(40.0, 1.0 + 0.3 * len(rows)) if len(rows) <= 120 else 40.0
    return Figure(caption, "", (), "", draw, (max(SIZE[0], 2.5 + 0.6 * len(columns)), height))


def _legend(order: Sequence[str], lines: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    at = [(name, order.index(name)) for name in lines]
    return [(name, _OF_PAGE[COLOURS[i % len(COLOURS)]], list(_MARKS.values())[i % len(_MARKS)]) for name, i in at]


def _made(caption: str, draw: Callable[[Any], None], legend: Sequence[tuple[str, str, str]], says: str) -> Figure:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    with rc_context(_STYLE):
        figure = Canvas(figsize=SIZE, layout="constrained", facecolor="none")
        draw(figure.add_subplot())
        file = io.StringIO()
        FigureCanvasSVG(figure).print_svg(file, metadata=_BARE)
    return Figure(caption, _inlined(file.getvalue()), legend, says, draw)


def _inlined(svg: str) -> str:
    """Return the `svg` element alone, in the page's font and colours, without ids that several figures would share."""
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' id="(?!line-)[\w.]+_\d+"| (width|height)="[\d.]+pt"', "", svg)

    def of_page(found: re.Match[str]) -> str:
        style = re.sub(r"font-family: [^;]*", "font-family: inherit", found[0])
        return re.sub(r"#[0-9a-f]{6}", lambda colour: _OF_PAGE.get(colour[0], colour[0]), style)

    return re.sub(r"\s+", " ", re.sub(r'style="[^"]*"', of_page, svg)).replace("> <", ">\n<")
