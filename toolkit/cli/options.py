"""Flags that several commands have, and how a command fails."""

import contextlib
import math
import re
import shlex
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

DEFECT = (
    "a defect of the toolkit, which says nothing of the programs: please report it as an issue of exogate, with the lines "
    "above and what `toolkit doctor --json` prints"
)
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds for one call (table benchmarks), else for one program.")]
TotalTimeout = Annotated[float, typer.Option("--total-timeout", help="Seconds for all calls of one sample together.")]
Parallel = Annotated[int | None, typer.Option("--parallel", "-p", min=1, help="Samples judged at a time [default: cores].")]
Name = Annotated[str, typer.Argument(help="{benchmarks}")]
Data = Annotated[Path | None, typer.Option("--data", help="The benchmark's data file, instead of the usual one.")]
Ray = Annotated[
    str | None, typer.Option("--ray", help="Judge on the nodes of this Ray cluster: HOST:PORT, or auto (docs/scale.md).")
]
Runtime = Annotated[str | None, typer.Option("--runtime", help="OCI runtime of the boxes, such as runsc.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]
Mini = Annotated[bool, typer.Option("--mini", help="Use the reduced set of extra tests ({mini}).")]
NoExtreme = Annotated[bool, typer.Option("--noextreme", help="Without extreme inputs ({noextreme}).")]
IdRange = Annotated[str | None, typer.Option("--id-range", help="Tasks numbered FIRST-LAST, both included.")]
Since = Annotated[str | None, typer.Option("--from", help="Only tasks published on this day or later, such as 2024-05-31.")]
Until = Annotated[str | None, typer.Option("--to", help="Only tasks published on this day or earlier.")]
Dates = Annotated[
    Path | None, typer.Option("--dates", help="Records with task ids and dates (contest_date), for tasks that have none.")
]
Difficulty = Annotated[
    str | None, typer.Option("--difficulty", help="Only tasks of these difficulties, such as easy,medium (livecodebench).")
]
Release = Annotated[str, typer.Option("--release", help="Release of the data: release_v1, v2_v4... [latest].")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N tasks.")]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Hub id, folder, .gguf or .jsonl file, or name at the endpoint [TOOLKIT_MODEL, smollm2]."),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Commit, branch or tag of a hub id.")]
Adapter = Annotated[str | None, typer.Option("--adapter", help="PEFT adapter for the model: a folder or a hub id.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="OpenAI-compatible endpoint, such as http://HOST:PORT/v1.")]
Generator = Annotated[
    str | None, typer.Option("--generator", help="What runs the model: {generators} [the first that takes it].")
]

Budget = Annotated[
    str | None,
    typer.Option("--budget", help="Score at an equal budget per task: tokens=20000, seconds=60 or flops=1e15 of the model."),
]
N = Annotated[int, typer.Option("--n", help="Samples per task.")]
Temperature = Annotated[
    float | None, typer.Option("--temperature", help="Sampling temperature [0, which is greedy; 0.8 for several samples].")
]
TopP = Annotated[float | None, typer.Option("--top-p", help="Probability mass of nucleus sampling [0.95, unless greedy].")]
Greedy = Annotated[bool, typer.Option("--greedy", help="Take the most likely token each time: --temperature 0.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all random choices.")]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", help="Longest completion, in tokens.")]
Style = Annotated[
    str | None, typer.Option("--prompt", help="0-shot, 1-shot, cot or completion [0-shot for models that chat].")
]
Chat = Annotated[bool | None, typer.Option("--chat/--no-chat", help="Use the model's chat template [if it has one].")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Samples written at a time [64; 16 for endpoints].")]
Device = Annotated[str | None, typer.Option("--device", help="cuda, cuda:1, cpu... [the GPU where there is one]")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="float32, bfloat16 or float16 [16 bits on GPUs].")]


OF_SOURCE = ("revision", "adapter", "base_url", "generator", "chat", "batch_size", "device", "dtype")
"""Parameters that say which model writes, and where it runs, beside its name."""
_OF_SAMPLING = ("n", "top_p", "max_new_tokens", "seed", "style")
WRITING = ("model", *OF_SOURCE, "temperature", "greedy", *_OF_SAMPLING)
"""Parameters that say how a model writes."""


class Command(TyperCommand):
    """Fills names of benchmarks and generators into the help of flags, and looks them up only when help is asked for."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Fill the help in, then write it."""
        from sandbox.registry import listed
        from toolkit.benchmarks import load as benchmarks
        from toolkit.models.generators import GENERATORS

        names: dict[str, Callable[[], str]] = {
            "benchmarks": benchmarks.names,
            "mini": lambda: benchmarks.names_with("mini"),
            "noextreme": lambda: benchmarks.names_with("noextreme"),
            "generators": lambda: listed(GENERATORS),
        }
        for param in self.params:
            said = vars(param).get("help") or ""
            vars(param)["help"] = re.sub(r"\{(\w+)\}", lambda found: names[found[1]](), said)
        super().format_options(ctx, formatter)


def again(*more: str, instead: Mapping[str, str] | None = None) -> str:
    """Return this command line, quoted for a shell, with those flags of `more` that it lacks.

    `instead` replaces words of it, or what follows their first "=".
    """
    words = ["toolkit"]
    for word in sys.argv[1:]:
        flag, is_flag, value = word.partition("=")
        value = (instead or {}).get(value if is_flag else word, value if is_flag else word)
        words.append(f"{flag}={value}" if is_flag else value)
    given = {"--output" if word.startswith("-o") else word.partition("=")[0] for word in words}
    for flag in more:
        words += shlex.split(flag) if flag.split()[0] not in given else []
    return shlex.join(words)


def fail(message: str, code: int) -> NoReturn:
    print(f"toolkit: {message}", file=sys.stderr)
    raise typer.Exit(code)


def refuse(context: typer.Context, names: Collection[str], why: str) -> None:
    """End the command if a flag was given whose parameter is among `names`, and so has no effect, for the reason `why`."""
    flags = [
        param.opts[0] for param in context.command.params
        if param.name in names and (source := context.get_parameter_source(param.name)) and source.name == "COMMANDLINE"
    ]  # fmt: skip
    if flags:
        fail(f"{', '.join(flags)} {'has' if len(flags) == 1 else 'have'} no effect {why}", 2)


def budget_of(given: str | None) -> tuple[str, float] | None:
    """Return the unit and the amount of a budget."""
    from toolkit.analysis.efficiency import UNITS
    from toolkit.errors import nearest

    if given is None:
        return None
    unit, _, amount = given.partition("=")
    with contextlib.suppress(ValueError):
        if unit in UNITS and 0 < float(amount) < math.inf:
            return unit, float(amount)
    wants = f"--budget wants what each task may take: tokens=N, seconds=N or flops=N, such as tokens=20000; got {given!r}"
    fail(wants + ("" if unit in UNITS else nearest(unit, UNITS)), 2)


def slice_of(given: dict[str, Any]) -> Any:
    """Return the `Slice` that the flags of `eval` and `generate` ask for."""
    from toolkit.benchmarks.slices import Slice

    names = ("id_range", "since", "until", "dates", "difficulty", "limit")
    return Slice(**{name: given[name] for name in names})


def stderr_console() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def writing_of(given: dict[str, Any]) -> Any:
    """Return the `Writing` that the flags of `eval` and `generate` ask for."""
    from toolkit.commands.generate import Writing
    from toolkit.models.generators import Source, chosen

    if given["greedy"] and given["temperature"]:
        fail("--greedy and --temperature exclude each other", 2)
    source = Source(model=chosen(given["model"], given["base_url"]), **{name: given[name] for name in OF_SOURCE})
    temperature = 0.0 if given["greedy"] else given["temperature"]
    rest = {name: given[name] for name in _OF_SAMPLING}
    return Writing(source=source, temperature=temperature, **rest)
