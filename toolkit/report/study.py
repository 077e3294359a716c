"""A run of a study as one HTML file, and its last lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.report.table import Column, leaves
from toolkit.report.templates import fill

Summary = Mapping[str, Any]


def _form(row: Mapping[str, Any], value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:+.1f}" if row["scores"][0].startswith("pass@") else f"{value:+.3f}"


def contrasts(summary: Summary) -> list[dict[str, str]]:
    """Return a row of texts for each contrast: points of pass@1, or nats a token."""
    return [
        {
            "contrast": row["contrast"], "score": " and ".join(row["scores"]), "value": _form(row, row["value"]),
            "interval": f"{_form(row, row['low'])} to {_form(row, row['high'])}", "p": f"{row['p']:.3f}",
            "holm": "" if row["p_holm"] is None else f"{row['p_holm']:.3f}",
            "visible": _form(row, row["visible"]).lstrip("+"), "tasks": str(row["tasks"]), "seeds": str(row["seeds"]),
            "verdict": row["verdict"], "needed": f"{row['tasks_needed']:,}" if row["tasks_needed"] else "",
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


def _named(columns: Sequence[Column]) -> list[Column]:
    return [Column(c.path, " ".join(part.replace("_", " ") for part in c.path[-2:] if part not in _PARTS), c.kind, c.form)
            for c in columns]  # fmt: skip


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
        "study.html", study=summary["study"], question=summary["question"], limits=summary["limits"],
        waiting=summary["waiting"], model=summary["settings"]["model"], one_seed=len(summary["settings"]["seeds"]) == 1,
        verdict=summary["verdict"], contrasts=contrasts(summary), contrast_columns=_CONTRASTS, rows=rows,
        columns=[*head, *(c for c in columns if c not in head)], more=more, notes=notes,
        agreement=[f"{name}: {it['tau']:+.2f} over {it['cells']} cells" for name, it in summary["agreement"].items()],
        seconds=", ".join(f"{name} {value:.0f} s" for name, value in summary["seconds"].items()),
        boxes=summary["boxes_share"],
        settings=[(name.replace("_", " "), ", ".join(map(str, it)) if isinstance(it, list) else it)
                  for name, it in summary["settings"].items() if it not in ("", [], None)],
    )  # fmt: skip


def told(summary: Summary) -> str:
    """Return what a run found, in lines; the verdict is the last one."""
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
    lines += [*summary["notes"], *summary["waiting"]]
    if summary["boxes_share"] is not None:
        total = sum(summary["seconds"].values())
        lines.append(f"stages took {total:.0f} s, boxes' share {summary['boxes_share']:.1%}")
    return "\n".join([*lines, summary["verdict"]])
