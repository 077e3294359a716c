"""What a person sees of a run: the summary as data, as a terminal table, and as one HTML file."""

import html as markup
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolkit import stats
from toolkit.types import Result, Verdict


def summarise(
    *,
    benchmark: str,
    results: Sequence[Result],
    n_samples: int,
    ks: Sequence[int],
    has_plus: bool,
    seconds: float,
    n_cached: int = 0,
    n_skipped: int = 0,
    refused: str | None = None,
    folder: str = "",
    timeout_s: float = 0.0,
    parallel: int = 0,
) -> dict[str, Any]:
    """Return the content of `summary.json`.

    `scores` holds, for the base tests and (where there are extra tests) for base and extra tests together, pass@k with
    its 95 % interval for each k that no task has fewer samples than. Unscored samples are counted beside, never in it;
    tasks without a scored sample are left out and counted. A refused score is not in it at all.
    """
    scored = [result for result in results if result.verdict is not None]
    tests = {"base": _counts(scored, base_only=True), "plus": _counts(scored)} if has_plus else {"all": _counts(scored)}
    scores: dict[str, dict[str, Any]] = {}
    for name, counts in tests.items():
        pairs = list(counts.values())
        for k in ks if not refused else ():
            if pairs and min(n for n, _ in pairs) >= k:
                low, high = stats.interval(pairs, k)
                value = stats.mean_pass_at_k(pairs, k)
                scores.setdefault(name, {})[f"pass@{k}"] = {"value": value, "low": low, "high": high}
    return {
        "benchmark": benchmark,
        "n_tasks": len({result.task_id for result in results}),
        "n_samples": n_samples,
        "n_judged": len(results),
        "n_unscored": len(results) - len(scored),
        "n_skipped": n_skipped,
        "n_cached": n_cached,
        "scores": scores,
        "refused": refused,
        "verdicts": {str(verdict): sum(r.verdict == verdict for r in scored) for verdict in Verdict},
        "errors": dict(Counter(str(result.error) for result in results if result.error).most_common(5)),
        "seconds": round(seconds, 3),
        "timeout_s": timeout_s,
        "parallel": parallel,
        "folder": folder,
    }


def _counts(results: Sequence[Result], *, base_only: bool = False) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for result in results:
        n, c = found.get(result.task_id, (0, 0))
        found[result.task_id] = n + 1, c + ((result.base if base_only else result.verdict) == Verdict.PASSED)
    return found


_TESTS = {"base": "base tests", "plus": "base + extra tests", "all": "all tests"}


