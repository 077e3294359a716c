"""The phase plot of self-confirmation, and the two fates of a spectrum, drawn by matplotlib as a file."""

import io
from collections.abc import Mapping
from typing import Any


def picture(found: Mapping[str, Any], form: str = "svg") -> bytes:
    """Draw `phase` and `proposition_2_1` of `toolkit analyze --theory`.

    Args:
        form: svg or png.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    phase, spectrum = found["phase"], found["proposition_2_1"]
    with rc_context({"svg.hashsalt": "", "font.size": 9, "font.family": "sans-serif"}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
        shades = left.imshow(phase["correct"], origin="lower", cmap="RdYlGn", vmin=0, vmax=1, aspect="auto", alpha=0.6)
        for y, row in enumerate(phase["confirmed_in"]):
            for x, number in enumerate(row):
                left.text(x, y, "–" if number is None else str(number), ha="center", va="center", color="#111111")
        left.set_xticks(range(len(phase["couplings"])), [f"{b:.1f}" for b in phase["couplings"]])
        left.set_yticks(range(len(phase["anchors"])), [f"{a:.1f}" for a in phase["anchors"]])
        left.set_xlabel("coupling: how sharply the gate follows the model")
        left.set_ylabel("anchor: share of r that is the truth")
        left.set_title(f"Round in which the gate confirms itself (sd of r ≤ {phase['delta']:g}; –: not)")
        figure.colorbar(shades, ax=left, label=f"right after {phase['rounds']} rounds ({phase['first']:.0%} at first)")
        for name, mark in (("saturates", "-"), ("diverges", "--")):
            right.semilogy(spectrum[name]["ratios"], mark, color="#0b6e99", label=f"λ1/λ2, {name}")
            right.semilogy(spectrum[name]["bounds"], mark, color="#c4452d", linewidth=0.8, label=f"its bound, {name}")
        right.axhline(spectrum["limit"], color="#4a4a4a", linewidth=0.6)
        right.set_xlabel("round")
        right.set_title("λ1/λ2, with and without a floor of λ2")
        right.legend(frameon=False)
        file = io.BytesIO()
        if form == "svg":
            text = io.StringIO()
            FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
            return text.getvalue().encode()
        FigureCanvasAgg(figure).print_png(file)
        return file.getvalue()
