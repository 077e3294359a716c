"""What is written down of each round, and what the rounds of a cell show together.

Definitions. Acceptance mass: accepted candidates over all candidates, those of every chunk. AUC: the chance that the gate
prefers, by its score, a candidate that runs to one that does not; 0.5 is no discrimination. Retention: pass@1 over that
of the first model. Retention area: trapezoids under it over rounds, 1 where nothing is lost. Rubber stamp: acceptance
rises while pass@1 falls, by the sign of Kendall's tau over rounds, with its exact one-sided p-value.
"""

import html as markup
import itertools
import math
import statistics
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gates import Report


def texts(completions: Sequence[str]) -> dict[str, float | None]:
    """Return how varied texts are, all in [0, 1] but the length: distinct-1/2/3, compressed size, repeated lines."""
    if not completions:
        return {}
    words = [completion.split() for completion in completions]
    found: dict[str, float | None] = {}
    for n in (1, 2, 3):
        grams = Counter(gram for each in words for gram in zip(*(each[i:] for i in range(n)), strict=False))
        found[f"distinct_{n}"] = round(len(grams) / max(1, grams.total()), 4)
    joined = "\n".join(completions).encode("utf-8", "surrogatepass")
    found["compressed"] = round(len(zlib.compress(joined, 6)) / max(1, len(joined)), 4)
    lines = Counter(line.strip() for each in completions for line in each.splitlines() if line.strip())
    found["repeated_lines"] = round((lines.total() - len(lines)) / max(1, lines.total()), 4)
    found["unique"] = round(len(set(completions)) / len(completions), 4)
    found["characters"] = round(sum(map(len, completions)) / len(completions), 1)
    return found


def classes(reports: Sequence[Sequence[Report]]) -> dict[str, Any]:
    """Return how programs ended: `ran` (loaded, and passed their tests where there are any), or what stopped them.

    `strict` is the share that ran; in `relaxed` those that lack a package count as well.
    """
    counted = Counter(
        next((f.symbol for report in each for f in report.findings if f.decisive), "ran") for each in reports
    )
    n = max(1, counted.total())
    return {
        "n": counted.total(),
        "strict": round(counted["ran"] / n, 4),
        "relaxed": round((counted["ran"] + counted["import-missing"]) / n, 4),
        "classes": dict(counted.most_common(20)),
    }


