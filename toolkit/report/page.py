"""What a run says: one summary (plain data), shown as a terminal table and as one HTML file that needs nothing else.

Text that programs wrote is hostile: it is escaped, its control and direction characters are made visible, its length is
bounded, and the page forbids itself every script but its own.
"""

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from toolkit.analysis import stats
from toolkit.records import DEFECT, Result, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_REASONS = 10
"""Kinds of our own failures that are told apart in a summary."""
MAX_SOLUTIONS, MAX_CHARS = 3, 4000
"""Programs shown for a task, and characters of one, in the HTML."""
MAX_TOTAL = 2 << 20
"""Characters of all programs in the HTML."""

_WORDS = {verdict.value: verdict.value.replace("_", " ") for verdict in Verdict} | {"unscored": "unscored"}
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def counts(results: Iterable[Result], variant: str) -> dict[str, tuple[int, int]]:
    """Return (n, c) by task id: scored samples, and those that passed; tasks without a scored sample are left out.

    Args:
        variant: `base`, the original tests; `plus`, these and the extra tests.
    """
    n: Counter[str] = Counter()
    c: Counter[str] = Counter()
    for result in results:
        if result.verdict is not None:
            n[result.task_id] += 1
            c[result.task_id] += (result.verdict if variant == "plus" else result.base or result.verdict) == "passed"
    return {task_id: (n[task_id], c[task_id]) for task_id in n}


def is_defect(result: Result) -> bool:
    """Say whether a sample is unscored because of an error in this code, rather than of a machine that failed."""
    return (result.error or "").startswith(DEFECT)


def bounds(
    results: Iterable[Result], variant: str, k: int, lost: Mapping[str, int], n_stray: int = 0, missing: Collection[str] = ()
) -> dict[str, float]:
    """Return between what `low` and `high` the mean pass@k would lie, had all samples been judged.

    An unscored sample is one more of its task, failed for `low` and passed for `high`; so is a bad line that names a
    task. A task of which fewer than k samples are known to have been there, such as one that lost its only one, counts
    as failed for `low`, passed for `high`. A bad line that names no task is the only sample of a task without any, as
    long as there are such tasks, and then one more of whichever task it moves the furthest: by k / (n + 1) at most.

    Args:
        lost: bad lines that were left out, by the task that they name.
        n_stray: bad lines that may be of any task.
        missing: tasks that were asked for and have no sample.
    """
    results = list(results)
    known = counts(results, variant)
    unknown = Counter(lost) + Counter(result.task_id for result in results if result.verdict is None)
    lows, highs, fewest = [], [], math.inf
    for task_id in known.keys() | unknown.keys():
        n, c = known.get(task_id, (0, 0))
        u = unknown[task_id]
        lows.append(stats.pass_at_k(n + u, c, k) if n + u >= k else 0.0)
        highs.append(stats.pass_at_k(n + u, c + u, k) if n + u >= k else 1.0)
        fewest = min(fewest, n + u) if n + u >= k else fewest
    whole = min(n_stray, len(set(missing) - set(lost)))
    moved = (n_stray - whole) * k / (fewest + 1)
    n_tasks = len(lows) + whole
    return {
        "low": max(0.0, math.fsum([*lows, -moved]) / n_tasks),
        "high": min(1.0, math.fsum([*highs, whole, moved]) / n_tasks),
    }


