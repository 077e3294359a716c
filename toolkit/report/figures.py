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
        says: what it shows, and what it does not.
    """

    caption: str
    svg: str
    legend: Sequence[tuple[str, str, str]]
    says: str = ""


def plot(caption: str, lines: Mapping[str, Line], names: Sequence[str] = (), says: str = "") -> Figure:
    """Draw one line per name over rounds, y from 0, or from below where there are numbers below.

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
        bottom, top = (edge(point[part] for line in lines.values() for point in line) for edge, part in ((min, 2), (max, 3)))
        axes.set_ylim(min(0, bottom) * 1.05, max(0, top) * 1.05 or float(bottom >= 0))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", linewidth=0.8)
        axes.tick_params(length=0, pad=6)
        axes.set_xlabel("round")
        file = io.StringIO()
        FigureCanvasSVG(figure).print_svg(file, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return Figure(caption, _inlined(file.getvalue()), legend, says)


def _inlined(svg: str) -> str:
    """Return the `svg` element alone, in the page's font and colours, without ids that several figures would share."""
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' id="(?!line-)[\w.]+_\d+"| (width|height)="[\d.]+pt"', "", svg)

    def of_page(found: re.Match[str]) -> str:
        style = re.sub(r"font-family: [^;]*", "font-family: inherit", found[0])
        return re.sub(r"#[0-9a-f]{6}", lambda colour: _OF_PAGE.get(colour[0], colour[0]), style)

    return re.sub(r"\s+", " ", re.sub(r'style="[^"]*"', of_page, svg)).replace("> <", ">\n<")


_SCORE = (
    "What the model got right on tasks that it was not trained on; where intervals overlap the figure decides nothing, and "
    "one seed says nothing of other seeds."
)
_FIXED: dict[tuple[str, ...], tuple[str, str]] = {
    ("acceptance_mass",): (
        "Share accepted, of all candidates",
        "How much the gate lets through; it says nothing of whether what passes is right, and a gate that keeps a fraction "
        "shows that fraction."),
    ("raw", "strict"): (
        "Share of the candidates that run",
        "The truth about what the model writes: it loads, and passes the pool's tests where there are some; without tests a "
        "program that does nothing useful runs as well."),
    ("texts", "distinct_3"): (
        "Distinct-3 of the candidates",
        "Share of different runs of three words; shorter or fewer texts have a higher one, so compare it only between "
        "rounds of equal length."),
    ("last", "auc"): (
        "AUC of the regime's last gate, for candidates that run",
        "Whether the gate puts what runs before what does not (0.5: it does not); with few candidates that run the 95 % "
        "interval is wide, and the number alone means little."),
    ("held_out", "variance"): (
        "Held-out prompts: variance of the decision within a prompt",
        "0 if the gate decides alike whatever the answer is, at most 0.5; a gate that decides by chance has one too."),
    ("held_out", "agrees"): (
        "Held-out prompts: how often the accepted answer is the one that runs",
        "Of two answers to one prompt of which one runs and one is accepted; 0.5 is no knowledge of execution, and the "
        "exact interval says how sure that is."),
}  # fmt: skip
_OPINION = (
    "What the gate thinks of the candidates, in its own unit (of perplexity and repetition less is better): an opinion, "
    "which may improve while they get worse."
)
_GOOD = "Share of candidates that the model calls good rather than bad, whatever the threshold; no truth is in it."


def figures(summary: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of a run of rounds, each with a sentence on what it shows and what not; captions give the steps.

    Args:
        summary: its rows are those of `rounds.last_gate`.
    """
    settings, rows = summary["settings"], summary["rows"]
    about = f"{settings['rounds']} rounds of {settings['steps']} steps"

    def named(row: Mapping[str, Any]) -> str:
        return str(row["regime"]) + (f" (seed {row['seed']})" if len(settings["seeds"]) > 1 else "")

    def line(*path: str) -> dict[str, Line]:
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in sorted(rows, key=lambda row: row["round"]):
            it = Column(path).value(row)
            if isinstance(it, Mapping) and "median" in it:
                it = {"value": it["median"], "low": it["q25"], "high": it["q75"]}
            if it is not None:
                y, low, high = (it["value"], it["low"], it["high"]) if isinstance(it, Mapping) else (it, it, it)
                found.setdefault(named(row), []).append((row["round"], y, low, high))
        return {**found}

    scores = [("scores", name) for name in settings["benchmarks"]]
    wanted = {path: (f"pass@1 on {path[1]}, with 95 % intervals", _SCORE) for path in scores} | _FIXED
    for name, gate in {name: gate for row in rows for name, gate in (row.get("gates") or {}).items()}.items():
        if {(gate["score"] or {}).get(at, 0) for at in ("min", "median", "max")} - {0, 1}:  # else a yes or no
            wanted["gates", name, "score"] = f"Acceptance score of {name}: median, first to third quartile", _OPINION
        if gate["above_zero"] is not None:
            wanted["gates", name, "above_zero"] = f"Acceptance score of {name}: share above 0", _GOOD
    names = [named(row) for row in rows]
    drawn = ((line(*path), *words) for path, words in wanted.items())
    return [plot(f"{caption} ({about})", lines, names, says) for lines, caption, says in drawn if lines]
