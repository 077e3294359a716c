"""Figures of rounds, drawn by matplotlib as SVG that stands in a page: no script, no file, colours from the page's style."""

import importlib.util
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.report.table import Column

COLOURS = ["#0b6e99", "#c4452d", "#3a7d34", "#8a4fb0", "#b07b10", "#4a4a4a", "#d0588f", "#1f9e9e", "#6b6f00", "#7c3f00"]
"""Of lines; a page may give others by the CSS variables `--c0` to `--c9`."""
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
    "lines.linewidth": 1.8, "lines.markersize": 5,
}  # fmt: skip

Line = Sequence[tuple[float, float, float, float]]
"""Points (x, y, low, high); low and high are y where there is no interval."""


def available() -> bool:
    """Say whether matplotlib is installed; `plot` needs it."""
    return importlib.util.find_spec("matplotlib") is not None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure for a page; of what people or programs named, only the page shows anything.

    Attributes:
        svg: one element, without text but for the axes.
        legend: (name, colour, mark) of each line.
    """

    caption: str
    svg: str
    legend: Sequence[tuple[str, str, str]]


def plot(caption: str, lines: Mapping[str, Line], names: Sequence[str] = ()) -> Figure:
    """Draw one line per name over rounds, y from 0.

    Args:
        lines: at least one, each with at least one point.
        names: all names that figures beside this one show; a name's colour and mark follow from its place among them.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import MaxNLocator

    order = list(dict.fromkeys([*names, *lines]))
    apart = 0.03 if any(low < high for line in lines.values() for _, _, low, high in line) else 0.0
    legend = []
    with rc_context(_STYLE):
        figure = Canvas(figsize=(5.2, 2.6), layout="constrained", facecolor="none")
        axes = figure.add_subplot()
        for i, (name, line) in enumerate(lines.items()):
            at = order.index(name)
            colour, mark = COLOURS[at % len(COLOURS)], list(_MARKS)[at % len(_MARKS)]
            x, y, low, high = ([point[part] for point in line] for part in range(4))
            x = [each + apart * (i - (len(lines) - 1) / 2) for each in x]  # or intervals hide each other
            axes.vlines(x, low, high, color=colour, alpha=0.45, linewidth=1.4)
            axes.plot(x, y, color=colour, marker=mark, gid=f"line-{at}", clip_on=False)
            legend.append((name, _OF_PAGE[colour], _MARKS[mark]))
        axes.set_ylim(0, max(point[3] for line in lines.values() for point in line) * 1.05 or 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.tick_params(length=0, pad=6)
        axes.set_xlabel("round")
        file = io.StringIO()
        FigureCanvasSVG(figure).print_svg(file, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Figure(caption, _inlined(file.getvalue()), legend)


def _inlined(svg: str) -> str:
    """Return the `svg` element alone, in the page's font and colours, without ids that several figures would share."""
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' id="(?!line-)[\w.]+_\d+"| (width|height)="[\d.]+pt"', "", svg)

    def of_page(found: re.Match[str]) -> str:
        style = re.sub(r"font-family: [^;]*", "font-family: inherit", found[0])
        return re.sub(r"#[0-9a-f]{6}", lambda colour: _OF_PAGE.get(colour[0], colour[0]), style)

    return re.sub(r"\s+", " ", re.sub(r'style="[^"]*"', of_page, svg)).replace("> <", ">\n<")


def figures(summary: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of a run of rounds; their captions give rounds, steps and the definition."""
    settings, rows = summary["settings"], summary["rows"]
    about = f"{settings['rounds']} rounds of {settings['steps']} steps"

    def named(row: Mapping[str, Any]) -> str:
        return str(row["regime"]) + (f" (seed {row['seed']})" if len(settings["seeds"]) > 1 else "")

    def line(*path: str) -> dict[str, Line]:
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in sorted(rows, key=lambda row: row["round"]):
            it = Column(path).value(row)
            if it is not None:
                y, low, high = (it["value"], it["low"], it["high"]) if isinstance(it, Mapping) else (it, it, it)
                found.setdefault(named(row), []).append((row["round"], y, low, high))
        return {**found}

    names = [named(row) for row in rows]
    wanted = {f"pass@1 on {name}, with 95 % intervals": ("scores", name) for name in settings["benchmarks"]} | {
        "Acceptance mass: accepted of all candidates": ("acceptance_mass",),
        "Share of the candidates that run": ("raw", "strict"),
        "Distinct-3 of the candidates": ("texts", "distinct_3"),
        "AUC of the gate's score for candidates that run": ("auc",),
        "Held-out prompts: total variation of gated from ungated answers": ("held_out", "tv"),
    }
    return [plot(f"{caption} ({about})", lines, names) for caption, path in wanted.items() if (lines := line(*path))]
