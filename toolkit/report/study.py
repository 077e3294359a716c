"""A run of a study as one HTML file, and its last lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis.contrasts import is_small, written
from toolkit.report import figures
from toolkit.report.page import figures_of
from toolkit.report.table import Column, leaves
from toolkit.report.templates import fill

Summary = Mapping[str, Any]

ONE_SEED = "One seed: intervals are over tasks alone. Another seed may differ as much as cells do."


def _form(row: Mapping[str, Any], value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:+.1f}" if row["scores"][0].startswith("pass@") else f"{value:+.3f}"


def contrasts(summary: Summary) -> list[dict[str, str]]:
    """Return a row of texts for each contrast: points of pass@1, or nats a token."""
    return [
        {
            "contrast": row["contrast"], "score": " and ".join(row["scores"]), "value": _form(row, row["value"]),
            "interval": f"{_form(row, row['low'])} to {_form(row, row['high'])}", "p": written(row["p"]),
            "holm": "" if row["p_holm"] is None else written(row["p_holm"]),
            "visible": _form(row, row["visible"]).lstrip("+"), "tasks": str(row["tasks"]), "seeds": str(row["seeds"]),
            "verdict": row["verdict"] + ", within the margin" * (row["verdict"] == "answered" and is_small(row)),
            "needed": f"{row['tasks_needed']:,}" if row["tasks_needed"] else "",
        }
        for row in summary["contrasts"]
    ]  # fmt: skip


_CONTRASTS = [
    Column(("contrast",), "Contrast"), Column(("score",), "Score"), Column(("value",), "Value", "number"),
    Column(("interval",), "95 % interval", "number"), Column(("p",), "p", "number"), Column(("holm",), "p, Holm", "number"),
    Column(("visible",), "Visible from", "number"), Column(("tasks",), "Tasks", "number"),
    Column(("seeds",), "Seeds", "number"), Column(("verdict",), "Verdict"),
    Column(("needed",), "Tasks that would decide", "number"),
]  # fmt: skip


_CLAIMS = [Column((name,), name.capitalize()) for name in ("claim", "evidence", "verified", "confidence")]
_DRAWN = {
    "Failure rates": ("share of problems that fail", True),
    "Published gaps": ("points of pass@1, HumanEval Pro less MBPP Pro", False),
}
"""Tables of studies that are drawn, if their rows have intervals: the label of the axis, and whether it is logarithmic."""


def drawn(summary: Summary) -> list[figures.Figure]:
    """Return the figures of a run: contrasts by measure, those that the study asks first; needs matplotlib."""
    seeds = summary["settings"]["seeds"]
    model = summary["settings"]["model"] or "no model"
    about = f"({summary['study']}, {model}, {'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))})"
    found, most = [], len(figures.COLOURS)
    for measure, x, scale in (("pass", "points of pass@1", 100.0), ("nll", "nats a token", 1.0)):
        mine = [row for row in summary["contrasts"] if row["scores"][0].startswith(f"{measure}@")]
        if not mine:
            continue
        mine.sort(key=lambda row: not row["named"])
        n_named, margin = sum(row["named"] for row in mine), scale * mine[0]["margin"]
        rows = [
            (f"{row['contrast']}, {' and '.join(row['scores'])}", *(scale * row[end] for end in ("value", "low", "high")))
            for row in mine[:most]
        ]  # fmt: skip
        asked = "the topmost is" if n_named == 1 else f"the topmost {n_named} are"
        says = f"95 % intervals; {asked} what the study asks; shaded: within +-{margin:g}, no effect worth naming"
        says += f"; {most} of {len(mine)}, all are in the table" if len(mine) > most else ""
        found.append(figures.forest(f"Contrasts in {x} {about}", rows, says, x=x, margin=margin))
    for name, (x, is_log) in _DRAWN.items():
        if rows := [each for row in summary["more"].get(name, []) for each in _intervals(row)][:most]:
            found.append(figures.forest(f"{name} {about}", rows, "95 % intervals", x=x, is_log=is_log))
    return found


def _intervals(row: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    name, value = str(row.get("cell") or row.get("models")), row.get("value", row.get("difference"))
    found = [] if row["low"] is None or value is None else [(name, value, row["low"], row["high"])]
    if "plain_low" in row:
        found.append((f"{name}, plain sampling", row["plain"], row["plain_low"], row["plain_high"]))
    return found


_HEADINGS = {
    "tv": "TV of labels", "jaccard": "Jaccard", "macs_per_token": "MACs a token", "max_vio": "MaxVio",
    "client_nll_mean": "nats on clients' texts", "client_nll_worst": "nats, worst client", "worst": "MaxVio, worst layer",
    "dead": "dead experts", "batch_max_vio": "MaxVio, last steps", "dropped_at_1": "dropped at capacity 1",
    "recovered_after_steps": "steps of a skew", "loss_first": "loss, first step", "loss_last": "loss, last step",
    "batch_dropped": "dropped, last steps", "difference_at_start": "logits off the parent's at the start",
    "per": "PER", "per_low": "PER, lowest", "per_high": "PER, highest", "per_fixed": "PER, fixed ends",
    "fixed_low": "fixed, low", "fixed_high": "fixed, high", "n_models": "models", "r2": "R^2", "tau": "Kendall's tau",
    "pass_at_k": "pass@k", "of_k": "with k", "tokens_per_s": "tokens/s", "ms_per_token": "ms a token", "memory_mb": "MB",
    "p_value": "p", "divergence_p": "divergence, p", "divergence_chance": "divergence, chance", "se": "standard error",
    "humaneval_pro": "HumanEval Pro", "mbpp_pro": "MBPP Pro", "n": "problems", "gb_s": "GB.s",
}  # fmt: skip
"""Of columns whose keys would not be read as what they are."""


def _named(columns: Sequence[Column]) -> list[Column]:
    return [Column(c.path, ", ".join(_heading(part) for part in c.path[-2:] if part not in _PARTS), c.kind, c.form)
            for c in columns]  # fmt: skip


def _heading(key: str) -> str:
    name = key.removeprefix("held_")
    return _HEADINGS.get(name, name.replace("_", " ")) + ", held out" * (name != key)


_PARTS = ("levels", "numbers", "scores")


def html(summary: Summary) -> str:
    """Return the page of a run, given what its `summary.json` holds."""
    rows = summary["rows"]
    scores = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    plain = [{**row, "scores": {}} for row in rows]
    columns = [*(Column(("scores", name), name, "number") for name in scores), *_named(leaves(plain))]
    head = [c for c in columns if c.path in (("cell",), ("seed",))]
    more = [
        (name, _named(leaves(found)), found) for name, found in summary["more"].items()
        if isinstance(found, list) and found and isinstance(found[0], Mapping)
    ]  # fmt: skip
    notes = summary["notes"] + [f"{name}: {text}" for name, text in summary["more"].items() if isinstance(text, str)]
    return fill(
        "study.html", **{name: summary[name] for name in ("study", "question", "method", "limits", "references", "claims")},
        claim_columns=_CLAIMS, asked=list(dict.fromkeys(row["contrast"] for row in summary["contrasts"] if row["named"])),
        waiting=summary["waiting"], model=summary["settings"]["model"] or "no model",
        one_seed=_one_seed(summary),
        verdict=summary["verdict"], contrasts=contrasts(summary), contrast_columns=_CONTRASTS, rows=rows,
        columns=[*head, *(c for c in columns if c not in head)], more=more, notes=notes,
        agreement=[f"{name}: {it['tau']:+.2f} over {it['cells']} cells" for name, it in summary["agreement"].items()],
        seconds=", ".join(f"{name} {value:.0f} s" for name, value in summary["seconds"].items()),
        boxes=summary["boxes_share"],
        figures=figures_of(drawn(summary)) if figures.available() else [],
        missing="" if figures.available() else figures.MISSING,
        settings=[(name.replace("_", " "), ", ".join(map(str, it)) if isinstance(it, list) else it)
                  for name, it in summary["settings"].items() if it not in ("", [], None)],
    )  # fmt: skip


def _one_seed(summary: Summary) -> str:
    return ONE_SEED if summary["contrasts"] and len(summary["settings"]["seeds"]) == 1 else ""


def as_text(summary: Summary) -> str:
    """Return what a run found, for a terminal; the last line is the verdict."""
    lines = []
    for row in summary["rows"]:
        scores = [f"{name} {it['value']:.3f} [{it['low']:.3f}, {it['high']:.3f}]" if isinstance(it, Mapping)
                  else f"{name} {it:.3f}" for name, it in row["scores"].items()]  # fmt: skip
        lines.append(f"seed {row['seed']} {row['cell']}: {', '.join(scores) or 'no score'}")
    for row in contrasts(summary):
        holm = f", Holm {row['holm']}" if row["holm"] else ""
        lines.append(f"{row['contrast']} on {row['score']}: {row['value']} [{row['interval']}], p {row['p']}{holm}, "
                     f"visible from {row['visible']}: {row['verdict']}")  # fmt: skip
    lines += [f"{name}: {text}" for name, text in summary["more"].items() if isinstance(text, str)]
    for name, it in summary["agreement"].items():
        lines.append(f"nats a token and pass@1 on {name}: Kendall's tau {it['tau']:+.2f} over {it['cells']} cells")
    lines += [*summary["notes"], *summary["waiting"], *filter(None, [_one_seed(summary)])]
    if summary["boxes_share"] is not None:
        total = sum(summary["seconds"].values())
        lines.append(f"stages took {total:.0f} s, boxes' share {summary['boxes_share']:.1%}")
    return "\n".join([*lines, summary["verdict"]])
