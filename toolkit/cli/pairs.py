"""`toolkit pairs`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson, Parallel, Runtime, refuse, stderr_console
from toolkit.cli.progress import ProgressBar

FILES = ("pairs.json", "pairs.md", "samples.csv", "pairs.svg")


def pairs(
    context: typer.Context,
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders: a base benchmark's, then those of its Pro benchmark; and so on.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="The Pro benchmark's data file, instead of the usual one.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for " + ", ".join(FILES) + ".")] = None,
    verdicts_only: Annotated[
        bool,
        typer.Option(
            "--verdicts-only", help="Leave out calls, sizes and overlap of programs: needs neither boxes nor data."
        ),
    ] = False,
    parallel: Parallel = None,
    runtime: Runtime = None,
    as_json: AsJson = False,
) -> None:
    """Compare a base benchmark with its self-invoking one: what both solve, errors, whether the base function is called."""
    from toolkit.commands.pairs import PairsSettings
    from toolkit.commands.pairs import pairs as command
    from toolkit.report import figures
    from toolkit.report import pairs as report
    from toolkit.report.terminal import table
    from toolkit.store.files import check_output, write_atomically

    refuse(context, ["data", "parallel", "runtime"] if verdicts_only else [], "with --verdicts-only")
    if output:
        check_output(output, is_folder=True)
    settings = PairsSettings(
        runs=runs, data=data, verdicts_only=verdicts_only, parallel=parallel or os.cpu_count() or 1, runtime=runtime
    )
    with ProgressBar(stderr_console(), quiet=as_json) as advance:
        found = command(settings, advance)
    text = json.dumps(found, indent=2)
    if output:
        output.mkdir(parents=True, exist_ok=True)
        made = {"pairs.json": text + "\n", "pairs.md": report.page(found), "samples.csv": report.samples(found)}
        made |= {"pairs.svg": report.figure(found)} if figures.available() else {}
        for name, content in made.items():
            write_atomically(output / name, content.encode())
    if as_json:
        print(text)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for section in report.sections(found):
        console.print(f"\n{section.title}", style="bold", markup=False)
        console.print(table(section.columns, section.rows))
        if section.says:
            console.print(section.says, style="dim", markup=False)
    if output:
        console.print(f"\n{output}/pairs.md", style="dim", markup=False)
        if not figures.available():
            console.print(figures.MISSING, style="yellow", markup=False)
