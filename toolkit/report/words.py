"""What terminal and page both say of a run: tables and sentences, made of its summary."""

from collections.abc import Mapping
from typing import Any

from toolkit.records import FailedCall, Verdict
from toolkit.report.table import Column

WORDS = {verdict.value: verdict.value.replace("_", " ") for verdict in Verdict} | {"unscored": "unscored"}
"""Verdicts as people read them, in the order in which they are shown."""


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.1f} %"


def tenths(share: float) -> str:
    """Return a share in points, without its sign."""
    return f"{100 * share:.1f}"


SCORES = (
    Column(("name",), "score"),
    Column(("value",), "", "chip", percent),
    Column(("between",), "95 % interval", "number", lambda it: f"{100 * it[0]:.1f} to {100 * it[1]:.1f}"),
    Column(("tests",)),
    Column(("value",), "", "bar", width=24),
)
"""Columns of the rows that `scores` returns."""
VERDICTS = (
    Column(("style",), "verdict", "chip", WORDS.__getitem__),
    Column(("n",), "samples", "number", "{:,}".format),
    Column(("share",), "share", "number", percent),
    Column(("share",), "", "bar"),
)
"""Columns of the rows that `verdicts` returns."""


def scores(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each pass@k and variant; none if the score was refused."""
    two = "plus" in summary["pass_at_k"]
    names = {"base": "base tests" if two else "all tests", "plus": "base + extra tests"}
    return [
        {"style": variant, "tests": names[variant], "name": f"pass@{k}", "value": share["value"],
         "between": (share["low"], share["high"]), "bound": _bound(summary, variant, k)}
        for variant, by_k in summary["pass_at_k"].items() for k, share in by_k.items() if not summary["refused"]
    ]  # fmt: skip


def _bound(summary: Mapping[str, Any], variant: str, k: str) -> str:
    """Say what pass@k could have been; nothing if no sample was left out."""
    it = summary["bounds"].get(variant, {}).get(k)
    if not it:
        return ""
    lost = [(summary["n_unscored"], "unscored sample"), (summary["n_lost"], "bad line")]
    what = " and ".join(number(n, name) for n, name in lost if n)
    are = "is" if sum(n for n, _ in lost) == 1 else "are"
    return f"{100 * it['low']:.1f} to {100 * it['high']:.1f} % if the {what} {are} failed / passed"


def verdicts(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each verdict that occurs, and one for unscored samples; `share` is of all that were judged."""
    judged = summary["n_scored"] + summary["n_unscored"]
    found = summary["verdicts"] | ({"unscored": summary["n_unscored"]} if summary["n_unscored"] else {})
    return [{"style": verdict, "n": n, "share": n / judged} for verdict, n in found.items()]


def extent(summary: Mapping[str, Any]) -> str:
    """Say how many tasks and samples there are, and what is missing."""
    scored, n_tasks = summary["n_tasks_scored"], summary["n_tasks"]
    text = ("" if scored == n_tasks else f"{scored} of ") + number(n_tasks, "task")
    text += f" · {summary['n_tasks_missing']} without a sample" if summary["n_tasks_missing"] else ""
    text += f" · {number(summary['n_samples'], 'sample')}"
    text += f" · {summary['n_unscored']} unscored" if summary["n_unscored"] else ""
    text += f" · {number(summary['n_skipped'], 'bad line')} left out" if summary["n_skipped"] else ""
    return text + (f" · interrupted: {summary['interrupted']}" if summary.get("interrupted") else "")


def number(n: int, what: str) -> str:
    """Return a count with its noun, such as `2 tasks`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def p_value(value: float | None, digits: int = 4) -> str:
    """Return a p-value with so many digits, such as `0.0312` or `< 0.0001`; nothing for None."""
    least = 10.0**-digits
    return "" if value is None else f"< {least:.{digits}f}" if value < least else f"{value:.{digits}f}"


def unscored(summary: Mapping[str, Any]) -> list[str]:
    """Return a line for each reason why samples are unscored."""
    return [f"unscored ×{n:,}: {reason}" for reason, n in summary["unscored"].items()]


def call(failed: FailedCall | None) -> list[tuple[str, str]]:
    """Return (name, text) of what a failed call was given, should have answered, and answered; none if it is not shown."""
    if failed is None:
        return []
    expected = [] if failed.expected is None else [("expected", failed.expected)]
    return [("input", failed.input), *expected, ("got", "no answer" if failed.got is None else failed.got)]


def comparison(summary: Mapping[str, Any]) -> str:
    """Say how the run differs from another; nothing if there is no other, or no score."""
    it = summary.get("comparison")
    if not it or summary["refused"]:
        return ""
    here, there = it.get("n_tasks_here", it["n_tasks"]), it.get("n_tasks_there", it["n_tasks"])
    shared = f"on the {number(it['n_tasks'], 'task')} that both have"
    shared += "" if here == there == it["n_tasks"] else f", of {here:,} here and {there:,} there"
    p = p_value(it["p_value"])
    low, high, difference = (100 * it[name] for name in ("low", "high", "difference"))
    return (
        f"pass@{it['k']} against {it.get('with', 'the other run')}: {difference:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f}, p {p if p.startswith('<') else f'= {p}'}) {shared}"
    )


def generation(it: Mapping[str, Any] | None) -> str:
    """Say what it took to write the samples, as far as it is known; nothing if nothing is."""
    it = it or {}
    where = ", ".join(filter(None, (it.get("hardware"), it.get("device"))))
    forms = (
        ("tokens_per_s", "{:,.1f} tokens/s"), ("ms_per_token", "{:,.1f} ms a token"),
        ("s_per_answer", "{:,.2f} s an answer"), ("memory_mb", f"{{:,.0f}} MB at its peak ({it.get('memory')})"),
        ("batch_size", "{} at a time"),
    )  # fmt: skip
    parts = [form.format(it[name]) for name, form in forms if it.get(name)]
    return " · ".join(["written:", *parts, *([where] if where else [])]).replace(": ·", ":") if parts else ""


def budget(summary: Mapping[str, Any]) -> list[str]:
    """Say what an equal budget buys, and the score of that; a line for each part of the tests."""
    it = summary.get("budget")
    if not it:
        return []
    buys = f"{number(it['affordable'], 'sample')} a task for {it['amount']:g} {it['unit']} ({it['each']:.4g} each)"
    lines = []
    for variant, score in it["pass_at_k"].items():
        least = "at least " if score["at_least"] else ""
        between = f" (95 % interval {100 * score['low']:.1f} to {100 * score['high']:.1f})" if score["k"] else ""
        of = f"; only {number(score['k'], 'sample')} of each are there" if score["at_least"] else ""
        lines.append(f"{buys}: pass@{score['k']}, {variant} tests, {least}{percent(score['value'])}{between}{of}")
    return lines


def cut(summary: Mapping[str, Any]) -> list[str]:
    """Say what programs score that are cut as the official harness cuts them, and the better of both; a line for each k."""
    it = summary.get("cut")
    if not it:
        return []
    changed = f"{number(it['n_cut'], 'program')} changed" + (f", {it['n_unscored']:,} unscored" if it["n_unscored"] else "")
    return [
        f"pass@{k} of programs cut as the official harness cuts them ({changed}): {percent(cut['value'])} (95 % interval "
        f"{100 * cut['low']:.1f} to {100 * cut['high']:.1f}); the better of both: {percent(best['value'])} ({best['of']})"
        for k, best in it["better"].items() for cut in [it["pass_at_k"][k]]
    ]  # fmt: skip


def cost(summary: Mapping[str, Any]) -> str:
    """Say how long the run took, and with which limits."""
    text = f"{summary['seconds']:.1f} s · {number(summary['n_cached'], 'verdict')} known without a run"
    text += f" · time limit {summary['timeout_s']:g} s" if "timeout_s" in summary else ""
    return text + (f" · {summary['parallel']} at a time" if "parallel" in summary else "")