def summarise(
    *,
    benchmark: str,
    results: Sequence[Result],
    ks: Iterable[int],
    n_tasks: int | None = None,
    n_tasks_sampled: int | None = None,
    n_samples: int | None = None,
    has_plus: bool = False,
    seconds: float = 0.0,
    n_cached: int = 0,
    n_skipped: int = 0,
    lost: Mapping[str, int] | None = None,
    n_stray: int = 0,
    missing: Collection[str] = (),
    warnings: Iterable[str] = (),
    refused: str | None = None,
    **about: Any,
) -> dict[str, Any]:
    """Return what `summary.json` holds.

    pass@k is a mean over the tasks that have a scored sample, with n = scored samples, for each k that all of those
    tasks reach: unscored samples count neither as passed nor as failed. Where there are such, or bad lines that were left
    out, `bounds` says what pass@k can have been (see the function); it is empty otherwise. The caller may add `comparison`,
    what `comparison.Other.compare` returns; and `interrupted`, how far an interrupted run came.

    Args:
        results: at most one a sample.
        n_tasks: of the benchmark, chosen or not [default: those in `results`].
        n_tasks_sampled: those of which there are samples [default: those in `results`].
        n_samples: samples that were asked for [default: those in `results`].
        has_plus: there are extra tests, scored as a variant of their own; `base` is there always.
        seconds: on the wall, since the toolkit was started.
        n_cached: verdicts that were known without a run.
        n_skipped: bad lines of the input that were left out.
        lost, n_stray, missing: as for `bounds`.
        warnings: what makes the score less sure.
        refused: why the score cannot be believed; there is then no pass@k.
        about: recorded as it is: `folder`, `timeout_s`, `parallel`.
    """
    shares: dict[str, dict[str, dict[str, float]]] = {}
    between: dict[str, dict[str, dict[str, float]]] = {}
    lost = lost or {}
    n_lost = sum(lost.values()) + n_stray
    for variant in ("base", "plus") if has_plus else ("base",):
        tallies = list(counts(results, variant).values())
        fewest = min((n for n, _ in tallies), default=0)
        shares[variant] = {}
        for k in sorted(set(ks)):
            if k <= fewest and not refused:
                low, high = stats.interval(tallies, k)
                shares[variant][str(k)] = {"value": stats.mean_pass_at_k(tallies, k), "low": low, "high": high}
                if n_lost or any(result.verdict is None for result in results):
                    between.setdefault(variant, {})[str(k)] = bounds(results, variant, k, lost, n_stray, missing)
    verdicts = Counter(result.verdict for result in results if result.verdict)
    reasons = Counter(visible(result.error)[:500] for result in results if result.error is not None)
    told = dict(reasons.most_common(MAX_REASONS))
    if len(reasons) > len(told):
        told["other reasons"] = reasons.total() - sum(told.values())
    n_seen = len({result.task_id for result in results})
    return {
        "benchmark": benchmark,
        "n_tasks": n_seen if n_tasks is None else n_tasks,
        "n_tasks_sampled": n_seen if n_tasks_sampled is None else n_tasks_sampled,
        "n_tasks_missing": len(missing),
        "n_tasks_scored": len({result.task_id for result in results if result.verdict}),
        "n_samples": len(results) if n_samples is None else n_samples,
        "n_scored": verdicts.total(),
        "n_unscored": reasons.total(),
        "n_defects": sum(map(is_defect, results)),
        "n_skipped": n_skipped,
        "n_lost": n_lost,
        "refused": refused,
        "warnings": list(warnings),
        "pass_at_k": shares,
        "bounds": between,
        "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        "unscored": told,
        "seconds": round(seconds, 3),
        "n_cached": n_cached,
        **about,
    }


