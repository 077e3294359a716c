"""Figures of rounds, drawn by matplotlib as SVG that stands in a page: no script, no file, colours from the page's style."""

import importlib.util
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.report.table import Column
from toolkit.report.text import visible

COLOURS = ["#0b6e99", "#c4452d", "#3a7d34", "#8a4fb0", "#b07b10", "#4a4a4a", "#d0588f", "#1f9e9e", "#6b6f00", "#7c3f00"]
"""Of lines; a page may give others by the CSS variables `--c0` to `--c9`."""
MISSING = "No figures: matplotlib is not installed here (pip install matplotlib)."
_INK, _FAINT = "#010203", "#010204"
_OF_PAGE = {_INK: "currentColor", _FAINT: "var(--line,#d9d9d9)"} | {
    colour: f"var(--c{i},{colour})" for i, colour in enumerate(COLOURS)
}
_MARKS = "osD^vP*Xd<"
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "", "text.parse_math": False, "font.size": 10, "font.family": "sans-serif",
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _FAINT, "xtick.color": _INK, "ytick.color": _INK,
    "grid.color": _FAINT, "axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
    "lines.linewidth": 1.8, "lines.markersize": 5,
}  # fmt: skip

Line = Sequence[tuple[float, float, float, float]]
"""Points (x, y, low, high); low and high are y where there is no interval."""


def available() -> bool:
    """Say whether matplotlib is installed; `plot` needs it."""
    return importlib.util.find_spec("matplotlib") is not None


def plot(lines: Mapping[str, Line], names: Sequence[str] = ()) -> str:
    """Return an SVG figure with one line per name over rounds, y from 0; nothing if there is no point.

    Args:
        names: all names that figures beside this one show; a name's colour and mark follow from its place among them.
    """
    if not any(lines.values()):
        return ""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    order = list(dict.fromkeys([*names, *lines]))
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 2.6 + 0.1 * len(lines)), layout="constrained", facecolor="none")
        axes = figure.add_subplot()
        handles = []
        for i, (name, line) in enumerate(lines.items()):
            at = order.index(name)
            x, y, low, high = ([point[part] for point in line] for part in range(4))
            colour, mark = COLOURS[at % len(COLOURS)], _MARKS[at % len(_MARKS)]
            handles += axes.plot(x, y, color=colour, marker=mark, gid=f"line-{at}")
            beside = [each + 0.03 * i for each in x]  # so that the intervals of several lines do not hide each other
            axes.vlines(beside, low, high, color=colour, alpha=0.4, linewidth=1.4)
        axes.set_ylim(0, max(point[3] for line in lines.values() for point in line) * 1.05 or 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.tick_params(length=0)
        axes.set_xlabel("round")
        figure.legend(handles, [visible(name) for name in lines], loc="outside lower left", ncols=2, frameon=False)
        file = io.StringIO()
        FigureCanvasSVG(figure).print_svg(file, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inlined(file.getvalue())


def _inlined(svg: str) -> str:
    """Return the `svg` element alone, in the page's font and colours, without ids that several figures would share."""
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' id="(?!line-)[\w.]+_\d+"| (width|height)="[\d.]+pt"', "", svg)

    def of_page(found: re.Match[str]) -> str:
        style = re.sub(r"font-family: [^;]*", "font-family: inherit", found[0])
        return re.sub(r"#[0-9a-f]{6}", lambda colour: _OF_PAGE.get(colour[0], colour[0]), style)

    return re.sub(r'style="[^"]*"', of_page, svg)


def figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of a run of rounds, as SVG by their captions, which give rounds, steps and the definition."""
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
        "AUC of the gate's score for 'runs'": ("auc",),
        "Held-out prompts: total variation of gated from ungated answers": ("held_out", "tv"),
    }
    found = {f"{caption} ({about})": plot(line(*path), names) for caption, path in wanted.items()}
    return {caption: svg for caption, svg in found.items() if svg}
