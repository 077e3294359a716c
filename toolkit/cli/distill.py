"""`toolkit distill`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import (
    Adapter,
    AsJson,
    BaseUrl,
    BatchSize,
    Chat,
    Device,
    Dtype,
    Generator,
    Greedy,
    Limit,
    MaxNewTokens,
    Model,
    N,
    Parallel,
    Revision,
    Runtime,
    Seed,
    Style,
    Temperature,
    TopP,
    again,
    stderr_console,
    writing_of,
)
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported


def distill(
    context: typer.Context,
    tasks: Annotated[
        str, typer.Argument(help="JSONL with prompt, and optionally test, entry_point, id; or a data set of the hub.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    gate: Annotated[
        str, typer.Option("--gate", help="Gates that must all pass, joined by +.")
    ] = "compile+tests+decontaminate",
    threshold: Annotated[
        list[str] | None,
        typer.Option("--threshold", metavar="NAME=NUMBER", help="Threshold of a gate, such as pylint=8; may be repeated."),
    ] = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Most programs to keep per prompt.")] = 2,
    similarity: Annotated[
        float, typer.Option("--similarity", help="Programs of a prompt this similar count as the same, such as 0.85.")
    ] = 1.0,
    shortest_first: Annotated[
        bool, typer.Option("--shortest-first", help="Prefer answers with fewer tokens [those drawn first].")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option("--form", help="Form of the rows: text, as the model had it, or chat (messages), for any model [text; "
                     "chat for an endpoint that chats].")
    ] = None,
    pairs: Annotated[
        str | None, typer.Option("--pairs", help="Also write pairs.jsonl, of right and wrong answers: dpo or kto.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="OURS=THEIRS",
            help="Read a field from another column, such as test=test_list; may be repeated.",
        ),
    ] = None,
    limit: Limit = None,
    model: Model = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    generator: Generator = None,
    n: N = 16,
    temperature: Temperature = None,
    top_p: TopP = None,
    greedy: Greedy = False,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = 512,
    style: Style = None,
    chat: Chat = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: Dtype = None,
    judge_model: Annotated[str | None, typer.Option("--judge-model", help="Model of the gate judge [--model].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the folder.")] = False,
    parallel: Parallel = None,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse stored reports.")] = True,
    runtime: Runtime = None,
    as_json: AsJson = False,
) -> None:
    """Let a model write samples of tasks, and keep the best that gates accept as training data (rejection sampling)."""
    from toolkit.commands import distill as command
    from toolkit.samples.lines import printable
    from toolkit.training.data import TRAIN

    writing = writing_of(context.params)
    with reported(f"interrupted; go on with: {again('--resume')}"), ProgressBar(stderr_console(), quiet=as_json) as advance:
        settings = command.Settings(
            tasks=tasks, output=output, writing=writing, kind=gate, thresholds=tuple(threshold or ()), keep=keep,
            similarity=similarity, shortest_first=shortest_first, form=form, pairs=pairs, columns=tuple(column or ()),
            limit=limit or 0, resume=resume, overwrite=overwrite, parallel=parallel or os.cpu_count() or 1,
            use_cache=cache, runtime=runtime, judge_model=judge_model,
        )  # fmt: skip
        found = command.distill(settings, advance)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(f"{output / TRAIN}: {found['kept']} programs of {found['tasks_kept']} of {found['tasks']} tasks; "
          f"of {found['samples']} samples {found['finished']} ended by themselves, gates accepted {found['accepted']}, "
          f"of which {found['different']} are whole and different")  # fmt: skip
    if pairs:
        print(f"{output / command.PAIRS}: {found['pairs']} rows")
    for name, it in found["gates"].items():
        why = [f"{printable(one['symbol'])} {one['count']}" for one in found["reasons"] if one["gate"] == name]
        print(f"  {name} refused {it['refused']} of {it['asked']}" + (f": {', '.join(why[:5])}" if why else ""))
    if unknown := ", ".join(line.partition(":")[0] for line in found["left_out"]):
        print(f"  decontaminate knows nothing of {unknown}: not on this machine")
