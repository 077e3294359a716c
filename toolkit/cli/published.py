"""`toolkit claims` and `toolkit report`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson, fail

FLAGGED = ("conflict", "misattributed", "differs")


def claims(
    file: Annotated[Path, typer.Argument(help="Text, Markdown or CSV; - is standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a claim is not as published.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold numbers that a text claims for models on benchmarks against the published ones."""
    from toolkit.published.claims import MAX_BYTES, check
    from toolkit.report.text import visible

    try:
        with sys.stdin.buffer if file == Path("-") else file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        fail(f"{file}: {error.strerror}", 2)
    if len(data) > MAX_BYTES:
        fail(f"{file}: more than {MAX_BYTES >> 20} MB of text", 2)
    found = check(data.decode("utf-8-sig", "replace"))
    n_flagged = sum(claim.status in FLAGGED for claim in found)
    if as_json:
        print(json.dumps([asdict(claim) for claim in found], indent=2))
    else:
        for claim in found:
            what = f"{claim.model} on {claim.benchmark}, {claim.percent:g}"
            print(visible(f"{file}:{claim.line}: {claim.status}: {what}: {claim.said}"))
        print(f"{len(found)} claims, {n_flagged} of them not as published")
    if strict and n_flagged:
        raise typer.Exit(1)


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    published: Annotated[bool, typer.Option("--published", help="Beside the published numbers of its benchmark.")] = False,
    like: Annotated[str, typer.Option("--like", help="Only models with this in their names, such as qwen2.5-coder.")] = "",
    as_json: AsJson = False,
) -> None:
    """Set a run's pass@1 beside what is published."""
    from toolkit.published.beside import of_run

    if not published:
        fail("toolkit report shows a run beside published numbers: say --published", 2)
    rows = of_run(run, like)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['benchmark']}: pass@1 {row['percent']:.1f} % (95 % interval {row['low']:.1f} to {row['high']:.1f}), "
              f"{row['n_tasks']} tasks")  # fmt: skip
        if row["n_tasks"] != row["n_usual"] > 0:
            print(f"  published numbers are of all {row['n_usual']} tasks, and of their usual tests")
        for each in row["published"]:
            mark = "=" if each["inside"] else " "
            name = ", ".join(filter(None, (each["model"], each["setting"])))
            print(f"  {mark} {each['percent']:5.1f}  {name} ({each['source']})")
        if not row["published"]:
            print("  nothing is published here" + (f" of models like {like}" if like else ""))
    if any(each["inside"] for row in rows for each in row["published"]):
        print("= inside the interval: not told apart from the run by these tasks")
