"""`toolkit watch`."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.options import AsJson, refuse

if TYPE_CHECKING:
    from rich.console import RenderableType

    from toolkit.commands.watch import State


def watch(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="The folder that toolkit eval or toolkit rounds is writing.")],
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once [where standard output is no terminal].")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a run's numbers until it is finished. It only reads: Ctrl-C ends the watching, not the run."""
    from rich.console import Console
    from rich.live import Live

    from toolkit.commands.watch import state

    refuse(context, ["every"] if once or as_json else [], "where it looks once")
    found = state(run)
    if as_json:
        print(json.dumps(found.plain(), indent=2))
        return
    console = Console(highlight=False)
    if once or found.finished or not sys.stdout.isatty():
        console.print(_shown(found))
        return
    with Live(_shown(found), console=console, auto_refresh=False) as live:
        while not found.finished:
            time.sleep(every)
            found = state(run)
            live.update(_shown(found), refresh=True)


def _shown(found: "State") -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from toolkit.report.terminal import table
    from toolkit.report.text import visible

    parts: list[RenderableType] = [Text(visible(found.title) + (" · finished" if found.finished else ""), style="bold")]
    for section in found.tables:
        parts += [Text(""), table(section.columns, section.rows)]
        parts += [Text(section.says, style="dim")] if section.says else []
    return Group(*parts)