def render(summary: Mapping[str, Any]) -> "RenderableType":
    """Return the summary for a terminal of 80 columns or more."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"{summary['benchmark']} · {_extent(summary)}", style="bold")]
    if summary["refused"]:
        parts.append(Text(f"no score: {visible(summary['refused'])}", style="bold red"))
    scores = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("score", "", "95 % interval", "", ""):
        scores.add_column(name, justify="right" if name == "95 % interval" else "left")
    for variant, label, k, share in _shares(summary):
        value, low, high = (f"{100 * share[name]:.1f}" for name in ("value", "low", "high"))
        colour = "green" if variant == "plus" else "cyan"
        bar = Text(_bar(share["value"], 24), style=colour)
        scores.add_row(f"pass@{k}", Text(f"{value} %", style=f"bold {colour}"), f"{low} to {high}", label, bar)
    if scores.row_count:
        parts += [Text(""), scores]
    for variant, label, k, _ in _shares(summary):
        if it := _bound(summary, variant, k):
            parts.append(Text(f"pass@{k}, {label}: {it}", style="yellow"))
    parts += [Text(f"warning: {visible(warning)}", style="yellow") for warning in summary["warnings"]]
    verdicts = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("verdict", "samples", ""):
        verdicts.add_column(name, justify="right" if name == "samples" else "left")
    for verdict, n in _tallies(summary).items():
        style = {"passed": "green", "unscored": "bold yellow"}.get(verdict, "red")
        bar = Text(_bar(n / _judged(summary), 40), style=style)
        verdicts.add_row(Text(_WORDS[verdict], style=style), f"{n:,}", bar)
    if verdicts.row_count:
        parts += [Text(""), verdicts]
    parts += [Text(f"unscored ×{n}: {reason[:300]}", style="yellow") for reason, n in summary["unscored"].items()]
    if it := _comparison(summary):
        parts += [Text(""), Text(it)]
    parts += [Text(""), Text(_cost(summary), style="dim")]
    if summary.get("folder"):
        parts.append(Text(f"{summary['folder']}/{'' if summary.get('interrupted') else 'report.html'}", style="dim"))
    return Group(*parts)


def html(
    summary: Mapping[str, Any],
    results: Iterable[Result],
    *,
    run: Mapping[str, Any] | None = None,
    solution: Callable[[tuple[str, int]], str] | None = None,
) -> str:
    """Return the report as one HTML page: no file, font, script or picture from elsewhere.

    Its size follows the tasks, not the samples: of each task it tells the kinds of verdict and detail apart, and shows
    at most `MAX_SOLUTIONS` programs of `MAX_CHARS` characters, those that did not pass first.

    Args:
        run: what `run.json` holds.
        solution: returns the program of a (task_id, sample_id).
    """
    run = run or {}
    kinds: dict[str, dict[tuple[str, str], list[int]]] = {}
    for result in results:
        late = result.base == Verdict.PASSED != result.verdict and result.verdict
        detail = result.error or ("in the extra tests only: " if late else "") + result.detail
        kind = (result.verdict.value if result.verdict else "unscored", detail)
        kinds.setdefault(result.task_id, {}).setdefault(kind, []).append(result.sample_id)
    left, rows = MAX_TOTAL, []
    for task_id, found in kinds.items():
        row, used = _task(task_id, found, solution if left > 0 else None)
        left -= used
        rows.append(row)
    date = str(run.get("date", ""))[:16].replace("T", " ")
    head = f"{_text(summary['benchmark'])} · {_text(_extent(summary))}"
    scores = "".join(
        f'<div class="score"><b>{100 * share["value"]:.1f}<small> %</small></b><span>pass@{k} · {label}</span>'
        f'<div class="range"><i class="{variant}" style="width:{100 * share["value"]:.2f}%"></i>'
        f'<u style="left:{100 * share["low"]:.2f}%;width:{100 * (share["high"] - share["low"]):.2f}%"></u></div>'
        f"<span>95 % interval {100 * share['low']:.1f} to {100 * share['high']:.1f}</span>"
        f"<span>{_bound(summary, variant, k)}</span></div>"
        for variant, label, k, share in _shares(summary)
    )
    if summary["refused"]:
        scores = f'<p class="refused"><b>No score.</b> {_text(summary["refused"])}</p>'
    scores += "".join(f'<p class="warning"><b>Warning.</b> {_text(warning)}</p>' for warning in summary["warnings"])
    judged = _judged(summary)
    bars = "".join(
        f'<tr><td>{_chip(verdict)}</td><td class="n">{n:,}</td><td class="n">{100 * n / judged:.1f} %</td>'
        f'<td class="wide"><i class="bar {verdict}" style="width:{100 * n / judged:.2f}%"></i></td></tr>'
        for verdict, n in _tallies(summary).items()
    )
    notes = [f"unscored ×{n}: {reason}" for reason, n in summary["unscored"].items()]
    notes += [it] if (it := _comparison(summary)) else []
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in _facts(run))
    buttons = "".join(f'<button data-f="{verdict}">{_WORDS[verdict]}</button>' for verdict in _tallies(summary))
    own = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none';style-src 'unsafe-inline';script-src 'sha256-{own}'">
<title>{_text(summary["benchmark"])} report</title><style>{_STYLE}</style></head><body>
<header><h1>{head}</h1><p>{_text(date)}</p></header>
<section class="scores">{scores}</section>
<section><h2>Verdicts</h2><table class="bars">{bars}</table>{"".join(f"<p>{_text(note)}</p>" for note in notes)}
<p class="dim">{_text(_cost(summary))}</p></section>
<section><h2>Tasks</h2><nav><button data-f="" class="on">all</button>{buttons}<span id="shown"></span></nav>
<div class="tasks">{"".join(rows)}</div></section>
<section><h2>Settings</h2><dl>{facts}</dl></section>
<script>{_SCRIPT}</script></body></html>
"""


