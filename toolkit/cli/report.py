"""`toolkit report`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson, Data, fail, refuse


def report(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(help="Run folders of eval, or folders of rounds.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder: the page, figures (SVG, PNG), tables (CSV, Markdown) [a page in RUN]."),
    ] = None,
    gated: Annotated[
        list[Path] | None, typer.Option("--gated", help="Folders of toolkit gate, whose findings stand beside the programs.")
    ] = None,
    data: Data = None,
    published: Annotated[
        bool, typer.Option("--published", help="Compare with the published numbers of its benchmark.")
    ] = False,
    like: Annotated[str, typer.Option("--like", help="Only models with this in their names, such as qwen2.5-coder.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a page of a run, of several runs compared, or of rounds: one HTML file that fetches nothing."""
    if published:
        refuse(context, ["output", "gated", "data"], "with --published, which prints one run beside published numbers")
        if len(runs) > 1:
            fail("--published sets one run beside published numbers: name one RUN", 2)
        _published(runs[0], like, as_json)
        return
    if like:
        fail("--like has no effect without --published", 2)
    from toolkit.commands.report import report as command

    made = command(runs, output, gated=gated or (), data=data)
    if as_json:
        print(json.dumps(made.plain(), indent=2))
        return
    from toolkit.report.text import visible

    for line in made.told:
        print(visible(line))
    for note in made.notes:
        print(f"warning: {visible(note)}", file=sys.stderr)
    print(made.page)


def _published(run: Path, like: str, as_json: bool) -> None:
    from toolkit.published.beside import of_run

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
