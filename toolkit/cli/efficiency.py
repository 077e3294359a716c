"""`toolkit efficiency`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson, Budget, budget_of, fail, stderr_console


def efficiency(
    sources: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, or CSV files of models.")],
    budget: Budget = None,
    anchors: Annotated[
        str | None,
        typer.Option("--anchors", help="Other ends of the fixed ratio, such as tokens_per_s=1:1000,accuracy=0:0.5."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV on standard output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare models by what they score and what they cost: the Performance-Efficiency Ratio, size, an equal budget."""
    from toolkit.commands.efficiency import compare
    from toolkit.report import efficiency as report

    ends = {}
    try:
        for each in (anchors or "").split(",") if anchors else []:
            axis, _, between = each.partition("=")
            low, _, high = between.partition(":")
            ends[axis] = (float(low), float(high))
    except ValueError:
        fail(f"--anchors wants AXIS=LOW:HIGH, comma-separated, such as tokens_per_s=1:1000; got {anchors!r}", 2)
    if as_csv and as_json:
        fail("--csv and --json exclude each other", 2)
    found = compare(sources, budget=budget_of(budget), anchors=ends)
    if as_json:
        print(json.dumps(found, indent=2))
    elif as_csv:
        print(report.as_csv(found), end="")
    else:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        console.print(report.render(found))
    if as_csv:
        for warning in found["warnings"]:
            stderr_console().print(f"warning: {warning}", markup=False)