def _task(
    task_id: str, kinds: Mapping[tuple[str, str], list[int]], solution: Callable[[tuple[str, int]], str] | None
) -> tuple[str, int]:
    """Return a task's row and how many characters of programs are in it."""
    tally: Counter[str] = Counter()
    for (verdict, _), samples in kinds.items():
        tally[verdict] += len(samples)
    chips = "".join(_chip(verdict, tally[verdict]) for verdict in _WORDS if tally[verdict])
    order = sorted(kinds.items(), key=lambda item: (item[0][0] == "passed", -len(item[1])))
    first = next((detail for (_, detail), _ in order if detail), "")
    blocks, used = [], 0
    for i, ((verdict, detail), samples) in enumerate(order[:50]):
        named = ", ".join(map(str, samples[:20])) + (", …" if len(samples) > 20 else "")
        blocks.append(f"<p>{_chip(verdict)} {_text(detail[:2000])} <small>sample {named}</small></p>")
        if solution and i < MAX_SOLUTIONS:
            source = solution((task_id, samples[0]))
            used += min(len(source), MAX_CHARS)
            cut = f"\n… {len(source) - MAX_CHARS} more characters" if len(source) > MAX_CHARS else ""
            blocks.append(f"<pre>{_text(source[:MAX_CHARS])}{cut}</pre>")
    if len(order) > 50:
        blocks.append(f"<p>and {len(order) - 50} more kinds of detail, in results.jsonl</p>")
    row = (
        f'<details data-v="{" ".join(tally)}"><summary><b>{_text(task_id)}</b><span>{chips}</span>'
        f"<em>{_text(first[:200])}</em></summary>{''.join(blocks)}</details>\n"
    )
    return row, used


def _shares(summary: Mapping[str, Any]) -> list[tuple[str, str, str, Mapping[str, float]]]:
    """Return variant, its name for a person, k, and the numbers."""
    two = "plus" in summary["pass_at_k"]
    names = {"base": "base tests" if two else "all tests", "plus": "base + extra tests"}
    return [
        (variant, names[variant], k, share)
        for variant, by_k in summary["pass_at_k"].items()
        for k, share in by_k.items()
        if not summary["refused"]
    ]


def _bound(summary: Mapping[str, Any], variant: str, k: str) -> str:
    """Say what pass@k can have been; nothing where nothing was left out."""
    it = summary["bounds"].get(variant, {}).get(k)
    if not it:
        return ""
    lost = [(summary["n_unscored"], "unscored sample"), (summary["n_lost"], "bad line")]
    what = " and ".join(_number(n, name) for n, name in lost if n)
    are = "is" if sum(n for n, _ in lost) == 1 else "are"
    return f"{100 * it['low']:.1f} to {100 * it['high']:.1f} % if the {what} {are} failed / passed"


