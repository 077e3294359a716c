"""`toolkit claims`."""

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
    """Check the scores that a text claims for models on benchmarks against the published ones."""
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
