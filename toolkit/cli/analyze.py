"""`toolkit analyze`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from toolkit.cli.options import AsJson, Dates, Device, Parallel, fail, refuse, stderr_console
from toolkit.cli.progress import ProgressBar


def analyze(
    context: typer.Context,
    run: Annotated[Path | None, typer.Argument(help="A folder of toolkit rounds, or of toolkit eval.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write JSON there: a file, or a folder that is there "
                                                "(analysis.json in it).")] = None,
    theory: Annotated[bool, typer.Option("--theory", help="Check the theory on tables and a toy model; no RUN.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="With --theory: fewer and smaller rounds of the toy.")] = False,
    split: Annotated[str | None, typer.Option("--split", help="Split scores at a day (2024-05-31), or at the "
                                              "cut-off that the run's model states (cutoff, or cutoff:MODEL).")] = None,
    dates: Dates = None,
    delta_auc: Annotated[float, typer.Option("--delta-auc", min=0, max=0.5, help="Self-confirming: how far from 1/2 the "
                                             "AUC's interval may reach.")] = 0.05,
    delta_sd: Annotated[float, typer.Option("--delta-sd", min=0, max=0.5, help="Self-confirming: largest excess sd of "
                                            "acceptance within a prompt.")] = 0.1,
    margin: Annotated[float, typer.Option("--margin", min=0, max=1, help="Non-inferiority margin.")] = 0.02,
    spectra: Annotated[int, typer.Option("--spectra", min=0, help="Look at the weights that the run kept, on so many "
                                         "held-out human programs.")] = 0,
    overlap: Annotated[bool, typer.Option("--overlap", help="Compare programs with all benchmarks, in boxes.")] = False,
    behaviours: Annotated[bool, typer.Option("--behaviours", help="Run programs on known calls, in boxes, and count what "
                                             "different things those of a prompt do.")] = False,
    device: Device = None,
    parallel: Parallel = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Analyze a run: self-confirmation, collapse with intervals, variety, overlap, spectra (docs/analysis.md)."""
    from toolkit.commands import analyze as command
    from toolkit.report import analysis as report

    if (run is None) == (not theory):
        fail("name a run, or say --theory" if run is None else "--theory is about no run: leave RUN out", 2)
    for names, wants, has in (
        (("quick",), "--theory", theory), (("device",), "--spectra", spectra), (("dates",), "--split", split),
        (("parallel",), "--overlap or --behaviours", overlap or behaviours),
        (("split", "spectra", "overlap", "behaviours", "delta_auc", "delta_sd", "margin"), "RUN", run),
    ):  # fmt: skip
        refuse(context, () if has else names, f"without {wants}")
    console = stderr_console()
    with ProgressBar(console, quiet=as_json) as advance:
        if run is None:
            from toolkit.commands.theory import theory as checked

            found = checked(quick=quick, advance=advance)
        else:
            def more(folder: Path, read: Any) -> Any:
                from toolkit.commands import looked

                if spectra:
                    read = looked.spectra(folder, read, spectra, advance, device)
                if behaviours:
                    read = looked.behaviours(folder, read, advance, parallel or 2)
                return looked.overlaps(read, advance, parallel or 2) if overlap else read

            found = command.analyze(
                run, split=split, dates=dates, more=more, delta_auc=delta_auc, delta_sd=delta_sd, margin=margin
            )
    written = command.write(found, output) if output is not None else []
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(report.theory(found) if run is None else report.as_text(found))
        print("".join(f"{path}\n" for path in written), end="")