def _tallies(summary: Mapping[str, Any]) -> dict[str, int]:
    unscored = {"unscored": summary["n_unscored"]} if summary["n_unscored"] else {}
    return {**summary["verdicts"], **unscored}


def _extent(summary: Mapping[str, Any]) -> str:
    scored, n_tasks = summary["n_tasks_scored"], summary["n_tasks"]
    text = ("" if scored == n_tasks else f"{scored} of ") + _number(n_tasks, "task")
    text += f" · {summary['n_tasks_missing']} without a sample" if summary["n_tasks_missing"] else ""
    text += f" · {_number(summary['n_samples'], 'sample')}"
    text += f" · {summary['n_unscored']} unscored" if summary["n_unscored"] else ""
    text += f" · {_number(summary['n_skipped'], 'bad line')} left out" if summary["n_skipped"] else ""
    return text + (f" · interrupted: {summary['interrupted']}" if summary.get("interrupted") else "")


def _judged(summary: Mapping[str, Any]) -> int:
    return int(summary["n_scored"]) + int(summary["n_unscored"])


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _comparison(summary: Mapping[str, Any]) -> str:
    """Say how the run differs from another; nothing where there is no other, or no score."""
    it = summary.get("comparison")
    if not it or summary["refused"]:
        return ""
    here, there = it.get("n_tasks_here", it["n_tasks"]), it.get("n_tasks_there", it["n_tasks"])
    shared = f"on the {_number(it['n_tasks'], 'task')} that both have"
    shared += "" if here == there == it["n_tasks"] else f", of {here:,} here and {there:,} there"
    p_value = "p < 0.0001" if it["p_value"] < 0.0001 else f"p = {it['p_value']:.4f}"
    low, high, difference = (100 * it[name] for name in ("low", "high", "difference"))
    return (
        f"pass@{it['k']} against {it.get('with', 'the other run')}: {difference:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f}, {p_value}) {shared}"
    )


