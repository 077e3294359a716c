"""`toolkit show`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import AsJson

MAX_SAMPLES, MAX_CHARS = 50, 4000
"""Most samples of a task, and characters of a program, that are shown."""


def show(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    task: Annotated[str, typer.Argument(help="The task's id, or the number that it ends in.")],
    sample: Annotated[int | None, typer.Argument(help="The sample's number within the task [all of them].")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run found about a task: the first failed call, the expected and the actual value, and the program."""
    from toolkit.commands import show as command
    from toolkit.report import words
    from toolkit.report.text import visible

    found = command.show(run, task, sample)
    if as_json:
        print(json.dumps([asdict(each.result) | {"solution": each.solution} for each in found], indent=2))
        return
    for each in found[:MAX_SAMPLES]:
        result = each.result
        parts = f" (base {words.WORDS[result.base]}, plus {words.WORDS[result.plus]})" if result.base and result.plus else ""
        verdict = words.WORDS[result.verdict or "unscored"]
        print(visible(f"{result.task_id} · sample {result.sample_id} · {verdict}{parts}"))
        if said := result.error or result.detail:
            print(f"  {visible(said)}")
        for name, text in words.call(result.failed):
            print(f"  {name:<9}{visible(text)}")
        if each.solution is not None and (len(found) == 1 or sample is not None):
            cut = each.solution[:MAX_CHARS]
            more = len(each.solution) - len(cut)
            print(f"\n{visible(cut).rstrip()}" + (f"\n… {more:,} more characters, in samples.jsonl" if more else ""))
    if len(found) > MAX_SAMPLES:
        print(f"and {len(found) - MAX_SAMPLES:,} more samples: name one, or say --json")
