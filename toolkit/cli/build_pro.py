"""`toolkit build-pro`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import (
    OF_SOURCE,
    Adapter,
    AsJson,
    BaseUrl,
    BatchSize,
    Chat,
    Data,
    Device,
    Dtype,
    Generator,
    Limit,
    MaxNewTokens,
    Parallel,
    Revision,
    Runtime,
    Seed,
    Timeout,
    again,
    refuse,
    stderr_console,
)
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported


def build_pro(
    context: typer.Context,
    base: Annotated[str, typer.Argument(help="A benchmark, or JSONL of tasks in the format of HumanEval or HumanEval Pro.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    data: Data = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model that proposes the problems [templates, no model].")
    ] = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    generator: Generator = None,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="Sampling temperature of the model.")] = 0.0,
    max_new_tokens: MaxNewTokens = 1024,
    chat: Chat = None,
    batch_size: BatchSize = None,
    device: Device = None,
    dtype: Dtype = None,
    seed: Seed = 0,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Most proposals for a task.")] = 4,
    depth: Annotated[int, typer.Option("--depth", min=1, max=3, help="2 builds a second benchmark upon the first.")] = 1,
    limit: Limit = None,
    timeout: Timeout = 5.0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue, and check the edits in review.jsonl.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the folder.")] = False,
    parallel: Parallel = None,
    runtime: Runtime = None,
    as_json: AsJson = False,
) -> None:
    """Build a self-invoking benchmark: for each task a harder one, whose solution calls the task's own."""
    from toolkit.commands import build_pro as command
    from toolkit.models.source import Source

    with reported(f"interrupted; go on with: {again('--resume')}"), ProgressBar(stderr_console(), quiet=as_json) as advance:
        source = None
        if not (model or base_url):
            refuse(context, (*OF_SOURCE, "temperature", "max_new_tokens"), "without --model, whose proposals they are for")
        else:
            source = Source(model=model or "", revision=revision, adapter=adapter, base_url=base_url, generator=generator,
                            chat=chat, batch_size=batch_size, device=device, dtype=dtype)  # fmt: skip
        settings = command.Settings(
            base=base, output=output, data=data, source=source, temperature=temperature, max_new_tokens=max_new_tokens,
            seed=seed, rounds=rounds, depth=depth, limit=limit or 0, timeout_s=timeout, resume=resume, overwrite=overwrite,
            parallel=parallel or os.cpu_count() or 1, runtime=runtime,
        )  # fmt: skip
        found = command.build(settings, advance)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for each in found:
        print(f"{each['folder']}/{command.BUILT}: {each['kept']} of {each['tasks']} tasks, {each['asserts']} asserts, "
              f"which refuse {each['wrong_programs']} wrong programs")  # fmt: skip
        for it in each["rounds"]:
            print(f"  {it['name']}: {it['tried']} tried, {it['passed']} of {it['of']} hold ({it['percent']:.1f} %)")
        if each["dropped"]:
            print(f"  {len(each['dropped'])} left out; {each['folder']}/review.html says why, and how to mend them")
