"""A run as one HTML file: scores, verdicts, and every task with programs that show what went wrong."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from toolkit.records import FailedCall, Result, Verdict
from toolkit.report import words
from toolkit.report.templates import fill

MAX_SOLUTIONS, MAX_CHARS = 3, 4000
"""Programs shown per task, and characters of each."""
MAX_TOTAL = 2 << 20
"""Characters of all programs on a page."""
_MAX_KINDS, _MAX_DETAIL, _MAX_NAMED = 50, 2000, 20

Solution = Callable[[tuple[str, int]], str]


def html(
    summary: Mapping[str, Any],
    results: Iterable[Result],
    *,
    run: Mapping[str, Any] | None = None,
    solution: Solution | None = None,
) -> str:
    """Return the page of a run.

    Its size grows with the tasks, not with the samples: of each task it tells kinds of verdict and detail apart, and shows
    at most `MAX_SOLUTIONS` programs of `MAX_CHARS` characters, those that failed first.

    Args:
        summary: what `summarise` returned.
        run: what `run.json` holds.
        solution: returns the program of a (task_id, sample_id).
    """
    run = run or {}
    said = [words.comparison(summary), *words.budget(summary), words.generation(summary.get("generation"))]
    return fill(
        "run.html", script="run.js",
        benchmark=summary["benchmark"], subject=_subject(run), extent=words.extent(summary),
        date=str(run.get("date", ""))[:16].replace("T", " "),
        refused=summary["refused"], warnings=summary["warnings"], cost=words.cost(summary), words=words.WORDS,
        scores=words.scores(summary), columns=words.VERDICTS, verdicts=words.verdicts(summary),
        notes=words.unscored(summary) + list(filter(None, said)),
        tasks=_tasks(results, solution), settings=_facts(run),
    )  # fmt: skip


def _subject(run: Mapping[str, Any]) -> str:
    """Return what wrote the samples: the model with its adapter, else the file's name."""
    samples = run.get("settings", {}).get("samples") or "report"
    if isinstance(samples, Mapping):
        return " + ".join(str(samples[name]) for name in ("model", "adapter") if samples.get(name))
    return PurePath(str(samples)).name


def _tasks(results: Iterable[Result], solution: Solution | None) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each task."""
    kinds: dict[str, dict[tuple[str, str], list[int]]] = {}
    calls: dict[tuple[str, int], FailedCall] = {}
    for result in results:
        late = result.base == Verdict.PASSED != result.verdict and result.verdict
        detail = result.error or ("in the extra tests only: " if late else "") + result.detail
        kind = (result.verdict.value if result.verdict else "unscored", detail)
        alike = kinds.setdefault(result.task_id, {}).setdefault(kind, [])
        alike.append(result.sample_id)
        if result.failed and len(alike) == 1:
            calls[result.task_id, result.sample_id] = result.failed
    left = MAX_TOTAL
    for task_id, found in kinds.items():
        tally: Counter[str] = Counter()
        for (verdict, _), samples in found.items():
            tally[verdict] += len(samples)
        order = sorted(found.items(), key=lambda item: (item[0][0] == "passed", -len(item[1])))
        shown, whole = [], left > 0
        for i, ((verdict, detail), samples) in enumerate(order[:_MAX_KINDS]):
            named = ("samples " if len(samples) > 1 else "sample ") + ", ".join(map(str, samples[:_MAX_NAMED]))
            named += ", …" if len(samples) > _MAX_NAMED else ""
            program = solution((task_id, samples[0])) if solution and whole and i < MAX_SOLUTIONS else None
            cut = (program or "")[:MAX_CHARS]
            left -= len(cut)
            shown.append({
                "verdict": verdict, "detail": detail[:_MAX_DETAIL], "samples": named,
                "call": words.call(calls.get((task_id, samples[0]))) if i < MAX_SOLUTIONS else [],
                "program": None if program is None else cut, "n_more": len(program or "") - len(cut),
            })  # fmt: skip
        first = next((detail for (_, detail), _ in order if detail), "")
        yield {"id": task_id, "tally": tally, "first": first[:200], "shown": shown, "n_more": len(order) - len(shown)}


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten `run.json` into lines."""
    lines: list[tuple[str, str]] = []
    for name, value in run.items():
        inner = _facts(value) if isinstance(value, dict) else [("", f"{value}")]
        lines += [(f"{name} {key}".rstrip(), it) for key, it in inner]
    return lines