def render(summary: Mapping[str, Any]) -> Any:
    """Return the summary for a terminal of 80 columns."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = []
    title = f"{summary['benchmark']}: {summary['n_tasks']} tasks, {summary['n_judged']} samples"
    if summary["refused"]:
        parts += [Text(title, style="bold"), Text(f"score refused: {summary['refused']}", style="bold red")]
    else:
        table = Table(title=title, title_justify="left", title_style="bold")
        for column, justify in (("tests", "left"), ("score", "left"), ("value", "right"), ("95 % interval", "right")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for name, scores in summary["scores"].items():
            for k, score in scores.items():
                table.add_row(_TESTS[name], k, f"{score['value']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}")
        parts.append(table)
    verdicts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for verdict, count in summary["verdicts"].items():
        style = "green" if verdict == Verdict.PASSED else ""
        verdicts.add_row(str(verdict), str(count), _bar(count, summary["n_samples"]), style=style if count else "dim")
    unscored = summary["n_unscored"]
    verdicts.add_row("unscored", str(unscored), _bar(unscored, summary["n_samples"]), style="red" if unscored else "dim")
    parts.append(verdicts)
    parts += [Text(f"  {count} x {error}", style="red") for error, count in summary["errors"].items()]
    if "comparison" in summary:
        parts.append(Text(_compared(summary["comparison"])))
    if "interrupted" in summary:
        parts.append(Text(f"interrupted: {summary['interrupted']}", style="yellow"))
    parts.append(Text(f"{summary['seconds']:.1f} s, {summary['n_cached']} verdicts from cache, in {summary['folder']}"))
    return Group(*parts)


def _bar(count: int, total: int) -> str:
    return "▇" * math.ceil(30 * count / total) if total else ""


def _compared(found: Mapping[str, Any]) -> str:
    return (
        f"against {found['with']}: {found['difference']:+.3f} (95 % {found['low']:+.3f} to {found['high']:+.3f}), "
        f"p = {found['p_value']:.3g}, {found['n_tasks']} tasks"
    )


def html(
    summary: Mapping[str, Any],
    results: Sequence[Result],
    *,
    run: Mapping[str, Any] | None = None,
    solution: Callable[[tuple[str, int]], str] = lambda _: "",
) -> str:
    """Return one self-contained page; everything that came from a program or a file is escaped."""
    out = [_HEAD.replace("TITLE", markup.escape(f"{summary['benchmark']} report"))]
    date = markup.escape(str((run or {}).get("date", ""))[:16].replace("T", " "))
    out.append(f"<h1>{markup.escape(summary['benchmark'])}</h1><p class=dim>{date} · {summary['n_tasks']} tasks · ")
    out.append(f"{summary['n_judged']} samples · timeout {summary['timeout_s']:g} s · {summary['seconds']:.1f} s</p>")
    if summary["refused"]:
        out.append(f"<p class=refused>Score refused: {markup.escape(summary['refused'])}</p>")
    elif summary["scores"]:
        out.append("<table><tr><th>tests<th>score<th>value<th>95 % interval</tr>")
        for name, scores in summary["scores"].items():
            for k, score in scores.items():
                out.append(f"<tr><td>{_TESTS[name]}<td>{k}<td class=n>{score['value']:.3f}")
                out.append(f"<td class=n>{score['low']:.3f} to {score['high']:.3f}</tr>")
        out.append("</table>")
    if "comparison" in summary:
        out.append(f"<p>{markup.escape(_compared(summary['comparison']))}</p>")
    counts = {**summary["verdicts"], "unscored": summary["n_unscored"]}
    out.append("<table class=bars>")
    for name, count in counts.items():
        width = 100 * count / max(summary["n_samples"], 1)
        bar = f"<td class=bar><i class={name} style='width:{width:.1f}%'></i>"
        out.append(f"<tr><td>{name}<td class=n>{count}{bar}</tr>")
    out.append("</table><h2>Samples</h2><p><label>show <select id=f><option value=''>all</option>")
    out += [f"<option>{name}</option>" for name, count in counts.items() if count]
    out.append("</select></label></p><table id=t><tr><th>task<th>sample<th>verdict<th>base<th>detail</tr>")
    for result in results:
        name = str(result.verdict or "unscored")
        detail = markup.escape((result.error or result.detail)[:300])
        code = markup.escape(solution((result.task_id, result.sample_id))[:20_000])
        base = str(result.base or "")
        out.append(f"<tr data-v={name}><td>{markup.escape(result.task_id)}<td class=n>{result.sample_id}")
        out.append(f"<td><b class={name}>{name}</b><td>{base}<td><details><summary>{detail or 'program'}</summary>")
        out.append(f"<pre>{code}</pre></details></tr>")
    out.append("</table><details><summary>How it was run</summary><pre>")
    out.append(markup.escape(json.dumps(run or {}, indent=2)) + "</pre></details>")
    out.append(_TAIL)
    return "".join(out)


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>TITLE</title><style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;text-align:left;vertical-align:top;
border-bottom:1px solid #8884}.n{text-align:right;font-variant-numeric:tabular-nums}.dim{opacity:.7}.bars{width:100%}
.bar{width:60%}.bar i{display:block;height:1em;background:#999}.bar i.passed{background:#2a9d4a}.bar i.unscored{
background:#d22}b{font-weight:600;padding:0 .4rem;border-radius:.3rem;background:#8883}b.passed{background:#2a9d4a55}
b.unscored{background:#d225}pre{overflow:auto;background:#8882;padding:.6rem;max-width:56rem}.refused{color:#d22;
font-weight:600}details summary{cursor:pointer}</style>
"""
_TAIL = """<script>f.onchange=()=>{for(const r of t.rows)if(r.dataset.v)r.hidden=f.value&&r.dataset.v!==f.value}</script></html>
"""
