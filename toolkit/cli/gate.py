"""`toolkit gate`."""

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from toolkit.cli.options import DEFECT, AsJson, Parallel, Ray, Runtime, fail, stderr_console
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported
from toolkit.errors import check_one_of


class GateCommand(TyperCommand):
    """Lets one `--threshold` take several values (`--threshold pylint=8 cc=10`), and lists the gates behind the flags."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the flags, then the gates, each with what it does, its thresholds, and whose it is."""
        from gates import GATES, thresholds_of

        super().format_options(ctx, formatter)
        rows = []
        for name, gate in GATES.items():
            more = [", ".join(sorted(thresholds_of(name))), GATES.origins.get(name, "")]
            said = (gate.__doc__ or "").strip().partition("\n")[0]
            rows.append((name, said + "".join(f" [{each}]" for each in more if each)))
        with formatter.section("Gates [their thresholds]"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the flag before each of its values."""
        words: list[str] = []
        for word in args:
            after = words[-2:-1] == ["--threshold"] or "".join(words[-1:]).startswith("--threshold=")
            words += ["--threshold", word] if after and re.fullmatch(r"[A-Za-z_]+=[^/]*", word) else [word]
        return super().parse_args(ctx, words)


def gate(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="JSONL (.gz), .py, folders of .py, run folders, or - [default: what is piped in, else the newest run]",
            metavar="FILE...",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="Gates that must all pass, joined by +.")] = "compile+quality",
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", metavar="NAME=NUMBER...", help="Such as pylint=8 cc=10 mi=20.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write [runs/gate-TIME].")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in that folder.")] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Verdicts from execution to compare with: results.jsonl, or a run folder."),
    ] = None,
    as_json: AsJson = False,
    form: Annotated[
        str | None, typer.Option("--format", help="Print all findings on standard output: github or sarif.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a program is rejected.")] = False,
    all_findings: Annotated[bool, typer.Option("--all-findings", help="Ask every gate, even after a refusal.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad lines out, and count them.")] = False,
    parallel: Parallel = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse stored reports.")] = True,
    runtime: Runtime = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Model for gates that need one: hub id, folder or .gguf file [TOOLKIT_MODEL, smollm2]."
        ),
    ] = None,
    judge_model: Annotated[str | None, typer.Option("--judge-model", help="Model of the gate judge [--model].")] = None,
    cot: Annotated[bool, typer.Option("--cot", help="Let judge write a line about a program before its score.")] = False,
    ray: Ray = None,
) -> None:
    """Judge programs one by one, and write which are accepted, which are rejected, and why."""
    from toolkit.commands import gate as command
    from toolkit.report import annotations

    if form is not None:
        check_one_of("--format", form, ("github", "sarif"))
        if as_json:
            fail("--format and --json exclude each other", 2)
    settings = command.Settings(
        kind=kind,
        files=tuple(files or ()),
        thresholds=tuple(threshold or ()),
        output=output,
        overwrite=overwrite,
        against=tuple(against or ()),
        all_findings=all_findings,
        skip_bad=skip_bad,
        parallel=os.cpu_count() or 1 if parallel is None else parallel,
        use_cache=cache,
        runtime=runtime,
        model=model,
        judge_model=judge_model,
        cot=cot,
        ray=ray,
        boxes_a_node=parallel,
    )
    console = stderr_console()
    with reported("interrupted; nothing was written"), contextlib.ExitStack() as stack:
        kept = stack.enter_context(annotations.Kept()) if form else None
        advance = stack.enter_context(ProgressBar(console, quiet=as_json))
        outcome = command.gate(settings, advance, *([kept.add] if kept else []))
        if kept:
            parts = annotations.sarif(kept) if form == "sarif" else (f"{line}\n" for line in annotations.github(kept))
            sys.stdout.writelines(parts)
    n_rejected = outcome.summary["n_rejected"]
    if as_json:
        print(json.dumps(outcome.summary, indent=2))
    elif form:
        console.print(f"{n_rejected} of {outcome.summary['n']} programs rejected; see {outcome.folder}", markup=False)
    else:
        from rich.console import Console

        from toolkit.report.gate import render

        Console(highlight=False, soft_wrap=False).print(render(outcome.summary))
    if outcome.problems:
        console.print(f"left out {len(outcome.problems)} bad lines, the first: {outcome.problems[0]}", markup=False)
    for warning in outcome.summary["warnings"]:
        console.print(f"warning: {warning}", markup=False)
    if outcome.defects:
        print(outcome.defects[0], file=sys.stderr)
        if not (n_defects := outcome.summary["n_defects"]):
            fail(f"every program was judged, in spite of {DEFECT}", 70)
        fail(f"{n_defects} programs could not be judged (reason our-defect in {outcome.folder}) because of {DEFECT}", 70)
    if strict and n_rejected:
        raise typer.Exit(1)