def reasons(reports: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Count the symbols of decisive findings, the most frequent first; each once a program."""
    counted: Counter[str] = Counter()
    for each in reports:
        counted.update({f["symbol"] for report in each for f in report["findings"] if f["decisive"]})
    return dict(counted.most_common(20))


def ran(reports: Sequence[Report]) -> bool:
    """Say whether a program did all that was asked of it."""
    return all(report.passed for report in reports)


def held_out(rows: Sequence[Mapping[str, Any]], ran: Sequence[bool], sign: int = 1) -> dict[str, Any] | None:
    """Return how far the gate tells answers to one held-out prompt apart, which arXiv 2606.28438 assumes it does not.

    For a prompt x with answers c that the model wrote, q(c) = r(c) p(c) / Z is what is left of p under the gate's decisions
    r. The total variation between q and p, on the answers drawn, is 1 - Z where anything was accepted: 0 where all were,
    so that filtering equals no filtering (the assumption of self-confirming acceptance, exactly). Prompts with no answer
    accepted have no q; they are counted.

    Args:
        rows: `task_id`, `accepted` and `score` of each answer.
        ran: whether each of them runs.
        sign: -1 where the gate prefers low scores.
    """
    if not rows:
        return None
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row["task_id"], []).append(i)
    shares = [sum(bool(rows[i]["accepted"]) for i in group) / len(group) for group in groups.values()]
    spreads = [statistics.pstdev(scores) for group in groups.values()
               if len(scores := [rows[i]["score"] for i in group if rows[i]["score"] is not None]) > 1]  # fmt: skip
    tv = [1 - share for share in shares if share]
    known = [(sign * row["score"], good) for row, good in zip(rows, ran, strict=True) if row["score"] is not None]
    return {
        "prompts": len(groups),
        "answers": len(rows),
        "accepted": round(sum(bool(row["accepted"]) for row in rows) / len(rows), 4),
        "ran": round(sum(ran) / len(ran), 4),
        "same_decision": round(sum(share in (0, 1) for share in shares) / len(shares), 4),
        "none_accepted": shares.count(0),
        "entropy_bits": round(sum(map(_entropy, shares)) / len(shares), 4),
        "score_spread": round(sum(spreads) / len(spreads), 4) if spreads else None,
        "tv": round(sum(tv) / len(tv), 4) if tv else None,
        "tv_max": round(max(tv), 4) if tv else None,
        "auc": auc([score for score, _ in known], [good for _, good in known]),
    }


def _entropy(share: float) -> float:
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p)


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Return the area under the ROC curve of `scores` for `labels`; None where all labels or all scores are missing.

    Ties count half.
    """
    n_good, n_bad = sum(labels), len(labels) - sum(labels)
    if not n_good or not n_bad:
        return None
    order = sorted(range(len(scores)), key=scores.__getitem__)
    rank_sum, at = 0.0, 0
    for _, group in itertools.groupby(order, key=scores.__getitem__):
        tied = list(group)
        rank_sum += sum(labels[i] for i in tied) * (at + (len(tied) + 1) / 2)
        at += len(tied)
    return round((rank_sum - n_good * (n_good + 1) / 2) / (n_good * n_bad), 4)


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """Return minimum, quartiles and maximum of the finite values."""
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return None
    return {name: round(finite[round(q * (len(finite) - 1))], 4)
            for name, q in (("min", 0), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("max", 1))}  # fmt: skip


def trend(values: Sequence[float]) -> tuple[float, float]:
    """Return Kendall's tau of `values` over their order, and the one-sided exact p-value of a trend of that sign.

    Enumerated over all orders up to 8 values, else by the normal approximation.
    """
    def concordance(order: Sequence[float]) -> int:
        return sum((b > a) - (b < a) for a, b in itertools.combinations(order, 2))

    n, s = len(values), concordance(values)
    pairs = n * (n - 1) / 2
    if not pairs:
        return 0.0, 1.0
    sign = 1 if s >= 0 else -1
    if n <= 8:
        every = [sign * concordance(order) for order in itertools.permutations(values)]
        p_value = sum(each >= sign * s for each in every) / len(every)
    else:
        z = (abs(s) - 1) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        p_value = 0.5 * math.erfc(z / math.sqrt(2))
    return round(s / pairs, 4), round(min(1.0, p_value), 4)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each regime, seed and benchmark, what its rounds show."""
    found = []
    names = dict.fromkeys((row["regime"], row["seed"]) for row in rows)
    for regime, seed in names:
        mine = sorted((r for r in rows if (r["regime"], r["seed"]) == (regime, seed)), key=lambda r: r["round"])
        accepted = [row["acceptance_mass"] for row in mine if row.get("acceptance_mass") is not None]
        for benchmark in dict.fromkeys(name for row in mine for name in row.get("scores", {})):
            scores = [row["scores"][benchmark]["value"] for row in mine if benchmark in row.get("scores", {})]
            first = scores[0]
            kept = [score / first for score in scores] if first else []
            up, p_up = trend(accepted)
            down, p_down = trend(scores)
            area = sum((a + b) / 2 for a, b in itertools.pairwise(kept)) / (len(kept) - 1) if len(kept) > 1 else None
            found.append({
                "regime": regime, "seed": seed, "benchmark": benchmark, "rounds": len(scores) - 1,
                "first": first, "last": scores[-1], "retention": round(kept[-1], 4) if kept else None,
                "area": None if area is None else round(area, 4),
                "below_half_from": next((i for i, value in enumerate(kept) if value < 0.5), None),
                "acceptance_trend": up, "acceptance_p": p_up, "score_trend": down, "score_p": p_down,
                "rubber_stamp": up > 0 > down,
            })  # fmt: skip
    return found


# --- the page ---------------------------------------------------------------------------------------------------------

COLOURS = ["#0b6e99", "#c4452d", "#3a7d34", "#8a4fb0", "#b07b10", "#4a4a4a", "#d0588f", "#1f9e9e", "#6b6f00", "#7c3f00"]


def plot(title: str, lines: Mapping[str, Sequence[tuple[float, float, float, float]]], names: Sequence[str] = ()) -> str:
    """Return an SVG figure: one line a name, points (x, y, low, high); y from 0. A name's colour is its place in `names`."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    width, height, left, top, bottom = 560, 300, 46, 28, 34
    x_high, y_high = max(1.0, *(p[0] for p in points)), max(*(p[3] for p in points), 1e-9) * 1.05

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (width - left - 150) * x / x_high, height - bottom - (height - top - bottom) * y / y_high

    named = markup.escape(title)
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f'<title>{named}</title><text x="{left}" y="16" class="t">{named}</text>',
    ]
    for i in range(5):
        _, y = place(0, y_high * i / 4)
        parts.append(f'<line x1="{left}" x2="{width - 150}" y1="{y:.1f}" y2="{y:.1f}" class="g"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" class="y">{y_high * i / 4:.3g}</text>')  # fmt: skip
    every = sorted({p[0] for p in points})
    parts += [f'<text x="{place(x, 0)[0]:.1f}" y="{height - 12}" class="x">{x:g}</text>' for x in every]
    order = list(dict.fromkeys([*names, *lines]))
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[order.index(name) % len(COLOURS)]
        placed = [place(x, y) for x, y, _, _ in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (raw, _, low, high) in zip(placed, line, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            if high > low:
                (_, a), (_, b) = place(raw, low), place(raw, high)
                beside = x + 2 * i  # intervals of several lines stand side by side
                ends = f'x1="{beside:.1f}" x2="{beside:.1f}" y1="{a:.1f}" y2="{b:.1f}"'
                parts.append(f'<line {ends} stroke="{colour}" opacity="0.35"/>')
        parts.append(f'<text x="{width - 142}" y="{top + 16 * i + 8}" fill="{colour}">{markup.escape(name)}</text>')
    return "".join(parts) + "</svg>"


def figures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of a run by name, as SVG; their captions give rounds, steps and the definition."""
    settings, rows = summary["settings"], summary["rows"]
    about = f"{settings['rounds']} rounds x {settings['steps']} steps"

    def lines(value: Any) -> dict[str, list[tuple[float, float, float, float]]]:
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in sorted(rows, key=lambda row: row["round"]):
            got = value(row)
            if got is not None:
                found.setdefault(named(row), []).append((row["round"], *got))
        return found

    def named(row: Mapping[str, Any]) -> str:
        return str(row["regime"]) + (f" (seed {row['seed']})" if len(settings["seeds"]) > 1 else "")

    def of(*path: str) -> Any:
        def value(row: Any) -> tuple[float, float, float] | None:
            for name in path:
                row = row.get(name) if isinstance(row, Mapping) else None
            if isinstance(row, Mapping):
                return row["value"], row["low"], row["high"]
            return None if row is None else (row, row, row)

        return value

    names = [named(row) for row in rows]
    wanted = {
        f"pass@1 {name}": (f"pass@1 on {name}, 95 % intervals ({about})", of("scores", name))
        for name in settings["benchmarks"]
    } | {
        "acceptance": (f"acceptance mass: accepted / all candidates ({about})", of("acceptance_mass")),
        "ran": (f"share of raw candidates that run ({about})", of("raw", "strict")),
        "distinct": (f"distinct-3 of raw candidates ({about})", of("texts", "distinct_3")),
        "auc": (f"AUC of the gate's score for 'runs' ({about})", of("auc")),
        "held-out": (f"held-out: total variation of gated from ungated answers ({about})", of("held_out", "tv")),
    }
    return {name: figure for name, (title, value) in wanted.items() if (figure := plot(title, lines(value), names))}


def html(summary: Mapping[str, Any]) -> str:
    """Return one self-contained page of a run."""
    def cell(value: Any) -> str:
        if isinstance(value, Mapping) and "value" in value:
            return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
        return "" if value is None else markup.escape(f"{value:.4g}" if isinstance(value, float) else str(value))

    def table(rows: Sequence[Mapping[str, Any]]) -> str:
        names = list(dict.fromkeys(name for row in rows for name in row))
        head = "".join(f"<th>{markup.escape(name)}</th>" for name in names)
        body = "".join("<tr>" + "".join(f"<td>{cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
        return f"<div class='w'><table><tr>{head}</tr>{body}</table></div>"

    rounds = [
        {"regime": row["regime"], "seed": row["seed"], "round": row["round"], "candidates": row.get("candidates"),
         "accepted": row.get("accepted"), "acceptance mass": row.get("acceptance_mass"), "trained on": row.get("trained_on"),
         "raw runs": (row.get("raw") or {}).get("strict"), "accepted runs": (row.get("accepted_runs") or {}).get("strict"),
         "trained runs": (row.get("trained_runs") or {}).get("strict"), "held-out TV": (row.get("held_out") or {}).get("tv"),
         "distinct-3": (row.get("texts") or {}).get("distinct_3"), "AUC": row.get("auc"), **row.get("scores", {}),
         "stopped": row.get("stopped")}
        for row in summary["rows"]
    ]  # fmt: skip
    waiting = "".join(f"<p>{markup.escape(line)}</p>" for line in summary["waiting"])
    shown = "".join(f"<figure>{figure}</figure>" for figure in figures(summary).values())
    settings = [{"setting": name, "value": str(value)} for name, value in summary["settings"].items()]
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Rounds</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;
background:#fff;color:#1b1b1b}}
table{{border-collapse:collapse;font-size:13px}}td,th{{padding:3px 8px;border-bottom:1px solid #ddd;text-align:left}}
.w{{overflow-x:auto}}figure{{display:inline-block;width:48%;min-width:420px;margin:.5em 0}}svg text{{font:11px sans-serif}}
svg .t{{font-weight:600;font-size:12px}}svg .g{{stroke:#e3e3e3}}svg .y{{text-anchor:end}}svg .x{{text-anchor:middle}}</style>
<h1>Rounds</h1>{waiting}{shown}<h2>What the rounds show</h2>{table(summary["cells"])}
<h2>Rounds</h2>{table(rounds)}<h2>Settings</h2>{table(settings)}</html>
"""