def _cost(summary: Mapping[str, Any]) -> str:
    text = f"{summary['seconds']:.1f} s · {_number(summary['n_cached'], 'verdict')} known without a run"
    text += f" · time limit {summary['timeout_s']:g} s" if "timeout_s" in summary else ""
    return text + (f" · {summary['parallel']} at a time" if "parallel" in summary else "")


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten `run.json` into lines."""
    lines: list[tuple[str, str]] = []
    for name, value in run.items():
        inner = _facts(value) if isinstance(value, dict) else [("", f"{value}")]
        lines += [(f"{name} {key}".rstrip(), it) for key, it in inner]
    return lines


def _bar(share: float, width: int) -> str:
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _chip(verdict: str, n: int = 1) -> str:
    times = f" ×{n:,}" if n > 1 else ""
    return f'<span class="chip {verdict}">{_WORDS[verdict]}{times}</span>'


def visible(text: str) -> str:
    """Return a text with its control and direction characters written out."""
    return _HOSTILE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _text(text: str) -> str:
    return escape(visible(text))


_SCRIPT = """
const rows=[...document.querySelectorAll('details')],buttons=[...document.querySelectorAll('nav button')];
const shown=document.getElementById('shown');
function show(on){let n=0;for(const row of rows){
const is=!on.dataset.f||row.dataset.v.split(' ').includes(on.dataset.f);
row.hidden=!is;n+=is}for(const b of buttons)b.className=b===on?'on':'';
shown.textContent=n+' of '+rows.length+' tasks'}
for(const b of buttons)b.onclick=()=>show(b);show(buttons[0]);
"""
_STYLE = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1d2126;--dim:#656d76;--line:#e1e4e8;--pre:#f3f4f6;
--good:#1a7f4b;--base:#2f6fbf;--bad:#c0392b;--warn:#a86a00;--slow:#7a4fb5}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1b1f24;--ink:#e3e6ea;--dim:#939ba5;--line:#2e343b;
--pre:#12151a;--good:#43b581;--base:#6aa5ee;--bad:#f0746a;--warn:#e0a83c;--slow:#b794f0}}
*{box-sizing:border-box}[hidden]{display:none!important}
body{margin:0 auto;max-width:68rem;padding:2rem 1rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:0 0 .6rem}header p,.dim,small,dt{color:var(--dim)}
header p{margin:.2rem 0 1.2rem}section{margin-bottom:1.6rem}
.scores{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr))}
.score,.refused,.warning,.bars,.tasks,dl{background:var(--card);border:1px solid var(--line);border-radius:8px}
.score{padding:.8rem 1rem}.score b{font-size:2rem;line-height:1.2}.score b small{font-size:1rem}
.score span{display:block;color:var(--dim);font-size:.85rem}
.range{position:relative;height:10px;margin:.5rem 0;background:var(--line);border-radius:5px}
.range i{position:absolute;inset:0 auto 0 0;border-radius:5px;background:var(--base)}
.range i.plus{background:var(--good)}
.range u{position:absolute;top:-3px;height:16px;border:solid var(--ink);border-width:0 2px}
.range u::after{content:"";position:absolute;left:0;right:0;top:7px;height:2px;background:var(--ink)}
.refused,.warning{grid-column:1/-1;margin:0;padding:1rem;border-color:var(--bad);color:var(--bad)}
.warning{border-color:var(--warn);color:var(--warn)}
.bars{width:100%;border-collapse:separate;border-spacing:0;padding:.5rem .6rem}.bars td{padding:.15rem .4rem}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}.bars td:first-child{width:1%}
.bar{display:block;height:12px;min-width:2px;border-radius:3px;background:var(--bad)}
.bar.passed{background:var(--good)}.bar.unscored{background:var(--warn)}
.bar.time_limit,.bar.memory_limit,.bar.output_limit{background:var(--slow)}
.chip{display:inline-block;padding:0 .5em;border:1px solid;border-radius:1em;font-size:.78rem;white-space:nowrap;
color:var(--bad);margin-right:.3em}
.chip.passed{color:var(--good)}.chip.unscored{color:var(--warn)}
.chip.time_limit,.chip.memory_limit,.chip.output_limit{color:var(--slow)}
nav{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;margin-bottom:.6rem}
#shown{color:var(--dim);font-size:.85rem}
button{font:inherit;font-size:.85rem;padding:.1rem .7rem;border:1px solid var(--line);border-radius:1em;
background:var(--card);color:var(--ink);cursor:pointer}button.on{background:var(--ink);color:var(--bg)}
details+details{border-top:1px solid var(--line)}details{padding:.3rem .8rem}
summary{display:grid;grid-template-columns:10rem auto 1fr;gap:.6rem;align-items:baseline;cursor:pointer}
summary b{font-weight:600}summary b::before{content:"▸ ";color:var(--dim)}
details[open] summary b::before{content:"▾ "}
summary em{font-style:normal;color:var(--dim);font-size:.85rem;min-width:0;overflow:hidden;
text-overflow:ellipsis;white-space:nowrap}details[open] em{visibility:hidden}
details p{margin:.5rem 0;overflow-wrap:anywhere}
pre{margin:.4rem 0;padding:.6rem .8rem;max-height:24rem;overflow:auto;background:var(--pre);border-radius:6px;
font:13px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.15rem 1rem;margin:0;padding:.8rem 1rem;
font-size:.85rem}
dd{margin:0;overflow-wrap:anywhere}
@media(max-width:40rem){summary{grid-template-columns:1fr}dl{grid-template-columns:1fr}}
"""
